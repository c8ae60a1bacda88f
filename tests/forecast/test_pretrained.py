from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.forecast.base import ForecastInput
from ce_nas.forecast.hourly import QUANTILE_LEVELS
from ce_nas.forecast.pretrained import CONTEXT_H, HORIZON_H, PretrainedTransformer, build_windows
from ce_nas.grid.synthetic import synthetic_trace

END = datetime(2023, 6, 1, tzinfo=UTC)


def inputs_until(end, values, zone="north"):
    return ForecastInput(values, 3600.0, 0.0, end, zone)


@pytest.fixture(scope="module")
def wind_year():
    trace = synthetic_trace("wind", year=2023)
    hours = round((END - trace.start).total_seconds() / 3600)
    return trace.g_per_kwh[:hours].copy(), trace.g_per_kwh[hours : hours + HORIZON_H].copy()


@pytest.fixture(scope="module")
def forecaster():
    return PretrainedTransformer()


def test_a_zone_it_does_not_know_is_forecast_with_ordered_quantiles(forecaster, wind_year):
    past, _ = wind_year
    forecast = forecaster.predict(inputs_until(END, past), 4 * 86400.0)
    assert forecast.mean_g_per_kwh.shape == (HORIZON_H,)
    assert forecast.fallback == ""
    values = [forecast.quantiles_g_per_kwh[level] for level in QUANTILE_LEVELS]
    assert (np.diff(values, axis=0) > 0).all()


def test_scale_and_unit_of_a_zone_make_no_difference(forecaster, wind_year):
    past, _ = wind_year
    plain, scaled = (forecaster.predict(inputs_until(END, factor * past), 86400.0) for factor in (1.0, 3.0))
    assert scaled.mean_g_per_kwh == pytest.approx(3.0 * plain.mean_g_per_kwh, rel=1e-4)


def test_it_is_closer_than_yesterday_over_a_month(forecaster, wind_year):
    past, _ = wind_year
    own, naive = [], []
    for day in range(30):
        stop = len(past) - HORIZON_H - 24 * day
        end = END - timedelta(hours=HORIZON_H + 24 * day)
        forecast = forecaster.predict(inputs_until(end, past[:stop]), 4 * 86400.0).mean_g_per_kwh
        truth = past[stop : stop + HORIZON_H]
        own.append(np.abs(forecast / truth - 1).mean())
        naive.append(np.abs(np.tile(past[stop - 24 : stop], 4) / truth - 1).mean())
    assert np.mean(own) < 0.9 * np.mean(naive)


def test_hours_before_the_context_make_no_difference(forecaster, wind_year):
    past, _ = wind_year
    other = past.copy()
    other[: -CONTEXT_H - 24] *= 2.0
    one, two = (forecaster.predict(inputs_until(END, values), 86400.0).mean_g_per_kwh for values in (past, other))
    assert one.tolist() == two.tolist()


def test_two_weeks_are_enough(forecaster, wind_year):
    past, truth = wind_year
    forecast = forecaster.predict(inputs_until(END, past[-15 * 24 :]), 4 * 86400.0)
    assert forecast.fallback == ""
    assert np.abs(forecast.mean_g_per_kwh / truth - 1).mean() < 1.0
    short = forecaster.predict(inputs_until(END, past[-10 * 24 :]), 86400.0)
    assert short.fallback.startswith("damped-profile")


def test_windows_at_earlier_ends_are_those_of_a_shorter_past(forecaster, wind_year):
    past, _ = wind_year
    slots = forecaster.usable_slots(inputs_until(END, past[-40 * 24 :]), 4 * 86400.0)
    cut = forecaster.usable_slots(inputs_until(END - timedelta(hours=7), past[-40 * 24 : -7]), 4 * 86400.0)
    both = forecaster.predict_windows(slots, np.array([len(slots) - 7, len(slots)]))
    assert both[0] == pytest.approx(forecaster.predict_windows(cut, np.array([len(cut)]))[0], abs=1e-5)


def test_the_training_hours_are_known(forecaster):
    assert forecaster.has_seen("DE", datetime(2021, 1, 1, tzinfo=UTC))
    assert not forecaster.has_seen("DE", datetime(2021, 7, 1, tzinfo=UTC))
    assert not forecaster.has_seen("CISO", datetime(2020, 1, 1, tzinfo=UTC))


def test_baseline_of_a_repeating_week_is_that_week():
    day = np.sin(2 * np.pi * np.arange(24) / 24)
    week = np.concatenate([day, 1.5 * day, day, 1.5 * day, day, 1.5 * day, day])
    log = np.tile(week, 3)[None]
    features, baseline, level, spread = build_windows(log, np.array([0]), np.array([0]), np.array([0.0]))
    assert features.shape == (1, CONTEXT_H + HORIZON_H, 14)
    assert features.dtype == np.float32
    assert level[0] == pytest.approx(0.0, abs=1e-12)
    assert features[0, :CONTEXT_H, 0] == pytest.approx(log[0] / spread[0], abs=1e-5)
    assert features[0, CONTEXT_H:, 3] == pytest.approx(log[0, :HORIZON_H] / spread[0], abs=1e-5)
    yesterday = np.tile(day, 4) / spread[0]
    assert features[0, CONTEXT_H:, 2] == pytest.approx(yesterday, abs=1e-5)
    corrected, weeks = features[0, CONTEXT_H:, 1], features[0, CONTEXT_H:, 3]
    assert baseline[0] == pytest.approx(0.5 * corrected + 0.25 * yesterday + 0.25 * weeks, abs=1e-5)
