import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.records import Forecast
from ce_nas.forecast.resampling import coming_periods, mean_over

HOUR_S = 3600.0


@settings(max_examples=60)
@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=30),
    st.sampled_from([300.0, 900.0, HOUR_S, 3 * HOUR_S]),
    st.floats(0, 2 * HOUR_S),
    st.sampled_from([600.0, HOUR_S, 5400.0]),
)
def test_a_periods_mean_is_that_of_the_forecast(view_of, values, step_s, now_s, period_s):
    forecast = Forecast("test", 0.0, 0.0, step_s, np.array(values))
    found = coming_periods(view_of(forecast=forecast, now_s=now_s, period_s=period_s))
    expected = [forecast.over(now_s + at * period_s, now_s + (at + 1) * period_s) for at in range(len(found))]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("left_h", "periods"), [(40, 40), (0.5, 1), (0, 1), (30.9, 30), (500, 96)])
def test_it_ends_with_the_deadline_and_never_lacks_the_first(view_of, left_h, periods):
    forecast = Forecast("test", 0.0, 0.0, HOUR_S, np.arange(200.0))
    assert coming_periods(view_of(forecast=forecast, time_left_s=left_h * HOUR_S)).tolist() == [
        pytest.approx(at) for at in range(periods)
    ]


def test_it_ends_with_the_forecast_and_is_empty_without_one(view_of):
    assert len(coming_periods(view_of(forecast=Forecast("test", 0.0, 0.0, HOUR_S, np.arange(7.0))))) == 7
    assert len(coming_periods(view_of(forecast=None))) == 0


def test_what_lies_beyond_the_forecast_is_as_its_ends():
    forecast = Forecast("test", 0.0, 0.0, HOUR_S, np.array([10.0, 20.0]))
    assert mean_over(forecast, forecast.mean_g_per_kwh, np.array([-9000.0, 0.0, 7200.0, 99999.0])) == pytest.approx(
        [10.0, 15.0, 20.0]
    )
