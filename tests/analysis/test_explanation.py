import re
from types import SimpleNamespace

import pytest

from ce_nas.analysis import explanation as explain
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import as_carbon
from ce_nas.report.i18n.words import Words
from ce_nas.report.markdown import markdown
from ce_nas.space.nasbench201 import NasBench201Space

SPACE, WORDS = NasBench201Space(), Words("en")


def contents(result, kind):
    return [entry.content for entry in result.entries if entry.kind == kind]


def story(result, architecture):
    (section,) = explain.explain_architecture(result.entries, SPACE, tuple(architecture), WORDS).sections
    return section.notes


def test_a_dropped_candidate_is_told_its_region_rank_and_who_is_better(lamoo):
    trained = {tuple(one["architecture"]) for one in contents(lamoo, "evaluated")}
    drops = [item for one in contents(lamoo, "sampled") for item in one["dropped"]]
    item = next(item for item in drops if item[4] and tuple(item[0]) not in trained)
    told = story(lamoo, item[0])
    dropped = next(note for note in told if "dropped" in note)
    assert f"ranked {item[2] + 1} " in dropped
    assert f"{item[3]} of those that waited" in dropped
    assert SPACE.text(tuple(item[4])) in dropped
    assert "scored cheaply" in told[0]


def test_a_trained_one_is_on_the_front_or_told_who_beats_it(lamoo):
    front = {member.architecture for member in lamoo.summary.front}
    values = {one["text"]: one["values"] for one in contents(lamoo, "evaluated")}
    for one in contents(lamoo, "evaluated")[::6]:
        last = story(lamoo, one["architecture"])[-1]
        if one["text"] in front:
            assert "on the front: nothing" in last
        else:
            better = values[re.search(r"`(.+?)`", last)[1]]
            assert all(ours <= theirs for ours, theirs in zip(better, one["values"], strict=True))


def test_one_that_still_waited_and_one_that_was_never_proposed(lamoo):
    (ended,) = contents(lamoo, "ended")
    for item, _ in ended["waiting"]:
        assert "only the budget" in story(lamoo, item)[-1]
    young = SimpleNamespace(entries=lamoo.entries[:4])
    seen = {tuple(one) for content in contents(young, "started") for one in content["architectures"]}
    never = next(one for one in SPACE.listed if one not in seen)
    assert story(young, never) == [WORDS("why.never")]


def test_the_run_is_told_with_its_cuts(lamoo):
    page = explain.explain_run(lamoo.entries, SPACE, WORDS)
    candidates, *cut = page.sections
    assert f"{lamoo.summary.samples:,} architectures were scored" in candidates.notes[0]
    assert "of the whole space" in cut[0].title
    assert re.search(r"\d+% of the dropped part: ", cut[0].paragraphs[0])
    assert re.search(r"agrees with it on \d+% of all 15,625", cut[0].paragraphs[1])
    assert "Checked against cutting away too much" in cut[0].notes[0]


def test_a_region_is_told_by_the_cut_that_made_it(lamoo):
    page = explain.explain_regions(lamoo.entries, SPACE, "-", WORDS)
    assert page.sections[0].title == "The cut of the whole space"
    with pytest.raises(SettingsError, match=r"got '\+\+\+\+\+\+'; there are: \+"):
        explain.explain_regions(lamoo.entries, SPACE, "++++++", WORDS)


def test_an_hour_is_told_with_its_forecast_and_what_else_would_have_cost(result):
    decided, period = contents(result, "decided")[4], contents(result, "period")[4]
    (section,) = explain.explain_hour(result.entries, 4, WORDS).sections
    assert decided["reason"] in section.paragraphs[1]
    assert f"{decided['forecast_g_per_kwh']:.0f} g/kWh" in section.paragraphs[2]
    (table,) = section.tables
    every, _, chosen, none = table.rows
    kwh = 3 * 287.0 * 1.56 / 1000
    assert every[1:4] == (
        "3", as_carbon(kwh * decided["forecast_g_per_kwh"]), as_carbon(kwh * period["intensity_g_per_kwh"]),
    )  # fmt: skip
    assert every[4] == as_carbon(kwh * min(decided["ahead_g_per_kwh"]))
    assert chosen[1] == str(decided["allocation"]["evaluating"] + decided["allocation"]["sampling"])
    assert none[1:4] == ("0", "0.00 g", "0.00 g")
    with pytest.raises(SettingsError, match=r"from 0 to below [\d.]+, got 9"):
        explain.explain_hour(result.entries, 9, WORDS)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_can_be_read_in_both_languages(lamoo, result, language):
    words = Words(language)
    for page in (explain.explain_run(lamoo.entries, SPACE, words), explain.explain_hour(result.entries, 0, words)):
        assert page.title in markdown(page)
    assert len(explain.explain_run(result.entries, SPACE, words).sections) == 1
