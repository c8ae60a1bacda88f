import json

import pytest

from ce_nas.analysis.replay_inputs import counterfactual_of
from ce_nas.core.units import as_carbon, as_energy
from ce_nas.report.i18n.words import Words
from ce_nas.report.markdown import markdown
from ce_nas.report.run_report import run_page
from ce_nas.store.journal import Entry


def section(page, name):
    return next(one for one in page.sections if one.name == name)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_first_figures_are_the_summarys(result, language):
    page = run_page(result.entries, Words(language))
    values = [fact.value for fact in section(page, "glance").facts]
    for grams in result.summary.carbon_g.values():
        assert f"{as_carbon(grams)} CO2eq" in values
    assert as_energy(result.summary.energy_j) in values
    assert f"{result.summary.evaluations:,}" in values


def test_budgets_say_what_was_set_and_used(result):
    (table,) = section(run_page(result.entries, Words("en")), "budgets").tables
    rows = {row[0]: row[1:] for row in table.rows}
    hours = result.summary.simulated_hours
    assert rows["time"] == ("9.00 h", f"{hours:.2f} h", f"{hours / 9:.1%}")
    assert rows["carbon"] == ("none", as_carbon(result.summary.carbon_g["full"]), "")


def test_a_budget_that_was_set_shows_its_share():
    from ce_nas.api import Study

    entries = Study.of(hours=4, gpus=1, searcher="uniform", policy="vanilla", carbon_budget="10kg", evaluations=2).run()
    (table,) = section(run_page(entries.entries, Words("en")), "budgets").tables
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["trainings"] == ("2", "2", "100.0%")
    used = entries.summary.carbon_g["full"] / 10_000
    assert rows["carbon (full book)"] == ("10.0 kg", as_carbon(used * 10_000), f"{used:.1%}")


def test_what_is_taken_is_on_the_front(result):
    answer = section(run_page(result.entries, Words("en")), "answer")
    taken = answer.paragraphs[0].split("`")[1]
    assert taken in {member.architecture for member in result.summary.front}
    assert len(answer.tables[0].rows) == len(result.summary.front)


def test_the_settings_are_all_there(result):
    (table,) = section(run_page(result.entries, Words("en")), "settings").tables
    rows = dict(table.rows)
    assert (rows["`cluster.gpus`"], rows["`policy.name`"], rows["`seed`"]) == ("3", "heuristic", "2")


def test_what_was_saved_comes_second_or_why_it_cannot_be_told(result):
    assert "ce-nas report" in section(run_page(result.entries, Words("en")), "saved").paragraphs[0]
    page = run_page(result.entries, Words("en"), "the trace is gone.")
    assert page.sections[1].paragraphs == ["That cannot be told: the trace is gone."]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_run_that_has_only_begun_has_a_page(result, language):
    page = run_page(result.entries[:1], Words(language))
    assert section(page, "answer").charts == ()
    assert section(page, "hours").charts == []


def with_failures(entries):
    told = {"task": 3, "device": 0, "failure": "raised", "words": "ValueError: no memory", "again": True}
    failed = [Entry("failed", 60.0, json.dumps({**told, "again": again})) for again in (True, True, False)]
    return [*entries[:-1], *failed, entries[-1]]


def test_the_answers_to_what_everyone_asks_stand_at_the_top(result):
    first = run_page(result.entries, Words("en"), counterfactual_of(result.entries)).sections[0].paragraphs
    assert first[0].startswith("The search emitted **")
    assert "**started at once**" in first[1]
    assert first[2].startswith("Against the same work, **")
    assert first[3].startswith("**Take** `")
    without = run_page(result.entries, Words("en")).sections[0].paragraphs
    assert [text[:8] for text in without] == ["The sear", "**Take**"]
    nothing = run_page(result.entries[:1], Words("en")).sections[0].paragraphs
    assert nothing[1:] == [Words("en")("no_training")]


def test_failed_tasks_are_told_with_their_words(result):
    text = markdown(run_page(with_failures(list(result.entries)), Words("en")))
    assert "3 times a task failed; 1 of them it was given up. The last one said: `ValueError: no memory`" in text
    assert "failed" not in " ".join(section(run_page(result.entries, Words("en")), "budgets").paragraphs)


def test_a_lonely_network_is_said_to_be_alone(result):
    first = next(at for at, entry in enumerate(result.entries) if entry.kind == "evaluated")
    page = run_page(result.entries[: first + 1], Words("en"))
    assert "the only one on the front" in " ".join(section(page, "answer").paragraphs)
