from contextlib import closing
from dataclasses import replace

import pytest

from ce_nas.apps.dashboard.pages.compare import MAX_COMPARED_RUNS, compare_page, load_compared_runs, selection_page
from ce_nas.apps.dashboard.run_folders import RunIndex
from ce_nas.core.errors import SettingsError
from ce_nas.report.i18n.translator import Translator

NAMES = ["runs~wind", "runs~killed", "runs~deep~solar"]


@pytest.fixture(scope="module")
def selected(run_root):
    with closing(RunIndex([run_root])) as runs:
        return load_compared_runs([runs.get(name) for name in NAMES])


def test_all_runs_are_offered_before_a_selection():
    text = selection_page([("runs~a", "x"), ("runs~b", "y")], Translator("en"))
    assert text.count('type="checkbox"') == 2
    assert "`" not in selection_page([], Translator("en"))


def test_the_first_run_is_the_reference(selected):
    text = compare_page(NAMES, selected, [(name, "") for name in NAMES], Translator("en"))
    assert text.count(" checked") == 3
    assert "ratios refer to A" in text
    reference = text.split("<strong>A</strong> runs/wind")[2].split("</tr>")[0]
    assert '<td class="number">1.00</td>' in reference
    assert "used different grids" in text
    assert "Not ended, so" in text
    assert 'data-refresh-s="5"' in text
    assert text.count("<svg") == 4


def test_different_problems_are_not_compared(selected):
    objectives = [
        {**objective, "reference": objective["reference"] + 1} for objective in selected[1].summary.objectives
    ]
    other = replace(selected[1], summary=replace(selected[1].summary, objectives=objectives))
    text = compare_page(NAMES[:2], [selected[0], other], [], Translator("en"))
    assert "Hypervolumes are not comparable" in text
    assert "not comparable" in text
    assert text.count("<svg") == 1  # the carbon


def test_equal_seeds_of_each_strategy_give_medians(selected):
    def with_seed(run, policy, seed):
        return replace(run, summary=replace(run.summary, policy=policy, seed=seed))

    runs = [with_seed(selected[0], policy, seed) for policy in ("x", "y") for seed in (0, 1)]
    names = [f"runs~{number}" for number in range(4)]
    assert "bootstrap" in compare_page(names, runs, [], Translator("en"))
    assert "bootstrap" not in compare_page(names[:3], runs[:3], [], Translator("en"))
    assert "bootstrap" not in compare_page(names[:2], [runs[0], runs[0]], [], Translator("en"))


def test_too_many_runs_are_refused(selected):
    with pytest.raises(SettingsError, match=f"{MAX_COMPARED_RUNS} runs at most"):
        load_compared_runs([None] * (MAX_COMPARED_RUNS + 1))
