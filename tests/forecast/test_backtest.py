"""A backtest leaks nothing, and its measures are those of its sentence."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.backtest import Backtest, Issues, backtest
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.baselines import SeasonalNaive
from ce_nas.forecast.history import History
from ce_nas.grid.readers import read_trace
from ce_nas.grid.trace import Series

START = datetime(2021, 1, 1, tzinfo=UTC)
DAYS = 12


class Nosy(Forecaster):
    """Makes its forecast of everything that it can get hold of, the arrays behind its arrays too."""

    name = "nosy"
    lookback_s = 3 * DAY_S

    def predict(self, past, horizon_s):
        steps = round(horizon_s / past.step_s)
        arrays = [past.intensity_g_per_kwh, *past.mix_mw.values(), *past.known.values()]
        reached = [array if array.base is None else array.base for array in arrays]
        total = sum(float(np.nansum(array)) for array in reached)
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, np.full(steps, total))


def at(day, hour=0):
    return START + timedelta(days=day, hours=hour)


def record(intensity, gas, wind):
    return History("X", Series(START, HOUR_S, intensity), {"gas": gas}, {"wind": Series(START, HOUR_S, wind)})


@given(issue_h=st.integers(24, (DAYS - 2) * 24), horizon_h=st.integers(1, 24), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("forecaster", [Nosy(), SeasonalNaive()])
def test_changing_the_future_never_changes_a_forecast(forecaster, issue_h, horizon_h, seed):
    rng = np.random.default_rng(seed)
    intensity, gas, wind = rng.uniform(1, 500, (3, DAYS * 24))
    issues = Issues(at(0, issue_h), at(0, issue_h), horizon_s=horizon_h * HOUR_S)
    before = backtest(forecaster, record(intensity, gas, wind), issues)
    intensity, gas, wind = intensity.copy(), gas.copy(), wind.copy()
    intensity[issue_h:] = rng.uniform(1, 500, DAYS * 24 - issue_h)
    gas[issue_h:] = np.nan
    wind[issue_h + horizon_h :] = -1.0
    after = backtest(forecaster, record(intensity, gas, wind), issues)
    assert np.array_equal(before.mean, after.mean)
    assert not np.array_equal(before.truth, after.truth)


@pytest.mark.parametrize("change", ["intensity", "gas", "wind"])
def test_what_was_known_does_change_it(change):
    tables = {name: np.full(DAYS * 24, 100.0) for name in ("intensity", "gas", "wind")}
    before = backtest(Nosy(), record(**tables), Issues(at(5), at(5)))
    tables[change] = tables[change].copy()
    tables[change][5 * 24 + (95 if change == "wind" else -1)] += 1.0
    assert backtest(Nosy(), record(**tables), Issues(at(5), at(5))).mean == pytest.approx(before.mean + 1.0)


def test_origins_roll_on_and_each_forecast_stands_beside_what_came():
    intensity = np.arange(DAYS * 24, dtype=float)
    found = backtest(SeasonalNaive(), record(intensity, intensity, intensity), Issues(at(1), at(4, 23), 2 * DAY_S))
    assert found.issued == (at(1), at(3))
    assert found.truth.shape == found.mean.shape == (2, 96)
    assert found.truth[1].tolist() == list(range(72, 168))
    assert found.mean[1, :24].tolist() == list(range(48, 72))


def test_what_cannot_be_judged_is_left_out_and_named():
    intensity = np.full(DAYS * 24, 100.0)
    intensity[3 * 24 - 1] = np.nan
    intensity[5 * 24 : 5 * 24 + 96] = np.nan
    record_ = record(intensity, intensity, intensity)
    found = backtest(SeasonalNaive(), record_, Issues(at(0), at(DAYS)))
    # Days 6 to 8 begin right after a step without a value, as day 3 does; day 9 does not.
    assert found.left_out == (at(0), at(3), at(5), at(6), at(7), at(8), at(9), at(DAYS))
    with pytest.raises(SettingsError, match="covers 2021-01-01 00:00 UTC to 2021-01-13 00:00 UTC"):
        backtest(SeasonalNaive(), record_, Issues(at(400), at(500)))


def made(truth, mean, quantiles=None):
    moments = tuple(at(day) for day in range(len(truth)))
    return Backtest("f", "X", 12 * HOUR_S, moments, np.array(truth), np.array(mean), quantiles or {})


def test_errors_are_given_by_day_of_lead():
    found = made([[100.0, 200.0, 50.0, 100.0]], [[110.0, 200.0, 40.0, 100.0]])
    assert found.mae_by_day_g_per_kwh == (5.0, 5.0)
    assert found.mape_by_day_pct == pytest.approx((5.0, 10.0))
    assert (found.mae_g_per_kwh, found.mape_pct) == (5.0, pytest.approx(7.5))


def test_what_did_not_come_counts_for_nothing():
    found = made([[np.nan, 100.0, 0.0, np.nan, np.nan]], [[5.0, 90.0, 10.0, 7.0, 3.0]])
    assert found.mae_g_per_kwh == 10.0
    assert found.mape_by_day_pct[0] == pytest.approx(10.0)
    assert np.isnan(found.mape_by_day_pct[1:]).all()
    assert found.mae_by_day_g_per_kwh[1] == 10.0


def test_pinball_and_coverage():
    truth = [[100.0, 100.0, 100.0, np.nan]]
    low, high = np.array([[90.0, 101.0, 80.0, 0.0]]), np.array([[110.0, 120.0, 99.0, 0.0]])
    found = made(truth, truth, {0.1: low, 0.9: high})
    assert found.coverage(0.8) == pytest.approx(1 / 3)
    assert found.coverage_by_day(0.8) == (pytest.approx(0.5), pytest.approx(0.0))
    assert found.coverage(0.95) is None
    losses_low = [0.1 * 10, 0.9 * 1, 0.1 * 20]
    losses_high = [0.1 * 10, 0.1 * 20, 0.9 * 1]
    assert found.pinball_g_per_kwh == pytest.approx(np.mean([losses_low, losses_high]))


def test_without_quantiles_there_is_neither():
    found = made([[100.0]], [[100.0]])
    assert found.pinball_g_per_kwh is None
    assert found.content()["coverage"] == {"0.8": None, "0.95": None}


def test_the_published_protocol_gives_the_published_figures_of_seasonal_naive(shared_data):
    """BuildSys 2022's days: 181 issues at 00:00 UTC in the second half of 2021."""
    trace = read_trace(shared_data / "grid/carboncast_2020_2021.parquet", zone="DE")
    issues = Issues(datetime(2021, 7, 1, tzinfo=UTC), datetime(2021, 12, 28, tzinfo=UTC))
    found = backtest(SeasonalNaive(), History.of(trace), issues)
    assert len(found.issued) == 181
    assert np.round(found.mape_by_day_pct, 2).tolist() == [19.70, 25.79, 29.56, 32.24]
