"""The live grid of a run: every step that its feed goes down is written to the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.forecast.live_memory import LiveMemory

if TYPE_CHECKING:
    from datetime import datetime

    from ce_nas.core.clock import Clock
    from ce_nas.grid.live.feed import Feed
    from ce_nas.grid.live.steps import Degradation
    from ce_nas.store.journal import Journal

__all__ = ["live_memory"]


def live_memory(feed: Feed, zone: str, start: datetime, clock: Clock, journal: Journal) -> LiveMemory:
    """What decisions of a run may know of the grid, from a live feed.

    :param start: the moment by the calendar at which the run begins, UTC.
    :param clock: the run's clock; the feed's own has to agree with it.
    """

    def note(degradation: Degradation) -> None:
        journal.append("grid", clock.now_s, degradation.content())

    return LiveMemory(feed, zone, start, note)
