"""A forecaster that knows the future: what the best forecast could be worth, and nothing that can be had.

It is made here, of the true series, and of no name in the settings, so that no search can be run with it by mistake; a
journal names it for what it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Forecast
from ce_nas.forecast.base import Forecaster

if TYPE_CHECKING:
    from ce_nas.forecast.base import Past
    from ce_nas.grid.trace import Series

__all__ = ["Truth"]


class Truth(Forecaster):
    """Issues what will be.

    :param intensity: the true intensity, its seconds counted from the run's start.
    """

    name = "truth (knows the future)"
    lookback_s = 0.0

    def __init__(self, intensity: Series) -> None:
        self._intensity = intensity

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`; it ends where the truth does, if that is before the horizon."""
        step_s, begin_s = past.step_s, past.end_s
        first = round((begin_s + (self._intensity.zero - self._intensity.start).total_seconds()) / step_s)
        coming = self._intensity.values[first : first + math.ceil(horizon_s / step_s)]
        missing = np.flatnonzero(np.isnan(coming))
        known = coming[: missing[0]] if len(missing) else coming
        mean = known if len(known) else past.intensity_g_per_kwh[-1:]
        return Forecast(self.name, begin_s, begin_s, step_s, mean)
