"""A job placed by a perfect forecast loses nothing, by any other one something; the grams are those of the truth."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.baselines import Persistence, SeasonalNaive
from ce_nas.forecast.decision_regret import Job, regret, windows
from ce_nas.forecast.history import History
from ce_nas.grid.trace import Series

START = datetime(2021, 1, 1, tzinfo=UTC)
SMALL = Job(power_w=1000.0, work_s=4 * HOUR_S, window_s=10 * HOUR_S)


class Told(Forecaster):
    """Expects what it was told would come, times a factor."""

    name = "told"
    lookback_s = HOUR_S

    def __init__(self, values, factor=1.0):
        self.values, self.factor, self.asked = np.asarray(values), factor, 0

    def predict(self, past, horizon_s):
        self.asked += 1
        first = round((past.end - START).total_seconds() / past.step_s)
        coming = self.factor * self.values[first : first + round(horizon_s / past.step_s)]
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, coming)


def history(values):
    return History("X", Series(START, HOUR_S, np.asarray(values, dtype=float)))


def at(hour):
    return START + timedelta(hours=hour)


def test_the_grams_are_those_of_the_hours_chosen():
    values = [100, 500, 500, 200, 500, 100, 300, 500, 500, 50, 500, 500]
    found = regret(Told(values), history(values), SMALL, iter([at(1)]))
    # From hour 1 on the cleanest four are 200, 100, 300 and 50 g/kWh, an hour of 1 kW each.
    assert found.planned_g.tolist() == found.best_g.tolist() == [650.0]
    assert found.at_once_g.tolist() == [500 + 500 + 200 + 500]
    assert found.regret_g.tolist() == [0.0]
    assert found.kept_share == 1.0


@given(st.lists(st.floats(1, 900), min_size=31, max_size=31), st.integers(1, 10))
@settings(max_examples=50)
def test_the_truth_loses_nothing_and_nothing_beats_it(values, work):
    job = Job(power_w=1000.0, work_s=work * HOUR_S, window_s=10 * HOUR_S)
    starts = list(windows(at(1), at(31), job.window_s))
    perfect = regret(Told(values), history(values), job, iter(starts))
    assert perfect.regret_g == pytest.approx(0.0, abs=1e-6)
    for other in (Told(values, -1.0), Persistence(), SeasonalNaive()):
        found = regret(other, history(values), job, iter(starts))
        assert (found.regret_g >= -1e-6).all()
        assert found.best_g == pytest.approx(perfect.best_g)


def test_without_any_expectation_it_runs_at_once():
    values = np.linspace(900, 100, 40)
    found = regret(Persistence(), history(values), SMALL, windows(at(1), at(40), SMALL.window_s))
    assert len(found.starts) == 3
    assert found.planned_g == pytest.approx(found.at_once_g)
    assert found.kept_share == 0.0


def test_a_forecast_may_be_asked_for_less_often_than_is_planned():
    values = np.random.default_rng(0).uniform(100, 500, 60)
    often, seldom = Told(values), Told(values)
    for forecaster, every_s in ((often, HOUR_S), (seldom, 5 * HOUR_S)):
        job = Job(1000.0, 4 * HOUR_S, 10 * HOUR_S, every_s)
        found = regret(forecaster, history(values), job, iter([at(1)]))
        assert found.regret_g.tolist() == [0.0]
    assert seldom.asked <= 2 < often.asked


def test_windows_with_a_gap_are_left_out():
    values = np.full(60, 100.0)
    values[15] = np.nan
    found = regret(SeasonalNaive(), history(values), SMALL, windows(at(1), at(60), SMALL.window_s))
    assert found.starts == (at(1), at(21), at(31), at(41))
    assert np.isnan(found.kept_share)


@pytest.mark.parametrize("work_s", [0.0, 11 * HOUR_S])
def test_a_job_must_fit(work_s):
    with pytest.raises(SettingsError, match=r"fits into its window of 10\.0 h"):
        regret(Persistence(), history([1.0] * 30), Job(1.0, work_s, 10 * HOUR_S), iter([at(1)]))


def test_windows_outside_the_record_are_refused():
    with pytest.raises(SettingsError, match="choose other dates"):
        regret(Persistence(), history([1.0] * 30), SMALL, iter([at(0), at(1000)]))


def test_a_year_has_109_windows_of_80_hours():
    starts = list(windows(START, START + timedelta(days=365), 80 * HOUR_S))
    assert len(starts) == 109
    assert (starts[1] - starts[0]).total_seconds() == 80 * HOUR_S
    assert list(windows(START, START + timedelta(hours=79), 80 * HOUR_S)) == []
    assert Job().window_s > DAY_S
