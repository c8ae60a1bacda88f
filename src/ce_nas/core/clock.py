"""Clocks: the time of a run, and the queue of its signals.

The engine reads the time from its clock alone and never sleeps. A *signal* is what a cluster posts, to be delivered at
a given time. :class:`VirtualClock` advances to the next signal at once, so that 80 hours take a second;
:class:`WallClock` waits for it. The engine runs unchanged on both.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

__all__ = ["Clock", "VirtualClock", "WallClock", "file_age_s", "monotonic_s", "utc_now"]


def utc_now() -> datetime:
    """Return the current date and time, UTC: for requests to servers; runs are timed by their clock."""
    return datetime.now(UTC)


def file_age_s(changed_ns: int) -> float:
    """Return the seconds since a file was changed, from the time in its ``stat``, ns: by the clock of the files."""
    return (time.time_ns() - changed_ns) / 1e9


def monotonic_s() -> float:
    """Return the seconds of a monotonic clock: for meters and time-outs; runs are timed by their clock."""
    return time.monotonic()


class Clock(ABC):
    """The time of one run, with a queue of signals."""

    @property
    @abstractmethod
    def now_s(self) -> float:
        """Seconds since the start of the run."""

    @abstractmethod
    def post(self, signal: Any, delay_s: float = 0.0) -> int:  # noqa: ANN401 - a signal may be any object
        """Schedule ``signal`` in ``delay_s`` seconds; returns the signal id for :meth:`cancel`.

        Thread-safe.
        """

    @abstractmethod
    def cancel(self, signal_id: int) -> None:
        """Cancel a scheduled signal; does nothing if it was delivered already."""

    @abstractmethod
    def next(self, until_s: float) -> Any | None:  # noqa: ANN401
        """Return the next signal due up to ``until_s``, or None once that time is reached.

        Signals due at the same time are delivered in the order in which they were posted.
        """


class VirtualClock(Clock):
    """Simulated time: advances to the next signal, or to the end of the wait, at once.

    Example:
        >>> clock = VirtualClock()
        >>> _ = clock.post("task finished", delay_s=3600.0)
        >>> clock.next(until_s=7200.0), clock.now_s
        ('task finished', 3600.0)
        >>> clock.next(until_s=7200.0), clock.now_s
        (None, 7200.0)
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._queue: list[tuple[float, int, Any]] = []
        self._signal_ids = itertools.count()
        self._cancelled: set[int] = set()

    @property
    def now_s(self) -> float:
        """Simulated seconds since the start of the run."""
        return self._now_s

    def post(self, signal: Any, delay_s: float = 0.0) -> int:  # noqa: ANN401
        """See :meth:`Clock.post`."""
        signal_id = next(self._signal_ids)
        heapq.heappush(self._queue, (self._now_s + delay_s, signal_id, signal))
        return signal_id

    def cancel(self, signal_id: int) -> None:
        """See :meth:`Clock.cancel`."""
        self._cancelled.add(signal_id)

    def next(self, until_s: float) -> Any | None:  # noqa: ANN401
        """See :meth:`Clock.next`; never waits."""
        while self._queue and self._queue[0][0] <= until_s:
            due_s, signal_id, signal = heapq.heappop(self._queue)
            if signal_id in self._cancelled:
                self._cancelled.discard(signal_id)
                continue
            self._now_s = max(self._now_s, due_s)  # a signal with a negative delay is delivered now
            return signal
        self._now_s = max(self._now_s, until_s)
        return None


class WallClock(Clock):
    """Real time: waits until a signal is due or the end of the wait.

    :param time_scale: seconds of the run per real second; 60 lets an hour of the grid pass in a minute.
    :param initial_s: the time of the run at construction, s.
    """

    def __init__(self, time_scale: float = 1.0, initial_s: float = 0.0) -> None:
        self._time_scale = time_scale
        self._origin_s = time.monotonic() - initial_s / time_scale
        self._queue: list[tuple[float, int, Any]] = []
        self._signal_ids = itertools.count()
        self._cancelled: set[int] = set()
        self._changed = threading.Condition()

    @property
    def now_s(self) -> float:
        """Seconds since the start of the run, in scaled time."""
        return (time.monotonic() - self._origin_s) * self._time_scale

    def post(self, signal: Any, delay_s: float = 0.0) -> int:  # noqa: ANN401
        """See :meth:`Clock.post`; wakes a waiting :meth:`next`."""
        with self._changed:
            signal_id = next(self._signal_ids)
            heapq.heappush(self._queue, (self.now_s + delay_s, signal_id, signal))
            self._changed.notify()
            return signal_id

    def cancel(self, signal_id: int) -> None:
        """See :meth:`Clock.cancel`."""
        with self._changed:
            self._cancelled.add(signal_id)

    def next(self, until_s: float) -> Any | None:  # noqa: ANN401
        """See :meth:`Clock.next`; waits in real time."""
        with self._changed:
            while True:
                now_s = self.now_s
                if self._queue and self._queue[0][0] <= min(now_s, until_s):
                    _, signal_id, signal = heapq.heappop(self._queue)
                    if signal_id not in self._cancelled:
                        return signal
                    self._cancelled.discard(signal_id)
                elif now_s >= until_s:
                    return None
                else:
                    wake_s = min(until_s, self._queue[0][0]) if self._queue else until_s
                    self._changed.wait((wake_s - now_s) / self._time_scale)
