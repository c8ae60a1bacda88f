"""What is expected of a zone's coming days, looked up once an hour for all who ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import CeNasError, SettingsError, one_of
from ce_nas.core.units import HOUR_S
from ce_nas.engine.inputs import Materials
from ce_nas.forecast.registry import DEFAULT, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import numpy as np

    from ce_nas.core.records import Forecast
    from ce_nas.forecast.history import History
    from ce_nas.grid.trace import GridTrace

__all__ = ["AHEAD_H", "Outlook", "Outlooks", "given_traces"]

#: hours that are looked ahead, and back
AHEAD_H, BACK_H = 96, 48
#: what is taken where nothing was fitted to the zone: unlike the default of a search it knows how sure it is
UNFITTED = "adaptive"


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """A zone as it is known at a moment."""

    zone: str
    trace: GridTrace
    #: the moment, UTC: the end of the last step that is known
    issued: datetime
    #: the last hours, g CO2eq/kWh, shape (steps,), and the length of a step
    past_g_per_kwh: np.ndarray
    step_s: float
    forecast: Forecast
    #: the coming hours, g CO2eq/kWh, shape (AHEAD_H,)
    ahead_g_per_kwh: np.ndarray

    def at(self, hours: float) -> datetime:
        """The moment so many hours on."""
        return self.issued + timedelta(hours=hours)


class Outlooks:
    """The zones that there are, and what is expected of them.

    :param given: name of each further zone to the settings of its grid.
    """

    def __init__(self, given: Mapping[str, Mapping[str, Any]]) -> None:
        self._given = given
        #: zone and hour to what was found, or why nothing can be
        self._found: dict[tuple[str, datetime], Outlook | str] = {}

    def names(self) -> list[str]:
        """The zones: those that were given, those that were imported, and the built-in ones."""
        from ce_nas.datasets.lookup import trace_zones
        from ce_nas.datasets.store import Library
        from ce_nas.grid.synthetic import zones

        return list(dict.fromkeys([*self._given, *trace_zones(Library()), *(zone.name for zone in zones())]))

    @property
    def traces(self) -> dict[str, Path]:
        """The given zones, by the files that they are in."""
        return {name: flags["trace"] for name, flags in self._given.items()}

    def of(self, name: str, now: datetime) -> Outlook | str:
        """The outlook of a zone, or in a sentence why there is none.

        :raises SettingsError: if there is no such zone.
        """
        if name not in self.names():
            raise SettingsError(one_of("zone", name, self.names()))
        hour = now.replace(minute=0, second=0, microsecond=0)
        if (name, hour) not in self._found:
            self._found = {key: found for key, found in self._found.items() if key[1] == hour}
            try:
                self._found[name, hour] = self._look(name, hour)
            except CeNasError as error:
                self._found[name, hour] = str(error)
        return self._found[name, hour]

    def _look(self, name: str, hour: datetime) -> Outlook:
        flags = self._given.get(name) or {"zone": name, "start": hour.isoformat()}
        materials = Materials(settings_from_flags(**flags))
        history, chosen = materials.record, materials.forecaster().forecaster
        if chosen.name == DEFAULT:
            chosen = named(UNFITTED)
        moment = min(hour, history.intensity.end)
        now_s = (moment - history.intensity.zero).total_seconds()
        past = history.past(now_s, chosen.lookback_s, AHEAD_H * HOUR_S)
        if past is None:
            message = (
                f"Expected some hours of zone {name!r} right before {moment:%Y-%m-%d %H:%M}, but they are missing."
            )
            raise SettingsError(message)
        forecast = chosen.predict(past, AHEAD_H * HOUR_S)
        ahead = forecast.ahead(past.end_s, HOUR_S, AHEAD_H)
        return Outlook(name, materials.trace, past.end, _before(history, now_s), past.step_s, forecast, ahead)


def given_traces(stated: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The zones of some files of carbon intensity, by name; each is read once, so that what is wrong is said at once.

    :raises TraceError: if one is of no use.
    :raises SettingsError: if two hold the same zone.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in stated:
        zone = Materials(settings_from_flags(trace=path)).trace.zone
        if zone in found:
            message = f"Expected files of different zones, got zone {zone!r} twice; leave {str(path)!r} out."
            raise SettingsError(message)
        found[zone] = {"trace": path}
    return found


def _before(history: History, now_s: float) -> np.ndarray:
    return history.intensity.past(now_s, round(BACK_H * HOUR_S / history.step_s)).copy()
