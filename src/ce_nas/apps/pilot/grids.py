"""The grids and days of a simulated pilot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import TraceError
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.engine.inputs import Materials

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ce_nas.apps.pilot.inputs import PilotFigures
    from ce_nas.grid.trace import GridTrace

__all__ = ["Grids", "quarter", "start_days"]

#: zones that are looked at beside the team's own where its trace holds no others
OTHER_ZONES = ("wind", "coal-solar", "mixed", "nuclear", "coal", "hydro")
#: known before a search begins
_BEFORE_S = 7 * DAY_S
#: by how much a search may outlast its deadline
_AFTER_S = 2 * HOUR_S
_YEAR_S = 365 * DAY_S


class Grids:
    """Reads the traces of a pilot's zones, each once."""

    def __init__(self, figures: PilotFigures) -> None:
        self._figures = figures
        self._read: dict[tuple[str | None, int | None], GridTrace] = {}
        #: of the team's own zone
        self.home = self.trace(figures.zone)

    def trace(self, zone: str | None, start: datetime | None = None) -> GridTrace:
        """The trace of a zone; of a built-in one the year of ``start``.

        :raises CeNasError: if the zone is not known, or its file is of no use.
        """
        key = (zone, None if start is None else start.year)
        if key not in self._read:
            own = self._figures.trace is not None and (zone == self._figures.zone or zone in self._in_file())
            settings = settings_from_flags(trace=self._figures.trace if own else None, zone=zone)
            dated = settings.grid.model_copy(update={"start": start})
            self._read[key] = Materials(settings.model_copy(update={"grid": dated})).trace
        return self._read[key]

    def others(self, starts: Sequence[datetime], limit_s: float, count: int) -> list[str]:
        """Zones beside the team's own on which searches can begin at ``starts``."""
        known = [name for name in self._in_file() if name != self.home.zone] or list(OTHER_ZONES)
        usable = [name for name in known if name != self.home.zone and self.reach(name, starts, limit_s)]
        return usable[:count]

    def reach(self, zone: str | None, starts: Sequence[datetime], limit_s: float) -> bool:
        """Whether what a search needs to know of a zone is on record for each of ``starts``."""
        return all(self.trace(zone, start).since(start).covers(-_BEFORE_S, limit_s + _AFTER_S) for start in starts)

    def _in_file(self) -> tuple[str, ...]:
        if self._figures.trace is None:
            return ()
        from ce_nas.grid.readers import zones_in

        return zones_in(self._figures.trace)


def start_days(trace: GridTrace, limit_s: float, count: int) -> list[datetime]:
    """So many moments to begin at, spread evenly over the last year that a trace holds: all seasons, if it holds one.

    :raises TraceError: if it is too short for a search with a week before it.
    """
    last = trace.end - timedelta(seconds=limit_s + _AFTER_S)
    first = max(trace.start + timedelta(seconds=_BEFORE_S), last - timedelta(seconds=_YEAR_S))
    if first > last:
        held_d, need_d = (trace.end - trace.start).total_seconds() / DAY_S, (limit_s + _AFTER_S + _BEFORE_S) / DAY_S
        message = (
            f"Expected {need_d:.1f} days or more in the trace of zone {trace.zone}, a week and the deadline, got "
            f"{held_d:.1f}; give a longer trace or a shorter deadline."
        )
        raise TraceError(message)
    moments = [first + (last - first) * ((at + 0.5) / count) for at in range(count)]
    return [moment.replace(minute=0, second=0, microsecond=0) for moment in moments]


def quarter(start: datetime) -> int:
    """The first month of the meteorological season of a moment: 12, 3, 6 or 9."""
    return (start.month % 12 // 3 * 3 - 1) % 12 + 1
