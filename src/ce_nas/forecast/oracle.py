"""A forecaster that knows the future: the upper bound of what a forecast can be worth, for evaluation.

It is built from the true series and has no name in the settings, so that no search uses it by mistake; its name in a
journal says what it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Forecast
from ce_nas.forecast.base import Forecaster

if TYPE_CHECKING:
    from ce_nas.forecast.base import ForecastInput
    from ce_nas.grid.trace import Series

__all__ = ["OracleForecaster"]


class OracleForecaster(Forecaster):
    """Returns the true intensity ahead.

    :param intensity: the true intensity; seconds count from the run's start.
    """

    name = "oracle (knows the future)"
    lookback_s = 0.0

    def __init__(self, intensity: Series) -> None:
        self._intensity = intensity

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`; it ends where the truth does, if that is before the horizon."""
        step_s, start_s = inputs.step_s, inputs.end_s
        first = round((start_s + (self._intensity.reference_time - self._intensity.start).total_seconds()) / step_s)
        truth = self._intensity.values[first : first + math.ceil(horizon_s / step_s)]
        missing = np.flatnonzero(np.isnan(truth))
        known = truth[: missing[0]] if len(missing) else truth
        mean = known if len(known) else inputs.intensity_g_per_kwh[-1:]
        return Forecast(self.name, start_s, start_s, step_s, mean)
