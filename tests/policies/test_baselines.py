"""Each rule does what its sentence says, at the extremes above all."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.records import Allocation, Forecast, View
from ce_nas.policies.baselines import AllEvaluation, AllSampling, FixedShare, Heuristic, SuspendResume, Threshold

HOUR_S = 3600.0
WEEK = np.linspace(100.0, 500.0, 168)


def view_of(past=WEEK, coming=300.0, step_s=HOUR_S, devices=8, **rest):
    mean = None if coming is None else np.atleast_1d(np.asarray(coming, dtype=float))
    known = {
        "now_s": 0.0,
        "period_s": HOUR_S,
        "devices": devices,
        "past_g_per_kwh": np.asarray(past, dtype=float),
        "past_step_s": step_s,
        "forecast": None if mean is None else Forecast("test", 0.0, 0.0, step_s, mean),
        "evaluations": 20,
        "samples": 200,
        "hypervolume": 4000.0,
        "hypervolume_history": (),
        "front_size": 7,
        "backlog": 5,
        "backlog_capacity": 10,
        "backlog_front": 2,
        "running": 3,
        "suspended": 1,
        "can_sample": True,
        "trained_s": 20 * 1500.0,
        "carbon_spent_g": 9000.0,
        "energy_spent_j": 30e6,
        "cost_spent": 0.0,
        "time_left_s": 40 * HOUR_S,
        "carbon_left_g": math.inf,
        "energy_left_j": math.inf,
        "cost_left": math.inf,
        "evaluations_left": math.inf,
    }
    return View(**known | rest)


def decide(allocator, *args, **kwargs):
    return allocator.decide(view_of(*args, **kwargs)).allocation


@pytest.mark.parametrize(("share", "sampling"), [(0.0, 8), (0.25, 6), (0.5, 4), (0.9, 1), (1.0, 0)])
@pytest.mark.parametrize("coming", [None, 100.0, 500.0])
def test_a_fixed_share_is_the_same_at_every_hour(share, sampling, coming):
    assert decide(FixedShare(share), coming=coming) == Allocation(sampling, 8 - sampling)


@pytest.mark.parametrize("coming", [None, 100.0, 500.0])
def test_vanilla_trains_at_every_hour(coming):
    assert decide(AllEvaluation(), coming=coming) == Allocation(0, 8)


@pytest.mark.parametrize(
    ("coming", "sampling"),
    [(100.0, 0), (20.0, 0), (500.0, 8), (900.0, 8), (300.0, 4), (200.0, 2), (124.0, 0), (126.0, 1)],
)
def test_the_heuristics_share_grows_with_the_intensity(coming, sampling):
    assert decide(Heuristic(), coming=coming) == Allocation(sampling, 8 - sampling)


@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=200),
    st.floats(0, 1200),
    st.floats(0, 1200),
    st.integers(1, 64),
)
def test_the_heuristic_samples_no_less_where_the_forecast_is_dirtier(past, one, other, devices):
    cleaner, dirtier = sorted((one, other))
    low, high = (decide(Heuristic(), past, coming, devices=devices).sampling for coming in (cleaner, dirtier))
    assert low <= high


def test_the_heuristic_halves_where_nothing_tells_hours_apart():
    assert decide(Heuristic(), past=[], coming=None) == Allocation(4, 4)
    assert decide(Heuristic(), past=np.full(168, 250.0), coming=250.0) == Allocation(4, 4)
    assert decide(Heuristic(), past=[250.0], coming=400.0) == Allocation(4, 4)


@pytest.mark.parametrize(
    ("allocator", "released"), [(Heuristic(), 8), (FixedShare(0.25), 6), (Threshold(0.5), 8), (AllEvaluation(), 0)]
)
def test_with_nothing_left_to_sample_those_devices_are_given_back(allocator, released):
    decision = allocator.decide(view_of(coming=500.0, can_sample=False))
    assert decision.allocation == Allocation(0, 8 - released, released=released)
    assert ("Nothing is left to sample." in decision.reason) == (released > 0)


@pytest.mark.parametrize("step_s", [300.0, 900.0, HOUR_S, 2 * HOUR_S])
@pytest.mark.parametrize("allocator", [Heuristic(), Threshold(0.5)])
def test_a_week_is_a_week_whatever_the_step(allocator, step_s):
    steps = round(168 * HOUR_S / step_s)
    week = np.linspace(100.0, 500.0, steps)
    older = np.full(steps, 9000.0)
    assert decide(allocator, np.concatenate([older, week]), 480.0, step_s) == decide(allocator, week, 480.0, step_s)


@pytest.mark.parametrize("step_s", [300.0, 900.0, HOUR_S, 2 * HOUR_S])
def test_all_of_the_week_counts(step_s):
    week = np.linspace(100.0, 500.0, round(168 * HOUR_S / step_s))
    week[0] = 1000.0
    assert decide(Heuristic(), week, 500.0, step_s).sampling == round(8 * 400 / 900)


def test_what_counts_is_the_coming_period_and_not_its_first_step():
    quarters = [500.0, 100.0, 100.0, 100.0, 500.0, 500.0]
    assert decide(Heuristic(), coming=quarters, step_s=900.0) == Allocation(2, 6)
    assert decide(Heuristic(), coming=quarters, step_s=900.0, period_s=900.0) == Allocation(8, 0)


@pytest.mark.parametrize("past", [[100.0, 500.0], [100.0, 300.0, 500.0]])
def test_a_past_shorter_than_a_week_is_used_as_it_is(past):
    assert decide(Heuristic(), past, 200.0) == Allocation(2, 6)
    assert decide(Threshold(), past, 299.0) == Allocation(0, 8)
    assert decide(Threshold(), past, 301.0) == Allocation(8, 0)


@pytest.mark.parametrize(
    ("allocator", "dirty"),
    [(Threshold, Allocation(8, 0)), (partial(SuspendResume, scored=0), Allocation(0, 0, released=8))],
)
@pytest.mark.parametrize(
    ("quantile", "coming", "clean"),
    [
        (0.5, 299.0, True),
        (0.5, 301.0, False),
        (0.0, 100.0, True),
        (0.0, 101.0, False),
        (1.0, 500.0, True),
        (1.0, 501.0, False),
    ],
)
def test_an_hour_is_clean_up_to_the_quantile_of_the_past_week(allocator, dirty, quantile, coming, clean):
    decision = allocator(quantile).decide(view_of(coming=coming))
    assert decision.allocation == (Allocation(0, 8) if clean else dirty)
    assert ("clean" if clean else "dirty") in decision.reason


@pytest.mark.parametrize("allocator", [Threshold(0.3), SuspendResume(0.3, scored=0)])
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=50), st.floats(0, 1200), st.floats(0, 1200))
def test_a_dirtier_hour_is_never_cleaner(allocator, past, one, other):
    cleaner, dirtier = sorted((one, other))
    low, high = (decide(allocator, past, coming).evaluating for coming in (cleaner, dirtier))
    assert low >= high


@pytest.mark.parametrize("allocator", [Threshold(), SuspendResume(scored=0)])
def test_while_nothing_is_known_of_the_grid_work_goes_on(allocator):
    assert decide(allocator, past=[], coming=None) == Allocation(0, 8)


@pytest.mark.parametrize("devices", [1, 2, 3, 8])
@pytest.mark.parametrize("noise", [1e-13, -1e-13])
def test_rounding_does_not_make_a_flat_grid_dirty(devices, noise):
    flat = np.full(168, 300.1)
    for allocator in (SuspendResume(0.5, scored=0), Threshold(0.5)):
        assert decide(allocator, flat, 300.1 + noise, devices=devices) == Allocation(0, devices)


def test_suspend_resume_rests_less_the_scarcer_time_gets_before_a_target(view_of):
    known = {"coming": 400.0, "target": 5000.0, "evaluations": 0, "course": (), "trained_s": 0.0}
    counts = [
        SuspendResume(0.5, 0).decide(view_of(**known, time_left_s=hours * HOUR_S)).allocation.evaluating
        for hours in (4000, 168, 24)
    ]
    assert counts == [0, 0, 8]
    without = view_of(**known | {"target": math.inf}, time_left_s=24 * HOUR_S)
    assert SuspendResume(0.5, 0).decide(without).allocation.evaluating == 0


def test_one_shot_samples_until_the_closing_hours_and_then_trains_what_is_missing():
    rule = AllSampling(trainings=24, closing_s=4 * HOUR_S)
    assert decide(rule, time_left_s=40 * HOUR_S) == Allocation(8, 0)
    assert decide(rule, time_left_s=4 * HOUR_S) == Allocation(0, 4, released=4)
    assert decide(rule, time_left_s=HOUR_S, evaluations=0) == Allocation(0, 8)
    assert decide(rule, time_left_s=HOUR_S, evaluations=23) == Allocation(0, 1, released=7)


def test_one_shot_is_done_with_its_last_training_and_not_before():
    rule = AllSampling(trainings=24)
    for evaluations, time_left_h, can_sample, done in (
        (23, 1, True, False),
        (24, 1, True, True),
        (30, 1, True, True),
        (24, 40, True, False),
        (24, 40, False, True),
        (0, 40, False, False),
    ):
        view = view_of(evaluations=evaluations, time_left_s=time_left_h * HOUR_S, can_sample=can_sample)
        assert rule.decide(view).done is done


@pytest.mark.parametrize("rule", [AllEvaluation(), FixedShare(), Heuristic(), Threshold(), SuspendResume(scored=0)])
def test_the_other_rules_leave_the_end_to_the_budget(rule):
    assert not rule.decide(view_of(can_sample=False, time_left_s=0.0)).done


def test_the_reason_gives_the_figures_that_decided():
    reason = Heuristic().decide(view_of(coming=200.0)).reason
    assert reason == "Forecast 200 g/kWh between the past week's 100 and 500: 25% sampling."
    reason = Threshold(0.25).decide(view_of(coming=210.0)).reason
    assert reason == "Forecast 210 g/kWh, bound 200 (quantile 0.25 of a week): dirty."
