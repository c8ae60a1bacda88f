"""Power integrated over time: for devices that tell what they draw, but do not count it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import EnergyError
from ce_nas.core.records import Source
from ce_nas.energy.base import Mark, Meter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SampledMeter"]

#: samples further apart than so many intervals leave a gap: bridged by their mean, but not counted as observed
_GAP_INTERVALS = 3.0


class SampledMeter(Meter):
    """Asks for the power at intervals, in a thread of its own, and integrates it by trapezoids.

    It runs beside the task, not inside it: what was drawn up to the moment at which a task is killed is not lost.

    :param power_w: asks the device for its power, W; raises where it does not answer.
    :param origin: what is asked, in words.
    :param every_s: time between two samples.
    :param now_s: the clock, seconds that never go back.
    """

    source = Source.INTEGRATED

    def __init__(
        self,
        power_w: Callable[[], float],
        origin: str,
        every_s: float = 0.1,
        now_s: Callable[[], float] = monotonic_s,
    ) -> None:
        self.origin = f"{origin}, every {every_s:g} s"
        self._power_w = power_w
        self._every_s = every_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._failed: Exception | None = None
        self._last = (now_s(), power_w())
        self._energy_j = 0.0
        self._observed_s = 0.0
        self._thread = threading.Thread(target=self._watch, name="ce-nas power", daemon=True)
        self._thread.start()

    def mark(self) -> Mark:
        """See :meth:`Meter.mark`; takes a sample of its own, so that the mark is of this very moment."""
        self.sample()
        with self._lock:
            if self._failed is not None:
                message = f"Expected a reading of {self.origin}, but {self._failed}; nothing is known from then on."
                raise EnergyError(message) from self._failed
            return Mark(self._last[0], self._energy_j, self._observed_s)

    def close(self) -> None:
        """See :meth:`Meter.close`."""
        self._over.set()
        self._thread.join()

    def sample(self) -> None:
        """Ask once, and add what was drawn since the last time; a failure is kept for :meth:`mark` to tell."""
        with self._lock:
            try:
                at_s, power_w = self._now_s(), self._power_w()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises: told when somebody asks
                self._failed = error
                return
            self._failed = None
            before_s, before_w = self._last
            passed_s = at_s - before_s
            self._energy_j += 0.5 * (before_w + power_w) * passed_s
            self._observed_s += passed_s if passed_s <= _GAP_INTERVALS * self._every_s else 0.0
            self._last = (at_s, power_w)

    def _watch(self) -> None:
        while not self._over.wait(self._every_s):
            self.sample()
