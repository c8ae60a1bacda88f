"""A run's grid over a provider's HTTP, with its faults: what it knows, and what it says of what it does not."""

from datetime import timedelta

import pytest

from ce_nas.energy.ledger import Prices
from ce_nas.energy.live_ledger import LiveLedger
from ce_nas.engine.live_intensity import LiveGrid
from ce_nas.grid.providers.fallback import Feed
from ce_nas.store.event_log import Recording
from ce_nas.store.journal import MemoryJournal

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class Clock:
    began = None


@pytest.fixture
def running(connect, provided, server):
    """The grid of a run on a provider, and its journal."""
    journal = MemoryJournal()
    grid = LiveGrid(Feed(connect(provided), now=lambda: server.now), provided.zone, Clock(), Recording(), journal)
    grid.keep(LiveLedger(grid, 1.0, Prices()))
    return grid, journal


def reads(journal):
    return [entry.content for entry in journal.entries if entry.kind == "read"]


@pytest.mark.parametrize("fault", ["500", "429 for long", "truncated", "html", "cut"])
def test_a_provider_that_fails_in_the_midst_of_a_run_is_gone_on_without_and_comes_back(running, server, fault):
    grid, journal = running
    first = grid.past(0.0, DAY_S, DAY_S)
    assert len(first.intensity_g_per_kwh) >= 24
    server.now += timedelta(hours=3)
    server.fault, server.failures = fault, 100 if fault[0].isdigit() else 0
    blind = grid.past(3 * HOUR_S, DAY_S, DAY_S)
    assert blind.end - first.end == timedelta(hours=3)
    stood_in = [entry.content["step"] for entry in journal.entries if entry.kind == "grid"]
    assert stood_in or reads(journal)[-1]["lost"]
    server.now += timedelta(hours=1)
    server.fault, server.failures = "normal", 0
    assert grid.past(4 * HOUR_S, DAY_S, DAY_S).end - first.end == timedelta(hours=4)
    assert reads(journal)[-1]["lost"] is None
    assert len(reads(journal)[-1]["values"]) >= 3  # what could not be read then, and more


def test_keys_are_in_no_journal(running, played):
    grid, journal = running
    grid.past(0.0, DAY_S, DAY_S)
    assert not any(word in entry.body for entry in journal.entries for word in played.HIDDEN)
