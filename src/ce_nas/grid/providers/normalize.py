"""From the readings of a response to a regular series; nothing is interpolated.

Repeated readings are dropped; readings that contradict each other leave the step missing. An implausible intensity
(below zero, above 2,500 g/kWh, or below 4 g/kWh with life-cycle factors, where a fuel was left out) becomes missing,
with a note; where half of a response is implausible, its unit is not the documented one and it is rejected. A plausible
zero is kept, with a note.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.formatting import format_duration, format_time
from ce_nas.core.http import Fault
from ce_nas.grid.providers.base import DataQuality, IntensitySeries
from ce_nas.grid.providers.provider_errors import ProviderError
from ce_nas.grid.trace import EmissionFactorType, GridTrace, Series, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["AlignedWindow", "IntensityReading", "SeriesMetadata", "normalize_readings", "parse_number", "parse_time"]

#: above the intensity of any plant (brown coal and oil shale are below 1,500)
MAX_G_PER_KWH = 2500.0
#: below the life-cycle intensity of any plant (nuclear, hydro: 5 and more)
MIN_LIFECYCLE_G_PER_KWH = 4.0
#: a response with a lower maximum is in kg/kWh
MIN_PLAUSIBLE_MAXIMUM_G_PER_KWH = 1.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SeriesMetadata:
    """What the readings of a response are."""

    provider: str
    zone: str
    factors: EmissionFactorType
    signal: Signal
    step_s: float
    #: whether the response states its unit
    unit_stated: bool = False


@dataclass(frozen=True, slots=True)
class IntensityReading:
    """One row of a response."""

    #: start of its step, UTC
    start: datetime
    #: NaN where the response has no number
    g_per_kwh: float
    quality: DataQuality


@dataclass(frozen=True, slots=True)
class AlignedWindow:
    """An interval of whole steps."""

    start: datetime
    step_s: float
    steps: int

    @classmethod
    def covering(cls, start: datetime, end: datetime, step_s: float) -> AlignedWindow:
        """Return the whole steps that overlap ``start`` to ``end``, aligned to midnight UTC; at least one."""
        first = math.floor((start - _EPOCH).total_seconds() / step_s)
        after = math.ceil((end - _EPOCH).total_seconds() / step_s)
        return cls(_EPOCH + timedelta(seconds=first * step_s), step_s, max(after - first, 1))

    @property
    def end(self) -> datetime:
        """End of the last step."""
        return self.step_start(self.steps)

    def step_start(self, step: int) -> datetime:
        """Return the start of a step."""
        return self.start + timedelta(seconds=step * self.step_s)

    def step_position(self, moment: datetime) -> float:
        """Return the number of the step that starts at ``moment``; not a whole number if none does."""
        return (moment - self.start).total_seconds() / self.step_s


def normalize_readings(  # noqa: PLR0913 - the parts of a response
    metadata: SeriesMetadata,
    window: AlignedWindow,
    readings: Iterable[IntensityReading],
    fetched_at: datetime,
    *,
    notes: Sequence[str] = (),
    issued_at: datetime | None = None,
) -> IntensitySeries:
    """Return the readings in the window as a regular series.

    :raises ProviderError: if a reading starts between two steps, or half of them are implausible.
    """
    by_step, remarks = _assign_to_steps(metadata, window, readings)
    values = np.array([by_step[step].g_per_kwh if step in by_step else np.nan for step in range(window.steps)])
    remarks += _drop_implausible(metadata, values)
    qualities = tuple(
        DataQuality.MISSING if math.isnan(value) else by_step[step].quality for step, value in enumerate(values)
    )
    name = f"the live carbon intensity of zone {metadata.zone!r}"
    trace = GridTrace(
        metadata.zone,
        Series(window.start, window.step_s, values, name),
        metadata.factors,
        metadata.signal,
        f"live, {metadata.provider}",
    )
    return IntensitySeries(
        metadata.provider, trace, qualities, (fetched_at,) * window.steps, (*notes, *remarks), issued_at=issued_at
    )


def parse_time(metadata: SeriesMetadata, text: Any) -> datetime:  # noqa: ANN401 - any JSON value
    """Parse a time with a zone, in ISO 8601.

    :raises ProviderError: if it is something else; a time without a zone is ambiguous.
    """
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ProviderError(metadata.provider, Fault.MALFORMED, f"expected a time with its zone, got {text!r}.")
    return moment.astimezone(UTC)


def parse_number(metadata: SeriesMetadata, value: Any) -> float:  # noqa: ANN401 - any JSON value
    """Parse a number, also one written as text; NaN for null and for an empty text.

    :raises ProviderError: if it is something else.
    """
    if value is None or value == "":
        return math.nan
    try:
        number = math.inf if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.inf
    if math.isinf(number):
        raise ProviderError(metadata.provider, Fault.MALFORMED, f"expected a number or null, got {value!r}.")
    return number


def _assign_to_steps(
    metadata: SeriesMetadata, window: AlignedWindow, readings: Iterable[IntensityReading]
) -> tuple[dict[int, IntensityReading], list[str]]:
    by_step: dict[int, IntensityReading] = {}
    repeated = 0
    contradicted: set[int] = set()
    for reading in readings:
        position = window.step_position(reading.start)
        if position != round(position):
            length = format_duration(window.step_s)
            detail = f"expected steps of {length}, got one that starts at {reading.start.isoformat()}."
            raise ProviderError(metadata.provider, Fault.MALFORMED, detail)
        step = round(position)
        before = by_step.get(step)
        if not 0 <= step < window.steps or (before and math.isnan(reading.g_per_kwh)):
            continue
        if before and not math.isnan(before.g_per_kwh):
            repeated += 1
            if before.g_per_kwh != reading.g_per_kwh:
                contradicted.add(step)
        by_step[step] = reading
    for step in contradicted:
        by_step[step] = IntensityReading(window.step_start(step), math.nan, DataQuality.MISSING)
    return by_step, _duplicate_notes(window, repeated - len(contradicted), sorted(contradicted))


def _duplicate_notes(window: AlignedWindow, repeated: int, contradicted: list[int]) -> list[str]:
    remarks = [f"{repeated} repeated reading(s) were dropped."] if repeated else []
    if contradicted:
        first = format_time(window.step_start(contradicted[0]))
        remarks.append(f"{len(contradicted)} step(s) with contradicting readings are missing, the first at {first}.")
    return remarks


def _drop_implausible(metadata: SeriesMetadata, values: np.ndarray) -> list[str]:
    """Set implausible values to NaN, in place, and return the notes."""
    is_known = ~np.isnan(values)
    minimum = MIN_LIFECYCLE_G_PER_KWH if metadata.factors is EmissionFactorType.LIFECYCLE else 0.0
    implausible = is_known & ~((values >= minimum) & (values <= MAX_G_PER_KWH))
    in_kg = (
        not metadata.unit_stated and is_known.any() and 0.0 < values[is_known].max() < MIN_PLAUSIBLE_MAXIMUM_G_PER_KWH
    )
    if is_known.any() and (in_kg or 2 * implausible.sum() >= is_known.sum()):
        low, high = values[is_known].min(), values[is_known].max()
        detail = f"its values run from {low:g} to {high:g}; no grid has such values in g CO2eq/kWh."
        raise ProviderError(metadata.provider, Fault.WRONG_UNITS, detail)
    remarks = []
    if implausible.any():
        shown = ", ".join(f"{value:g}" for value in values[implausible][:3])
        remarks.append(f"{implausible.sum()} implausible value(s) (such as {shown} g/kWh) are missing.")
    values[implausible] = np.nan
    zeros = int((values == 0.0).sum())
    return [*remarks, f"{zeros} value(s) of 0 g/kWh are kept as the provider sent them."] if zeros else remarks
