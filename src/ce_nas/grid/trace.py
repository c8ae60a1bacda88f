"""Carbon intensity over time: a piecewise-constant series, and the trace of one zone that is made of it.

A series is read in seconds counted from a moment of one's choice (:meth:`Series.since`), in plain Python numbers:
an engine asks for an integral at every event, and a numpy scalar would cost more than the sum. What is missing stays
missing: nothing is interpolated, extrapolated or filled in.
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
from ce_nas.core.units import as_duration, as_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Factors", "Gap", "GridTrace", "Series", "Signal"]


class Factors(StrEnum):
    """Which emissions an intensity counts."""

    LIFECYCLE = "lifecycle"  #: with building the plants and getting the fuel
    DIRECT = "direct"  #: what leaves the stacks alone
    UNSTATED = "unstated"  #: the source does not say


class Signal(StrEnum):
    """What an intensity answers."""

    AVERAGE = "average"  #: emissions of all generation over all generation
    MARGINAL = "marginal"  #: emissions of the next kilowatt-hour drawn
    UNSTATED = "unstated"  #: the source does not say


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch for which a series holds no value."""

    start: datetime
    #: the moment at which values go on
    end: datetime

    def __str__(self) -> str:
        return f"{as_time(self.start)} to {as_time(self.end)}"


class Series:
    """Values that hold for a step each, on a regular grid of time.

    Moments are handed in as seconds since :attr:`zero`, which is the start of the series until :meth:`since` says
    otherwise; moments before it are negative.

    :param start: when the first step begins; a time without a zone is UTC.
    :param step_s: the length of a step.
    :param values: a value a step, shape ``(steps,)``, any unit; NaN where it is missing.
    :param name: what the series is called in an error, for instance ``the carbon intensity of zone 'solar'``.
    :raises TraceError: if there are no values, one is infinite, or the step is not above zero.
    """

    def __init__(self, start: datetime, step_s: float, values: np.ndarray, name: str = "the series") -> None:
        self.start = _utc(start)
        self.step_s = float(step_s)
        self.name = name
        self.values = _checked(name, self.step_s, values)
        self._steps: list[float] = np.nan_to_num(self.values, nan=0.0).tolist()
        self._steps.append(0.0)  # the moment of the end belongs to a step that weighs nothing
        self._sums: list[float] = [0.0, *accumulate(self._steps)]
        self._next_gap = _next_gap(self.values)
        self._seat(self.start)

    def since(self, moment: datetime) -> Self:
        """The same series, its seconds counted from ``moment``; the values are shared."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._seat(_utc(moment))
        return view

    @property
    def end(self) -> datetime:
        """When the last step ends."""
        return self.start + timedelta(seconds=len(self) * self.step_s)

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """The stretches without a value, in order."""
        missing = np.concatenate([[False], np.isnan(self.values), [False]])
        edges = np.flatnonzero(missing[1:] != missing[:-1]).tolist()
        return tuple(
            Gap(self._moment(first), self._moment(after)) for first, after in zip(edges[::2], edges[1::2], strict=True)
        )

    def at(self, at_s: float) -> float:
        """The value of the step that ``at_s`` lies in; a step holds its beginning and not its end.

        :raises TraceError: if the series has no value there.
        """
        position = (at_s + self._ahead_s) / self.step_s
        if not self._low <= position < self._high:
            raise self._refusal(at_s, at_s)
        step = self._base + math.floor(position)
        if self._next_gap[step] == step:
            raise self._refusal(at_s, at_s)
        return self._steps[step]

    def integral(self, start_s: float, end_s: float) -> float:
        """The integral from ``start_s`` to ``end_s``, in the values' unit times seconds, exact over the steps.

        :raises TraceError: if the series does not cover the stretch, or the stretch ends before it starts.
        """
        first = (start_s + self._ahead_s) / self.step_s
        last = (end_s + self._ahead_s) / self.step_s
        if not self._low <= first <= last <= self._high:
            raise self._refusal(start_s, end_s)
        i, j = math.floor(first), math.floor(last)
        a, b = self._base + i, self._base + j
        if self._next_gap[a] - self._base < last:
            raise self._refusal(start_s, end_s)
        steps = self._steps
        if a == b:
            return (end_s - start_s) * steps[a]
        between = self._sums[b] - self._sums[a + 1]
        return self.step_s * ((i + 1 - first) * steps[a] + between + (last - j) * steps[b])

    def mean(self, start_s: float, end_s: float) -> float:
        """The mean from ``start_s`` to ``end_s``; over an empty stretch, the value there.

        :raises TraceError: if the series does not cover the stretch, or the stretch ends before it starts.
        """
        if start_s == end_s:
            return self.at(start_s)
        return self.integral(start_s, end_s) / (end_s - start_s)

    def past(self, now_s: float, steps: int) -> np.ndarray:
        """The values of the last ``steps`` steps that have ended at or before ``now_s``, oldest first.

        It reaches back before :attr:`zero`, but not over a gap and not before the series: so it may be shorter than
        asked, or empty, and holds no NaN.
        """
        after = min(max(self._base + math.floor((now_s + self._ahead_s) / self.step_s), 0), len(self))
        recent = self.values[max(after - steps, 0) : after]
        missing = np.flatnonzero(np.isnan(recent))
        return recent[missing[-1] + 1 :] if len(missing) else recent

    def covers(self, start_s: float, end_s: float) -> bool:
        """Whether every moment from ``start_s`` to ``end_s`` has a value."""
        first = (start_s + self._ahead_s) / self.step_s
        last = (end_s + self._ahead_s) / self.step_s
        inside = self._low <= first <= last <= self._high
        return inside and self._next_gap[self._base + math.floor(first)] - self._base >= last

    def require(self, start_s: float, end_s: float) -> None:
        """Say before a run, rather than in the midst of it, that the series does not reach.

        :raises TraceError: if :meth:`covers` does not hold; it names what is covered, or the gap, and the way out.
        """
        if not self.covers(start_s, end_s):
            raise self._refusal(start_s, end_s)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self)} steps of {self.step_s:g} s from {as_time(self.start)}>"

    def _seat(self, zero: datetime) -> None:
        """Count seconds from ``zero``: whole steps and the rest apart, so that short stretches keep their digits."""
        #: the moment at which the seconds handed in are 0
        self.zero = zero
        ahead_s = (zero - self.start).total_seconds()
        self._base = math.floor(ahead_s / self.step_s)
        self._ahead_s = ahead_s - self._base * self.step_s
        self._low = float(-self._base)
        self._high = float(len(self) - self._base)

    def _moment(self, step: int) -> datetime:
        return self.start + timedelta(seconds=step * self.step_s)

    def _at(self, at_s: float) -> datetime:
        """The moment for a message; what is centuries away is cut to what a calendar holds."""
        return self.zero + timedelta(seconds=min(max(at_s, -1e10), 1e10))

    def _refusal(self, start_s: float, end_s: float) -> TraceError:
        """Why the stretch cannot be read, and what to do."""
        if not (math.isfinite(start_s) and math.isfinite(end_s) and start_s <= end_s):
            return TraceError(f"Expected a stretch of time that ends after it starts, got {start_s} s to {end_s} s.")
        wanted = Gap(self._at(start_s), self._at(end_s))
        asked = f"at {as_time(wanted.start)}" if start_s == end_s else f"from {wanted}"
        hit = next((gap for gap in self.gaps if gap.start <= wanted.end and wanted.start < gap.end), None)
        if hit and self.start <= wanted.start and wanted.end <= self.end:
            return TraceError(
                f"No value {asked}: {self.name} has a gap from {hit}. Choose a start or a length that "
                f"keeps clear of it, or another source; nothing is filled in."
            )
        return TraceError(
            f"No value {asked}: {self.name} covers {as_time(self.start)} to {as_time(self.end)}. Choose a start and "
            f"a length inside it, or a longer series."
        )


@dataclass(frozen=True, eq=False)
class GridTrace:
    """The carbon intensity of one zone over time, and what it stands for."""

    #: the zone's name at its source, for instance ``US-CAL-CISO``
    zone: str
    #: intensity a step, g CO2eq/kWh; never negative, NaN where it is missing
    series: Series
    factors: Factors
    signal: Signal
    #: the file it was read from, or ``built-in, synthetic``
    origin: str
    #: True if it was made up, after the statistics of a real grid, by this package
    synthetic: bool = False
    #: rows that were dropped because an earlier one said exactly the same
    duplicates: int = 0
    #: source of electricity to its generation a step, MW, shape ``(steps,)``, NaN where missing; empty if not known
    mix_mw: Mapping[str, np.ndarray] = field(default_factory=dict)

    def since(self, moment: datetime) -> Series:
        """The series with its seconds counted from ``moment``, for instance the start of a run."""
        return self.series.since(moment)

    @property
    def g_per_kwh(self) -> np.ndarray:
        """Intensity a step, g CO2eq/kWh, shape ``(steps,)``, NaN where it is missing; not to be written to."""
        return self.series.values

    @property
    def start(self) -> datetime:
        """When the first step begins."""
        return self.series.start

    @property
    def end(self) -> datetime:
        """When the last step ends."""
        return self.series.end

    @property
    def step_s(self) -> float:
        """The length of a step."""
        return self.series.step_s

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The stretches without a value, in order."""
        return self.series.gaps

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of the start, the step, the values, the mix and what they stand for.

        The name of the file is left out: the same values read from another place are the same trace.
        """
        head = [self.start.isoformat(), self.step_s, self.zone, self.factors, self.signal, self.synthetic]
        digest = hashlib.sha256(json.dumps(head).encode())
        digest.update(_bytes(self.g_per_kwh))
        for source in sorted(self.mix_mw):
            digest.update(source.encode() + _bytes(self.mix_mw[source]))
        return digest.hexdigest()

    def describe(self) -> str:
        """One line for people: the zone, what is counted, how long and how fine, and what is missing."""
        kind = "synthetic, " if self.synthetic else ""
        missing = f", {len(self.gaps)} gap(s)" if self.gaps else ""
        return (
            f"{self.zone} ({kind}{self.factors} factors, {self.signal} signal), {as_time(self.start)} to "
            f"{as_time(self.end)} in steps of {as_duration(self.step_s)}{missing}"
        )


def _bytes(values: np.ndarray) -> bytes:
    """The values, however a NaN came to be."""
    return np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _checked(name: str, step_s: float, values: np.ndarray | Sequence[float]) -> np.ndarray:
    """The values as floats of our own that nobody can write to."""
    own = np.array(values, dtype=np.float64)
    if own.ndim != 1 or not len(own):
        message = f"Expected one value a step for {name}, at least one; got an array of shape {own.shape}."
        raise TraceError(message)
    if not (math.isfinite(step_s) and step_s > 0):
        message = f"Expected a step above 0 s for {name}, got {step_s} s."
        raise TraceError(message)
    if np.isinf(own).any():
        message = f"Expected finite values for {name}, got {own[np.isinf(own)][0]} at step {np.isinf(own).argmax()}."
        raise TraceError(message)
    own.flags.writeable = False
    return own


def _next_gap(values: np.ndarray) -> list[int]:
    """For each step, and for the end, the first missing step at or after it; far beyond the end if there is none."""
    steps = len(values)
    missing = np.where(np.isnan(values), np.arange(steps), 2 * steps + 1)
    ahead: list[int] = np.minimum.accumulate(missing[::-1])[::-1].tolist()
    return [*ahead, 2 * steps + 1]
