"""The contract of forecasters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import ForecastInput
from ce_nas.grid.trace import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.forecast.base import Forecaster

__all__ = ["ForecasterContract"]

_START = datetime(2021, 7, 2, 6, tzinfo=UTC)
_STEPS_S = (300.0, 900.0, 1800.0, HOUR_S, 3 * HOUR_S, 7 * HOUR_S, DAY_S, 30 * DAY_S)


class ForecasterContract:
    """A forecast reaches its horizon, is finite and not negative, and depends on the past in its lookback alone.

    Fixtures to override: ``make_forecaster``, a function without arguments that returns a new forecaster.
    """

    @pytest.fixture
    def make_forecaster(self) -> Callable[[], Forecaster]:
        raise NotImplementedError

    @pytest.fixture
    def forecaster(self, make_forecaster: Callable[[], Forecaster]) -> Forecaster:
        return make_forecaster()

    @settings(
        deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
    )
    @given(
        values=st.lists(st.floats(0, 2000), min_size=1, max_size=60),
        step_s=st.sampled_from(_STEPS_S),
        horizon_s=st.floats(1, 4 * DAY_S),
        end_s=st.floats(-1e6, 1e6),
    )
    def test_forecast_reaches_its_horizon_and_is_not_negative(
        self,
        make_forecaster: Callable[[], Forecaster],
        values: list[float],
        step_s: float,
        horizon_s: float,
        end_s: float,
    ) -> None:
        forecast = make_forecaster().predict(_inputs(values, step_s, end_s), horizon_s)
        reach_s = len(forecast.mean_g_per_kwh) * forecast.step_s
        assert horizon_s <= reach_s * (1 + 1e-12)
        assert reach_s < horizon_s + 2 * step_s
        assert np.isfinite(forecast.mean_g_per_kwh).all()
        assert (forecast.mean_g_per_kwh >= 0).all()
        assert (forecast.issued_s, forecast.start_s, forecast.step_s) == (end_s, end_s, step_s)

    def test_whole_hours_give_as_many_steps(self, forecaster: Forecaster) -> None:
        for n_past in (1, 5, 23, 24, 25, 168, 400):
            values = 300 + 50 * np.cos(np.arange(n_past))
            for horizon_h in (1, 24, 96):
                assert len(forecaster.predict(_inputs(values), horizon_h * HOUR_S).mean_g_per_kwh) == horizon_h

    def test_steps_shorter_than_an_hour_give_any_number_of_steps(self, forecaster: Forecaster) -> None:
        values = 300 + 50 * np.cos(np.arange(48 * 30) / 48 * 2 * np.pi)  # a month of half hours
        for steps in (1, 3, 48):
            forecast = forecaster.predict(_inputs(values, HOUR_S / 2), steps * HOUR_S / 2)
            assert len(forecast.mean_g_per_kwh) == steps
            assert np.isfinite(forecast.mean_g_per_kwh).all()

    def test_future_is_unknown(self, forecaster: Forecaster) -> None:
        known = 300 + 50 * np.cos(np.arange(240))
        issued = []
        for future in (np.zeros(96), np.full(96, 1900.0), np.full(96, np.nan)):
            series = Series(_START - timedelta(hours=240), HOUR_S, np.concatenate([known, future])).relative_to(_START)
            past = series.past(0.0, round(forecaster.lookback_s / HOUR_S))
            issued.append(forecaster.predict(_inputs(past), 4 * DAY_S).mean_g_per_kwh)
        assert np.array_equal(issued[0], issued[1])
        assert np.array_equal(issued[0], issued[2])

    def test_lookback_bounds_the_past(self, forecaster: Forecaster) -> None:
        recent = 300 + 50 * np.cos(np.arange(round(forecaster.lookback_s / HOUR_S)))
        longer = np.concatenate([np.full(500, 1700.0), recent])
        short, long = (forecaster.predict(_inputs(values), 2 * DAY_S).mean_g_per_kwh for values in (recent, longer))
        assert np.array_equal(short, long)

    def test_inputs_are_not_changed(self, forecaster: Forecaster) -> None:
        values = 300 + 50 * np.cos(np.arange(200))
        values.flags.writeable = False
        forecast = forecaster.predict(_inputs(values), DAY_S)
        assert np.array_equal(values, 300 + 50 * np.cos(np.arange(200)))
        forecast.mean_g_per_kwh[:] = -1
        assert (values > 0).all()

    def test_flat_past_gives_flat_forecast(self, forecaster: Forecaster) -> None:
        for n_past in (1, 30, 500):
            forecast = forecaster.predict(_inputs(np.full(n_past, 123.4)), DAY_S)
            assert forecast.mean_g_per_kwh == pytest.approx(123.4)

    def test_forecast_is_deterministic_and_named(self, forecaster: Forecaster) -> None:
        inputs = _inputs(300 + 50 * np.cos(np.arange(200)))
        first, second = forecaster.predict(inputs, DAY_S), forecaster.predict(inputs, DAY_S)
        assert np.array_equal(first.mean_g_per_kwh, second.mean_g_per_kwh)
        assert first.forecaster == forecaster.name


def _inputs(values: Sequence[float] | np.ndarray, step_s: float = HOUR_S, end_s: float = 0.0) -> ForecastInput:
    return ForecastInput(np.asarray(values, dtype=float), step_s, end_s, _START + timedelta(seconds=end_s), "zone")
