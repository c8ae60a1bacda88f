"""Sampled power integrated over time, for devices without an energy counter."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import EnergyError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SampledMeter"]

#: longest time between two samples, in intervals, that counts as observed; longer gaps are interpolated
_MAX_GAP_INTERVALS = 3.0


class SampledMeter(EnergyMeter):
    """Samples the power at intervals, in a thread, and integrates it by the trapezoidal rule.

    The thread is independent of the task, so that the energy of a killed task is kept.

    :param read_power_w: reads the power of the device, W; raises if it does not answer.
    :param origin: description of what is read.
    :param interval_s: time between two samples, s.
    :param now_s: a monotonic clock, s.
    """

    source = ReadingSource.INTEGRATED

    def __init__(
        self,
        read_power_w: Callable[[], float],
        origin: str,
        interval_s: float = 0.1,
        now_s: Callable[[], float] = monotonic_s,
    ) -> None:
        self.origin = f"{origin}, every {interval_s:g} s"
        self._read_power_w = read_power_w
        self._interval_s = interval_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._stop_event = threading.Event()
        self._error: Exception | None = None
        self._last_sample = (now_s(), read_power_w())
        self._energy_j = 0.0
        self._observed_s = 0.0
        self._thread = threading.Thread(target=self._poll, name="ce-nas power", daemon=True)
        self._thread.start()

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`; takes a sample of its own, so that the counts are current."""
        self.sample()
        with self._lock:
            if self._error is not None:
                message = f"Expected a reading of {self.origin}, but {self._error}; resume the run when it answers."
                raise EnergyError(message) from self._error
            return MeterSnapshot(self._last_sample[0], self._energy_j, self._observed_s)

    def close(self) -> None:
        """See :meth:`EnergyMeter.close`."""
        self._stop_event.set()
        self._thread.join()

    def sample(self) -> None:
        """Take one sample and add the energy since the last one; :meth:`snapshot` raises its error, if any."""
        with self._lock:
            try:
                at_s, power_w = self._now_s(), self._read_power_w()
            except Exception as error:  # noqa: BLE001 - drivers raise various errors; `snapshot` reports them
                self._error = error
                return
            self._error = None
            last_s, last_w = self._last_sample
            elapsed_s = at_s - last_s
            self._energy_j += 0.5 * (last_w + power_w) * elapsed_s
            self._observed_s += elapsed_s if elapsed_s <= _MAX_GAP_INTERVALS * self._interval_s else 0.0
            self._last_sample = (at_s, power_w)

    def _poll(self) -> None:
        while not self._stop_event.wait(self._interval_s):
            self.sample()
