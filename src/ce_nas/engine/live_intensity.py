"""The grid of a live search as it is now: what decisions know of it, what the books are kept by, and what was read.

Once a decision the feed is asked. What it says is written into the run's recording before anything rests on it, so that
a resumed run replays it, and into the journal: each step of the grid whose value is new, or another one than before.
The books take the best that is known of a step at the time; once the source says otherwise, they are revised by entries
of their own. A feed that is lost is replaced by what was known last, hour for hour, and that is written down too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S
from ce_nas.energy.live_ledger import Part
from ce_nas.forecast.base import Forecaster, Past
from ce_nas.forecast.history import Memory
from ce_nas.forecast.live_history import LiveMemory
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.cluster.replay_clock import LiveClock
    from ce_nas.energy.live_ledger import LiveLedger
    from ce_nas.grid.providers.fallback import Feed
    from ce_nas.grid.providers.fallback_levels import Degradation
    from ce_nas.store.event_log import Recording
    from ce_nas.store.journal import Journal

__all__ = ["FeedForecaster", "LiveGrid"]

#: what a source itself says of a step that has passed
_PUBLISHED = {Quality.MEASURED, Quality.ESTIMATED, Quality.UNSTATED}
#: what stands in where the feed has nothing: the value of a day before, as long as there is one, else the last
_LAST_KNOWN = "last-known"
#: so much of the past is looked at again for values that were revised
_REVISED_S = 3 * DAY_S


@dataclass(slots=True)
class _Known:
    """What is known of the grid, by the beginning of each step."""

    step_s: float
    #: intensity, g CO2eq/kWh, and how it came to be
    values: dict[datetime, tuple[float, str]] = field(default_factory=dict)
    #: what the source expects of the steps from this moment on, g CO2eq/kWh; nothing where it has no forecast
    ahead_from: datetime | None = None
    ahead: list[float] = field(default_factory=list)

    def floor(self, moment: datetime) -> datetime:
        """The beginning of the step that a moment lies in."""
        return datetime.fromtimestamp(math.floor(moment.timestamp() / self.step_s) * self.step_s, moment.tzinfo)

    def at(self, step: datetime) -> float:
        """The best that is known of a step: what was said of it, what is expected, a day before, or what was last."""
        if step in self.values:
            return self.values[step][0]
        expected = self.expected(step)
        if expected is not None:
            return expected
        day_before = step - timedelta(seconds=DAY_S)
        if day_before in self.values:
            return self.values[day_before][0]
        return self.values[max(self.values)][0]

    def expected(self, step: datetime) -> float | None:
        """What the source expects of a step, if it expects anything."""
        if self.ahead_from is None:
            return None
        place = round((step - self.ahead_from).total_seconds() / self.step_s)
        return self.ahead[place] if 0 <= place < len(self.ahead) else None


class LiveGrid(Memory):
    """A live feed as a run's memory and as the intensity of its books.

    :param feed: the source with what may stand in for it.
    :param zone: the zone, as the source calls it.
    :param clock: the run's clock; the feed's own calendar has to agree with it.
    :param recording: what the feed said is put there, and taken from there when a run is lived through again.
    :param journal: what was read and what stood in is told there.
    :param stop_when_lost: raise once nothing may stand in any more, instead of going on with what is known last.
    """

    def __init__(  # noqa: PLR0913 - a feed of a zone, a run's time, two records, and what to do without it
        self,
        feed: Feed,
        zone: str,
        clock: LiveClock,
        recording: Recording,
        journal: Journal,
        *,
        stop_when_lost: bool = False,
    ) -> None:
        self._feed = feed
        self._zone = zone
        self._clock = clock
        self._recording = recording
        self._journal = journal
        self._stop_when_lost = stop_when_lost
        self._known = _Known(feed.source.step_s)
        self.step_s = self._known.step_s
        self._read: tuple[float, datetime] | None = None
        self._steps = 0
        self._books: LiveLedger | None = None
        self._noted: set[tuple[str, str, str]] = set()

    def keep(self, books: LiveLedger) -> None:
        """Revise these books whenever the grid comes to be known otherwise."""
        self._books = books

    def past(self, now_s: float, lookback_s: float, ahead_s: float = 0.0) -> Past | None:
        """See :meth:`Memory.past`; the feed is asked, once a moment.

        :raises SourceError: if the feed has nothing and may not be gone on without.
        """
        if self._read is None or self._read[0] < now_s:
            self._look(now_s, lookback_s, ahead_s)
            self._revise("revised")
        assert self._read is not None  # noqa: S101 - it was just set
        end = self._known.floor(self._read[1])
        steps = [end - timedelta(seconds=self.step_s * back) for back in range(self._steps, 0, -1)]
        values = np.array([self._known.at(step) for step in steps])
        return Past(values, self.step_s, self._seconds(end), end, self._zone) if len(values) else None

    def settle(self, now_s: float, *, again: bool) -> None:
        """Look once more after the run's end, and revise its books by entries of their own.

        :param again: also when it was looked before, since the source may have published more meanwhile.
        """
        while (recorded := self._recording.peek) is not None and recorded.kind == "grid":
            self._look(now_s, _REVISED_S, 0.0)
            self._revise("settled")
        if again or self._books is None or self._books.provisional_g > 0:
            self._look(now_s, _REVISED_S, 0.0)
            self._revise("settled")

    def mean(self, start_s: float, end_s: float) -> float:
        """The mean between two moments by what is known now, seconds of the run, g CO2eq/kWh."""
        return sum(part.share * part.g_per_kwh for part in self.parts(start_s, end_s))

    def parts(self, start_s: float, end_s: float) -> Sequence[Part]:
        """The steps that a stretch of the run lies in; at one moment, the step there."""
        start, end = self._moment(start_s), self._moment(end_s)
        found: list[Part] = []
        step = self._known.floor(start)
        while step < end or not found:
            after = step + timedelta(seconds=self.step_s)
            within_s = (min(after, end) - max(step, start)).total_seconds()
            share = within_s / (end - start).total_seconds() if end > start else 1.0
            found.append(Part(step, share, self._known.at(step)))
            step = after
        return found

    def at(self, step: datetime) -> float:
        """What is known of one step by now, g CO2eq/kWh."""
        return self._known.at(step)

    def published(self, step: datetime) -> bool:
        """Whether the source itself has said it."""
        return step in self._known.values and self._known.values[step][1] in _PUBLISHED

    def expected(self) -> tuple[datetime, Sequence[float]] | None:
        """The source's own forecast as of the last look: its first step, and the values; None if it has none."""
        known = self._known
        return (known.ahead_from, known.ahead) if known.ahead_from is not None and known.ahead else None

    def _moment(self, at_s: float) -> datetime:
        """A moment of the run by the calendar; what lay between two lives of a run does not count in its seconds."""
        assert self._read is not None  # noqa: S101 - a decision comes before the first reading
        zero_s, zero = self._read
        began = self._clock.began
        if began is not None and began[0] >= zero_s:
            zero_s, zero = began
        return zero + timedelta(seconds=at_s - zero_s)

    def _seconds(self, moment: datetime) -> float:
        assert self._read is not None  # noqa: S101 - asked after a look
        return self._read[0] + (moment - self._read[1]).total_seconds()

    def _look(self, now_s: float, lookback_s: float, ahead_s: float) -> None:
        """Take in what the feed says, or what it is on record to have said."""
        recorded = self._recording.take("grid")
        if recorded is None:
            content = self._asked(now_s, lookback_s, ahead_s)
            self._recording.put("grid", now_s, content)
        else:
            content = recorded.content
        self._take(content, now_s)

    def _asked(self, now_s: float, lookback_s: float, ahead_s: float) -> dict[str, Any]:
        """What the feed says now, as plain JSON: what is new of the past, and what is expected."""
        now, noted = self._feed.now(), list[dict[str, object]]()

        def note(degradation: Degradation) -> None:
            noted.append(degradation.content())

        content: dict[str, Any] = {"now": now.isoformat(), "steps": self._steps, "values": [], "ahead": None}
        try:
            memory = LiveMemory(self._feed, self._zone, now - timedelta(seconds=now_s), note)
            found = memory.past(now_s, max(lookback_s, _REVISED_S))
            ahead = self._feed.ahead(self._zone, ahead_s) if ahead_s and self._feed.source.forecasts else None
        except SourceError as error:
            if self._stop_when_lost or not self._known.values:
                raise
            return {**content, "step_s": self.step_s, "degradations": noted, "lost": str(error)}
        if found is not None:
            content |= {"steps": len(found.intensity_g_per_kwh), "values": self._news(found, memory)}
        if ahead is not None:
            values = [round(value, 3) for value in ahead.series.trace.g_per_kwh.tolist()]
            content["ahead"] = [ahead.series.trace.start.isoformat(), values]
        return {**content, "step_s": memory.step_s, "degradations": noted, "lost": None}

    def _news(self, found: Past, memory: LiveMemory) -> list[tuple[str, float, str]]:
        """The steps whose value is new, or another one, or came to be in another way."""
        news, known = [], self._known.values if memory.step_s == self.step_s else {}
        first = found.end - timedelta(seconds=found.step_s * len(found.intensity_g_per_kwh))
        for place, value in enumerate(found.intensity_g_per_kwh.tolist()):
            step = first + timedelta(seconds=found.step_s * place)
            item = (value, str(memory.quality(step)))
            if known.get(step) != item:
                news.append((step.isoformat(), *item))
        return news

    def _take(self, content: dict[str, Any], now_s: float) -> None:
        if content["step_s"] != self.step_s:
            self._known, self.step_s = _Known(content["step_s"]), content["step_s"]
        now = datetime.fromisoformat(content["now"])
        self._read = (now_s, now)
        self._steps = content["steps"]
        for text, value, quality in content["values"]:
            self._known.values[datetime.fromisoformat(text)] = (value, quality)
        if content["ahead"] is not None:
            self._known.ahead_from = datetime.fromisoformat(content["ahead"][0])
            self._known.ahead = content["ahead"][1]
        if content["lost"] is not None:
            self._repeat(now)
        self._tell(content, now_s)

    def _repeat(self, now: datetime) -> None:
        """Let what is known last stand in, up to the present step."""
        step, end = max(self._known.values) + timedelta(seconds=self.step_s), self._known.floor(now)
        while step < end:
            self._known.values[step] = (self._known.at(step), _LAST_KNOWN)
            self._steps += 1
            step += timedelta(seconds=self.step_s)

    def _tell(self, content: dict[str, Any], now_s: float) -> None:
        """Into the journal: what was read, each step down once, and a loss."""
        for degradation in content["degradations"]:
            what = (degradation["step"], degradation["start"], degradation["end"])
            if what not in self._noted:
                self._noted.add(what)
                self._journal.append("grid", now_s, degradation)
        told = {name: content[name] for name in ("now", "values", "ahead", "lost")}
        self._journal.append("read", now_s, told)

    def _revise(self, kind: str) -> None:
        if self._books is None or self._read is None:
            return
        revision = self._books.revise()
        if revision is not None or kind == "settled":
            content = {
                "steps": revision.steps if revision else [],
                "carbon_g": revision.carbon_g if revision else {},
                "paper_carbon_g": revision.paper_carbon_g if revision else 0.0,
                "provisional_g": self._books.provisional_g,
            }
            self._journal.append(kind, self._read[0], content)


class FeedForecaster(Forecaster):
    """The source's own forecast as far as it reaches, and a forecaster of ours beyond it or where it has none.

    :param grid: which feed's.
    :param own: ours.
    """

    def __init__(self, grid: LiveGrid, own: Forecaster) -> None:
        self.name = f"{own.name} beyond the source's own"
        self.lookback_s = own.lookback_s
        self._grid = grid
        self._own = own

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        own, issued = self._own.predict(past, horizon_s), self._grid.expected()
        if issued is None:
            return own
        start, values = issued
        first = round((start - past.end).total_seconds() / past.step_s)
        mean = own.mean_g_per_kwh.copy()
        for place, value in enumerate(values):
            if 0 <= first + place < len(mean):
                mean[first + place] = value
        return Forecast(self.name, own.issued_s, own.start_s, own.step_s, mean)
