import re

import pytest

from ce_nas.analysis.explanation import ArchitectureEvent
from ce_nas.analysis.partition_rules import explain_splits
from ce_nas.core.formatting import format_carbon
from ce_nas.report.explanation_pages import (
    _event_sentence,
    build_architecture_page,
    build_hour_page,
    build_region_page,
    build_run_page,
    describe_predicate,
)
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.markdown import render_markdown
from ce_nas.space.nasbench201_cell import NasBench201Space

SPACE, TRANSLATE = NasBench201Space(), Translator("en")


def contents(run, kind):
    return [entry.content for entry in run.entries if entry.kind == kind]


def story(run, architecture):
    (section,) = build_architecture_page(run.entries, SPACE, tuple(architecture), TRANSLATE).sections
    return section.notes


def test_dropped_candidate_page_names_rank_and_dominator(lamoo_run):
    trained = {tuple(one["architecture"]) for one in contents(lamoo_run, "evaluated")}
    drops = [drop for one in contents(lamoo_run, "sampled") for drop in one["dropped"]]
    drop = next(drop for drop in drops if drop[4] and tuple(drop[0]) not in trained)
    notes = story(lamoo_run, drop[0])
    dropped = next(note for note in notes if "dropped" in note)
    assert f"ranked {drop[2] + 1} " in dropped
    assert f"dominated by {drop[3]} of the queued" in dropped
    assert SPACE.text(tuple(drop[4])) in dropped
    assert "scored: " in notes[0]


def test_trained_architecture_page_names_what_dominates_it(lamoo_run):
    front = {member.architecture for member in lamoo_run.summary.front}
    values = {one["architecture_text"]: one["values"] for one in contents(lamoo_run, "evaluated")}
    for one in contents(lamoo_run, "evaluated")[::6]:
        last = story(lamoo_run, one["architecture"])[-1]
        if one["architecture_text"] in front:
            assert "on the front: no trained architecture" in last
        else:
            better = values[re.search(r"`(.+?)`", last)[1]]
            assert all(ours <= theirs for ours, theirs in zip(better, one["values"], strict=True))


def test_queued_and_never_proposed_architecture_pages(lamoo_run):
    (ended,) = contents(lamoo_run, "run_ended")
    for architecture, _ in ended["queued"]:
        assert "only the budget" in story(lamoo_run, architecture)[-1]
    (section,) = build_architecture_page(lamoo_run.entries[:4], SPACE, SPACE.all_architectures[0], TRANSLATE).sections
    assert section.notes == [TRANSLATE("why.never")]


def test_run_page_describes_candidates_and_splits(lamoo_run):
    candidates, *splits = build_run_page(lamoo_run.entries, SPACE, TRANSLATE).sections
    assert f"{lamoo_run.summary.samples:,} architectures were scored" in candidates.notes[0]
    assert "of the whole space" in splits[0].title
    assert re.search(r"\d+ % of the dropped part: ", splits[0].paragraphs[0])
    assert re.search(r"agrees with it on \d+ % of all 15,625", splits[0].paragraphs[1])
    assert "Check for excluding too much" in splits[0].notes[0]


def test_region_page(lamoo_run):
    page = build_region_page(lamoo_run.entries, SPACE, "-", TRANSLATE)
    assert page.sections[0].title == "Split of the whole space"


def test_hour_page_shows_forecast_and_alternatives(finished_run):
    decided, period = contents(finished_run, "decided")[4], contents(finished_run, "period")[4]
    (section,) = build_hour_page(finished_run.entries, 4, TRANSLATE).sections
    assert decided["reason"] in section.paragraphs[1]
    assert f"{decided['forecast_g_per_kwh']:.0f} g/kWh" in section.paragraphs[2]
    (table,) = section.tables
    every, _, chosen, none = table.rows
    kwh = 3 * 287.0 * 1.56 / 1000
    assert every[1:4] == (
        "3", format_carbon(kwh * decided["forecast_g_per_kwh"]), format_carbon(kwh * period["intensity_g_per_kwh"]),
    )  # fmt: skip
    assert every[4] == format_carbon(kwh * min(decided["ahead_g_per_kwh"]))
    assert chosen[1] == str(decided["allocation"]["evaluating"] + decided["allocation"]["sampling"])
    assert none[1:4] == ("0", "0.00 g", "0.00 g")


def test_conditions_of_a_split_are_not_repeated(lamoo_run):
    for split in explain_splits(lamoo_run.entries, SPACE):
        clauses = [describe_predicate(predicate, TRANSLATE, holds=holds) for predicate, holds in split.conditions]
        assert len(clauses) == len(set(clauses))


@pytest.mark.long
@pytest.mark.parametrize("language", ["en", "ja"])
def test_explanation_pages_in_both_languages(lamoo_run, finished_run, language):
    translate = Translator(language)
    run, hour = build_run_page(lamoo_run.entries, SPACE, translate), build_hour_page(finished_run.entries, 0, translate)
    for page in (run, hour):
        assert page.title in render_markdown(page)
    assert len(build_run_page(finished_run.entries, SPACE, translate).sections) == 1


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "measured: latency 0.31 ms."), ("ja", "測定の結果\uff1alatency 0.31 ms。")]
)
def test_a_measurement_has_its_unit_and_leaves_out_what_is_not_known(language, sentence):
    objectives = [
        {"name": "accuracy", "maximise": True, "unit": "%"},
        {"name": "latency", "maximise": False, "unit": "ms"},
    ]
    event = ArchitectureEvent(1.0, "measured", [None, 0.31])
    assert _event_sentence(event, objectives, Translator(language)) == sentence
