from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import ForecastInput
from ce_nas.forecast.hourly import HourlySeries

END = datetime(2021, 7, 4, 6, tzinfo=UTC)


def past_of(values, step_s=HOUR_S, end=END, covariates=None, mix=None):
    return ForecastInput(np.asarray(values, dtype=float), step_s, 0.0, end, "zone", mix or {}, covariates or {})


def test_slots_start_at_midnight_and_end_with_the_past():
    slots = HourlySeries.from_inputs(past_of(np.arange(1, 61)), 4 * DAY_S, 100 * DAY_S)
    assert slots.start == datetime(2021, 7, 2, tzinfo=UTC)
    assert np.exp(slots.log_intensity) == pytest.approx(np.arange(7, 61))
    assert slots.slot_of_day[:26].tolist() == [*range(24), 0, 1]
    assert slots.weekday[[0, 24, 48]].tolist() == [4, 5, 6]
    assert slots.day_fraction[[0, 12, 24]] == pytest.approx([0.5 / 24, 12.5 / 24, 0.5 / 24])


def test_short_steps_are_averaged_and_repeated():
    slots = HourlySeries.from_inputs(past_of(np.repeat(np.arange(1.0, 31.0), 12), 300.0), 2 * HOUR_S, DAY_S * 100)
    assert (slots.steps_per_slot, slots.horizon, len(slots)) == (12, 2, 30)
    assert np.exp(slots.log_intensity) == pytest.approx(np.arange(1, 31))
    assert slots.to_steps(np.array([1.0, 2.0]), 1.5 * HOUR_S).tolist() == [1.0] * 12 + [2.0] * 6


def test_steps_that_do_not_divide_a_day_have_no_slots():
    assert HourlySeries.from_inputs(past_of(np.ones(100), 7 * HOUR_S), DAY_S, 100 * DAY_S) is None
    assert HourlySeries.from_inputs(past_of(np.ones(100), 420.0), DAY_S, 100 * DAY_S) is None


def test_long_past_starts_at_a_fixed_anchor():
    begins = {
        HourlySeries.from_inputs(past_of(np.ones(3000), end=END + timedelta(hours=hours)), DAY_S, 100 * DAY_S).start
        for hours in range(72)
    }
    assert len(begins) == 1
    assert END - timedelta(days=100) <= begins.pop() < END - timedelta(days=69)


def test_covariate_horizon_ends_at_the_first_gap():
    wind = np.concatenate([np.ones(48 + 10), [np.nan], np.ones(13)])
    slots = HourlySeries.from_inputs(past_of(np.ones(48), covariates={"wind": wind}), DAY_S, 100 * DAY_S)
    assert slots.covariate_horizon == 10
    ended = HourlySeries.from_inputs(
        past_of(np.ones(48), covariates={"wind": wind, "sun": np.ones(48)}), DAY_S, 100 * DAY_S
    )
    assert (ended.covariate_horizon, list(ended.usable_covariates)) == (10, ["wind"])
    assert len(ended.with_horizon(10).future_covariates["wind"]) == len(ended) + 10
    assert HourlySeries.from_inputs(past_of(np.ones(48)), DAY_S, 100 * DAY_S).covariate_horizon == 0


def test_mix_shares_are_of_the_total():
    mix = {"coal": np.array([3.0, 0.0, np.nan] * 8), "wind": np.array([1.0, 0.0, 2.0] * 8)}
    slots = HourlySeries.from_inputs(
        past_of(np.ones(24), mix=mix, end=datetime(2021, 7, 4, tzinfo=UTC)), DAY_S, 100 * DAY_S
    )
    assert slots.mix_shares["coal"][:3] == pytest.approx([0.75, np.nan, np.nan], nan_ok=True)
    assert slots.mix_shares["wind"][:3] == pytest.approx([0.25, np.nan, 1.0], nan_ok=True)


def test_slice_days():
    slots = HourlySeries.from_inputs(
        past_of(np.arange(1, 55), covariates={"wind": np.arange(54.0 + 48)}), 2 * DAY_S, 100 * DAY_S
    )
    part = slots.slice_days(2, 4)
    assert part.start == datetime(2021, 7, 4, tzinfo=UTC)
    assert (len(part), part.horizon) == (6, 42)
    assert part.future_covariates["wind"].tolist() == list(range(48, 96))
