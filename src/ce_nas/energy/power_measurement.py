"""Measures how a GPU's power and the speed of its training follow the power limit, while a search trains.

As [Zeus] does it: in the first trainings the limit is lowered step by step, for a slice of time each, in which the
steps of the training and the energy of the GPU are counted. A slice is relative to one at the default limit in the same
training, so that trainings of different size can share the measurement.

Source
    [Zeus] You, Chung, Chowdhury. Zeus: Understanding and Optimizing GPU Energy Consumption of DNN Training. NSDI 2023,
        section 4.3 (just-in-time profiling of power limits).
"""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import EnergyError
from ce_nas.energy.mixed_lever import MeasuredTypes
from ce_nas.energy.power_profile import PowerLimit, PowerProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ce_nas.energy.base import EnergyMeter

__all__ = ["MIN_STEPS", "MixedMeasurement", "PowerMeasurement", "ProfilingGpu", "TrainingProgress"]

#: steps of a training that a slice has at least
MIN_STEPS = 20
#: the most times that a slice is prolonged to have them
_MAX_PROLONGED = 5
#: time from a change of the limit to the begin of its slice: clocks and power settle, s
_SETTLE_S = 2.0
#: limits that are measured, the default one included, at equal distances down to the lowest
_LIMITS = 8
#: increase of the energy of a step over the least so far, beyond which no lower limit is measured
_WORSE_SHARE = 0.05
#: time between two looks, s
_LOOK_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far the training of a device is."""

    task_id: int
    #: how often it has asked whether to stop, which is once a step
    steps: int
    #: time of the last question, s of the monotonic clock of the machine
    at_s: float


@dataclass(frozen=True, slots=True)
class ProfilingGpu:
    """The GPU that is measured."""

    name: str
    default_w: float
    lowest_w: float
    #: sets its power limit, W
    set_limit_w: Callable[[float], object]
    #: count its energy; of the GPUs of one trial together
    meters: Sequence[EnergyMeter]
    #: how far its training is; None without one
    progress: Callable[[], TrainingProgress | None]

    def energy_j(self) -> float:
        """Read the energy so far, J."""
        return sum(meter.snapshot().energy_j for meter in self.meters)


@dataclass(slots=True)
class _Slice:
    """A slice of a training at one limit."""

    limit_w: float
    task_id: int
    settled_s: float
    #: progress, energy and time at its begin; None until the limit has settled
    begin: tuple[TrainingProgress, float, float] | None = None


class PowerMeasurement:
    """Measures the profile of a GPU in the trainings that run on it, in a thread of its own.

    While the plan itself holds the limit down, as a site's cap asks, nothing is measured.

    :param slice_s: length of a slice, s.
    :param path: file for the profile, which ``power.profile`` of another search can name.
    :param now_s: the monotonic clock of the machine, s.
    """

    def __init__(
        self, gpu: ProfilingGpu, slice_s: float, path: Path | None = None, now_s: Callable[[], float] = monotonic_s
    ) -> None:
        step_w = (gpu.default_w - gpu.lowest_w) / (_LIMITS - 1)
        self._left_w = [gpu.default_w - number * step_w for number in range(1, _LIMITS)]
        #: the profile, or why there is none; None while it is measured
        self.result: PowerProfile | str | None = None
        self._gpu = gpu
        self._slice_s = slice_s
        self._path = path
        self._now_s = now_s
        self._points = [PowerLimit(gpu.default_w, 1.0, 1.0)]
        self._slice: _Slice | None = None
        #: task, steps/s and W of the last slice at the default limit
        self._reference: tuple[int, float, float] | None = None
        self._is_allowed = True
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="ce-nas power profile", daemon=True)

    def start(self) -> None:
        """Measure from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop measuring."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        for meter in self._gpu.meters:
            meter.close()

    def hold(self, apply: Callable[[], object], *, is_limited: bool) -> None:
        """Let the plan set the limits; a slice that it cuts off is repeated.

        :param is_limited: whether it holds them below the default; nothing is measured until it does not.
        """
        with self.paused(is_limited=is_limited):
            apply()

    @contextmanager
    def paused(self, *, is_limited: bool) -> Iterator[None]:
        """See :meth:`hold`, for what is done in the context."""
        with self._lock:
            self._slice, self._reference, self._is_allowed = None, None, not is_limited
            yield

    def shaped_like(self, profile: PowerProfile) -> PowerProfile:
        """Return another profile's shape for this GPU, in place of one that could not be measured."""
        scaled, reason = profile.scaled_to(self._gpu.default_w), self.result
        return PowerProfile(scaled.points, self._gpu.name, f"{self._gpu.name}: as {profile.name}, since {reason}")

    def look(self) -> None:
        """Begin, end or cut off a slice, as the time and the training say.

        :raises EnergyError: if the limit cannot be set, or the energy not be read.
        """
        with self._lock:
            if self.result is not None or not self._is_allowed:
                return
            progress, now_s, piece = self._gpu.progress(), self._now_s(), self._slice
            if progress is None or (piece is not None and piece.task_id != progress.task_id):
                self._cut_off()
            elif piece is None:
                self._begin(progress.task_id, now_s)
            elif piece.begin is None:
                if now_s >= piece.settled_s and progress.at_s >= piece.settled_s:
                    piece.begin = (progress, self._gpu.energy_j(), now_s)
            elif now_s - piece.begin[2] >= self._slice_s:
                self._end(piece, piece.begin, progress, now_s)

    def _measure(self) -> None:
        while self.result is None and not self._stopped.wait(_LOOK_INTERVAL_S):
            try:
                self.look()
            except EnergyError as error:
                self.result = str(error)

    def _cut_off(self) -> None:
        if self._slice is not None:
            self._gpu.set_limit_w(self._gpu.default_w)
        self._slice = self._reference = None

    def _begin(self, task_id: int, now_s: float) -> None:
        has_reference = self._reference is not None and self._reference[0] == task_id
        limit_w = self._left_w[0] if has_reference else self._gpu.default_w
        self._gpu.set_limit_w(limit_w)
        self._slice = _Slice(limit_w, task_id, now_s + _SETTLE_S)

    def _end(
        self, piece: _Slice, begin: tuple[TrainingProgress, float, float], progress: TrainingProgress, now_s: float
    ) -> None:
        """End a slice, unless the training made too few steps in it."""
        first, first_j, begin_s = begin
        steps, took_s = progress.steps - first.steps, now_s - begin_s
        if steps < MIN_STEPS:
            if took_s >= _MAX_PROLONGED * self._slice_s:
                self._finish(
                    f"Expected {MIN_STEPS} steps of a training in {took_s:.0f} s, each with a call of "
                    f"checkpoint.should_stop(), got {steps}; the power profile cannot be measured."
                )
            return
        rate, power_w = steps / (progress.at_s - first.at_s), (self._gpu.energy_j() - first_j) / took_s
        self._slice = None
        if piece.limit_w == self._gpu.default_w:
            self._reference = (piece.task_id, rate, power_w)
        else:
            assert self._reference is not None  # noqa: S101 - a lower limit is measured after the default one
            self._add(PowerLimit(piece.limit_w, self._reference[1] / rate, power_w / self._reference[2]))

    def _add(self, point: PowerLimit) -> None:
        """Add a limit; the last one, or one that makes work more expensive again, ends the measurement."""
        self._left_w.remove(point.limit_w)
        least = min(each.energy_factor for each in self._points)
        self._points.append(point)
        if not self._left_w or point.energy_factor > least * (1.0 + _WORSE_SHARE):
            self._finish()

    def _finish(self, reason: str = "") -> None:
        """Restore the default limit, and keep the profile, or the reason why there is none."""
        self._gpu.set_limit_w(self._gpu.default_w)
        if reason:
            self.result = reason
            return
        origin = f"{self._gpu.name}: measured in {len(self._points)} slices of {self._slice_s:g} s"
        profile = PowerProfile(self._points, self._gpu.name, origin)
        if self._path is not None:
            rows = [
                {"power_limit": point.limit_w, "time_per_epoch": point.time_factor, "average_power": point.power_factor}
                for point in self._points
            ]
            self._path.write_text(json.dumps(rows, indent=1) + "\n")
        self.result = profile


class MixedMeasurement:
    """Measures the profiles of several types of GPU at the same time, each on a device of its own.

    :param measurements: the measurement of each type, and the number of its devices.
    :param fallback: the profile whose shape a type has that cannot be measured.
    """

    def __init__(self, measurements: Sequence[tuple[PowerMeasurement, int]], fallback: PowerProfile) -> None:
        self._measurements = measurements
        self._fallback = fallback

    @property
    def result(self) -> MeasuredTypes | str | None:
        """The profiles, or why there is none of any type; None until those of all types are measured."""
        results = [(measurement, measurement.result, count) for measurement, count in self._measurements]
        if any(result is None for _, result, _ in results):
            return None
        if all(isinstance(result, str) for _, result, _ in results):
            return " ".join(dict.fromkeys(str(result) for _, result, _ in results))
        return MeasuredTypes(
            tuple(
                (result if isinstance(result, PowerProfile) else measurement.shaped_like(self._fallback), count)
                for measurement, result, count in results
            )
        )

    def start(self) -> None:
        """Measure from now on."""
        for measurement, _ in self._measurements:
            measurement.start()

    def close(self) -> None:
        """Stop measuring."""
        for measurement, _ in self._measurements:
            measurement.close()

    def hold(self, apply: Callable[[], object], *, is_limited: bool) -> None:
        """See :meth:`PowerMeasurement.hold`."""
        with ExitStack() as stack:
            for measurement, _ in self._measurements:
                stack.enter_context(measurement.paused(is_limited=is_limited))
            apply()
