"""The clock of a live run: time stands still while the engine thinks, and the past can be lived through again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import Report, Said
from ce_nas.core.clock import Clock, WallClock, utc_now
from ce_nas.core.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.store.event_log import Recording

__all__ = ["LiveClock"]


class LiveClock(Clock):
    """Hands out a crew's reports as they come, each written down before it is handed out.

    The time is that of the last thing handed out, however long the engine took over it: what it does then depends on
    nothing but what it was handed, and a recording brings it to the same place again. Time between the end of a
    recording and its continuation does not count.

    :param recording: what is lived through again first; new reports are put there.
    :param time_scale: seconds of the run that pass in one real second.
    :param calendar: tells the moment, UTC, at which real time begins to pass.
    """

    def __init__(
        self, recording: Recording, time_scale: float = 1.0, calendar: Callable[[], datetime] = utc_now
    ) -> None:
        self.time_scale = time_scale
        #: when real time began to pass, or did so again after a pause: by the run, s, and by the calendar
        self.began: tuple[float, datetime] | None = None
        self._recording = recording
        self._calendar = calendar
        self._now_s = 0.0
        self._wall: WallClock | None = None
        self._begin: Callable[[], None] = lambda: None

    @property
    def now_s(self) -> float:
        """Seconds since the run began, pauses not counted, as of the last thing that was handed out."""
        return self._now_s

    @property
    def live(self) -> bool:
        """Whether all of the record was lived through, and real time passes."""
        return self._wall is not None

    def when_live(self, begin: Callable[[], None]) -> None:
        """Call ``begin`` when real time begins to pass, and wherever in the record it did; :attr:`live` tells which."""
        self._begin = begin

    def post(self, signal: Any, in_s: float = 0.0) -> int:  # noqa: ANN401
        """See :meth:`Clock.post`; only once real time passes."""
        return self._passing().post(signal, in_s)

    def cancel(self, ticket: int) -> None:
        """See :meth:`Clock.cancel`."""
        self._passing().cancel(ticket)

    def next(self, until_s: float) -> Any | None:  # noqa: ANN401
        """See :meth:`Clock.next`."""
        self._relive()
        if (recorded := self._recording.peek) is not None:
            if recorded.kind != "report" or recorded.at_s > until_s:
                self._now_s = max(self._now_s, until_s)
                return None
            self._recording.take("report")
            self._now_s = recorded.at_s
            return _report(recorded.content)
        wall = self._passing()
        report = wall.next(until_s)
        self._now_s = max(self._now_s, until_s if report is None else min(wall.now_s, until_s))
        if report is not None:
            self._recording.put("report", self._now_s, _plain(report))
        return report

    def _passing(self) -> WallClock:
        """Real time, from the moment of the run at which it is first asked for."""
        if self._wall is None:
            self._relive()
            self._wall, moment = WallClock(self.time_scale, self._now_s), self._calendar()
            self.began = (self._now_s, moment)
            self._recording.put("live", self._now_s, moment.isoformat())
            self._begin()
        return self._wall

    def _relive(self) -> None:
        """Go through the beginnings of real time that are next on record."""
        while (recorded := self._recording.peek) is not None and recorded.kind == "live":
            self._recording.take("live")
            self.began = (recorded.at_s, datetime.fromisoformat(recorded.content))
            self._begin()


def _plain(report: Report) -> list[object]:
    outcome = None if report.outcome is None else [report.outcome.values, report.outcome.scores]
    return [report.device, report.said, report.task_id, outcome, report.failure, report.words]


def _report(plain: list[Any]) -> Report:
    device, said, task_id, outcome, failure, words = plain
    found = None if outcome is None else Outcome(task_id, *(tuple(map(tuple, rows)) for rows in outcome))
    return Report(device, Said(said), task_id, found, None if failure is None else Failure(failure), words)
