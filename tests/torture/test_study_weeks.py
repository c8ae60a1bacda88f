"""A week of a study by one seed, with faults: the books balance and no task is lost, at every event.

Tasks fail at random (out of memory, a metric that is no number, a lost checkpoint) and are tried again, the grid has
hours at zero, devices are suspended and released by a random policy, and budgets with billing periods run out.
``CE_NAS_TORTURE_SEEDS`` sets the number of seeds and ``CE_NAS_TORTURE_SEED`` the first: a seed that fails is repeated
with ``CE_NAS_TORTURE_SEED=N CE_NAS_TORTURE_SEEDS=1 pytest tests/torture/test_study_weeks.py``.
"""

import gc
import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ce_nas.api import Search
from ce_nas.benchmarks.base import Failure
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.records import Allocation, TaskEventKind
from ce_nas.core.rng import random_stream
from ce_nas.engine.build import build_engine
from ce_nas.policies.base import Decision, Policy
from ce_nas.store.journal import MemoryJournal, NullJournal

SEEDS = int(os.environ.get("CE_NAS_TORTURE_SEEDS", "15"))
FIRST_SEED = int(os.environ.get("CE_NAS_TORTURE_SEED", "0"))
FAULTS = (Failure.OUT_OF_MEMORY, Failure.DIVERGED, Failure.LOST)


class RandomPolicy(Policy):
    """Any allocation, in any period."""

    name = "random"

    def __init__(self, rng):
        self.rng = rng

    def decide(self, state):
        cuts = sorted(self.rng.integers(state.cluster.devices + 1, size=3).tolist())
        counts = [after - before for before, after in itertools.pairwise([0, *cuts, state.cluster.devices])]
        return Decision(Allocation(*counts), "at random")


def make_engine(seed, journal, hours=168.0):
    rng = random_stream(seed, "study week")
    budget = {"stop": "never"}
    for name, most, unit in (("energy", 120, "kWh"), ("carbon", 30, "kg"), ("gpu_hours", 400, ""), ("cost", 400, "")):
        if rng.random() < 0.4:
            amount = rng.uniform(0.02, 1.0) * most
            budget[name] = f"{amount:.4f}{unit}" if unit else float(amount)
    base = {
        "budget": budget,
        "prices": {
            "gpu_hour_price": 1.0,
            "electricity_price": float(rng.uniform(0.0, 0.5)),
            **({"billing_period": "1h"} if rng.random() < 0.5 else {}),
        },
        "schedule": {"sampling_batch": int(rng.integers(1, 500))},
    }
    flags = {"gpus": int(rng.integers(1, 7)), "hours": hours, "searcher": "random", "seed": seed}
    zone = ("solar", "wind", "coal-flat")[int(rng.integers(3))]
    search = Search.from_settings(settings_from_flags(base, **flags, zone=zone))
    engine = build_engine(search._inputs, journal, policy=RandomPolicy(rng))
    add_faults(engine, rng)
    return search, engine


def add_faults(engine, rng):
    """Let a tenth of the tasks fail when they would have ended."""
    handle = engine.components.cluster.handle_signal

    def faulty(signal):
        event = handle(signal)
        if event is not None and event.kind is TaskEventKind.FINISHED and rng.random() < 0.1:
            failure = FAULTS[int(rng.integers(len(FAULTS)))]
            return replace(event, kind=TaskEventKind.FAILED, outcome=None, failure=failure, detail="made up")
        return event

    engine.components.cluster.handle_signal = faulty


def check_at_every_event(search, engine, seed):
    """Wrap the handling of events with the invariants."""
    handle, budget = engine.handle_event, search.settings.budget
    running, seen = {}, {"energy_j": 0.0, "cost": 0.0}
    check_s = budget.check_interval
    peak_j = engine.components.cluster.peak_w * engine.components.ledger.pue * check_s

    def checked(event):
        handle(event)
        totals = engine.components.ledger.totals
        assert sum(totals.energy_by_source_j.values()) == pytest.approx(totals.total_energy_j), seed
        assert min(totals.energy_j.values(), default=0.0) >= 0.0, seed
        assert totals.total_energy_j >= seen["energy_j"] - 1e-6, seed
        assert totals.cost >= seen["cost"] - 1e-9, seed
        seen.update(energy_j=totals.total_energy_j, cost=totals.cost)
        assert budget.energy is None or totals.total_energy_j <= budget.energy + peak_j, seed
        held_h = totals.total_device_s / 3600.0
        assert held_h <= engine.components.cluster.devices * engine.components.clock.now_s / 3600.0 + 1e-6, seed
        tasks = [task.id for task in engine.components.cluster.running_tasks()]
        assert len(tasks) == len(set(tasks)), seed
        suspended = [task.id for task in engine._scheduler.suspended]
        assert not set(tasks) & set(suspended), seed
        assert len(suspended) == len(set(suspended)), seed
        running[event.task.id] = event.kind

    engine.handle_event = checked


def check_end(search, engine, entries, seed):
    totals, budget = engine.components.ledger.totals, search.settings.budget
    devices, check_h = engine.components.cluster.devices, budget.check_interval / 3600.0
    electricity = devices * 0.287 * 1.56 * check_h * search.settings.prices.electricity_price
    assert budget.cost is None or totals.cost <= budget.cost + devices * check_h + electricity + 1e-6, seed
    started, ended, given_up = set(), [], set()
    for entry in entries:
        content = entry.content
        if entry.kind == "task_started":
            started.add(content["task"])
        elif entry.kind in {"evaluated", "sampled"}:
            ended.append(content["task"])
        elif entry.kind == "task_failed" and not content["will_retry"]:
            given_up.add(content["task"])
    unfinished = set(entries[-1].content["unfinished_tasks"])
    assert entries[-1].kind == "run_ended", seed
    assert len(ended) == len(set(ended)), seed
    assert started == set(ended) | given_up | unfinished, seed


@pytest.mark.slow
def test_a_study_week_with_faults():
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        journal = MemoryJournal()
        search, engine = make_engine(seed, journal, 168.0 if seed % 5 == 0 else 24.0)
        check_at_every_event(search, engine, seed)
        engine.run()
        check_end(search, engine, journal.entries, seed)


def test_the_same_seed_gives_the_same_week():
    journals = [MemoryJournal(), MemoryJournal()]
    for journal in journals:
        make_engine(3, journal, 24.0)[1].run()
    assert journals[0].entries == journals[1].entries


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sizes_and_handles(weeks):
    """Resident bytes and open files after each of some searches one after another in this process."""
    sizes, handles = [], []
    for week in range(3 + weeks):
        make_engine(week % 3, NullJournal(), 24.0 if weeks < 52 else 168.0)[1].run()
        gc.collect()
        sizes.append(resident_bytes())
        handles.append(len(list(Path("/proc/self/fd").iterdir())))
    return sizes, handles


@pytest.mark.long
def test_memory_and_handles_do_not_grow():
    """In a process of its own, where no other test opens files; ``CE_NAS_TORTURE_WEEKS=52`` is a simulated year."""
    weeks = int(os.environ.get("CE_NAS_TORTURE_WEEKS", "4"))
    printed = subprocess.run([sys.executable, __file__, str(weeks)], capture_output=True, text=True, check=True).stdout
    sizes, handles = json.loads(printed)
    assert handles[-1] <= handles[2]
    assert sizes[-1] <= sizes[2] * 1.05


if __name__ == "__main__":
    sys.stdout.write(json.dumps(sizes_and_handles(int(sys.argv[1]))))
