"""Baselines that need no training: the floor that every other forecaster must beat, and the default without a model.

Persistence, seasonal naive and the damped profile are a line of arithmetic each; MSTL decomposes daily and weekly
seasons by repeated loess and forecasts the rest by an ARIMA.

Source
    MSTL: Bandara, Hyndman, Bergmeir 2021, *MSTL: A Seasonal-Trend Decomposition Algorithm for Time Series with
    Multiple Seasonal Patterns*; the implementation is statsforecast's (extra ``baselines``).
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field

from ce_nas.components.base import ComponentSettings
from ce_nas.components.quantities import Duration  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import FORECASTERS
from ce_nas.core.errors import MissingExtraError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import Forecaster

if TYPE_CHECKING:
    from ce_nas.forecast.base import ForecastInput

__all__ = ["PROFILE_DAYS", "PROFILE_DECAY_S", "DampedProfile", "MstlForecaster", "Persistence", "SeasonalNaive"]

#: days of the damped profile, and the default time in which its deviation falls to 1/e
PROFILE_DAYS, PROFILE_DECAY_S = 7, 12 * HOUR_S
#: days of the past that MSTL decomposes, and the fewest that it does
MSTL_LOOKBACK_DAYS, MSTL_MIN_HISTORY_DAYS = 28, 14
#: a day of fewer steps has no daily season
MSTL_MIN_STEPS_PER_DAY = 4
#: the central prediction intervals of MSTL, %
MSTL_INTERVALS_PCT = (50, 80, 95)


@FORECASTERS.register("persistence")
class Persistence(Forecaster):
    """Repeats the last value.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.forecast.base import ForecastInput
        >>> inputs = ForecastInput(np.array([100.0, 300.0]), 3600.0, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "DE")
        >>> Persistence().predict(inputs, 7200.0).mean_g_per_kwh.tolist()
        [300.0, 300.0]
    """

    name = "persistence"
    lookback_s = HOUR_S

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        return _build_forecast(
            self.name, inputs, np.full(inputs.horizon_steps(horizon_s), inputs.intensity_g_per_kwh[-1])
        )


@FORECASTERS.register("seasonal-naive")
class SeasonalNaive(Forecaster):
    """Repeats the last day; with less than a day known, the last value."""

    name = "seasonal-naive"
    lookback_s = DAY_S

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        day = inputs.steps_per_day
        known = inputs.intensity_g_per_kwh
        season = known[-day:] if len(known) >= day else known[-1:]
        return _build_forecast(self.name, inputs, np.resize(season, inputs.horizon_steps(horizon_s)))


class DampedProfileSettings(ComponentSettings):
    """Settings of the forecaster damped-profile."""

    decay_time: Duration = Field(
        PROFILE_DECAY_S, description="Time in which the latest hour's difference from the mean day falls to 1/e."
    )


@FORECASTERS.register("damped-profile", DampedProfileSettings)
class DampedProfile(Forecaster):
    """The mean day of the last week, plus the deviation of the latest hour from it, which decays with lead time.

    With less than a day known, the last value is repeated.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.forecast.base import ForecastInput
        >>> day = 300 + 100 * np.sin(np.arange(24) / 24 * 2 * np.pi)
        >>> inputs = ForecastInput(np.tile(day, 7), 3600.0, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "DE")
        >>> bool(np.allclose(DampedProfile().predict(inputs, 86400.0).mean_g_per_kwh, day))
        True

    :param decay_time_s: time in which the deviation falls to 1/e.
    """

    name = "damped-profile"
    lookback_s = PROFILE_DAYS * DAY_S

    def __init__(self, decay_time_s: float = PROFILE_DECAY_S) -> None:
        self._decay_time_s = decay_time_s

    @classmethod
    def from_settings(cls, settings: DampedProfileSettings) -> Self:  # type: ignore[override]
        """See :meth:`Forecaster.from_settings`."""
        return cls(settings.decay_time)

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        day, steps = inputs.steps_per_day, inputs.horizon_steps(horizon_s)
        days = min(len(inputs.intensity_g_per_kwh) // day, PROFILE_DAYS)
        if days == 0:
            return _build_forecast(self.name, inputs, np.full(steps, inputs.intensity_g_per_kwh[-1]))
        profile = inputs.intensity_g_per_kwh[-days * day :].reshape(days, day).mean(axis=0)
        deviation = inputs.intensity_g_per_kwh[-1] - profile[-1]
        lead_s = inputs.step_s * np.arange(1, steps + 1)
        mean = np.resize(profile, steps) + deviation * np.exp(-lead_s / self._decay_time_s)
        return _build_forecast(self.name, inputs, np.maximum(mean, 0.0))


@FORECASTERS.register("mstl", package="statsforecast", extra="baselines")
class MstlForecaster(Forecaster):
    """Season-trend decomposition over four weeks; with less than two weeks known, :class:`SeasonalNaive`.

    :raises MissingExtraError: if statsforecast is not installed.
    """

    name = "mstl"
    lookback_s = MSTL_LOOKBACK_DAYS * DAY_S

    def __init__(self) -> None:
        if find_spec("statsforecast") is None:
            package, extra = "statsforecast", "baselines"
            raise MissingExtraError(package, extra, purpose="The forecaster mstl")

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        day = inputs.steps_per_day
        known = inputs.intensity_g_per_kwh[-MSTL_LOOKBACK_DAYS * day :]
        if day < MSTL_MIN_STEPS_PER_DAY or len(known) < MSTL_MIN_HISTORY_DAYS * day:
            return replace(SeasonalNaive().predict(inputs, horizon_s), forecaster=self.name)
        mean, quantiles = _mstl_forecast(known, day, inputs.horizon_steps(horizon_s))
        return replace(_build_forecast(self.name, inputs, mean), quantiles_g_per_kwh=quantiles)


def _build_forecast(name: str, inputs: ForecastInput, mean_g_per_kwh: np.ndarray) -> Forecast:
    return Forecast(name, inputs.end_s, inputs.end_s, inputs.step_s, mean_g_per_kwh)


def _mstl_forecast(
    intensity_g_per_kwh: np.ndarray, season_length: int, horizon: int
) -> tuple[np.ndarray, dict[float, np.ndarray]]:
    """Return the mean and the quantiles of the steps ahead, g CO2eq/kWh, shape ``(horizon,)`` each."""
    from statsforecast.models import MSTL, AutoARIMA

    model = MSTL(season_length=[season_length, 7 * season_length], trend_forecaster=AutoARIMA(seasonal=False))
    forecast = model.forecast(
        y=np.array(intensity_g_per_kwh, dtype=np.float64), h=horizon, level=list(MSTL_INTERVALS_PCT)
    )
    mean = np.maximum(forecast["mean"], 0.0)
    quantiles = {0.5: mean}
    for share in MSTL_INTERVALS_PCT:
        tail = (1 - share / 100) / 2
        quantiles[round(tail, 3)] = np.maximum(forecast[f"lo-{share}"], 0.0)
        quantiles[round(1 - tail, 3)] = np.maximum(forecast[f"hi-{share}"], 0.0)
    return mean, dict(sorted(quantiles.items()))
