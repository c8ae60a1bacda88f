import json
from dataclasses import replace

import pytest

from ce_nas.analysis.counterfactual import counterfactual_from_journal
from ce_nas.core.formatting import format_carbon, format_duration, format_energy
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.markdown import render_markdown
from ce_nas.report.run_report import (
    BUDGET_FORMATTERS,
    build_run_report,
    build_run_sections,
    power_table,
    site_moves_table,
)
from ce_nas.report.savings_section import savings_headline
from ce_nas.store.journal import JournalEntry


def section(page, name):
    return next(one for one in page.sections if one.name == name)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_key_figures_match_the_summary(finished_run, language):
    page = build_run_report(finished_run.entries, Translator(language))
    values = [fact.value for fact in section(page, "glance").facts]
    assert f"{format_carbon(finished_run.summary.carbon_g['full'])} CO2eq" in values
    assert f"{format_carbon(finished_run.summary.carbon_g['paper'])} CO2eq" not in values
    assert format_energy(finished_run.summary.energy_j) in values
    assert f"{finished_run.summary.evaluations:,}" in values


def test_hours_of_a_short_run_are_minutes_or_seconds(finished_run):
    last = finished_run.entries[-1]
    entries = [*finished_run.entries[:-1], replace(last, at_s=93.0)]
    page = build_run_report(entries, Translator("en"), saved=finished_run.savings)
    assert " UTC, 1.55 min on " in page.lead
    assert any(fact.note.startswith("held, in 1.55 min with") for fact in section(page, "glance").facts)
    assert BUDGET_FORMATTERS["gpu_hours"](0.0002) == "0.72 s"


def test_budget_table_has_limit_and_use(finished_run):
    (table,) = section(build_run_report(finished_run.entries, Translator("en")), "budgets").tables
    rows = {row[0]: row[1:] for row in table.rows}
    hours = finished_run.summary.simulated_hours
    assert rows["time"] == ("9.00 h", f"{hours:.2f} h", f"{hours / 9 * 100:.1f} %")
    assert rows["carbon"] == ("none", format_carbon(finished_run.summary.carbon_g["full"]), "")
    assert "cost" not in rows  # no price was given, so that it is not known


def test_budget_table_shows_the_used_share():
    from ce_nas.api import Search

    entries = Search(hours=4, gpus=1, searcher="random", policy="vanilla", carbon_budget="10kg", evaluations=2).run()
    (table,) = section(build_run_report(entries.entries, Translator("en")), "budgets").tables
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["trainings"] == ("2", "2", "100.0 %")
    used = entries.summary.carbon_g["full"] / 10_000
    assert rows["carbon (full accounting)"] == ("10.0 kg", format_carbon(used * 10_000), f"{used * 100:.1f} %")


def test_recommended_architecture_is_on_the_front(finished_run):
    answer = section(build_run_report(finished_run.entries, Translator("en")), "answer")
    recommended = answer.paragraphs[0].split("`")[1]
    assert recommended in {member.architecture for member in finished_run.summary.front}
    assert len(answer.tables[0].rows) == len(finished_run.summary.front)


def test_settings_table_is_complete(finished_run):
    (table,) = section(build_run_report(finished_run.entries, Translator("en")), "settings").tables
    rows = dict(table.rows)
    assert (rows["`cluster.gpus`"], rows["`policy.name`"], rows["`seed`"]) == ("3", "hotcarbon", "2")
    assert rows["`budget.hours`"] == "9.00 h"
    assert not any("live" in name or "fallback" in name for name in rows)


def test_objectives_and_left_out_rows_are_in_the_basis(tmp_path):
    from ce_nas.api import Search

    path = tmp_path / "own.csv"
    rows = [f"op{row},{50 + row},{row},60\n" for row in range(9)]  # the first row lacks a cost
    path.write_text("op,top1,latency_ms,train_s\n" + "".join(rows))
    options = {"hours": 2, "gpus": 1, "searcher": "random", "policy": "vanilla", "evaluations": 2}
    run = Search(table=path, objectives="top1,latency_ms:known", **options).run()
    notes = section(build_run_report(run.entries, Translator("en")), "basis").notes
    (objectives,) = (note for note in notes if note.startswith("Objectives"))
    assert objectives.endswith(
        ": top1 [%] (maximised, known after a training); latency_ms [ms] (minimised, known before a training)."
    )
    assert "1 of 9 rows are left out: 1 lack latency_ms." in notes


def test_the_first_block_is_saving_network_and_figures(finished_run):
    saved = finished_run.savings
    page = build_run_report(finished_run.entries, Translator("en"), saved=saved)
    assert [one.name for one in page.sections[:3]] == ["glance", "saved", "answer"]
    glance = page.sections[0]
    assert glance.paragraphs[0] == savings_headline(saved, Translator("en"))
    assert glance.paragraphs[1].startswith("**Recommended**: `")
    nothing = build_run_report(finished_run.entries[:1], Translator("en")).sections[0].paragraphs
    assert nothing[1:] == [Translator("en")("no_training")]


@pytest.mark.long
def test_the_same_work_under_other_policies_is_a_section_of_its_own(finished_run):
    counterfactual = counterfactual_from_journal(finished_run.entries)
    page = build_run_report(finished_run.entries, Translator("en"), counterfactual)
    assert "lower bound" in section(page, "replay").paragraphs[1].lower()
    without = build_run_report(finished_run.entries, Translator("en"), "the trace is gone.")
    assert "replay" not in {one.name for one in without.sections}


@pytest.mark.parametrize(("covered", "expected"), [(1.0, "all of the accounted time."), (0.951, "cover 95.1 % of")])
def test_what_was_not_observed_is_named_where_there_is_some(finished_run, monkeypatch, covered, expected):
    summary = replace(finished_run.summary, energy_coverage=covered)
    monkeypatch.setattr("ce_nas.report.run_report.summarise", lambda _: summary)
    cost = section(build_run_report(finished_run.entries, Translator("en")), "cost")
    assert expected in cost.paragraphs[1]
    assert ("not observed" in cost.paragraphs[1]) == (covered < 1.0)


def test_the_papers_accounting_is_behind_a_fold(finished_run):
    tables = section(build_run_report(finished_run.entries, Translator("en")), "cost").tables
    paper = format_carbon(finished_run.summary.carbon_g["paper"])
    assert [table.collapsed for table in tables if any(paper in row for row in table.rows)] == [True]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_empty_run_has_a_report(finished_run, language):
    page = build_run_report(finished_run.entries[:1], Translator(language))
    assert section(page, "answer").charts == ()
    assert section(page, "hours").charts == []


def with_failures(entries):
    content = {"task": 3, "device": 0, "failure": "raised", "detail": "ValueError: no memory", "will_retry": True}
    failed = [
        JournalEntry("task_failed", 60.0, json.dumps({**content, "will_retry": retry})) for retry in (True, True, False)
    ]
    return [*entries[:-1], *failed, entries[-1]]


def test_task_failures_are_reported(finished_run):
    text = render_markdown(build_run_report(with_failures(list(finished_run.entries)), Translator("en")))
    assert "Tasks failed 3 times; 1 of these were not retried. Last error: `ValueError: no memory`" in text
    assert "failed" not in " ".join(
        section(build_run_report(finished_run.entries, Translator("en")), "budgets").paragraphs
    )


def test_single_architecture_on_the_front(finished_run):
    first = next(at for at, entry in enumerate(finished_run.entries) if entry.kind == "evaluated")
    page = build_run_report(finished_run.entries[: first + 1], Translator("en"))
    assert "the only architecture on the front" in " ".join(section(page, "answer").paragraphs)


@pytest.fixture(scope="module")
def moved_entries():
    """The entries of a search that moves from coal to hydro at once."""
    from ce_nas.api import Search
    from ce_nas.config.schema import settings_from_flags

    others = [{"name": "north", "zone": "hydro", "pue": 1.1}]
    site = {"others": others, "move_time": "15min", "move_energy_j": 3.6e6}
    flags = {"hours": 3, "gpus": 2, "searcher": "random", "zone": "coal-flat", "policy": "vanilla"}
    return Search.from_settings(settings_from_flags({"site": site}, **flags)).run().entries


@pytest.mark.parametrize("language", ["en", "ja"])
def test_moves_between_sites_are_listed(moved_entries, finished_run, language):
    table = site_moves_table(moved_entries, Translator(language))
    ((there, left, site, took, energy, carbon),) = table.rows
    assert (there, left, site, took, energy) == ("15.0 min", "home", "north", "15.0 min", "1.56 kWh")
    assert carbon.endswith("kg")
    assert "| 15.0 min | home | north | 15.0 min | 1.56 kWh |" in render_markdown(
        build_run_report(moved_entries, Translator(language))
    )
    assert site_moves_table(finished_run.entries, Translator(language)) is None


@pytest.mark.parametrize("language", ["en", "ja"])
def test_changes_of_the_power_limit_and_of_the_cap_are_listed(finished_run, language):
    content = {"limit_w": 260.0, "time_factor": 1.0, "power_factor": 1.0, "cap_w": None, "reason": "", "allocation": {}}
    slowed = {**content, "limit_w": 180.0, "time_factor": 1.047, "power_factor": 0.8675}
    capped = {**slowed, "cap_w": 2500.0}
    steps = [(0.0, content), (3600.0, slowed), (7200.0, {**slowed, "reason": "another"}), (9000.0, capped)]
    entries = [JournalEntry("power_limited", at_s, json.dumps(what)) for at_s, what in steps]
    table = power_table(entries, Translator(language))
    assert table.rows == [
        (format_duration(0.0), "260", "+0.0 %", "+0.0 %", ""),
        ("1.00 h", "180", "+4.7 %", "-9.2 %", ""),
        ("2.50 h", "180", "+4.7 %", "-9.2 %", "2,500"),
    ]
    assert power_table(finished_run.entries, Translator(language)) is None


@pytest.mark.parametrize("language", ["en", "ja"])
def test_how_long_taking_devices_back_took_is_said(finished_run, language):
    taken = [
        JournalEntry("device_taken_back", 60.0, json.dumps({"device": 0, "task": number, "took_s": took_s}))
        for number, took_s in enumerate([2.4, 2.6, 31.0])
    ]
    sections = {True: [], False: []}
    for is_taken in sections:
        entries = [*finished_run.entries, *(taken if is_taken else [])]
        sections[is_taken] = build_run_sections(entries, Translator(language))
    said, plain = (
        "\n".join(text for each in sections[is_taken] for text in each.paragraphs) for is_taken in (True, False)
    )
    assert "2.6 s" in said
    assert "31.0 s" in said
    assert "31.0 s" not in plain
