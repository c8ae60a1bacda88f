"""The history of a zone, which decides what was known at a moment: the only source of a :class:`ForecastInput`."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.forecast.base import ForecastInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ce_nas.grid.trace import GridTrace, Series
    from ce_nas.grid.weather_issues import WeatherIssues

__all__ = ["RecordedHistory", "ZoneHistory"]


class ZoneHistory(ABC):
    """Returns what was known of a zone at a moment, and nothing later."""

    #: length of a step
    step_s: float

    @abstractmethod
    def inputs_at(self, now_s: float, lookback_s: float, horizon_s: float = 0.0) -> ForecastInput | None:
        """Return the steps of the last ``lookback_s`` that had ended at ``now_s``, and covariates known then.

        Covariates end ``horizon_s`` after the last of these steps.

        :returns: None while nothing is known.
        """


class RecordedHistory(ZoneHistory):
    """A complete record of a zone, at the steps of its intensity.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.grid.trace import Series
        >>> intensity = Series(datetime(2021, 7, 1, tzinfo=UTC), 3600.0, np.array([100.0, 200.0, 300.0]))
        >>> inputs = RecordedHistory("DE", intensity).inputs_at(now_s=2.5 * 3600, lookback_s=86400.0)
        >>> inputs.intensity_g_per_kwh.tolist()
        [100.0, 200.0]

    :param zone: the zone's name.
    :param intensity: the true intensity, g CO2eq/kWh.
    :param mix_mw: source of electricity to its generation, MW, a value for each of the intensity's steps.
    :param future_covariates: covariates known ahead, at any step: each value must be a forecast made before the moment
        that it describes, as a weather forecast is.
    :param weather: further covariates, known at a moment as they were forecast by then.
    """

    def __init__(
        self,
        zone: str,
        intensity: Series,
        mix_mw: Mapping[str, np.ndarray] | None = None,
        future_covariates: Mapping[str, Series] | None = None,
        weather: WeatherIssues | None = None,
    ) -> None:
        self.zone = zone
        self.intensity = intensity
        self.step_s = intensity.step_s
        self._mix_mw = dict(mix_mw or {})
        self._future_covariates = {
            name: _resample_covariate(series, intensity) for name, series in (future_covariates or {}).items()
        }
        self._weather = weather

    @classmethod
    def from_trace(
        cls,
        trace: GridTrace,
        future_covariates: Mapping[str, Series] | None = None,
        weather: WeatherIssues | None = None,
    ) -> RecordedHistory:
        """Build the record of a trace; seconds count from the trace's start."""
        return cls(trace.zone, trace.series, trace.mix_mw, future_covariates, weather)

    def with_time_origin(self, moment: datetime) -> RecordedHistory:
        """Return the same record with seconds counted from ``moment``."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.intensity = self.intensity.relative_to(moment)
        return view

    @property
    def covariate_fingerprints(self) -> dict[str, str]:
        """SHA-256, in hexadecimal, of the values of each covariate."""
        issued = {"weather forecasts": self._weather.sha256} if self._weather else {}
        known = {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in self._future_covariates.items()}
        return known | issued

    def inputs_at(self, now_s: float, lookback_s: float, horizon_s: float = 0.0) -> ForecastInput | None:
        """See :meth:`ZoneHistory.inputs_at`; as :meth:`Series.past`, it stops at a gap of the intensity."""
        recent = self.intensity.past(now_s, max(round(lookback_s / self.step_s), 1))
        if not len(recent):
            return None
        series = self.intensity
        end_step = min(
            math.floor(((series.reference_time - series.start).total_seconds() + now_s) / series.step_s), len(series)
        )
        first, ahead = end_step - len(recent), math.ceil(horizon_s / series.step_s)
        end = series.start + timedelta(seconds=end_step * series.step_s)
        return ForecastInput(
            intensity_g_per_kwh=recent.copy(),  # a view would give access to the whole record
            step_s=series.step_s,
            end_s=(end - series.reference_time).total_seconds(),
            end=end,
            zone=self.zone,
            mix_mw={source: values[first:end_step].copy() for source, values in self._mix_mw.items()},
            future_covariates={
                name: values[first : end_step + ahead].copy() for name, values in self._future_covariates.items()
            }
            | self._weather_known_at(now_s, end - timedelta(seconds=len(recent) * series.step_s), len(recent) + ahead),
        )

    def _weather_known_at(self, now_s: float, start: datetime, steps: int) -> dict[str, np.ndarray]:
        """Return the weather of steps from ``start`` on, as forecast by ``now_s``."""
        if self._weather is None:
            return {}
        now = self.intensity.reference_time + timedelta(seconds=now_s)
        return self._weather.known_at(now, start, self.step_s, steps)

    def truth(self, start_s: float, steps: int) -> np.ndarray:
        """Return the true intensity of ``steps`` steps from ``start_s`` on, for evaluation; NaN where unknown."""
        series = self.intensity
        first = round(((series.reference_time - series.start).total_seconds() + start_s) / series.step_s)
        truth = np.full(steps, np.nan)
        inside = slice(max(first, 0), max(min(first + steps, len(series)), 0))
        observed = series.values[inside]
        truth[inside.start - first : inside.start - first + len(observed)] = observed
        return truth


def _resample_covariate(covariate: Series, intensity: Series) -> np.ndarray:
    """Return a covariate at each of the intensity's steps, and at further ones as far as it reaches beyond them.

    A longer step of ``covariate`` is repeated; shorter ones are averaged, NaN if one of them is missing.
    """
    begins_s = (intensity.start - covariate.start).total_seconds()
    reach_s = (covariate.end - intensity.start).total_seconds()
    steps = max(len(intensity), math.floor(reach_s / intensity.step_s))
    parts = max(round(intensity.step_s / covariate.step_s), 1)
    middles_s = begins_s + intensity.step_s * (np.arange(steps * parts) + 0.5) / parts
    indices = np.floor(middles_s / covariate.step_s).astype(np.int64)
    inside = (indices >= 0) & (indices < len(covariate))
    values = np.where(inside, covariate.values[np.where(inside, indices, 0)], np.nan)
    resampled: np.ndarray = values.reshape(steps, parts).mean(axis=1)
    resampled.flags.writeable = False
    return resampled
