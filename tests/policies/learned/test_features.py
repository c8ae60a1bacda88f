import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.records import Forecast
from ce_nas.policies.learned.features import BOUND, FEATURES, observe

HOUR_S = 3600.0
DAY = 300.0 + 100.0 * np.sin(np.arange(24) / 24 * 2 * np.pi)
WEEK = np.tile(DAY, 7)


def forecast(values, quantiles=None):
    return Forecast("test", 0.0, 0.0, HOUR_S, np.asarray(values, dtype=float), quantiles or {})


@pytest.fixture(scope="session")
def seen(view_of):
    """The features by name, with whatever is stated of the view."""

    def look(**stated):
        known = {"past_g_per_kwh": WEEK, "forecast": forecast(np.tile(DAY, 4)), "time_left_s": 200 * HOUR_S, **stated}
        return dict(zip(FEATURES, observe(view_of(**known)).tolist(), strict=True))

    return look


NUMBERS = st.floats(0, 1e4)


@st.composite
def states(draw):
    course = tuple(np.maximum.accumulate(draw(st.lists(NUMBERS, max_size=60)) or [0.0]).tolist())
    coming = draw(st.none() | st.lists(NUMBERS, min_size=1, max_size=20))
    return {
        "past_g_per_kwh": np.array(draw(st.lists(NUMBERS, max_size=60))),
        "forecast": None if coming is None else forecast(coming),
        "time_left_s": draw(st.floats(0, 1e6)),
        "now_s": draw(st.floats(0, 1e6)),
        "devices": draw(st.integers(1, 200)),
        "evaluations": len(course),
        "target": draw(st.floats(0.1, 1e5) | st.just(math.inf)),
        "course": course,
        "hypervolume_history": course[::3],
        "hypervolume": course[-1],
        **{name: draw(st.floats(-1e3, 1e6) | st.just(math.inf)) for name in ("carbon_left_g", "cost_left")},
    }


@settings(max_examples=100)
@given(state=states())
def test_whatever_the_view_every_feature_is_a_number_in_bounds(view_of, state):
    found = observe(view_of(**state))
    assert found.shape == (len(FEATURES),)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= BOUND


def test_intensities_are_relative_so_that_the_grids_level_makes_no_difference(seen):
    ten = {"past_g_per_kwh": 10 * WEEK, "forecast": forecast(10 * np.tile(DAY, 4))}
    assert seen(**ten) == pytest.approx(seen(), abs=1e-5)


def test_the_coming_period_is_put_among_those_that_follow(seen):
    best, worst = seen(forecast=forecast(np.linspace(100, 500, 96))), seen(forecast=forecast(np.linspace(500, 100, 96)))
    assert best["cleaner_within_24"] == 0.0
    assert best["cleanest_within_24"] == 1.0
    assert worst["cleaner_within_24"] == pytest.approx(23 / 24)
    assert worst["cleanest_within_96"] < worst["cleanest_within_24"] < 1.0
    assert worst["forecast_0_1"] > worst["forecast_1_2"] > worst["forecast_24_36"]


def test_a_grid_with_habits_is_told_from_one_without(seen):
    rng = np.random.default_rng(0)
    regular, erratic = seen(), seen(past_g_per_kwh=rng.permutation(WEEK))
    assert (regular["days_alike"], regular["last_day_unlike"]) == pytest.approx((1.0, 0.0), abs=1e-6)
    assert erratic["days_alike"] < 0.4
    assert erratic["last_day_unlike"] > 0.2
    drifting = seen(past_g_per_kwh=WEEK + np.linspace(0, 200, len(WEEK)))
    assert drifting["days_apart"] > 0.1 > regular["days_apart"]
    assert [seen(past_g_per_kwh=DAY)[name] for name in ("days_alike", "last_day_unlike", "days_apart")] == [0.0] * 3


def test_nothing_is_seen_of_what_comes_after_the_deadline(seen):
    short = {"time_left_s": 10 * HOUR_S}
    ends = forecast(np.concatenate([np.tile(DAY, 4)[:10], np.full(86, 1.0)]))
    assert seen(**short) == seen(forecast=ends, **short)
    assert seen() != seen(forecast=ends)


def test_quantiles_are_seen_where_there_are_any(seen):
    known = forecast(np.full(48, 300.0), {0.1: np.full(48, 200.0), 0.9: np.full(48, 500.0)})
    assert seen(forecast=known)["spread_of_day_ahead"] == pytest.approx(1.0, rel=1e-6)
    assert (seen(forecast=known)["quantiles_known"], seen()["quantiles_known"]) == (1.0, 0.0)


def test_the_target_is_seen_only_where_the_view_states_one(seen):
    state = {"course": tuple(np.linspace(1.0, 2.0, 40)), "hypervolume": 2.0, "evaluations": 40}
    unknown = seen(**state)
    assert [unknown[name] for name in ("target_known", "missing", "doublings_missing", "work_missing")] == [0.0] * 4
    near, far = seen(target=2.01, **state), seen(target=4.0, **state)
    assert near["target_known"] == far["target_known"] == 1.0
    assert near["missing"] < far["missing"]
    assert near["doublings_missing"] < far["doublings_missing"]


def test_budgets_are_seen_as_what_is_left_of_them(seen):
    half = {"carbon_left_g": 500.0, "carbon_spent_g": 500.0}
    assert seen(**half)["carbon_left_share"] == 0.5
    assert seen()["carbon_left_share"] == 1.0
    assert seen(time_left_s=10 * HOUR_S, now_s=30 * HOUR_S)["time_left_share"] == 0.25


def test_the_fewer_trainings_are_to_come_the_dearer_seems_an_hour_that_is_not_the_best(seen):
    found = seen(devices=8, evaluations=10, trained_s=10 * 1800.0, time_left_s=24 * HOUR_S)  # 16 trainings a period
    names = [name for name in FEATURES if name.startswith("too_dear_for_")]
    too_dear = [found[name] for name in names]
    assert too_dear == sorted(too_dear, reverse=True)
    assert found["too_dear_for_10"] == pytest.approx((DAY[0] - DAY.min()) / DAY.mean(), abs=1e-5)
    assert found["too_dear_for_400"] == -1.0  # 25 periods, of 24
    assert found["trainings_till_end"] == pytest.approx(math.log1p(24 * 16) / 8.0)
    assert found["trainings_in_cleaner"] == pytest.approx(math.log1p(np.count_nonzero(DAY[0] > DAY) * 16) / 8.0)


def test_it_is_seen_what_a_planner_would_make_of_the_hour(seen):
    falling, rising = forecast(np.linspace(500, 100, 96)), forecast(np.linspace(100, 500, 96))
    near = {
        "target": 4001.0,
        "course": tuple(np.linspace(3000.0, 4000.0, 60)),
        "hypervolume": 4000.0,
        "evaluations": 60,
    }
    dirty, clean = seen(forecast=falling, **near), seen(forecast=rising, **near)
    assert dirty["worse_to_rest_1.0"] < 0 < clean["worse_to_rest_1.0"]
    assert dirty["dearer_than_needed_50%"] > 0 >= clean["dearer_than_needed_50%"]
    assert dirty["cost_ahead"] > 0
    far = seen(forecast=falling, **near | {"target": 9000.0})
    assert far["work_believed"] > dirty["work_believed"]
    assert far["share_needed_90%"] > dirty["share_needed_90%"] > dirty["share_needed_50%"]


def test_before_the_first_training_has_ended_its_length_is_a_guess(seen):
    assert seen(devices=1)["trainings_till_end"] == pytest.approx(math.log1p(96 * 3600 / 1500) / 8.0)
