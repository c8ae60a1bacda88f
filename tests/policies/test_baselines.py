"""Each baseline follows its rule, above all at the extremes."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.records import Allocation
from ce_nas.policies.baselines import (
    FixedSharePolicy,
    HotCarbonPolicy,
    OneShotPolicy,
    SuspendResumePolicy,
    ThresholdPolicy,
    VanillaPolicy,
)
from ce_nas.testing import make_state

HOUR_S = 3600.0
WEEK = np.linspace(100.0, 500.0, 168)


def decide(policy, past=WEEK, forecast=300.0, step_s=HOUR_S, **fields):
    return policy.decide(make_state(past_g_per_kwh=past, forecast=forecast, past_step_s=step_s, **fields)).allocation


@pytest.mark.parametrize(("share", "sampling"), [(0.0, 8), (0.25, 6), (0.5, 4), (0.9, 1), (1.0, 0)])
@pytest.mark.parametrize("forecast", [None, 100.0, 500.0])
def test_fixed_share_is_the_same_at_every_hour(share, sampling, forecast):
    assert decide(FixedSharePolicy(share), forecast=forecast) == Allocation(sampling, 8 - sampling)


@pytest.mark.parametrize("forecast", [None, 100.0, 500.0])
def test_vanilla_evaluates_at_every_hour(forecast):
    assert decide(VanillaPolicy(), forecast=forecast) == Allocation(0, 8)


@pytest.mark.parametrize(
    ("forecast", "sampling"),
    [(100.0, 0), (20.0, 0), (500.0, 8), (900.0, 8), (300.0, 4), (200.0, 2), (124.0, 0), (126.0, 1)],
)
def test_hotcarbon_sampling_share_grows_with_the_intensity(forecast, sampling):
    assert decide(HotCarbonPolicy(), forecast=forecast) == Allocation(sampling, 8 - sampling)


@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=200),
    st.floats(0, 1200),
    st.floats(0, 1200),
    st.integers(1, 64),
)
def test_hotcarbon_samples_no_less_in_dirtier_hours(past, one, other, devices):
    cleaner, dirtier = sorted((one, other))
    low, high = (decide(HotCarbonPolicy(), past, forecast, devices=devices).sampling for forecast in (cleaner, dirtier))
    assert low <= high


@pytest.mark.parametrize(("forecast", "trains"), [(100.0, 1), (300.0, 1), (450.0, 1), (500.0, 0)])
def test_one_device_with_nothing_to_sample_rests_in_the_dirtiest_hours_alone(forecast, trains):
    """As a training function without scores has it: it was released whenever the share rounded to a whole device."""
    allocation = decide(HotCarbonPolicy(), forecast=forecast, devices=1, can_sample=False)
    assert allocation == Allocation(0, trains, released=1 - trains)


def test_hotcarbon_halves_the_devices_without_any_spread():
    assert decide(HotCarbonPolicy(), past=[], forecast=None) == Allocation(4, 4)
    assert decide(HotCarbonPolicy(), past=np.full(168, 250.0), forecast=250.0) == Allocation(4, 4)
    assert decide(HotCarbonPolicy(), past=[250.0], forecast=400.0) == Allocation(4, 4)


@pytest.mark.parametrize(
    ("policy", "released"),
    [(HotCarbonPolicy(), 8), (FixedSharePolicy(0.25), 6), (ThresholdPolicy(0.5), 8), (VanillaPolicy(), 0)],
)
def test_sampling_devices_are_released_when_nothing_is_left_to_sample(policy, released):
    decision = policy.decide(make_state(forecast=500.0, can_sample=False))
    assert decision.allocation == Allocation(0, 8 - released, released=released)
    assert ("Nothing is left to sample." in decision.reason) == (released > 0)


@pytest.mark.parametrize("step_s", [300.0, 900.0, HOUR_S, 2 * HOUR_S])
@pytest.mark.parametrize("policy", [HotCarbonPolicy(), ThresholdPolicy(0.5)])
def test_past_week_does_not_depend_on_the_step(policy, step_s):
    steps = round(168 * HOUR_S / step_s)
    week = np.linspace(100.0, 500.0, steps)
    older = np.full(steps, 9000.0)
    assert decide(policy, np.concatenate([older, week]), 480.0, step_s) == decide(policy, week, 480.0, step_s)


@pytest.mark.parametrize("step_s", [300.0, 900.0, HOUR_S, 2 * HOUR_S])
def test_whole_past_week_counts(step_s):
    week = np.linspace(100.0, 500.0, round(168 * HOUR_S / step_s))
    week[0] = 1000.0
    assert decide(HotCarbonPolicy(), week, 500.0, step_s).sampling == round(8 * 400 / 900)


def test_forecast_is_averaged_over_the_coming_period():
    quarters = [500.0, 100.0, 100.0, 100.0, 500.0, 500.0]
    assert decide(HotCarbonPolicy(), forecast=quarters, step_s=900.0) == Allocation(2, 6)
    assert decide(HotCarbonPolicy(), forecast=quarters, step_s=900.0, period_s=900.0) == Allocation(8, 0)


@pytest.mark.parametrize("past", [[100.0, 500.0], [100.0, 300.0, 500.0]])
def test_past_shorter_than_a_week_is_used_whole(past):
    assert decide(HotCarbonPolicy(), past, 200.0) == Allocation(2, 6)
    assert decide(ThresholdPolicy(), past, 299.0) == Allocation(0, 8)
    assert decide(ThresholdPolicy(), past, 301.0) == Allocation(8, 0)


@pytest.mark.parametrize(
    ("policy", "dirty"),
    [
        (ThresholdPolicy, Allocation(8, 0)),
        (partial(SuspendResumePolicy, warmup_scores=0), Allocation(0, 0, released=8)),
    ],
)
@pytest.mark.parametrize(
    ("quantile", "forecast", "clean"),
    [
        (0.5, 299.0, True),
        (0.5, 301.0, False),
        (0.0, 100.0, True),
        (0.0, 101.0, False),
        (1.0, 500.0, True),
        (1.0, 501.0, False),
    ],
)
def test_hour_is_clean_up_to_the_quantile_of_the_past_week(policy, dirty, quantile, forecast, clean):
    decision = policy(quantile).decide(make_state(forecast=forecast))
    assert decision.allocation == (Allocation(0, 8) if clean else dirty)
    assert ("clean" if clean else "dirty") in decision.reason


@pytest.mark.parametrize("policy", [ThresholdPolicy(0.3), SuspendResumePolicy(0.3, warmup_scores=0)])
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=50), st.floats(0, 1200), st.floats(0, 1200))
def test_clean_quantile_is_monotonic(policy, past, one, other):
    cleaner, dirtier = sorted((one, other))
    low, high = (decide(policy, past, forecast).evaluating for forecast in (cleaner, dirtier))
    assert low >= high


@pytest.mark.parametrize("policy", [ThresholdPolicy(), SuspendResumePolicy(warmup_scores=0)])
def test_unknown_grid_counts_as_clean(policy):
    assert decide(policy, past=[], forecast=None) == Allocation(0, 8)


@pytest.mark.parametrize("devices", [1, 2, 3, 8])
@pytest.mark.parametrize("noise", [1e-13, -1e-13])
def test_flat_grid_is_clean_despite_rounding(devices, noise):
    flat = np.full(168, 300.1)
    for policy in (SuspendResumePolicy(0.5, warmup_scores=0), ThresholdPolicy(0.5)):
        assert decide(policy, flat, 300.1 + noise, devices=devices) == Allocation(0, devices)


def test_suspend_resume_waits_less_before_the_deadline_of_a_target():
    known = {"forecast": 400.0, "target_hypervolume": 5000.0, "evaluations": 0, "trained_s": 0.0}
    known["hypervolume_by_evaluation"] = ()
    counts = [
        SuspendResumePolicy(0.5, 0).decide(make_state(**known, time_left_s=hours * HOUR_S)).allocation.evaluating
        for hours in (4000, 168, 24)
    ]
    assert counts == [0, 0, 8]
    without = make_state(**known | {"target_hypervolume": math.inf}, time_left_s=24 * HOUR_S)
    assert SuspendResumePolicy(0.5, 0).decide(without).allocation.evaluating == 0


def test_one_shot_samples_and_then_runs_the_final_trainings():
    policy = OneShotPolicy(final_trainings=24, final_training_window_s=4 * HOUR_S)
    assert decide(policy, time_left_s=40 * HOUR_S) == Allocation(8, 0)
    assert decide(policy, time_left_s=4 * HOUR_S) == Allocation(0, 4, released=4)
    assert decide(policy, time_left_s=HOUR_S, evaluations=0) == Allocation(0, 8)
    assert decide(policy, time_left_s=HOUR_S, evaluations=23) == Allocation(0, 1, released=7)


def test_one_shot_is_done_after_its_last_training():
    policy = OneShotPolicy(final_trainings=24)
    for evaluations, time_left_h, can_sample, done in (
        (23, 1, True, False),
        (24, 1, True, True),
        (30, 1, True, True),
        (24, 40, True, False),
        (24, 40, False, True),
        (0, 40, False, False),
    ):
        state = make_state(evaluations=evaluations, time_left_s=time_left_h * HOUR_S, can_sample=can_sample)
        assert policy.decide(state).done is done


@pytest.mark.parametrize(
    "policy",
    [VanillaPolicy(), FixedSharePolicy(), HotCarbonPolicy(), ThresholdPolicy(), SuspendResumePolicy(warmup_scores=0)],
)
def test_other_baselines_never_end_the_run(policy):
    assert not policy.decide(make_state(can_sample=False, time_left_s=0.0)).done


def test_reason_gives_the_deciding_figures():
    reason = HotCarbonPolicy().decide(make_state(forecast=200.0)).reason
    assert reason == "Forecast 200 g/kWh between the past week's 100 and 500: 25 % sampling."
    reason = ThresholdPolicy(0.25).decide(make_state(forecast=210.0)).reason
    assert reason == "Forecast 210 g/kWh, bound 200 (quantile 0.25 of a week): dirty."


SAFE = [ThresholdPolicy(safe=True), HotCarbonPolicy(safe=True), SuspendResumePolicy(safe=True, warmup_scores=0)]


@pytest.mark.parametrize("policy", SAFE, ids=lambda policy: policy.name)
def test_safe_policies_train_once_a_quarter_of_the_time_brought_nothing(policy):
    dirty = {"forecast": 500.0, "evaluations": 0, "hypervolume_by_evaluation": ()}
    early = decide(policy, now_s=19 * HOUR_S, time_left_s=61 * HOUR_S, **dirty)
    late = decide(policy, now_s=20 * HOUR_S, time_left_s=60 * HOUR_S, **dirty)
    assert (early.evaluating, late) == (0, Allocation(0, 8))
    trained = decide(policy, now_s=20 * HOUR_S, time_left_s=60 * HOUR_S, **dirty | {"evaluations": 1})
    assert trained.evaluating == 0
    closed = decide(policy, now_s=20 * HOUR_S, time_left_s=60 * HOUR_S, closed_periods=(0,), **dirty)
    assert closed.evaluating == 0


@pytest.mark.parametrize("policy", SAFE[:2], ids=lambda policy: policy.name)
def test_safe_policies_use_all_hours_that_the_target_needs(policy):
    target = {"forecast": 500.0, "target_hypervolume": 4100.0}
    assert decide(policy, time_left_s=4 * HOUR_S, **target) == Allocation(0, 8)
    assert decide(policy, time_left_s=1000 * HOUR_S, **target).evaluating == 0


def test_policies_are_not_safe_unless_it_is_stated():
    dirty = {"forecast": 500.0, "evaluations": 0, "hypervolume_by_evaluation": ()}
    for policy in (ThresholdPolicy(), HotCarbonPolicy(), SuspendResumePolicy()):
        assert decide(policy, now_s=79 * HOUR_S, time_left_s=HOUR_S, **dirty).evaluating == 0
