"""The clock of a live run: its signals are logged, so that they can be replayed."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.core.clock import Clock, WallClock, utc_now
from ce_nas.core.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.store.event_log import EventLog

__all__ = ["ReplayableClock"]


class ReplayableClock(Clock):
    """Delivers the messages of workers in real time, each logged before it is delivered.

    The time is that of the last delivered signal, however long the engine takes to handle it: the engine depends on
    the delivered signals alone, and a replay brings it to the same state. Time between an interruption and the
    resumption does not count.

    :param event_log: replayed first; new messages are appended.
    :param time_scale: seconds of the run per real second.
    :param utc_clock: returns the date and time, UTC, at which real time starts.
    """

    def __init__(
        self, event_log: EventLog, time_scale: float = 1.0, utc_clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.time_scale = time_scale
        #: last start of real time: seconds of the run, and date and time; None before the first
        self.live_since: tuple[float, datetime] | None = None
        self._event_log = event_log
        self._utc_clock = utc_clock
        self._now_s = 0.0
        self._wall_clock: WallClock | None = None
        self._on_live: Callable[[], None] = lambda: None

    @property
    def now_s(self) -> float:
        """Seconds since the start of the run, without interruptions, at the last delivered signal."""
        return self._now_s

    @property
    def is_live(self) -> bool:
        """Whether the replay is complete and real time passes."""
        return self._wall_clock is not None

    def on_live(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` at each start of real time, live or replayed; see :attr:`is_live`."""
        self._on_live = callback

    def post(self, signal: Any, delay_s: float = 0.0) -> int:  # noqa: ANN401
        """See :meth:`Clock.post`; starts real time."""
        return self._ensure_wall_clock().post(signal, delay_s)

    def cancel(self, signal_id: int) -> None:
        """See :meth:`Clock.cancel`."""
        self._ensure_wall_clock().cancel(signal_id)

    def next(self, until_s: float) -> Any | None:  # noqa: ANN401
        """See :meth:`Clock.next`."""
        self._replay_live_starts()
        if (recorded := self._event_log.peek) is not None:
            if recorded.kind != "worker_message" or recorded.at_s > until_s:
                self._now_s = max(self._now_s, until_s)
                return None
            self._event_log.pop("worker_message")
            self._now_s = recorded.at_s
            return _message_from_json(recorded.content)
        wall_clock = self._ensure_wall_clock()
        message = wall_clock.next(until_s)
        self._now_s = max(self._now_s, until_s if message is None else min(wall_clock.now_s, until_s))
        if message is not None:
            self._event_log.append("worker_message", self._now_s, _message_to_json(message))
        return message

    def _ensure_wall_clock(self) -> WallClock:
        """Return the clock of real time; the first call starts it."""
        if self._wall_clock is None:
            self._replay_live_starts()
            self._wall_clock, started_at = WallClock(self.time_scale, self._now_s), self._utc_clock()
            self.live_since = (self._now_s, started_at)
            self._event_log.append("live_start", self._now_s, started_at.isoformat())
            self._on_live()
        return self._wall_clock

    def _replay_live_starts(self) -> None:
        """Replay the starts of real time that are next in the event log."""
        while (recorded := self._event_log.peek) is not None and recorded.kind == "live_start":
            self._event_log.pop("live_start")
            self.live_since = (recorded.at_s, datetime.fromisoformat(recorded.content))
            self._on_live()


def _message_to_json(message: WorkerMessage) -> list[object]:
    outcome = None if message.outcome is None else [message.outcome.values_or_none(), message.outcome.scores]
    content = [message.device, message.event, message.task_id, outcome, message.failure, message.detail]
    return [*content, list(map(dict, message.places))] if message.places else content


def _message_from_json(content: list[Any]) -> WorkerMessage:
    device, event, task_id, outcome, failure, detail, *places = content
    decoded = None
    if outcome is not None:
        values = tuple(tuple(math.nan if value is None else value for value in row) for row in outcome[0])
        scores = tuple(map(tuple, outcome[1]))
        decoded = Outcome(task_id, values, scores)
    return WorkerMessage(
        device,
        WorkerEvent(event),
        task_id,
        decoded,
        None if failure is None else Failure(failure),
        detail,
        places=tuple(places[0]) if places else (),
    )
