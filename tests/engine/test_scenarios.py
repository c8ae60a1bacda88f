"""Random scenarios: in every run budgets hold, energy balances, and each task is completed at most once.

The suite runs 60 of them, ``make scenarios`` 1000; the environment variable CE_NAS_SCENARIOS sets the number.
"""

import itertools
import os
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ce_nas.api import Search
from ce_nas.components.registry import POLICIES
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.records import Allocation
from ce_nas.core.rng import random_stream
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.engine.build import build_policy
from ce_nas.policies.base import Decision, Policy
from ce_nas.policies.site_constraints import WeeklyWindow

EXAMPLES = int(os.environ.get("CE_NAS_SCENARIOS", "12"))
IDLE_W, WORKING_W = 60.0, 287.0


class RandomPolicy(Policy):
    """Allocates the devices at random, so that tasks are suspended, released and resumed often."""

    name = "random"

    def __init__(self, seed):
        self.rng = random_stream(seed, "erratic")

    def decide(self, state):
        cuts = sorted(self.rng.integers(state.cluster.devices + 1, size=3).tolist())
        counts = [after - before for before, after in itertools.pairwise([0, *cuts, state.cluster.devices])]
        return Decision(Allocation(*counts), "at random")


@st.composite
def scenarios(draw):
    """A base of settings, flags over it, and the name of a policy."""
    gpus, hours = draw(st.integers(1, 6)), draw(st.sampled_from([0.3, 1.0, 2.5, 6.0, 14.0]))
    max_j = gpus * hours * HOUR_S * WORKING_W * 1.56
    share = st.floats(0.02, 1.2)
    budget = {"check_interval": draw(st.sampled_from(["1min", "5min", "20min"]))}
    for name, maximum, unit in (("energy", max_j, "J"), ("carbon", max_j / J_PER_KWH * 250, "g"), ("cost", max_j, "")):
        if draw(st.integers(0, 2)) == 0:
            budget[name] = (
                f"{maximum * draw(share):.3f}{unit}" if unit else draw(share) * (gpus * hours + maximum / J_PER_KWH)
            )
    if draw(st.integers(0, 2)) == 0:
        budget["gpu_hours"] = gpus * hours * draw(share)
    site = {}
    if draw(st.booleans()):
        site["closed"] = [draw(st.sampled_from(["mon-fri 09:00-17:00", "02:30-03:10", "22:00-01:00"]))]
    if draw(st.booleans()):
        site["power_cap_w"] = draw(st.floats(100, 3500))
    if draw(st.booleans()):
        site["min_hold_time"] = draw(st.sampled_from(["1h", "150min"]))
    prices = {"electricity_price": 1.0, "gpu_hour_price": 1.0}
    if draw(st.booleans()):
        prices["billing_period"] = draw(st.sampled_from(["1min", "1h"]))
    cluster = draw(st.sampled_from([{}, {"startup_s": 0, "startup_j": 0}, {"checkpoint_s": 300, "restore_s": 7}]))
    base = {"budget": budget, "site": site, "prices": prices, "cluster": cluster}
    base["schedule"] = {
        "period": draw(st.sampled_from(["20min", "1h", "150min"])),
        "sampling_batch": draw(st.integers(1, 400)),
    }
    zone = draw(st.sampled_from(["solar", "wind", "coal-flat"]))
    seed = draw(st.integers(0, 10_000))
    policy = draw(st.sampled_from([*POLICIES.names(), "random", "random"]))
    flags = {"gpus": gpus, "hours": hours, "zone": zone, "seed": seed, "searcher": "random"}
    return base, flags, policy


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenario=scenarios())
def test_run_invariants(scenario):
    base, flags, policy = scenario
    run_settings = settings_from_flags(base, **flags, policy=None if policy == "random" else policy)
    # with a policy object, also a search that can finish no training runs
    chosen = RandomPolicy(flags["seed"]) if policy == "random" else build_policy(run_settings.policy)
    search = Search.from_settings(run_settings, policy=chosen)
    result = search.run()
    check_budgets(run_settings, search, result.summary)
    check_energy_balance(run_settings, result)
    check_tasks(result.entries)
    check_devices(result.entries)
    check_site_constraints(run_settings, search, result.entries)


def check_budgets(run_settings, search, summary):
    """No budget is overrun by more than one check interval."""
    budget, gpus = run_settings.budget, run_settings.cluster.gpus
    peak_w = gpus * max(WORKING_W, run_settings.cluster.restore_j / run_settings.cluster.restore_s) * 1.56
    hours = round(summary.simulated_hours + 1)
    max_g_per_kwh = max(search._inputs.intensity.mean(hour * HOUR_S, (hour + 1) * HOUR_S) for hour in range(hours))
    check_j, check_h = peak_w * budget.check_interval, gpus * budget.check_interval / HOUR_S
    held_h = sum(summary.device_hours_by_activity.values())
    for spent, limit, tolerance in (
        (summary.energy_j, budget.energy, check_j),
        (summary.carbon_g["full"], budget.carbon, check_j / J_PER_KWH * max_g_per_kwh),
        (held_h, budget.gpu_hours, gpus * budget.check_interval / HOUR_S),
        (summary.cost, budget.cost, check_h + check_j / J_PER_KWH),
        (summary.simulated_hours * HOUR_S, budget.time_s, 0.0),
    ):
        assert limit is None or spent <= (limit + tolerance) * (1 + 1e-9)


def check_energy_balance(run_settings, result):
    summary, cluster = result.summary, run_settings.cluster
    powers_w = {"idle": cluster.idle_w, "restore": cluster.restore_j / cluster.restore_s}
    powers_w["checkpoint"] = cluster.checkpoint_j / cluster.checkpoint_s
    powers_w["startup"] = cluster.startup_j / cluster.startup_s if cluster.startup_s else 0.0
    for name, held_h in summary.device_hours_by_activity.items():
        expected_j = powers_w.get(name, WORKING_W) * held_h * HOUR_S * 1.56
        assert summary.energy_j_by_activity[name] == pytest.approx(expected_j, rel=1e-9, abs=1e-6)
    assert summary.energy_j == pytest.approx(sum(summary.energy_j_by_activity.values()))
    assert summary.carbon_g["full"] == pytest.approx(sum(summary.carbon_g_by_activity.values()))
    allocations = [entry for entry in result.entries if entry.kind in {"allocated", "run_ended"}]
    released_h = sum(
        entry.content["allocation"]["released"] * (after.at_s - entry.at_s) / HOUR_S
        for entry, after in itertools.pairwise(allocations)
    )
    held_h = sum(summary.device_hours_by_activity.values())
    checkpoints_h = summary.device_hours_by_activity.get("checkpoint", 0.0)  # a device is released after its checkpoint
    total_h = cluster.gpus * summary.simulated_hours
    assert total_h - 1e-9 <= held_h + released_h <= total_h + checkpoints_h + 1e-9


def check_tasks(entries):
    """Each task is completed at most once, or unfinished."""
    completed = Counter(entry.content["task"] for entry in entries if entry.kind in {"evaluated", "sampled"})
    started = {entry.content["task"] for entry in entries if entry.kind == "task_started"}
    (unfinished,) = [entry.content["unfinished_tasks"] for entry in entries if entry.kind == "run_ended"]
    assert set(completed.values()) <= {1}
    assert started == set(completed) | set(unfinished)
    assert not set(completed) & set(unfinished)
    trained = [tuple(entry.content["architecture"]) for entry in entries if entry.kind == "evaluated"]
    assert len(set(trained)) == len(trained)


def check_devices(entries):
    """A device runs one task at a time."""
    running = {}
    for entry in entries:
        content = entry.content
        if entry.kind == "task_started":
            assert content["device"] not in running
            assert content["task"] not in running.values()
            running[content["device"]] = content["task"]
        elif entry.kind in {"evaluated", "sampled", "task_suspended"}:
            assert running.pop(content["device"]) == content["task"]


def check_site_constraints(run_settings, search, entries):
    windows = [WeeklyWindow.parse(text) for text in run_settings.site.closed]
    cap_w = run_settings.site.power_cap_w or float("inf")
    working_w = peak_power_w(run_settings) * 1.56
    for entry in entries:
        if entry.kind == "allocated":
            counts = entry.content["allocation"]
            power_w = (counts["sampling"] + counts["evaluating"]) * working_w + counts["idle"] * IDLE_W * 1.56
            assert power_w <= cap_w * (1 + 1e-9)
    for entry in entries:
        if entry.kind == "period":
            start = search._inputs.start + timedelta(seconds=entry.content["start_s"])
            if any(
                window.overlaps(start, start + timedelta(seconds=run_settings.schedule.period)) for window in windows
            ):
                assert entry.content["allocation"]["released"] == run_settings.cluster.gpus


def peak_power_w(run_settings):
    cluster = run_settings.cluster
    preemptions = ((cluster.checkpoint_j, cluster.checkpoint_s), (cluster.restore_j, cluster.restore_s))
    startups = ((cluster.startup_j, cluster.startup_s),)
    return max(WORKING_W, *(joules / seconds for joules, seconds in (*preemptions, *startups) if seconds))
