"""The time of a run, handed in: the engine never sleeps and never asks what time it is elsewhere.

A clock carries *signals*: whatever a cluster posts to say that something is due. :class:`VirtualClock` jumps to the
next one, so that 80 hours pass in a second; :class:`WallClock` waits for it. The engine runs alike on both.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

__all__ = ["Clock", "VirtualClock", "WallClock", "monotonic_s", "utc_now"]


def utc_now() -> datetime:
    """This moment by the calendar, UTC: for what asks the world outside; no run is timed by it."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Seconds of a clock that never goes back, for what measures real devices; no run is timed by it."""
    return time.monotonic()


class Clock(ABC):
    """The time of one run, and the signals that come in with it."""

    @property
    @abstractmethod
    def now_s(self) -> float:
        """Seconds since the run began."""

    @abstractmethod
    def post(self, signal: Any, in_s: float = 0.0) -> int:  # noqa: ANN401 - a clock carries anything
        """Let ``signal`` arrive ``in_s`` seconds from now; returns a ticket for :meth:`cancel`.

        Safe from any thread.
        """

    @abstractmethod
    def cancel(self, ticket: int) -> None:
        """See to it that the signal of ``ticket`` never arrives; nothing happens if it already has."""

    @abstractmethod
    def next(self, until_s: float) -> Any | None:  # noqa: ANN401
        """The first signal due up to ``until_s``; None once that moment is reached without one.

        Signals due at the same moment arrive in the order in which they were posted.
        """


class VirtualClock(Clock):
    """Time that jumps: to the next signal, or to the end of the wait."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._due: list[tuple[float, int, Any]] = []
        self._tickets = itertools.count()
        self._cancelled: set[int] = set()

    @property
    def now_s(self) -> float:
        """Seconds since the run began, in simulated time."""
        return self._now_s

    def post(self, signal: Any, in_s: float = 0.0) -> int:  # noqa: ANN401
        """See :meth:`Clock.post`."""
        ticket = next(self._tickets)
        heapq.heappush(self._due, (self._now_s + in_s, ticket, signal))
        return ticket

    def cancel(self, ticket: int) -> None:
        """See :meth:`Clock.cancel`."""
        self._cancelled.add(ticket)

    def next(self, until_s: float) -> Any | None:  # noqa: ANN401
        """See :meth:`Clock.next`; never waits."""
        while self._due and self._due[0][0] <= until_s:
            at_s, ticket, signal = heapq.heappop(self._due)
            if ticket in self._cancelled:
                self._cancelled.discard(ticket)
                continue
            self._now_s = max(self._now_s, at_s)  # a signal that was due before it was posted arrives at once
            return signal
        self._now_s = max(self._now_s, until_s)
        return None


class WallClock(Clock):
    """Time that passes: waits until a signal is due or the moment is reached.

    ``time_scale`` seconds of the run pass in one real second, so that an hour of the grid can pass in a minute.
    """

    def __init__(self, time_scale: float = 1.0, began_s: float = 0.0) -> None:
        self._time_scale = time_scale
        self._zero_s = time.monotonic() - began_s / time_scale
        self._due: list[tuple[float, int, Any]] = []
        self._tickets = itertools.count()
        self._cancelled: set[int] = set()
        self._changed = threading.Condition()

    @property
    def now_s(self) -> float:
        """Seconds since the run began, in the run's (scaled) time."""
        return (time.monotonic() - self._zero_s) * self._time_scale

    def post(self, signal: Any, in_s: float = 0.0) -> int:  # noqa: ANN401
        """See :meth:`Clock.post`; wakes a waiting :meth:`next`."""
        with self._changed:
            ticket = next(self._tickets)
            heapq.heappush(self._due, (self.now_s + in_s, ticket, signal))
            self._changed.notify()
            return ticket

    def cancel(self, ticket: int) -> None:
        """See :meth:`Clock.cancel`."""
        with self._changed:
            self._cancelled.add(ticket)

    def next(self, until_s: float) -> Any | None:  # noqa: ANN401
        """See :meth:`Clock.next`; waits in real time."""
        with self._changed:
            while True:
                now_s = self.now_s
                if self._due and self._due[0][0] <= min(now_s, until_s):
                    _, ticket, signal = heapq.heappop(self._due)
                    if ticket not in self._cancelled:
                        return signal
                    self._cancelled.discard(ticket)
                elif now_s >= until_s:
                    return None
                else:
                    wake_s = min(until_s, self._due[0][0]) if self._due else until_s
                    self._changed.wait((wake_s - now_s) / self._time_scale)
