import pytest

from ce_nas.analysis.live_grid import grid_told, has_ended, is_provisional, settled_g
from ce_nas.store.journal import MemoryJournal


def journal_of(*entries):
    journal = MemoryJournal()
    for kind, content in entries:
        journal.append(kind, 0.0, content)
    return journal.entries


READ = ("read", {"values": [["2024-05-15T00:00:00+00:00", 100.0, "measured"]], "lost": None})
LOST = ("read", {"values": [], "lost": "it does not answer."})
DOWN = ("grid", {"step": "forecast"})


def revision(kind, carbon_g, provisional_g):
    steps = [["2024-05-15T00:00:00+00:00", 90.0, 100.0]] if carbon_g else []
    return (kind, {"steps": steps, "carbon_g": carbon_g, "paper_carbon_g": 1.0, "provisional_g": provisional_g})


def test_a_run_on_a_trace_tells_nothing_of_a_feed():
    entries = journal_of(("ended", {}))
    assert grid_told(entries) is None
    assert has_ended(entries)
    assert not is_provisional(entries)
    assert settled_g(entries) == ({}, 0)


def test_looks_losses_and_revisions_are_counted():
    entries = journal_of(
        READ, DOWN, DOWN, LOST, revision("revised", {"training": 3.0, "idle": -1.0}, 5.0), ("ended", {}),
        revision("settled", {"training": 0.5}, 2.0),
    )  # fmt: skip
    told = grid_told(entries)
    assert (told.looks, told.values, told.stood_in, told.lost) == (2, 1, {"forecast": 2}, 1)
    assert (told.revised, told.revised_g, told.provisional_g) == (2, pytest.approx(2.5), 2.0)
    assert settled_g(entries) == ({"training": 0.5}, 1.0)


def test_a_run_stays_provisional_until_everything_is_published():
    open_yet = journal_of(READ, ("ended", {}), revision("settled", {}, 2.0))
    assert is_provisional(open_yet)
    assert is_provisional(journal_of(READ, ("ended", {})))  # killed before it looked again
    assert not is_provisional([*open_yet, *journal_of(revision("settled", {"training": 0.5}, 0.0))])
