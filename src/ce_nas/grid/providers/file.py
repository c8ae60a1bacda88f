"""A file that another program keeps up to date, read again by :mod:`ce_nas.grid.readers` for each request."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from ce_nas.components.base import ComponentSettings
from ce_nas.components.quantities import File  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import PROVIDERS
from ce_nas.core.errors import TraceError
from ce_nas.core.http import Fault
from ce_nas.core.units import HOUR_S
from ce_nas.grid.providers.base import CarbonIntensityProvider, DataQuality
from ce_nas.grid.providers.normalize import AlignedWindow, IntensityReading, SeriesMetadata, normalize_readings
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.readers import read_trace
from ce_nas.grid.trace import EmissionFactorType, Signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ce_nas.grid.providers.base import IntensitySeries
    from ce_nas.grid.trace import GridTrace

__all__ = ["FileProvider"]


class FileProviderSettings(ComponentSettings):
    """Settings of the provider file."""

    file: File = Field(description="CSV or Parquet file that something else keeps up to date.")


@PROVIDERS.register("file", FileProviderSettings)
class FileProvider(CarbonIntensityProvider):
    """The zones of one CSV or Parquet file; without a column of zones, the file is that of any requested zone.

    :param factors: the emissions to read; those of the file where it does not state them.
    :param signal: average or marginal, where the file does not state it.
    """

    name = "file"
    step_s = HOUR_S

    def __init__(
        self,
        path: str | Path,
        *,
        now: Callable[[], datetime],
        factors: EmissionFactorType | None = None,
        signal: Signal | None = None,
    ) -> None:
        self._path = Path(path)
        self._now = now
        self._requested = (factors, signal)
        self.factors = factors or EmissionFactorType.UNSTATED
        self.signal = signal or Signal.UNSTATED

    def check_zone(self, zone: str) -> None:
        """See :meth:`CarbonIntensityProvider.check_zone`."""
        self._read_trace(zone)

    def fetch(self, zone: str, start: datetime, end: datetime) -> IntensitySeries:
        """See :meth:`CarbonIntensityProvider.fetch`; the step is the file's."""
        trace = self._read_trace(zone)
        metadata = SeriesMetadata(self.name, zone, trace.factors, trace.signal, trace.step_s)
        window = AlignedWindow(trace.start, trace.step_s, len(trace.g_per_kwh))
        readings = [
            IntensityReading(window.step_start(step), float(value), DataQuality.UNSTATED)
            for step, value in enumerate(trace.g_per_kwh)
        ]
        return normalize_readings(
            metadata, AlignedWindow.covering(start, end, trace.step_s), readings, self._now().astimezone(UTC)
        )

    def _read_trace(self, zone: str) -> GridTrace:
        factors, signal = self._requested
        try:
            trace = read_trace(self._path, zone=zone, factors=factors, signal=signal)
        except TraceError as error:
            if "Unknown zone" in str(error):
                raise ZoneError(str(error)) from error
            raise ProviderError(self.name, Fault.MALFORMED, str(error)) from error
        self.factors, self.signal = trace.factors, trace.signal
        return trace
