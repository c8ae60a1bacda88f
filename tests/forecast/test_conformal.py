"""Calibrated intervals hold what they promise, also when levels shift; and only the past moves them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.backtest import Issues, backtest
from ce_nas.forecast.base import Forecaster, Past
from ce_nas.forecast.baselines import DampedProfile, SeasonalNaive
from ce_nas.forecast.conformal import LEVELS, Calibrated, Calibration, calibrate
from ce_nas.forecast.history import History
from ce_nas.grid.readers import read_trace
from ce_nas.grid.trace import Series

START = datetime(2021, 1, 1, tzinfo=UTC)


def at(day, hour=0):
    return START + timedelta(days=day, hours=hour)


class Overconfident(Forecaster):
    """The mean of the past day, with quantiles a tenth as far apart as they should be."""

    name = "overconfident"
    lookback_s = DAY_S

    def __init__(self):
        self.calls = 0

    def predict(self, past, horizon_s):
        self.calls += 1
        steps = round(horizon_s / past.step_s)
        mean = np.full(steps, past.intensity_g_per_kwh[-24:].mean())
        quantiles = {level: mean + 10.0 * (level - 0.5) for level in LEVELS}
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, mean, quantiles)


def noise(days, spread_of_day, seed=0):
    """Independent hours around 400, their spread by day."""
    rng = np.random.default_rng(seed)
    spread = np.repeat([spread_of_day(day) for day in range(days)], 24)
    return History("X", Series(START, HOUR_S, 400.0 + spread * rng.uniform(-1, 1, 24 * days)))


def test_on_a_steady_grid_both_intervals_hold_their_share():
    history = noise(200, lambda _: 50.0)
    table = calibrate(Overconfident(), history, Issues(at(10), at(100), horizon_s=DAY_S))
    for made in (Calibrated(Overconfident(), table), Calibrated(Overconfident(), table, replay_days=0)):
        found = backtest(made, history, Issues(at(110), at(170), horizon_s=DAY_S))
        assert found.coverage(0.8) == pytest.approx(0.8, abs=0.03)
        assert found.coverage(0.95) == pytest.approx(0.95, abs=0.02)
    raw = backtest(Overconfident(), history, Issues(at(110), at(170), horizon_s=DAY_S))
    assert raw.coverage(0.8) < 0.15
    assert np.array_equal(raw.mean, found.mean)


def test_when_the_spread_shifts_tracking_follows_and_a_fixed_calibration_does_not():
    history = noise(320, lambda day: 30.0 if day < 120 else 90.0)
    table = calibrate(SeasonalNaive(), history, Issues(at(5), at(110), horizon_s=DAY_S))
    followed, fixed = (
        backtest(Calibrated(SeasonalNaive(), table, days), history, Issues(at(180), at(260), horizon_s=DAY_S))
        for days in (120, 0)
    )
    assert fixed.coverage(0.8) < 0.5
    assert followed.coverage(0.8) == pytest.approx(0.8, abs=0.03)
    assert followed.coverage(0.95) == pytest.approx(0.95, abs=0.03)
    assert followed.pinball_g_per_kwh < fixed.pinball_g_per_kwh


def test_without_a_calibration_the_last_weeks_speak():
    history = noise(200, lambda _: 50.0)
    for inner in (Overconfident(), SeasonalNaive()):
        found = backtest(Calibrated(inner), history, Issues(at(150), at(190), horizon_s=DAY_S))
        assert found.coverage(0.8) == pytest.approx(0.8, abs=0.03)


def test_with_neither_quantiles_stay_as_they_are():
    history = noise(20, lambda _: 50.0)
    past = history.past(9 * DAY_S, 40 * DAY_S)
    assert Calibrated(SeasonalNaive()).predict(past, DAY_S).quantiles_g_per_kwh == {}
    own, same = (made.predict(past, DAY_S) for made in (Overconfident(), Calibrated(Overconfident())))
    assert np.array_equal(own.quantiles_g_per_kwh[0.9], same.quantiles_g_per_kwh[0.9])


def test_a_forecaster_of_two_years_may_be_replayed_over_a_past_of_weeks():
    class Long(DampedProfile):
        lookback_s = 700 * DAY_S

    history = noise(60, lambda _: 50.0)
    table = calibrate(Long(), history, Issues(at(10), at(40)))
    forecast = Calibrated(Long(), table).predict(history.past(60 * DAY_S, 900 * DAY_S), 4 * DAY_S)
    assert list(forecast.quantiles_g_per_kwh) == list(LEVELS)


def test_quantiles_are_in_order_and_never_negative():
    history = noise(60, lambda _: 399.0)
    table = calibrate(SeasonalNaive(), history, Issues(at(5), at(40)))
    forecast = Calibrated(SeasonalNaive(), table).predict(history.past(60 * DAY_S, 60 * DAY_S), 6 * DAY_S)
    stacked = np.array(list(forecast.quantiles_g_per_kwh.values()))
    assert (np.diff(stacked, axis=0) >= 0).all()
    assert stacked.shape == (len(LEVELS), 144)
    low = Calibration("seasonal-naive", 30, ((-2.0,) * len(LEVELS),), ((0.1,) * len(LEVELS),))
    forecast = Calibrated(SeasonalNaive(), low, 0).predict(history.past(60 * DAY_S, DAY_S), 6 * DAY_S)
    assert all((values == 0.0).all() for values in forecast.quantiles_g_per_kwh.values())


def test_an_earlier_issue_is_worked_out_once_and_the_answer_does_not_depend_on_it():
    history = noise(80, lambda day: 30.0 + day)
    table = calibrate(Overconfident(), history, Issues(at(2), at(30)))
    inner = Overconfident()
    going_on = Calibrated(inner, table, replay_days=20)
    for hour in range(0, 96, 7):
        now_s = 60 * DAY_S + hour * HOUR_S
        past = history.past(now_s, going_on.lookback_s, 4 * DAY_S)
        anew = Calibrated(Overconfident(), table, replay_days=20).predict(past, 4 * DAY_S)
        again = going_on.predict(past, 4 * DAY_S)
        for level in LEVELS:
            assert np.array_equal(anew.quantiles_g_per_kwh[level], again.quantiles_g_per_kwh[level])
        assert (anew.issued_s, anew.start_s) == (again.issued_s, again.start_s) == (now_s, now_s)
    assert inner.calls < 20 + 2 * 14


def test_another_past_is_not_mistaken_for_an_earlier_one():
    one, other = noise(60, lambda _: 50.0, seed=1), noise(60, lambda _: 50.0, seed=2)
    made = Calibrated(Overconfident())
    made.predict(one.past(50 * DAY_S, 40 * DAY_S), DAY_S)
    after = made.predict(other.past(50 * DAY_S, 40 * DAY_S), DAY_S)
    fresh = Calibrated(Overconfident()).predict(other.past(50 * DAY_S, 40 * DAY_S), DAY_S)
    assert np.array_equal(after.quantiles_g_per_kwh[0.9], fresh.quantiles_g_per_kwh[0.9])


def test_changing_the_future_never_changes_a_forecast():
    history = noise(60, lambda _: 50.0)
    values = history.intensity.values.copy()
    values[40 * 24 + 5 :] = 1.0
    changed = History("X", Series(START, HOUR_S, values))
    issues = Issues(at(40, 5), at(40, 5))
    before, after = (backtest(Calibrated(Overconfident()), each, issues) for each in (history, changed))
    assert np.array_equal(before.mean, after.mean)
    for level in LEVELS:
        assert np.array_equal(before.quantiles[level], after.quantiles[level])


def test_too_few_issues_are_no_calibration():
    with pytest.raises(SettingsError, match="10 issues or more to calibrate 'seasonal-naive' on, got 4"):
        calibrate(SeasonalNaive(), noise(30, lambda _: 50.0), Issues(at(3), at(6)))


def test_a_calibration_is_kept_as_json():
    table = calibrate(SeasonalNaive(), noise(40, lambda _: 50.0), Issues(at(3), at(30)))
    assert Calibration.of(table.content()) == table


@pytest.mark.parametrize(
    "change",
    [{"levels": [0.1, 0.9]}, {"offsets": [[1.0]]}, {"offsets": "many"}, {"offsets": []}, {"issues": None}],
)
def test_what_is_no_calibration_is_refused(change):
    table = calibrate(SeasonalNaive(), noise(40, lambda _: 50.0), Issues(at(3), at(30)))
    with pytest.raises(SettingsError, match="Expected a calibration of the levels"):
        Calibration.of(table.content() | change)


def test_a_step_that_is_no_part_of_a_day_is_taken_as_it_is():
    past = Past(np.linspace(100, 300, 60), 7 * HOUR_S, 0.0, at(0, 3), "X")
    forecast = Calibrated(Overconfident(), replay_days=5).predict(past, 14 * HOUR_S)
    assert len(forecast.quantiles_g_per_kwh[0.5]) == 2


def test_a_real_half_year_is_covered(shared_data):
    """Calibrated on the second half of 2020, looked at in the first of 2021."""
    history = History.of(read_trace(shared_data / "grid/carboncast_2020_2021.parquet", zone="ERCO"))
    table = calibrate(
        DampedProfile(), history, Issues(datetime(2020, 7, 1, tzinfo=UTC), datetime(2020, 12, 27, tzinfo=UTC))
    )
    issues = Issues(datetime(2021, 1, 1, tzinfo=UTC), datetime(2021, 6, 27, tzinfo=UTC), horizon_s=2 * DAY_S)
    found = backtest(Calibrated(DampedProfile(), table), history, issues)
    assert found.coverage(0.8) == pytest.approx(0.8, abs=0.02)
    assert found.coverage(0.95) == pytest.approx(0.95, abs=0.02)
    assert backtest(Calibrated(DampedProfile(), table, 0), history, issues).coverage(0.8) < 0.7
