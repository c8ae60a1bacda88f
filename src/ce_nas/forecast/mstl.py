"""A statistical baseline: daily and weekly seasons by repeated loess, the rest by an ARIMA.

Source
    Bandara, Hyndman, Bergmeir 2021, *MSTL: A Seasonal-Trend Decomposition Algorithm for Time Series with Multiple
    Seasonal Patterns*; the implementation is statsforecast's (extra ``baselines``).
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import MissingExtraError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S
from ce_nas.forecast.forecaster import Forecaster
from ce_nas.forecast.naive import SeasonalNaive, steps_a_day, steps_ahead

if TYPE_CHECKING:
    from ce_nas.forecast.forecaster import Past

__all__ = ["Mstl"]

#: how much of the past is decomposed, and the least that is
LOOKBACK_DAYS, LEAST_DAYS = 28, 14
#: a day of fewer steps has no shape to speak of
LEAST_STEPS_A_DAY = 4
#: the central intervals that are issued, %
INTERVALS = (50, 80, 95)


class Mstl(Forecaster):
    """Season-trend decomposition over four weeks; with less than two, each hour is as it was a day before."""

    name = "mstl"
    lookback_s = LOOKBACK_DAYS * DAY_S

    def __init__(self) -> None:
        if find_spec("statsforecast") is None:
            package, extra = "statsforecast", "baselines"
            raise MissingExtraError(package, extra, purpose="The forecaster mstl")

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        day, steps = steps_a_day(past), steps_ahead(past, horizon_s)
        known = past.intensity_g_per_kwh[-LOOKBACK_DAYS * day :]
        if day < LEAST_STEPS_A_DAY or len(known) < LEAST_DAYS * day:
            return replace(SeasonalNaive().predict(past, horizon_s), forecaster=self.name)
        mean, quantiles = _decomposed(known, day, steps)
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, mean, quantiles)


def _decomposed(known: np.ndarray, day: int, steps: int) -> tuple[np.ndarray, dict[float, np.ndarray]]:
    """The mean and the quantiles of the coming steps, g CO2eq/kWh."""
    from statsforecast.models import MSTL, AutoARIMA

    model = MSTL(season_length=[day, 7 * day], trend_forecaster=AutoARIMA(seasonal=False))
    made = model.forecast(y=np.array(known, dtype=np.float64), h=steps, level=list(INTERVALS))
    mean = np.maximum(made["mean"], 0.0)
    quantiles = {0.5: mean}
    for share in INTERVALS:
        tail = (1 - share / 100) / 2
        quantiles[round(tail, 3)] = np.maximum(made[f"lo-{share}"], 0.0)
        quantiles[round(1 - tail, 3)] = np.maximum(made[f"hi-{share}"], 0.0)
    return mean, dict(sorted(quantiles.items()))
