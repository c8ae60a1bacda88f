"""Each page is set once for all who look at it, and only when there is something new.

Many viewers must not cost a run anything. So a page that is asked for again within a short while is the same bytes;
after it, its sources are looked at, and only where they have changed it is set anew. The longer that takes, the longer
the while: at most one part in :data:`REST` of one core goes into setting pages.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Look", "Rendering", "Renderings"]

#: a page rests so many times as long as it took, s, and so long at least and at most
REST, LEAST_S, MOST_S = 20.0, 2.0, 60.0
#: how many pages are kept
KEPT = 96


@dataclass(frozen=True, slots=True)
class Rendering:
    """A page, set."""

    body: bytes
    #: the same by gzip
    packed: bytes
    etag: str

    @classmethod
    def of(cls, text: str) -> Rendering:
        """The rendering of a text."""
        body = text.encode()
        return cls(body, gzip.compress(body, 5, mtime=0), f'"{hashlib.sha256(body).hexdigest()[:24]}"')


@dataclass(frozen=True, slots=True)
class Look:
    """A glance at a page's sources."""

    #: the same as long as the page would be the same
    mark: Hashable
    #: sets the page
    make: Callable[[], str]


@dataclass(frozen=True, slots=True)
class _Kept:
    rendering: Rendering
    mark: Hashable
    #: until when nobody looks for news
    until_s: float


class Renderings:
    """The pages as they were set last, and who sets them: one thread for most, another for what takes its time."""

    def __init__(self, now: Callable[[], float] = monotonic_s) -> None:
        self._now = now
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._locks: dict[Hashable, asyncio.Lock] = {}
        self._quick = ThreadPoolExecutor(1, "pages")
        self._slow = ThreadPoolExecutor(1, "slow-pages")
        self._long = ThreadPoolExecutor(1, "long-work")

    async def of(self, key: Hashable, look: Callable[[], Look], *, slow: bool = False) -> Rendering:
        """The page of a key. While somebody sets it anew, others get the one before.

        :param look: called in the thread for quick pages, so that what it looks at needs no lock.
        :param slow: whether setting it takes longer than a moment.
        :raises Exception: whatever ``look`` and setting the page raise.
        """
        kept, lock = self._kept.get(key), self._locks.setdefault(key, asyncio.Lock())
        if kept and (lock.locked() or self._now() < kept.until_s):
            return kept.rendering
        async with lock:
            kept = self._kept.get(key)
            if kept and self._now() < kept.until_s:
                return kept.rendering
            try:
                return await self._anew(key, look, kept, slow=slow)
            finally:
                if key not in self._kept:  # it failed: whatever people ask for must not pile up
                    self._locks.pop(key, None)

    async def _anew(self, key: Hashable, look: Callable[[], Look], kept: _Kept | None, *, slow: bool) -> Rendering:
        loop, began_s = asyncio.get_running_loop(), self._now()
        found = await loop.run_in_executor(self._quick, look)
        if kept and kept.mark == found.mark:
            rendering = kept.rendering
        else:
            lane = self._slow if slow else self._quick
            rendering = await loop.run_in_executor(lane, lambda: Rendering.of(found.make()))
        took_s = self._now() - began_s
        self._kept[key] = _Kept(rendering, found.mark, self._now() + min(max(REST * took_s, LEAST_S), MOST_S))
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            gone, _ = self._kept.popitem(last=False)
            self._locks.pop(gone, None)
        return rendering

    def later(self, work: Callable[[], None]) -> None:
        """Do some work when the slow thread comes to it."""
        self._slow.submit(work)

    def at_length(self, work: Callable[[], None]) -> None:
        """Do some work that may take minutes, in a thread in which no page waits."""
        self._long.submit(work)

    def close(self) -> None:
        """Begin nothing more."""
        for lane in (self._quick, self._slow, self._long):
            lane.shutdown(wait=False, cancel_futures=True)
