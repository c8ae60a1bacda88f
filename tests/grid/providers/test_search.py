"""The live intensity of a run over the API of a provider with faults."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_plus

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


OWN_TRAINING = """
SPACE = {"a": [1, 2, 3], "b": [1, 2, 3]}
OBJECTIVES = ["loss:min:10", "size:min:10"]


def evaluate(architecture, fidelity, checkpoint):
    return {"loss": architecture["a"], "size": architecture["b"]}
"""

#: run in a process of its own: the command, with the provider's address changed, and everything logged
COMMAND = """
import importlib, logging, sys
logging.basicConfig(level=logging.DEBUG)
module, name, url = sys.argv[1:4]
getattr(importlib.import_module(module), name).base_url = url
sys.argv = ["ce-nas", *sys.argv[4:]]
from ce_nas.apps.cli.main import main
main()
"""


@pytest.mark.long
@pytest.mark.parametrize("fault", ["normal", "401"])
def test_a_run_on_a_provider_leaves_no_key_anywhere(case, server, emulators, tmp_path, fault):
    """Not in what it prints, logs and journals, not in its reports and exports, and not in a traceback."""
    now = datetime.now(UTC)
    server.now = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    provider = case.provider_class
    (tmp_path / "own.py").write_text(OWN_TRAINING)
    environment = {key: value for key, value in os.environ.items() if key not in emulators.KEYS} | emulators.KEYS

    def ce_nas(*arguments):
        address = (provider.__module__, provider.__name__, f"{server.url}/{case.name}")
        command = [sys.executable, "-c", COMMAND, *address, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    live = ("--live", "--evaluate", "own.py", "--provider", provider.name, "--zone", case.zone)
    limits = ("--evaluations", "2", "--policy", "vanilla", "--searcher", "random", "--hours", "0.1")
    server.fault, server.failures = fault, 0 if fault == "normal" else 1000
    done = [ce_nas("search", *live, *limits, "--out", "run")]
    if fault == "normal":
        done += [ce_nas("report", "run"), ce_nas("export", "run", "--to", "boamps", "--out", "run.json")]
        assert [one.returncode for one in done] == [0] * 3, done[0].stderr
    assert server.requests
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    texts += [(one.stdout + one.stderr).encode() for one in done]
    keys = [*emulators.KEYS.values(), emulators.TOKEN, emulators.HIDDEN[-1]]
    forms = {form.encode() for key in keys for form in (key, quote(key), quote_plus(key), quote(key, safe=""))}
    assert not [form for form in forms for text in texts if form in text]
