"""Forecast means and resampling, objective signs, allocation sums."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.records import Allocation, Forecast, Objective, StopReason

HOURS = np.array([100.0, 200.0, 400.0, 50.0])


def forecast(values=HOURS, start_s=0.0, step_s=3600.0):
    return Forecast("test", start_s, start_s, step_s, np.asarray(values, dtype=float))


@pytest.mark.parametrize(
    ("start_h", "end_h", "mean"),
    [
        (0, 1, 100.0),
        (1, 3, 300.0),
        (0, 4, 187.5),
        (0.5, 1.5, 150.0),
        (0.9, 1.9, 190.0),
        (0.25, 0.75, 100.0),
        (2.5, 3.25, (0.5 * 400 + 0.25 * 50) / 0.75),
        (3, 9, 50.0),
        (2, 6, (400 + 3 * 50) / 4),
        (7, 8, 50.0),
        (-3, -1, 100.0),
        (-1, 2, (2 * 100 + 200) / 3),
        (1, 1, 200.0),
        (0.5, 0.5, 100.0),
        (-2, -2, 100.0),
        (4, 4, 50.0),
    ],
)
def test_forecast_mean_weights_steps_by_overlap(start_h, end_h, mean):
    for offset_s in (0.0, 7200.0, -1800.0):
        result = forecast(start_s=offset_s).mean_between(offset_s + 3600 * start_h, offset_s + 3600 * end_h)
        assert result == pytest.approx(mean, rel=1e-12)


@given(
    st.lists(st.floats(0, 2000), min_size=1, max_size=30),
    st.floats(-1e5, 2e5),
    st.floats(0, 1e5),
    st.sampled_from([300.0, 900.0, 1800.0, 3600.0, 5000.0]),
)
def test_forecast_mean_matches_fine_grid(values, start_s, length_s, step_s):
    result = forecast(values, step_s=step_s).mean_between(start_s, start_s + length_s)
    middles_s = start_s + (np.arange(20_000) + 0.5) / 20_000 * length_s
    steps = np.clip(np.floor(middles_s / step_s), 0, len(values) - 1).astype(int)
    assert result == pytest.approx(np.asarray(values)[steps].mean(), abs=2000 * 32 / 20_000)


@given(st.floats(0, 2000), st.integers(0, 95))
def test_forecast_mean_of_one_step_is_exact(value, step):
    values = np.full(96, 1.0)
    values[step] = value
    assert forecast(values).mean_between(3600.0 * step, 3600.0 * (step + 1)) == value


@pytest.mark.parametrize("maximise", [True, False])
def test_objective_sign_minimises(maximise):
    sign = Objective("m", "", maximise, 0.0).sign
    better, worse = (2.0, 1.0) if maximise else (1.0, 2.0)
    assert sign * better < sign * worse
    assert sign * (sign * better) == better


def test_allocation_counts_devices_and_is_frozen():
    allocation = Allocation(1, 2, 3)
    assert allocation.devices == 6
    with pytest.raises(dataclasses.FrozenInstanceError):
        allocation.idle = 0


def test_stop_reasons_are_sentences():
    assert all(stop.value[0].isupper() and stop.value.endswith(".") for stop in StopReason)


def test_forecast_resample_repeats_mean_day():
    days = np.concatenate([np.full(5, 999.0), np.arange(24.0), np.arange(24.0) + 100.0])  # part of a day, and two days
    forecast = Forecast("test", 0.0, 0.0, 3600.0, days)
    resampled = forecast.resample(0.0, 3600.0, 53 + 30)
    assert resampled[:53].tolist() == pytest.approx(days.tolist())
    assert resampled[53:77].tolist() == pytest.approx((np.arange(24.0) + 50.0).tolist())
    assert resampled[77:].tolist() == pytest.approx((np.arange(6.0) + 50.0).tolist())
    short = Forecast("test", 0.0, 0.0, 3600.0, np.array([1.0, 2.0]))
    assert short.resample(0.0, 3600.0, 5).tolist() == pytest.approx([1.0, 2.0, 1.0, 2.0, 1.0])
