from contextlib import closing
from dataclasses import replace

import pytest

from ce_nas.apps.dashboard.pages.compare import MOST, beside, choice_page, comparing_page
from ce_nas.apps.dashboard.run_folders import Runs
from ce_nas.core.errors import SettingsError
from ce_nas.report.i18n.words import Words

NAMES = ["runs~wind", "runs~killed", "runs~deep~solar"]


@pytest.fixture(scope="module")
def chosen(folder):
    with closing(Runs([folder])) as runs:
        return beside([runs.run(name) for name in NAMES])


def test_before_any_is_chosen_all_are_offered():
    text = choice_page([("runs~a", "x"), ("runs~b", "y")], Words("en"))
    assert text.count('type="checkbox"') == 2
    assert "`" not in choice_page([], Words("en"))


def test_the_first_one_is_what_the_others_are_held_against(chosen):
    text = comparing_page(NAMES, chosen, [(name, "") for name in NAMES], Words("en"))
    assert text.count(" checked") == 3
    assert "ratios refer to A" in text
    reference = text.split("<strong>A</strong> runs/wind")[2].split("</tr>")[0]
    assert '<td class="number">1.00</td>' in reference
    assert "drew from different grids" in text
    assert "has not ended" in text
    assert 'data-every="5"' in text
    assert text.count("<svg") == 4


def test_what_was_asked_differently_is_not_compared(chosen):
    objectives = [{**item, "reference": item["reference"] + 1} for item in chosen[1].summary.objectives]
    other = replace(chosen[1], summary=replace(chosen[1].summary, objectives=objectives))
    text = comparing_page(NAMES[:2], [chosen[0], other], [], Words("en"))
    assert "Their hypervolumes do not compare" in text
    assert "not comparable" in text
    assert text.count("<svg") == 1  # the grams


def test_the_same_seeds_for_each_strategy_give_medians(chosen):
    def of(run, policy, seed):
        return replace(run, summary=replace(run.summary, policy=policy, seed=seed))

    runs = [of(chosen[0], policy, seed) for policy in ("x", "y") for seed in (0, 1)]
    names = [f"runs~{number}" for number in range(4)]
    assert "bootstrap" in comparing_page(names, runs, [], Words("en"))
    assert "bootstrap" not in comparing_page(names[:3], runs[:3], [], Words("en"))
    assert "bootstrap" not in comparing_page(names[:2], [runs[0], runs[0]], [], Words("en"))


def test_too_many_are_refused(chosen):
    with pytest.raises(SettingsError, match=f"{MOST} runs at most"):
        beside([None] * (MOST + 1))
