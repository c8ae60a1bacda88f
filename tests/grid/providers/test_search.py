"""The live intensity of a run over the API of a provider with faults."""

from datetime import timedelta

import pytest

from ce_nas.energy.ledger import Prices
from ce_nas.energy.live_ledger import LiveLedger
from ce_nas.engine.live_intensity import LiveIntensity
from ce_nas.grid.providers.fallback import FallbackProvider
from ce_nas.store.event_log import EventLog
from ce_nas.store.journal import MemoryJournal

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class Clock:
    began = None


@pytest.fixture
def live(connect, case, server):
    """The live intensity of a run on a provider, and its journal."""
    journal = MemoryJournal()
    provider = FallbackProvider(connect(case), now=lambda: server.now)
    live = LiveIntensity(provider, case.zone, Clock(), EventLog(), journal)
    live.attach_ledger(LiveLedger(live, 1.0, Prices()))
    return live, journal


def reads(journal):
    return [entry.content for entry in journal.entries if entry.kind == "intensity_read"]


@pytest.mark.parametrize("fault", ["500", "429 for long", "truncated", "html", "cut"])
def test_run_survives_an_outage_of_its_provider(live, server, fault):
    intensity, journal = live
    first = intensity.inputs_at(0.0, DAY_S, DAY_S)
    assert len(first.intensity_g_per_kwh) >= 24
    server.now += timedelta(hours=3)
    server.fault, server.failures = fault, 100 if fault[0].isdigit() else 0
    during = intensity.inputs_at(3 * HOUR_S, DAY_S, DAY_S)
    assert during.end - first.end == timedelta(hours=3)
    levels = [entry.content["level"] for entry in journal.entries if entry.kind == "fallback_used"]
    assert levels or reads(journal)[-1]["error"]
    server.now += timedelta(hours=1)
    server.fault, server.failures = "normal", 0
    assert intensity.inputs_at(4 * HOUR_S, DAY_S, DAY_S).end - first.end == timedelta(hours=4)
    assert reads(journal)[-1]["error"] is None
    assert len(reads(journal)[-1]["values"]) >= 3  # including those of the outage


def test_journal_contains_no_key(live, emulators):
    intensity, journal = live
    intensity.inputs_at(0.0, DAY_S, DAY_S)
    assert not any(key in entry.body for entry in journal.entries for key in emulators.HIDDEN)
