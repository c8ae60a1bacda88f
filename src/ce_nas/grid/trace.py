"""Carbon intensity over time: a piecewise-constant series, and the trace of one zone.

A series is read in seconds from a chosen reference time (:meth:`Series.relative_to`), in plain Python numbers: an
engine needs an integral at every event, and a numpy scalar would cost more than the sum. Missing values stay missing:
nothing is interpolated, extrapolated or filled in.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Self

import numpy as np

from ce_nas.core.errors import TraceError
from ce_nas.core.formatting import format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["EmissionFactorType", "Gap", "GridTrace", "Series", "Signal"]

#: a shorter interval is empty within rounding, s
_EMPTY_S = 1e-9


class EmissionFactorType(StrEnum):
    """The emissions that an intensity counts."""

    LIFECYCLE = "lifecycle"  #: including construction of the plants and supply of the fuel
    DIRECT = "direct"  #: at the stack alone
    UNSTATED = "unstated"  #: not stated by the source


class Signal(StrEnum):
    """Average or marginal emissions."""

    AVERAGE = "average"  #: emissions of all generation over all generation
    MARGINAL = "marginal"  #: emissions of an additional kilowatt-hour
    UNSTATED = "unstated"  #: not stated by the source


@dataclass(frozen=True, slots=True)
class Gap:
    """An interval without values."""

    start: datetime
    #: start of the next value
    end: datetime

    def __str__(self) -> str:
        return f"{format_time(self.start)} to {format_time(self.end)}"


class Series:
    """Values that hold for one step each, at regular steps.

    Moments are seconds since :attr:`reference_time`, by default the start of the series (:meth:`relative_to`); earlier
    moments are negative.

    Example:
        >>> series = Series(datetime(2021, 7, 1, tzinfo=UTC), 3600.0, np.array([100.0, 200.0]))
        >>> series.at(3600.0), series.mean(1800.0, 5400.0)
        (200.0, 150.0)

    :param start: start of the first step; a time without a zone is UTC.
    :param step_s: length of a step.
    :param values: a value by step, shape ``(steps,)``, any unit; NaN where it is missing.
    :param name: the series' name in errors, for instance ``the carbon intensity of zone 'solar'``.
    :raises TraceError: if there are no values, one is infinite, or the step is not above zero.
    """

    def __init__(self, start: datetime, step_s: float, values: np.ndarray, name: str = "the series") -> None:
        self.start = _to_utc(start)
        self.step_s = float(step_s)
        self.name = name
        self.values = _validated_values(name, self.step_s, values)
        self._step_values: list[float] = np.nan_to_num(self.values, nan=0.0).tolist()
        self._step_values.append(0.0)  # the end is in an additional step of weight zero
        self._cumulative_sums: list[float] = [0.0, *accumulate(self._step_values)]
        self._next_gaps = _find_next_gaps(self.values)
        self._set_reference_time(self.start)

    def relative_to(self, reference_time: datetime) -> Self:
        """Return the same series with seconds counted from ``reference_time``; the values are shared."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._set_reference_time(_to_utc(reference_time))
        return view

    @property
    def end(self) -> datetime:
        """End of the last step."""
        return self.start + timedelta(seconds=len(self) * self.step_s)

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """The intervals without values, in order."""
        missing = np.concatenate([[False], np.isnan(self.values), [False]])
        edges = np.flatnonzero(missing[1:] != missing[:-1]).tolist()
        return tuple(
            Gap(self._step_start(first), self._step_start(after))
            for first, after in zip(edges[::2], edges[1::2], strict=True)
        )

    def at(self, at_s: float) -> float:
        """Return the value of the step that contains ``at_s``; a step contains its start and not its end.

        :raises TraceError: if the series has no value there.
        """
        position = (at_s + self._phase_s) / self.step_s
        if not self._min_position <= position < self._max_position:
            raise self._coverage_error(at_s, at_s)
        step = self._base_step + math.floor(position)
        if self._next_gaps[step] == step:
            raise self._coverage_error(at_s, at_s)
        return self._step_values[step]

    def integral(self, start_s: float, end_s: float) -> float:
        """Return the exact integral from ``start_s`` to ``end_s``, in the values' unit times seconds.

        :raises TraceError: if the series does not cover the interval, or the interval ends before it starts.
        """
        first = (start_s + self._phase_s) / self.step_s
        last = (end_s + self._phase_s) / self.step_s
        if not self._min_position <= first <= last <= self._max_position:
            raise self._coverage_error(start_s, end_s)
        i, j = math.floor(first), math.floor(last)
        a, b = self._base_step + i, self._base_step + j
        if self._next_gaps[a] - self._base_step < last:
            raise self._coverage_error(start_s, end_s)
        steps = self._step_values
        if a == b:
            return (end_s - start_s) * steps[a]
        between = self._cumulative_sums[b] - self._cumulative_sums[a + 1]
        return self.step_s * ((i + 1 - first) * steps[a] + between + (last - j) * steps[b])

    def mean(self, start_s: float, end_s: float) -> float:
        """Return the mean from ``start_s`` to ``end_s``; of an interval that is empty within rounding, the value there.

        :raises TraceError: if the series does not cover the interval, or the interval ends before it starts.
        """
        if 0.0 <= end_s - start_s < _EMPTY_S:
            return self.at(start_s)
        return self.integral(start_s, end_s) / (end_s - start_s)

    def past(self, now_s: float, steps: int) -> np.ndarray:
        """Return the values of the last ``steps`` steps that ended at or before ``now_s``, oldest first.

        They may start before :attr:`reference_time`, but not before a gap or the series: so they may be fewer than
        ``steps``, or none, and contain no NaN.
        """
        after = min(max(self._base_step + math.floor((now_s + self._phase_s) / self.step_s), 0), len(self))
        recent = self.values[max(after - steps, 0) : after]
        missing = np.flatnonzero(np.isnan(recent))
        return recent[missing[-1] + 1 :] if len(missing) else recent

    def covers(self, start_s: float, end_s: float) -> bool:
        """Whether every moment from ``start_s`` to ``end_s`` has a value."""
        first = (start_s + self._phase_s) / self.step_s
        last = (end_s + self._phase_s) / self.step_s
        inside = self._min_position <= first <= last <= self._max_position
        return inside and self._next_gaps[self._base_step + math.floor(first)] - self._base_step >= last

    def require_coverage(self, start_s: float, end_s: float) -> None:
        """Check the coverage before a run, rather than during it.

        :raises TraceError: if :meth:`covers` is false, with the covered interval, or the gap, and the way out.
        """
        if not self.covers(start_s, end_s):
            raise self._coverage_error(start_s, end_s)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        steps = f"{len(self)} steps of {self.step_s:g} s from {format_time(self.start)}"
        return f"<{type(self).__name__} {self.name}: {steps}>"

    def _set_reference_time(self, reference_time: datetime) -> None:
        """Set the reference time, in whole steps and the rest, so that short intervals keep their precision."""
        #: the moment of 0 s
        self.reference_time = reference_time
        ahead_s = (reference_time - self.start).total_seconds()
        self._base_step = math.floor(ahead_s / self.step_s)
        self._phase_s = ahead_s - self._base_step * self.step_s
        self._min_position = float(-self._base_step)
        self._max_position = float(len(self) - self._base_step)

    def _step_start(self, step: int) -> datetime:
        return self.start + timedelta(seconds=step * self.step_s)

    def _clamped_time(self, at_s: float) -> datetime:
        """Return the moment for a message, within the range of a calendar."""
        return self.reference_time + timedelta(seconds=min(max(at_s, -1e10), 1e10))

    def _coverage_error(self, start_s: float, end_s: float) -> TraceError:
        """Return the error of an interval that is not covered."""
        if not (math.isfinite(start_s) and math.isfinite(end_s) and start_s <= end_s):
            return TraceError(f"Expected an interval that ends after it starts, got {start_s} s to {end_s} s.")
        wanted = Gap(self._clamped_time(start_s), self._clamped_time(end_s))
        interval = f"at {format_time(wanted.start)}" if start_s == end_s else f"from {wanted}"
        gap = next((gap for gap in self.gaps if gap.start <= wanted.end and wanted.start < gap.end), None)
        if gap and self.start <= wanted.start and wanted.end <= self.end:
            return TraceError(
                f"No value {interval}: {self.name} has a gap from {gap}. Choose a start or a length that "
                f"avoids it, or another source; nothing is filled in."
            )
        return TraceError(
            f"No value {interval}: {self.name} covers {format_time(self.start)} to {format_time(self.end)}. "
            f"Choose a start and a length inside it, or a longer series."
        )


@dataclass(frozen=True, eq=False)
class GridTrace:
    """The carbon intensity of one zone over time, and what it counts."""

    #: the zone's name at its source, for instance ``US-CAL-CISO``
    zone: str
    #: intensity by step, g CO2eq/kWh; never negative, NaN where it is missing
    series: Series
    factors: EmissionFactorType
    signal: Signal
    #: the file it was read from, or ``built-in, synthetic``
    origin: str
    #: whether it was generated from the statistics of a real grid
    synthetic: bool = False
    #: number of dropped rows that repeated an earlier one
    duplicates: int = 0
    #: source of electricity to its generation by step, MW, shape ``(steps,)``, NaN where missing; empty if not known
    mix_mw: Mapping[str, np.ndarray] = field(default_factory=dict)
    #: what was read and assumed: the unit and where it is from, the layout, what was left out
    notes: tuple[str, ...] = ()

    def relative_to(self, reference_time: datetime) -> Series:
        """Return the series with seconds counted from ``reference_time``, for instance the start of a run."""
        return self.series.relative_to(reference_time)

    @property
    def g_per_kwh(self) -> np.ndarray:
        """Intensity by step, g CO2eq/kWh, shape ``(steps,)``, NaN where it is missing; read-only."""
        return self.series.values

    @property
    def start(self) -> datetime:
        """Start of the first step."""
        return self.series.start

    @property
    def end(self) -> datetime:
        """End of the last step."""
        return self.series.end

    @property
    def step_s(self) -> float:
        """Length of a step."""
        return self.series.step_s

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The intervals without values, in order."""
        return self.series.gaps

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of the start, the step, the values, the mix and what they count.

        The file name is left out: the same values from another file are the same trace.
        """
        head = [self.start.isoformat(), self.step_s, self.zone, self.factors, self.signal, self.synthetic]
        digest = hashlib.sha256(json.dumps(head).encode())
        digest.update(_canonical_bytes(self.g_per_kwh))
        for source in sorted(self.mix_mw):
            digest.update(source.encode() + _canonical_bytes(self.mix_mw[source]))
        return digest.hexdigest()

    def describe(self) -> str:
        """Return one line for people: the zone, what is counted, the period, the step and the gaps."""
        kind = "synthetic, " if self.synthetic else ""
        missing = f", {len(self.gaps)} gap(s)" if self.gaps else ""
        return (
            f"{self.zone} ({kind}{self.factors} factors, {self.signal} signal), {format_time(self.start)} to "
            f"{format_time(self.end)} in steps of {format_duration(self.step_s)}{missing}"
        )


def _canonical_bytes(values: np.ndarray) -> bytes:
    """Return the bytes of the values, with one representation of NaN."""
    return np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()


def _to_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _validated_values(name: str, step_s: float, values: np.ndarray | Sequence[float]) -> np.ndarray:
    """Return a read-only copy of the values as floats."""
    copy = np.array(values, dtype=np.float64)
    if copy.ndim != 1 or not len(copy):
        message = f"Expected one value by step for {name}, at least one; got an array of shape {copy.shape}."
        raise TraceError(message)
    if not (math.isfinite(step_s) and step_s > 0):
        message = f"Expected a step above 0 s for {name}, got {step_s} s."
        raise TraceError(message)
    if np.isinf(copy).any():
        message = f"Expected finite values for {name}, got {copy[np.isinf(copy)][0]} at step {np.isinf(copy).argmax()}."
        raise TraceError(message)
    copy.flags.writeable = False
    return copy


def _find_next_gaps(values: np.ndarray) -> list[int]:
    """Return for each step, and for the end, the first missing step at or after it; beyond the end if there is none."""
    steps = len(values)
    missing = np.where(np.isnan(values), np.arange(steps), 2 * steps + 1)
    ahead: list[int] = np.minimum.accumulate(missing[::-1])[::-1].tolist()
    return [*ahead, 2 * steps + 1]
