"""A file that something else keeps up to date: read anew each time, by the rules of :mod:`ce_nas.grid.readers`."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.core.errors import TraceError
from ce_nas.core.units import HOUR_S
from ce_nas.grid.providers.base import LiveSource, Quality
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.providers.normalize import Kind, Reading, Window, regular
from ce_nas.grid.readers import read_trace
from ce_nas.grid.trace import Factors, Signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ce_nas.grid.providers.base import LiveSeries
    from ce_nas.grid.trace import GridTrace

__all__ = ["FileSource"]


class FileSource(LiveSource):
    """The zones of one CSV or Parquet file; a file without a column of zones has whatever zone it is said to have.

    :param factors: which emissions to read, or which they are where the file does not say.
    :param signal: average or marginal, where the file does not say.
    """

    name = "file"
    step_s = HOUR_S

    def __init__(
        self,
        path: str | Path,
        *,
        now: Callable[[], datetime],
        factors: Factors | None = None,
        signal: Signal | None = None,
    ) -> None:
        self._path = Path(path)
        self._now = now
        self._asked = (factors, signal)
        self.factors = factors or Factors.UNSTATED
        self.signal = signal or Signal.UNSTATED

    def check(self, zone: str) -> None:
        """See :meth:`LiveSource.check`."""
        self._trace(zone)

    def fetch(self, zone: str, start: datetime, end: datetime) -> LiveSeries:
        """See :meth:`LiveSource.fetch`; the step is the file's."""
        trace = self._trace(zone)
        kind = Kind(self.name, zone, trace.factors, trace.signal, trace.step_s)
        whole = Window(trace.start, trace.step_s, len(trace.g_per_kwh))
        readings = [
            Reading(whole.moment(step), float(value), Quality.UNSTATED) for step, value in enumerate(trace.g_per_kwh)
        ]
        return regular(kind, Window.around(start, end, trace.step_s), readings, self._now().astimezone(UTC))

    def _trace(self, zone: str) -> GridTrace:
        factors, signal = self._asked
        try:
            trace = read_trace(self._path, zone=zone, factors=factors, signal=signal)
        except TraceError as error:
            if "Unknown zone" in str(error):
                raise ZoneError(str(error)) from error
            raise SourceError(self.name, Fault.MALFORMED, str(error)) from error
        self.factors, self.signal = trace.factors, trace.signal
        return trace
