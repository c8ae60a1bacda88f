"""Backtests: no leakage, and the measures as defined."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.backtest import BacktestResult, IssueTimes, run_backtest
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.history import RecordedHistory
from ce_nas.forecast.simple_forecasters import SeasonalNaive
from ce_nas.grid.readers import read_trace
from ce_nas.grid.trace import Series

START = datetime(2021, 1, 1, tzinfo=UTC)
DAYS = 12


class Snooper(Forecaster):
    """Predicts the sum of all values that it has access to, also of the arrays behind its arrays."""

    name = "snooper"
    lookback_s = 3 * DAY_S

    def predict(self, inputs, horizon_s):
        steps = round(horizon_s / inputs.step_s)
        arrays = [inputs.intensity_g_per_kwh, *inputs.mix_mw.values(), *inputs.future_covariates.values()]
        accessible = [array if array.base is None else array.base for array in arrays]
        total = sum(float(np.nansum(array)) for array in accessible)
        return Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, np.full(steps, total))


def at(day, hour=0):
    return START + timedelta(days=day, hours=hour)


def record(intensity, gas, wind):
    return RecordedHistory("X", Series(START, HOUR_S, intensity), {"gas": gas}, {"wind": Series(START, HOUR_S, wind)})


@given(issue_h=st.integers(24, (DAYS - 2) * 24), horizon_h=st.integers(1, 24), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("forecaster", [Snooper(), SeasonalNaive()])
def test_future_never_changes_a_forecast(forecaster, issue_h, horizon_h, seed):
    rng = np.random.default_rng(seed)
    intensity, gas, wind = rng.uniform(1, 500, (3, DAYS * 24))
    issues = IssueTimes(at(0, issue_h), at(0, issue_h), horizon_s=horizon_h * HOUR_S)
    before = run_backtest(forecaster, record(intensity, gas, wind), issues)
    intensity, gas, wind = intensity.copy(), gas.copy(), wind.copy()
    intensity[issue_h:] = rng.uniform(1, 500, DAYS * 24 - issue_h)
    gas[issue_h:] = np.nan
    wind[issue_h + horizon_h :] = -1.0
    after = run_backtest(forecaster, record(intensity, gas, wind), issues)
    assert np.array_equal(before.mean, after.mean)
    assert not np.array_equal(before.truth, after.truth)


@pytest.mark.parametrize("change", ["intensity", "gas", "wind"])
def test_known_values_do_change_a_forecast(change):
    tables = {name: np.full(DAYS * 24, 100.0) for name in ("intensity", "gas", "wind")}
    before = run_backtest(Snooper(), record(**tables), IssueTimes(at(5), at(5)))
    tables[change] = tables[change].copy()
    tables[change][5 * 24 + (95 if change == "wind" else -1)] += 1.0
    assert run_backtest(Snooper(), record(**tables), IssueTimes(at(5), at(5))).mean == pytest.approx(before.mean + 1.0)


def test_rolling_origins_align_forecast_and_truth():
    intensity = np.arange(DAYS * 24, dtype=float)
    backtest = run_backtest(
        SeasonalNaive(), record(intensity, intensity, intensity), IssueTimes(at(1), at(4, 23), 2 * DAY_S)
    )
    assert backtest.issue_times == (at(1), at(3))
    assert backtest.truth.shape == backtest.mean.shape == (2, 96)
    assert backtest.truth[1].tolist() == list(range(72, 168))
    assert backtest.mean[1, :24].tolist() == list(range(48, 72))


def test_issues_without_past_or_truth_are_skipped():
    intensity = np.full(DAYS * 24, 100.0)
    intensity[3 * 24 - 1] = np.nan
    intensity[5 * 24 : 5 * 24 + 96] = np.nan
    gappy = record(intensity, intensity, intensity)
    backtest = run_backtest(SeasonalNaive(), gappy, IssueTimes(at(0), at(DAYS)))
    # Days 6 to 8 begin right after a step without a value, as day 3 does; day 9 does not.
    assert backtest.skipped == (at(0), at(3), at(5), at(6), at(7), at(8), at(9), at(DAYS))
    with pytest.raises(SettingsError, match="covers 2021-01-01 00:00 UTC to 2021-01-13 00:00 UTC"):
        run_backtest(SeasonalNaive(), gappy, IssueTimes(at(400), at(500)))


def result(truth, mean, quantiles=None):
    issue_times = tuple(at(day) for day in range(len(truth)))
    return BacktestResult("f", "X", 12 * HOUR_S, issue_times, np.array(truth), np.array(mean), quantiles or {})


def test_errors_by_day_of_lead():
    backtest = result([[100.0, 200.0, 50.0, 100.0]], [[110.0, 200.0, 40.0, 100.0]])
    assert backtest.mae_by_day_g_per_kwh == (5.0, 5.0)
    assert backtest.mape_by_day_pct == pytest.approx((5.0, 10.0))
    assert (backtest.mae_g_per_kwh, backtest.mape_pct) == (5.0, pytest.approx(7.5))


def test_missing_truth_and_zero_intensity_are_left_out():
    backtest = result([[np.nan, 100.0, 0.0, np.nan, np.nan]], [[5.0, 90.0, 10.0, 7.0, 3.0]])
    assert backtest.mae_g_per_kwh == 10.0
    assert backtest.mape_by_day_pct[0] == pytest.approx(10.0)
    assert np.isnan(backtest.mape_by_day_pct[1:]).all()
    assert backtest.mae_by_day_g_per_kwh[1] == 10.0


def test_pinball_and_coverage():
    truth = [[100.0, 100.0, 100.0, np.nan]]
    low, high = np.array([[90.0, 101.0, 80.0, 0.0]]), np.array([[110.0, 120.0, 99.0, 0.0]])
    backtest = result(truth, truth, {0.1: low, 0.9: high})
    assert backtest.coverage(0.8) == pytest.approx(1 / 3)
    assert backtest.coverage_by_day(0.8) == (pytest.approx(0.5), pytest.approx(0.0))
    assert backtest.coverage(0.95) is None
    losses_low = [0.1 * 10, 0.9 * 1, 0.1 * 20]
    losses_high = [0.1 * 10, 0.1 * 20, 0.9 * 1]
    assert backtest.pinball_g_per_kwh == pytest.approx(np.mean([losses_low, losses_high]))


def test_no_quantiles_no_pinball_nor_coverage():
    backtest = result([[100.0]], [[100.0]])
    assert backtest.pinball_g_per_kwh is None
    assert backtest.to_json()["coverage"] == {"0.8": None, "0.95": None}


def test_seasonal_naive_has_published_errors(shared_data):
    """BuildSys 2022's days: 181 issues at 00:00 UTC in the second half of 2021."""
    trace = read_trace(shared_data / "grid/carboncast_2020_2021.parquet", zone="DE")
    issues = IssueTimes(datetime(2021, 7, 1, tzinfo=UTC), datetime(2021, 12, 28, tzinfo=UTC))
    backtest = run_backtest(SeasonalNaive(), RecordedHistory.from_trace(trace), issues)
    assert len(backtest.issue_times) == 181
    assert np.round(backtest.mape_by_day_pct, 2).tolist() == [19.70, 25.79, 29.56, 32.24]
