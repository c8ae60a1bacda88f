"""The forecast of a zone's next days, computed once per hour for all viewers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import CeNasError, SettingsError, unknown_choice_message
from ce_nas.core.units import HOUR_S
from ce_nas.engine.inputs import RunInputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import numpy as np

    from ce_nas.core.records import Forecast
    from ce_nas.grid.trace import GridTrace

__all__ = ["HORIZON_H", "KnownForecasts", "ZoneForecast", "ZoneForecasts", "read_file_zones"]

log = logging.getLogger(__name__)

#: hours of the forecast, and of the recent past before it
HORIZON_H, HISTORY_H = 96, 48


@dataclass(frozen=True, slots=True, eq=False)
class ZoneForecast:
    """A zone's recent past and its forecast."""

    zone: str
    trace: GridTrace
    #: when the forecast is issued, UTC: the end of the last known step
    issued_at: datetime
    #: the last :data:`HISTORY_H` hours, g CO2eq/kWh, shape ``(steps,)``, and the length of a step
    past_g_per_kwh: np.ndarray
    step_s: float
    forecast: Forecast
    #: the forecast by hours, g CO2eq/kWh, shape ``(HORIZON_H,)``
    forecast_g_per_kwh: np.ndarray

    def time_after(self, hours: float) -> datetime:
        """The time ``hours`` after the forecast was issued."""
        return self.issued_at + timedelta(hours=hours)


@dataclass(frozen=True, slots=True, eq=False)
class KnownForecasts:
    """The forecasts that were known at one moment; reading one computes nothing."""

    #: zone -> its forecast, or a message in its place
    forecasts: Mapping[str, ZoneForecast | str]
    #: number of zones whose forecast is still being computed
    pending_count: int

    def zone_names(self) -> list[str]:
        """All zones."""
        return list(self.forecasts)

    def get(self, name: str, _: datetime) -> ZoneForecast | str:
        """The forecast of a zone, or a message.

        :raises SettingsError: if the zone is unknown.
        """
        if name not in self.forecasts:
            raise SettingsError(unknown_choice_message("zone", name, self.zone_names()))
        return self.forecasts[name]


class ZoneForecasts:
    """The zones and their forecasts, cached for the current hour.

    :param file_zones: name of each zone from a file to the settings of its grid.
    """

    def __init__(self, file_zones: Mapping[str, Mapping[str, Any]]) -> None:
        self._file_zones = file_zones
        #: zone and hour to the forecast, or to the message of its error
        self._forecasts: dict[tuple[str, datetime], ZoneForecast | str] = {}
        #: zone and hour of the forecasts that :meth:`known` had computed
        self._submitted: set[tuple[str, datetime]] = set()

    def zone_names(self) -> list[str]:
        """All zones: those from files, the imported ones, and the built-in ones."""
        from ce_nas.datasets.lookup import list_trace_zones
        from ce_nas.datasets.store import DataStore
        from ce_nas.grid.synthetic import builtin_zones

        return list(
            dict.fromkeys([*self._file_zones, *list_trace_zones(DataStore()), *(zone.name for zone in builtin_zones())])
        )

    @property
    def trace_paths(self) -> dict[str, Path]:
        """Name of each zone from a file to the file."""
        return {name: flags["trace"] for name, flags in self._file_zones.items()}

    def get(self, name: str, now: datetime) -> ZoneForecast | str:
        """The forecast of a zone, or the message of the error that prevents it.

        :raises SettingsError: if the zone is unknown.
        """
        if name not in self.zone_names():
            raise SettingsError(unknown_choice_message("zone", name, self.zone_names()))
        hour = now.replace(minute=0, second=0, microsecond=0)
        if (name, hour) not in self._forecasts:
            self._forecasts = {key: forecast for key, forecast in self._forecasts.items() if key[1] == hour}
            try:
                self._forecasts[name, hour] = self._compute_forecast(name, hour)
            except CeNasError as error:
                self._forecasts[name, hour] = str(error)
        return self._forecasts[name, hour]

    def known(self, now: datetime, pending: str, submit: Callable[[Callable[[], object]], object]) -> KnownForecasts:
        """Return the forecasts of the current hour so far, and have each missing one computed once.

        :param pending: the message in the place of a forecast that is being computed.
        :param submit: runs a computation in one other thread.
        """
        hour = now.replace(minute=0, second=0, microsecond=0)
        names = self.zone_names()
        known = {name: self._forecasts.get((name, hour)) for name in names}
        missing = [name for name, forecast in known.items() if forecast is None]
        self._submitted = {key for key in self._submitted if key[1] == hour}
        for name in missing:
            if (name, hour) not in self._submitted:
                self._submitted.add((name, hour))
                submit(partial(self._compute_in_background, name, hour))
        return KnownForecasts({name: known[name] or pending for name in names}, len(missing))

    def _compute_in_background(self, name: str, hour: datetime) -> None:
        """Compute a forecast; a page waits for it, so that any failure ends in a message."""
        try:
            self.get(name, hour)
        except Exception as error:
            log.exception("failed to forecast zone %s", name)
            self._forecasts[name, hour] = f"Expected a forecast, but computing it failed ({type(error).__name__})."

    def _compute_forecast(self, name: str, hour: datetime) -> ZoneForecast:
        flags = self._file_zones.get(name) or {"zone": name, "start": hour.isoformat()}
        inputs = RunInputs(settings_from_flags(**flags))
        history, forecaster = inputs.full_history, inputs.choose_forecaster().forecaster
        issue_time = min(hour, history.intensity.end)
        now_s = (issue_time - history.intensity.reference_time).total_seconds()
        past = history.inputs_at(now_s, forecaster.lookback_s, HORIZON_H * HOUR_S)
        if past is None:
            message = (
                f"Expected data of zone {name!r} right before {issue_time:%Y-%m-%d %H:%M}, found none; give a trace "
                "without a gap there."
            )
            raise SettingsError(message)
        forecast = forecaster.predict(past, HORIZON_H * HOUR_S)
        return ZoneForecast(
            zone=name,
            trace=inputs.trace,
            issued_at=past.end,
            past_g_per_kwh=history.intensity.past(now_s, round(HISTORY_H * HOUR_S / history.step_s)).copy(),
            step_s=past.step_s,
            forecast=forecast,
            forecast_g_per_kwh=forecast.resample(past.end_s, HOUR_S, HORIZON_H),
        )


def read_file_zones(paths: Sequence[Path], **layout: str | None) -> dict[str, dict[str, Any]]:
    """Map the zone of each file of carbon intensity to the settings of its grid; reads and checks each file.

    :param layout: how the files are read where they do not say: ``unit``, ``timezone``, ``time_column``,
        ``intensity_column``.
    :raises TraceError: if a file is invalid.
    :raises SettingsError: if two files have the same zone.
    """
    zones: dict[str, dict[str, Any]] = {}
    for path in paths:
        grid = {"trace": path, **layout}
        zone = RunInputs(settings_from_flags(**grid)).trace.zone
        if zone in zones:
            message = f"Expected files of different zones, got zone {zone!r} twice; leave {str(path)!r} out."
            raise SettingsError(message)
        zones[zone] = grid
    return zones
