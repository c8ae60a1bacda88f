"""The grids and start days of a simulated pilot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import TraceError
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.engine.inputs import RunInputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ce_nas.apps.pilot.questionnaire import PilotInputs
    from ce_nas.grid.trace import GridTrace

__all__ = ["PilotGrids", "season_first_month", "spread_starts"]

#: zones to compare with the team's own if its trace has no others
DEFAULT_OTHER_ZONES = ("wind", "coal-solar", "mixed", "nuclear", "coal", "hydro")
#: history before the start of a search
_HISTORY_S = 7 * DAY_S
#: time after the deadline in which a search may still end
_OVERRUN_S = 2 * HOUR_S
_YEAR_S = 365 * DAY_S


class PilotGrids:
    """The traces of a pilot's zones, each read once."""

    def __init__(self, inputs: PilotInputs) -> None:
        self._inputs = inputs
        self._traces: dict[tuple[str | None, int | None], GridTrace] = {}
        #: the trace of the team's own zone
        self.home_trace = self.read_trace(inputs.zone)

    def read_trace(self, zone: str | None, start: datetime | None = None) -> GridTrace:
        """Read the trace of a zone; for a built-in one, the year of ``start``.

        :raises CeNasError: if the zone is unknown, or its file is invalid.
        """
        key = (zone, None if start is None else start.year)
        if key not in self._traces:
            in_file = self._inputs.trace is not None and (zone == self._inputs.zone or zone in self._zones_in_file())
            settings = settings_from_flags(trace=self._inputs.trace if in_file else None, zone=zone)
            grid = settings.grid.model_copy(update={"start": start})
            self._traces[key] = RunInputs(settings.model_copy(update={"grid": grid})).trace
        return self._traces[key]

    def list_other_zones(self, starts: Sequence[datetime], deadline_s: float, count: int) -> list[str]:
        """Zones other than the team's own with data for searches that begin at ``starts``."""
        home = self.home_trace.zone
        names = [name for name in self._zones_in_file() if name != home] or list(DEFAULT_OTHER_ZONES)
        covered = [name for name in names if name != home and self.is_covered(name, starts, deadline_s)]
        return covered[:count]

    def is_covered(self, zone: str | None, starts: Sequence[datetime], deadline_s: float) -> bool:
        """Whether the trace of a zone covers a search from each of ``starts``."""
        return all(
            self.read_trace(zone, start).relative_to(start).covers(-_HISTORY_S, deadline_s + _OVERRUN_S)
            for start in starts
        )

    def _zones_in_file(self) -> tuple[str, ...]:
        if self._inputs.trace is None:
            return ()
        from ce_nas.grid.readers import list_zones

        return list_zones(self._inputs.trace)


def spread_starts(trace: GridTrace, deadline_s: float, count: int) -> list[datetime]:
    """Spread ``count`` start times evenly over the last year of a trace: over all seasons, if it covers a year.

    :raises TraceError: if the trace is too short for a search with a week before it.
    """
    last = trace.end - timedelta(seconds=deadline_s + _OVERRUN_S)
    first = max(trace.start + timedelta(seconds=_HISTORY_S), last - timedelta(seconds=_YEAR_S))
    if first > last:
        length_d = (trace.end - trace.start).total_seconds() / DAY_S
        required_d = (deadline_s + _OVERRUN_S + _HISTORY_S) / DAY_S
        message = (
            f"Expected {required_d:.1f} days or more in the trace of zone {trace.zone}, a week and the deadline, got "
            f"{length_d:.1f}; give a longer trace or a shorter deadline."
        )
        raise TraceError(message)
    starts = [first + (last - first) * ((index + 0.5) / count) for index in range(count)]
    return [start.replace(minute=0, second=0, microsecond=0) for start in starts]


def season_first_month(start: datetime) -> int:
    """The first month of the meteorological season of a start time: 12, 3, 6 or 9."""
    return (start.month % 12 // 3 * 3 - 1) % 12 + 1
