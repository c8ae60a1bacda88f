"""Random scenarios: whatever is asked of a run, its budgets hold, its books balance, and no task is lost or doubled.

In the suite these are a few dozen; ``make scenarios`` runs a thousand (CE_NAS_SCENARIOS says how many).
"""

import itertools
import os
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ce_nas.api import Study
from ce_nas.config.registry import POLICIES
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.records import Allocation
from ce_nas.core.rng import stream
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.policies.base import Allocator, Decision
from ce_nas.policies.site_constraints import Window

EXAMPLES = int(os.environ.get("CE_NAS_SCENARIOS", "60"))
IDLE_W, WORKING_W = 60.0, 287.0


class Erratic(Allocator):
    """Divides the devices anew at random, so that everything is suspended, released and resumed all the time."""

    name = "erratic"

    def __init__(self, seed):
        self.rng = stream(seed, "erratic")

    def decide(self, view):
        cuts = sorted(self.rng.integers(view.devices + 1, size=3).tolist())
        parts = [after - before for before, after in itertools.pairwise([0, *cuts, view.devices])]
        return Decision(Allocation(*parts), "At random.")


@st.composite
def scenarios(draw):
    """Settings and a policy, as flags and as what goes under them."""
    gpus, hours = draw(st.integers(1, 6)), draw(st.sampled_from([0.3, 1.0, 2.5, 6.0, 14.0]))
    most_j = gpus * hours * HOUR_S * WORKING_W * 1.56
    share = st.floats(0.02, 1.2)
    budget = {"check": draw(st.sampled_from(["1min", "5min", "20min"]))}
    for name, most, unit in (("energy", most_j, "J"), ("carbon", most_j / J_PER_KWH * 250, "g"), ("cost", most_j, "")):
        if draw(st.integers(0, 2)) == 0:
            budget[name] = (
                f"{most * draw(share):.3f}{unit}" if unit else draw(share) * (gpus * hours + most / J_PER_KWH)
            )
    if draw(st.integers(0, 2)) == 0:
        budget["gpu_hours"] = gpus * hours * draw(share)
    site = {}
    if draw(st.booleans()):
        site["closed"] = [draw(st.sampled_from(["mon-fri 09:00-17:00", "02:30-03:10", "22:00-01:00"]))]
    if draw(st.booleans()):
        site["power_cap_w"] = draw(st.floats(100, 3500))
    if draw(st.booleans()):
        site["minimum_time"] = draw(st.sampled_from(["1h", "150min"]))
    prices = {"electricity_per_kwh": 1.0, "gpu_hour": 1.0}
    if draw(st.booleans()):
        prices["billing"] = draw(st.sampled_from(["1min", "1h"]))
    cluster = draw(st.sampled_from([{}, {"startup_s": 0, "startup_j": 0}, {"checkpoint_s": 300, "restore_s": 7}]))
    base = {"budget": budget, "site": site, "prices": prices, "cluster": cluster}
    base["searcher"] = {"period": draw(st.sampled_from(["20min", "1h", "150min"])), "batch": draw(st.integers(1, 400))}
    zone = draw(st.sampled_from(["solar", "wind", "coal-flat"]))
    seed = draw(st.integers(0, 10_000))
    policy = draw(st.sampled_from([*POLICIES, "erratic", "erratic"]))
    flags = {"gpus": gpus, "hours": hours, "zone": zone, "seed": seed, "searcher": "uniform"}
    return base, flags, policy


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenario=scenarios())
def test_a_run_keeps_its_laws(scenario):
    base, flags, policy = scenario
    stated = settings_from_flags(base, **flags, policy=None if policy == "erratic" else policy)
    study = Study(stated, allocator=Erratic(flags["seed"]) if policy == "erratic" else None)
    result = study.run()
    no_budget_is_overrun_by_more_than_one_look(stated, study, result.summary)
    energy_balances(stated, result)
    no_task_is_lost_or_doubled(result.entries)
    no_device_does_two_things(result.entries)
    the_site_is_respected(stated, study, result.entries)


def no_budget_is_overrun_by_more_than_one_look(stated, study, summary):
    budget, gpus = stated.budget, stated.cluster.gpus
    peak_w = gpus * max(WORKING_W, stated.cluster.restore_j / stated.cluster.restore_s) * 1.56
    hours = round(summary.simulated_hours + 1)
    dirtiest = max(study._materials.intensity.mean(at * HOUR_S, (at + 1) * HOUR_S) for at in range(hours))
    billed_h = (stated.prices.billing or 0.0) / HOUR_S
    look_j, look_h = peak_w * budget.check, gpus * (budget.check / HOUR_S + billed_h)
    held_h = sum(summary.device_hours_by_activity.values())
    for spent, limit, a_look in (
        (summary.energy_j, budget.energy, look_j),
        (summary.carbon_g["full"], budget.carbon, look_j / J_PER_KWH * dirtiest),
        (held_h, budget.gpu_hours, gpus * budget.check / HOUR_S),
        (summary.cost, budget.cost, look_h + look_j / J_PER_KWH),
        (summary.simulated_hours * HOUR_S, budget.time, 0.0),
    ):
        assert limit is None or spent <= (limit + a_look) * (1 + 1e-9)


def energy_balances(stated, result):
    summary, cluster = result.summary, stated.cluster
    watts = {"idle": cluster.idle_w, "restore": cluster.restore_j / cluster.restore_s}
    watts["checkpoint"] = cluster.checkpoint_j / cluster.checkpoint_s
    watts["startup"] = cluster.startup_j / cluster.startup_s if cluster.startup_s else 0.0
    for name, held_h in summary.device_hours_by_activity.items():
        by_hand_j = watts.get(name, WORKING_W) * held_h * HOUR_S * 1.56
        assert summary.energy_j_by_activity[name] == pytest.approx(by_hand_j, rel=1e-9, abs=1e-6)
    assert summary.energy_j == pytest.approx(sum(summary.energy_j_by_activity.values()))
    assert summary.carbon_g["full"] == pytest.approx(sum(summary.carbon_g_by_activity.values()))
    divided = [entry for entry in result.entries if entry.kind in {"divided", "ended"}]
    released_h = sum(
        entry.content["allocation"]["released"] * (after.at_s - entry.at_s) / HOUR_S
        for entry, after in itertools.pairwise(divided)
    )
    held_h = sum(summary.device_hours_by_activity.values())
    leaving_h = summary.device_hours_by_activity.get("checkpoint", 0.0)  # a device goes once it has written them
    all_h = cluster.gpus * summary.simulated_hours
    assert all_h - 1e-9 <= held_h + released_h <= all_h + leaving_h + 1e-9


def no_task_is_lost_or_doubled(entries):
    ended = Counter(entry.content["task"] for entry in entries if entry.kind in {"evaluated", "sampled"})
    begun = {entry.content["task"] for entry in entries if entry.kind == "started"}
    (unfinished,) = [entry.content["unfinished"] for entry in entries if entry.kind == "ended"]
    assert set(ended.values()) <= {1}
    assert begun == set(ended) | set(unfinished)
    assert not set(ended) & set(unfinished)
    trained = [tuple(entry.content["architecture"]) for entry in entries if entry.kind == "evaluated"]
    assert len(set(trained)) == len(trained)


def no_device_does_two_things(entries):
    busy = {}
    for entry in entries:
        content = entry.content
        if entry.kind == "started":
            assert content["device"] not in busy
            assert content["task"] not in busy.values()
            busy[content["device"]] = content["task"]
        elif entry.kind in {"evaluated", "sampled", "suspended"}:
            assert busy.pop(content["device"]) == content["task"]


def the_site_is_respected(stated, study, entries):
    windows = [Window.parse(text) for text in stated.site.closed]
    cap_w = stated.site.power_cap_w or float("inf")
    working_w = study_peak_w(stated) * 1.56
    for entry in entries:
        if entry.kind == "divided":
            parts = entry.content["allocation"]
            drawn_w = (parts["sampling"] + parts["evaluating"]) * working_w + parts["idle"] * IDLE_W * 1.56
            assert drawn_w <= cap_w * (1 + 1e-9)
    for entry in entries:
        if entry.kind == "period":
            begins = study._materials.start + timedelta(seconds=entry.content["start_s"])
            if any(window.meets(begins, begins + timedelta(seconds=stated.searcher.period)) for window in windows):
                assert entry.content["allocation"]["released"] == stated.cluster.gpus


def study_peak_w(stated):
    cluster = stated.cluster
    moves = ((cluster.checkpoint_j, cluster.checkpoint_s), (cluster.restore_j, cluster.restore_s))
    startups = ((cluster.startup_j, cluster.startup_s),)
    return max(WORKING_W, *(joules / seconds for joules, seconds in (*moves, *startups) if seconds))
