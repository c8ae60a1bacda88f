import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.records import Forecast
from ce_nas.forecast.resampling import intensity_by_period, interval_means
from ce_nas.testing import make_state

HOUR_S = 3600.0


@settings(max_examples=60)
@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=30),
    st.sampled_from([300.0, 900.0, HOUR_S, 3 * HOUR_S]),
    st.floats(0, 2 * HOUR_S),
    st.sampled_from([600.0, HOUR_S, 5400.0]),
)
def test_period_mean_is_the_mean_of_the_forecast(values, step_s, now_s, period_s):
    forecast = Forecast("test", 0.0, 0.0, step_s, np.array(values))
    means = intensity_by_period(make_state(forecast=forecast, now_s=now_s, period_s=period_s))
    expected = [forecast.mean_between(now_s + at * period_s, now_s + (at + 1) * period_s) for at in range(len(means))]
    assert means == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("left_h", "periods"), [(40, 40), (0.5, 1), (0, 1), (30.9, 30), (500, 96)])
def test_periods_end_with_the_deadline_and_are_at_least_one(left_h, periods):
    forecast = Forecast("test", 0.0, 0.0, HOUR_S, np.arange(200.0))
    assert intensity_by_period(make_state(forecast=forecast, time_left_s=left_h * HOUR_S)).tolist() == [
        pytest.approx(at) for at in range(periods)
    ]


def test_periods_end_with_the_forecast_and_are_none_without():
    assert len(intensity_by_period(make_state(forecast=Forecast("test", 0.0, 0.0, HOUR_S, np.arange(7.0))))) == 7
    assert len(intensity_by_period(make_state(forecast=None))) == 0


def test_first_and_last_value_hold_beyond_the_forecast():
    forecast = Forecast("test", 0.0, 0.0, HOUR_S, np.array([10.0, 20.0]))
    assert interval_means(
        forecast, forecast.mean_g_per_kwh, np.array([-9000.0, 0.0, 7200.0, 99999.0])
    ) == pytest.approx([10.0, 15.0, 20.0])
