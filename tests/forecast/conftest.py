"""A synthetic grid explained by weather, for the forecasters that learn."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.history import RecordedHistory
from ce_nas.grid.trace import Series

START = datetime(2021, 3, 1, tzinfo=UTC)


class Grid:
    """The intensity and weather of a zone, and records of them."""

    def __init__(self, days, seed, step_s=HOUR_S):
        rng = np.random.default_rng(seed)
        steps = round(days * DAY_S / step_s)
        hours = np.arange(steps) * step_s / HOUR_S
        knots = np.arange(0, hours[-1] + 24, 12)
        wind = np.maximum(np.interp(hours, knots, 4 + 1.5 * rng.normal(size=len(knots))), 0.5)
        sun = np.maximum(np.sin(2 * np.pi * (hours - 6) / 24), 0) * 600 * (0.7 + 0.3 * np.sin(hours / 60))
        heat = 285 + 5 * np.sin(2 * np.pi * (hours - 9) / 24) + 5 * np.sin(2 * np.pi * hours / 24 / 300)
        level = 6 - 0.12 * wind - 0.0006 * sun + 0.1 * np.cos(2 * np.pi * hours / 24) + 0.1 * np.sin(hours / 700)
        self.step_s = step_s
        self.intensity = np.exp(level + 0.02 * rng.normal(size=steps))
        self.known = {"wind_speed_m_s": wind, "dswrf_w_m2": sun, "temperature_k": heat}
        self.mix = {"gas": 500 - 60 * wind, "wind": 60 * wind}

    def record(self, intensity=None, known=None, mix=None, zone="zone"):
        series = {name: Series(START, self.step_s, values) for name, values in (known or {}).items()}
        values = self.intensity if intensity is None else intensity
        return RecordedHistory(zone, Series(START, self.step_s, values), mix, series)


@pytest.fixture(scope="session")
def windy_grid():
    """Builds a grid of some days whose intensity falls with wind and sun, and whose level drifts."""
    return Grid


@pytest.fixture(scope="session")
def grid():
    return Grid(80, 0)


@pytest.fixture(scope="session")
def start():
    return START


@pytest.fixture(scope="session")
def issue():
    """Predicts the hours after some days of a record."""

    def issue(forecaster, record, day, horizon_s=4 * DAY_S):
        return forecaster.predict(record.inputs_at(day * DAY_S, forecaster.lookback_s, horizon_s), horizon_s)

    return issue


@pytest.fixture(scope="session")
def error():
    """The mean relative error of a forecast."""

    def error(forecast, record, day):
        truth = record.truth(day * DAY_S, len(forecast.mean_g_per_kwh))
        return float(np.mean(np.abs(forecast.mean_g_per_kwh - truth) / truth))

    return error
