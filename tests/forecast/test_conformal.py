"""Calibrated quantiles: nominal coverage, also when levels shift, from the past alone."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.backtest import IssueTimes, run_backtest
from ce_nas.forecast.base import Forecaster, ForecastInput
from ce_nas.forecast.conformal import CALIBRATED_LEVELS, CalibratedForecaster, Calibration, calibrate_quantiles
from ce_nas.forecast.history import RecordedHistory
from ce_nas.forecast.simple_forecasters import DampedProfile, SeasonalNaive
from ce_nas.grid.readers import read_trace
from ce_nas.grid.trace import Series

START = datetime(2021, 1, 1, tzinfo=UTC)


def at(day, hour=0):
    return START + timedelta(days=day, hours=hour)


class Overconfident(Forecaster):
    """The mean of the last day, with quantiles at a tenth of their proper distance."""

    name = "overconfident"
    lookback_s = DAY_S

    def __init__(self):
        self.n_calls = 0

    def predict(self, inputs, horizon_s):
        self.n_calls += 1
        steps = round(horizon_s / inputs.step_s)
        mean = np.full(steps, inputs.intensity_g_per_kwh[-24:].mean())
        quantiles = {level: mean + 10.0 * (level - 0.5) for level in CALIBRATED_LEVELS}
        return Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, mean, quantiles)


def noise(days, spread_of_day, seed=0):
    """A record of independent hours around 400 g/kWh, with a spread by day."""
    rng = np.random.default_rng(seed)
    spread = np.repeat([spread_of_day(day) for day in range(days)], 24)
    return RecordedHistory("X", Series(START, HOUR_S, 400.0 + spread * rng.uniform(-1, 1, 24 * days)))


def test_coverage_is_nominal_on_a_steady_grid():
    history = noise(200, lambda _: 50.0)
    calibration = calibrate_quantiles(Overconfident(), history, IssueTimes(at(10), at(100), horizon_s=DAY_S))
    for model in (
        CalibratedForecaster(Overconfident(), calibration),
        CalibratedForecaster(Overconfident(), calibration, replay_days=0),
    ):
        backtest = run_backtest(model, history, IssueTimes(at(110), at(170), horizon_s=DAY_S))
        assert backtest.coverage(0.8) == pytest.approx(0.8, abs=0.03)
        assert backtest.coverage(0.95) == pytest.approx(0.95, abs=0.02)
    raw = run_backtest(Overconfident(), history, IssueTimes(at(110), at(170), horizon_s=DAY_S))
    assert raw.coverage(0.8) < 0.15
    assert np.array_equal(raw.mean, backtest.mean)


def test_tracking_follows_a_shift_of_the_spread():
    history = noise(320, lambda day: 30.0 if day < 120 else 90.0)
    calibration = calibrate_quantiles(SeasonalNaive(), history, IssueTimes(at(5), at(110), horizon_s=DAY_S))
    tracked, fixed = (
        run_backtest(
            CalibratedForecaster(SeasonalNaive(), calibration, days),
            history,
            IssueTimes(at(180), at(260), horizon_s=DAY_S),
        )
        for days in (120, 0)
    )
    assert fixed.coverage(0.8) < 0.5
    assert tracked.coverage(0.8) == pytest.approx(0.8, abs=0.03)
    assert tracked.coverage(0.95) == pytest.approx(0.95, abs=0.03)
    assert tracked.pinball_g_per_kwh < fixed.pinball_g_per_kwh


def test_replays_alone_calibrate():
    history = noise(200, lambda _: 50.0)
    for inner in (Overconfident(), SeasonalNaive()):
        backtest = run_backtest(CalibratedForecaster(inner), history, IssueTimes(at(150), at(190), horizon_s=DAY_S))
        assert backtest.coverage(0.8) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("horizon_h", [6, 36])
def test_a_part_of_a_day_is_calibrated(horizon_h):
    past = noise(60, lambda _: 50.0).inputs_at(50 * DAY_S, 60 * DAY_S)
    forecast = CalibratedForecaster(SeasonalNaive()).predict(past, horizon_h * HOUR_S)
    low, high = (forecast.quantiles_g_per_kwh[level] for level in (0.1, 0.9))
    assert len(low) == horizon_h
    assert (low < high).all()


def test_quantiles_are_unchanged_without_calibration_and_replays():
    history = noise(20, lambda _: 50.0)
    past = history.inputs_at(9 * DAY_S, 40 * DAY_S)
    assert CalibratedForecaster(SeasonalNaive()).predict(past, DAY_S).quantiles_g_per_kwh == {}
    own, same = (model.predict(past, DAY_S) for model in (Overconfident(), CalibratedForecaster(Overconfident())))
    assert np.array_equal(own.quantiles_g_per_kwh[0.9], same.quantiles_g_per_kwh[0.9])


def test_long_lookback_is_replayed_over_a_short_past():
    class LongLookback(DampedProfile):
        lookback_s = 700 * DAY_S

    history = noise(60, lambda _: 50.0)
    calibration = calibrate_quantiles(LongLookback(), history, IssueTimes(at(10), at(40)))
    forecast = CalibratedForecaster(LongLookback(), calibration).predict(
        history.inputs_at(60 * DAY_S, 900 * DAY_S), 4 * DAY_S
    )
    assert list(forecast.quantiles_g_per_kwh) == list(CALIBRATED_LEVELS)


def test_quantiles_are_ordered_and_not_negative():
    history = noise(60, lambda _: 399.0)
    calibration = calibrate_quantiles(SeasonalNaive(), history, IssueTimes(at(5), at(40)))
    forecast = CalibratedForecaster(SeasonalNaive(), calibration).predict(
        history.inputs_at(60 * DAY_S, 60 * DAY_S), 6 * DAY_S
    )
    stacked = np.array(list(forecast.quantiles_g_per_kwh.values()))
    assert (np.diff(stacked, axis=0) >= 0).all()
    assert stacked.shape == (len(CALIBRATED_LEVELS), 144)
    low = Calibration("seasonal-naive", 30, ((-2.0,) * len(CALIBRATED_LEVELS),), ((0.1,) * len(CALIBRATED_LEVELS),))
    forecast = CalibratedForecaster(SeasonalNaive(), low, 0).predict(history.inputs_at(60 * DAY_S, DAY_S), 6 * DAY_S)
    assert all((values == 0.0).all() for values in forecast.quantiles_g_per_kwh.values())


def test_replays_are_cached_without_effect_on_the_forecast():
    history = noise(80, lambda day: 30.0 + day)
    calibration = calibrate_quantiles(Overconfident(), history, IssueTimes(at(2), at(30)))
    inner = Overconfident()
    continued = CalibratedForecaster(inner, calibration, replay_days=20)
    for hour in range(0, 96, 7):
        now_s = 60 * DAY_S + hour * HOUR_S
        past = history.inputs_at(now_s, continued.lookback_s, 4 * DAY_S)
        scratch = CalibratedForecaster(Overconfident(), calibration, replay_days=20).predict(past, 4 * DAY_S)
        continuing = continued.predict(past, 4 * DAY_S)
        for level in CALIBRATED_LEVELS:
            assert np.array_equal(scratch.quantiles_g_per_kwh[level], continuing.quantiles_g_per_kwh[level])
        assert (scratch.issued_s, scratch.start_s) == (continuing.issued_s, continuing.start_s) == (now_s, now_s)
    assert inner.n_calls < 20 + 2 * 14


def test_cache_is_cleared_for_another_past():
    first, other = noise(60, lambda _: 50.0, seed=1), noise(60, lambda _: 50.0, seed=2)
    calibrated = CalibratedForecaster(Overconfident())
    calibrated.predict(first.inputs_at(50 * DAY_S, 40 * DAY_S), DAY_S)
    after = calibrated.predict(other.inputs_at(50 * DAY_S, 40 * DAY_S), DAY_S)
    fresh = CalibratedForecaster(Overconfident()).predict(other.inputs_at(50 * DAY_S, 40 * DAY_S), DAY_S)
    assert np.array_equal(after.quantiles_g_per_kwh[0.9], fresh.quantiles_g_per_kwh[0.9])


def test_future_never_changes_a_forecast():
    history = noise(60, lambda _: 50.0)
    values = history.intensity.values.copy()
    values[40 * 24 + 5 :] = 1.0
    changed = RecordedHistory("X", Series(START, HOUR_S, values))
    issues = IssueTimes(at(40, 5), at(40, 5))
    before, after = (
        run_backtest(CalibratedForecaster(Overconfident()), record, issues) for record in (history, changed)
    )
    assert np.array_equal(before.mean, after.mean)
    for level in CALIBRATED_LEVELS:
        assert np.array_equal(before.quantiles[level], after.quantiles[level])


def test_too_few_issues_are_rejected():
    with pytest.raises(SettingsError, match="10 issues or more to calibrate 'seasonal-naive' on, got 4"):
        calibrate_quantiles(SeasonalNaive(), noise(30, lambda _: 50.0), IssueTimes(at(3), at(6)))


def test_calibration_json_round_trip():
    calibration = calibrate_quantiles(SeasonalNaive(), noise(40, lambda _: 50.0), IssueTimes(at(3), at(30)))
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize(
    "change",
    [{"levels": [0.1, 0.9]}, {"offsets": [[1.0]]}, {"offsets": "many"}, {"offsets": []}, {"issues": None}],
)
def test_invalid_calibration_is_rejected(change):
    calibration = calibrate_quantiles(SeasonalNaive(), noise(40, lambda _: 50.0), IssueTimes(at(3), at(30)))
    with pytest.raises(SettingsError, match="Expected a calibration of the levels"):
        Calibration.from_json(calibration.to_json() | change)


def test_step_that_does_not_divide_a_day():
    past = ForecastInput(np.linspace(100, 300, 60), 7 * HOUR_S, 0.0, at(0, 3), "X")
    forecast = CalibratedForecaster(Overconfident(), replay_days=5).predict(past, 14 * HOUR_S)
    assert len(forecast.quantiles_g_per_kwh[0.5]) == 2


def test_coverage_is_nominal_on_a_real_half_year(shared_data):
    """Calibrated on the second half of 2020, evaluated on the first of 2021."""
    history = RecordedHistory.from_trace(read_trace(shared_data / "grid/carboncast_2020_2021.parquet", zone="ERCO"))
    calibration = calibrate_quantiles(
        DampedProfile(), history, IssueTimes(datetime(2020, 7, 1, tzinfo=UTC), datetime(2020, 12, 27, tzinfo=UTC))
    )
    issues = IssueTimes(datetime(2021, 1, 1, tzinfo=UTC), datetime(2021, 6, 27, tzinfo=UTC), horizon_s=2 * DAY_S)
    backtest = run_backtest(CalibratedForecaster(DampedProfile(), calibration), history, issues)
    assert backtest.coverage(0.8) == pytest.approx(0.8, abs=0.02)
    assert backtest.coverage(0.95) == pytest.approx(0.95, abs=0.02)
    assert run_backtest(CalibratedForecaster(DampedProfile(), calibration, 0), history, issues).coverage(0.8) < 0.7
