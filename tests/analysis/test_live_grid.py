import pytest

from ce_nas.analysis.live_grid import is_provisional, sum_settlements_g, summarise_live_grid
from ce_nas.store.journal import MemoryJournal


def journal_of(*entries):
    journal = MemoryJournal()
    for kind, content in entries:
        journal.append(kind, 0.0, content)
    return journal.entries


READ = ("intensity_read", {"values": [["2024-05-15T00:00:00+00:00", 100.0, "measured"]], "error": None})
OUTAGE = ("intensity_read", {"values": [], "error": "it does not answer."})
FALLBACK = ("fallback_used", {"level": "forecast"})


def revision(kind, carbon_g, provisional_g):
    steps = [["2024-05-15T00:00:00+00:00", 90.0, 100.0]] if carbon_g else []
    return (kind, {"steps": steps, "carbon_g": carbon_g, "paper_carbon_g": 1.0, "provisional_g": provisional_g})


def test_recorded_trace_has_no_live_summary():
    entries = journal_of(("run_ended", {}))
    assert summarise_live_grid(entries) is None
    assert not is_provisional(entries)
    assert sum_settlements_g(entries) == ({}, 0)


def test_reads_outages_and_revisions_are_counted():
    entries = journal_of(
        READ,
        FALLBACK,
        FALLBACK,
        OUTAGE,
        revision("carbon_revised", {"training": 3.0, "idle": -1.0}, 5.0),
        ("run_ended", {}),
        revision("carbon_settled", {"training": 0.5}, 2.0),
    )
    summary = summarise_live_grid(entries)
    assert (summary.n_reads, summary.n_values, summary.fallbacks, summary.n_outages) == (2, 1, {"forecast": 2}, 1)
    assert (summary.n_revised_steps, summary.revised_g, summary.provisional_g) == (2, pytest.approx(2.5), 2.0)
    assert sum_settlements_g(entries) == ({"training": 0.5}, 1.0)


def test_run_is_provisional_until_all_steps_are_published():
    provisional = journal_of(READ, ("run_ended", {}), revision("carbon_settled", {}, 2.0))
    assert is_provisional(provisional)
    assert is_provisional(journal_of(READ, ("run_ended", {})))  # killed before it looked again
    assert not is_provisional([*provisional, *journal_of(revision("carbon_settled", {"training": 0.5}, 0.0))])
