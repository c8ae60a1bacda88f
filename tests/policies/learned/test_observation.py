import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.records import Forecast
from ce_nas.policies.learned.observation import FEATURE_BOUND, FEATURE_NAMES, extract_features
from ce_nas.testing import make_state

HOUR_S = 3600.0
DAY = 300.0 + 100.0 * np.sin(np.arange(24) / 24 * 2 * np.pi)
WEEK = np.tile(DAY, 7)


def forecast(values, quantiles=None):
    return Forecast("test", 0.0, 0.0, HOUR_S, np.asarray(values, dtype=float), quantiles or {})


def features(**fields):
    """The features by name of a state with these fields."""
    known = {"past_g_per_kwh": WEEK, "forecast": forecast(np.tile(DAY, 4)), "time_left_s": 200 * HOUR_S, **fields}
    return dict(zip(FEATURE_NAMES, extract_features(make_state(**known)).tolist(), strict=True))


NUMBERS = st.floats(0, 1e4)


@st.composite
def states(draw):
    hypervolumes = tuple(np.maximum.accumulate(draw(st.lists(NUMBERS, max_size=60)) or [0.0]).tolist())
    values = draw(st.none() | st.lists(NUMBERS, min_size=1, max_size=20))
    return {
        "past_g_per_kwh": np.array(draw(st.lists(NUMBERS, max_size=60))),
        "forecast": None if values is None else forecast(values),
        "time_left_s": draw(st.floats(0, 1e6)),
        "now_s": draw(st.floats(0, 1e6)),
        "devices": draw(st.integers(1, 200)),
        "evaluations": len(hypervolumes),
        "target_hypervolume": draw(st.floats(0.1, 1e5) | st.just(math.inf)),
        "hypervolume_by_evaluation": hypervolumes,
        "hypervolume_history": hypervolumes[::3],
        "hypervolume": hypervolumes[-1],
        **{name: draw(st.floats(-1e3, 1e6) | st.just(math.inf)) for name in ("carbon_left_g", "cost_left")},
    }


@settings(max_examples=100)
@given(state=states())
def test_features_of_any_state_are_finite_and_bounded(state):
    values = extract_features(make_state(**state))
    assert values.shape == (len(FEATURE_NAMES),)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= FEATURE_BOUND


def test_intensities_are_relative():
    ten = {"past_g_per_kwh": 10 * WEEK, "forecast": forecast(10 * np.tile(DAY, 4))}
    assert features(**ten) == pytest.approx(features(), abs=1e-5)


def test_coming_period_is_compared_with_later_ones():
    best, worst = (
        features(forecast=forecast(np.linspace(100, 500, 96))),
        features(forecast=forecast(np.linspace(500, 100, 96))),
    )
    assert best["cleaner_within_24"] == 0.0
    assert best["cleanest_within_24"] == 1.0
    assert worst["cleaner_within_24"] == pytest.approx(23 / 24)
    assert worst["cleanest_within_96"] < worst["cleanest_within_24"] < 1.0
    assert worst["forecast_0_1"] > worst["forecast_1_2"] > worst["forecast_24_36"]


def test_regularity_of_the_past_days():
    rng = np.random.default_rng(0)
    regular, erratic = features(), features(past_g_per_kwh=rng.permutation(WEEK))
    assert (regular["days_alike"], regular["last_day_unlike"]) == pytest.approx((1.0, 0.0), abs=1e-6)
    assert erratic["days_alike"] < 0.4
    assert erratic["last_day_unlike"] > 0.2
    drifting = features(past_g_per_kwh=WEEK + np.linspace(0, 200, len(WEEK)))
    assert drifting["days_apart"] > 0.1 > regular["days_apart"]
    assert [features(past_g_per_kwh=DAY)[name] for name in ("days_alike", "last_day_unlike", "days_apart")] == [0.0] * 3


def test_forecast_after_the_deadline_is_ignored():
    short = {"time_left_s": 10 * HOUR_S}
    ends = forecast(np.concatenate([np.tile(DAY, 4)[:10], np.full(86, 1.0)]))
    assert features(**short) == features(forecast=ends, **short)
    assert features() != features(forecast=ends)


def test_spread_of_the_forecast_quantiles():
    known = forecast(np.full(48, 300.0), {0.1: np.full(48, 200.0), 0.9: np.full(48, 500.0)})
    assert features(forecast=known)["spread_of_day_ahead"] == pytest.approx(1.0, rel=1e-6)
    assert (features(forecast=known)["quantiles_known"], features()["quantiles_known"]) == (1.0, 0.0)


def test_target_features_are_0_without_a_target():
    state = {"hypervolume_by_evaluation": tuple(np.linspace(1.0, 2.0, 40)), "hypervolume": 2.0, "evaluations": 40}
    unknown = features(**state)
    assert [unknown[name] for name in ("target_known", "missing", "doublings_missing", "work_missing")] == [0.0] * 4
    near, far = features(target_hypervolume=2.01, **state), features(target_hypervolume=4.0, **state)
    assert near["target_known"] == far["target_known"] == 1.0
    assert near["missing"] < far["missing"]
    assert near["doublings_missing"] < far["doublings_missing"]


def test_budgets_are_shares_left():
    half = {"carbon_left_g": 500.0, "carbon_spent_g": 500.0}
    assert features(**half)["carbon_left_share"] == 0.5
    assert features()["carbon_left_share"] == 1.0
    assert features(time_left_s=10 * HOUR_S, now_s=30 * HOUR_S)["time_left_share"] == 0.25


def test_price_gap_grows_with_fewer_remaining_trainings():
    values = features(
        devices=8, evaluations=10, trained_s=10 * 1800.0, time_left_s=24 * HOUR_S
    )  # 16 trainings a period
    names = [name for name in FEATURE_NAMES if name.startswith("too_dear_for_")]
    too_dear = [values[name] for name in names]
    assert too_dear == sorted(too_dear, reverse=True)
    assert values["too_dear_for_10"] == pytest.approx((DAY[0] - DAY.min()) / DAY.mean(), abs=1e-5)
    assert values["too_dear_for_400"] == -1.0  # 25 periods, of 24
    assert values["trainings_till_end"] == pytest.approx(math.log1p(24 * 16) / 8.0)
    assert values["trainings_in_cleaner"] == pytest.approx(math.log1p(np.count_nonzero(DAY[0] > DAY) * 16) / 8.0)


def test_plan_features_compare_working_with_waiting():
    falling, rising = forecast(np.linspace(500, 100, 96)), forecast(np.linspace(100, 500, 96))
    near = {
        "target_hypervolume": 4001.0,
        "hypervolume_by_evaluation": tuple(np.linspace(3000.0, 4000.0, 60)),
        "hypervolume": 4000.0,
        "evaluations": 60,
    }
    dirty, clean = features(forecast=falling, **near), features(forecast=rising, **near)
    assert dirty["worse_to_rest_1.0"] < 0 < clean["worse_to_rest_1.0"]
    assert dirty["dearer_than_needed_50%"] > 0 >= clean["dearer_than_needed_50%"]
    assert dirty["cost_ahead"] > 0
    far = features(forecast=falling, **near | {"target_hypervolume": 9000.0})
    assert far["work_believed"] > dirty["work_believed"]
    assert far["share_needed_90%"] > dirty["share_needed_90%"] > dirty["share_needed_50%"]


def test_default_training_duration_before_the_first_training():
    assert features(devices=1)["trainings_till_end"] == pytest.approx(math.log1p(96 * 3600 / 1500) / 8.0)
