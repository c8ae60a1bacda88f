"""A cache of rendered pages: a page is rendered once for all viewers, and again only when its sources have changed.

A page that is requested again within its cache time is the same bytes. After that its sources are checked, and it is
rendered again only if they have changed. The longer a rendering takes, the longer the cache time: rendering uses one
part in :data:`CACHE_TIME_FACTOR` of one core at most, however many viewers there are.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["PageCache", "PageSource", "RenderedPage"]

#: cache time of a page in units of the time that its rendering took, with its bounds in s
CACHE_TIME_FACTOR, MIN_CACHE_TIME_S, MAX_CACHE_TIME_S = 20.0, 2.0, 60.0
#: pages in the cache; the least recently rendered ones are dropped
MAX_CACHED_PAGES = 96

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """A page as bytes."""

    body: bytes
    #: the body, compressed by gzip
    gzip_body: bytes
    etag: str

    @classmethod
    def from_text(cls, text: str) -> RenderedPage:
        """Encode and compress a text."""
        body = text.encode()
        return cls(body, gzip.compress(body, 5, mtime=0), f'"{hashlib.sha256(body).hexdigest()[:24]}"')


@dataclass(frozen=True, slots=True)
class PageSource:
    """The sources of a page at one moment."""

    #: equal as long as the page would be the same
    version: Hashable
    #: renders the page
    render: Callable[[], str]


@dataclass(frozen=True, slots=True)
class _CacheEntry:
    page: RenderedPage
    version: Hashable
    #: when the sources are checked again
    expires_s: float


class PageCache:
    """The latest rendering of each page, and the threads that work: one for each of four kinds of work.

    Quick pages, slow pages, what pages show once it is computed, and what takes minutes: none waits for another kind.
    """

    def __init__(self, now: Callable[[], float] = monotonic_s) -> None:
        self._now = now
        self._entries: OrderedDict[Hashable, _CacheEntry] = OrderedDict()
        self._locks: dict[Hashable, asyncio.Lock] = {}
        self._fast_executor = ThreadPoolExecutor(1, "pages")
        self._slow_executor = ThreadPoolExecutor(1, "slow-pages")
        self._computing_thread = _DaemonThread("computing")
        self._background_thread = _DaemonThread("background")

    async def get(self, key: Hashable, read_source: Callable[[], PageSource], *, is_slow: bool = False) -> RenderedPage:
        """Return the page of a key. While it is rendered again, other callers get the previous rendering.

        :param read_source: called in the thread of the quick pages, so that it needs no lock.
        :param is_slow: whether rendering takes more than a moment.
        :raises Exception: what ``read_source`` or the rendering raises.
        """
        entry, lock = self._entries.get(key), self._locks.setdefault(key, asyncio.Lock())
        if entry and (lock.locked() or self._now() < entry.expires_s):
            return entry.page
        async with lock:
            entry = self._entries.get(key)
            if entry and self._now() < entry.expires_s:
                return entry.page
            try:
                return await self._refresh(key, read_source, entry, is_slow=is_slow)
            finally:
                if key not in self._entries:  # it failed: requests for unknown pages must not fill the memory
                    self._locks.pop(key, None)

    async def _refresh(
        self, key: Hashable, read_source: Callable[[], PageSource], entry: _CacheEntry | None, *, is_slow: bool
    ) -> RenderedPage:
        loop, started_s = asyncio.get_running_loop(), self._now()
        source = await loop.run_in_executor(self._fast_executor, read_source)
        if entry and entry.version == source.version:
            page = entry.page
        else:
            executor = self._slow_executor if is_slow else self._fast_executor
            page = await loop.run_in_executor(executor, lambda: RenderedPage.from_text(source.render()))
        took_s = self._now() - started_s
        cache_time_s = min(max(CACHE_TIME_FACTOR * took_s, MIN_CACHE_TIME_S), MAX_CACHE_TIME_S)
        self._entries[key] = _CacheEntry(page, source.version, self._now() + cache_time_s)
        self._entries.move_to_end(key)
        while len(self._entries) > MAX_CACHED_PAGES:
            dropped, _ = self._entries.popitem(last=False)
            self._locks.pop(dropped, None)
        return page

    def submit_computation(self, work: Callable[[], object]) -> None:
        """Run ``work``, whose result pages show once it is there, in a thread on which no page waits."""
        self._computing_thread.submit(work)

    def submit_background(self, work: Callable[[], None]) -> None:
        """Run ``work``, which may take minutes, in a thread on which no page waits."""
        self._background_thread.submit(work)

    def close(self) -> None:
        """Start no further work. The end of the process waits for pages, and for nothing that takes longer."""
        for executor in (self._fast_executor, self._slow_executor):
            executor.shutdown(wait=False, cancel_futures=True)
        for thread in (self._computing_thread, self._background_thread):
            thread.close()


class _DaemonThread:
    """A thread that works off what is submitted; the process may end meanwhile, unlike with an executor's thread."""

    def __init__(self, name: str) -> None:
        self._works: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._is_closed = False
        Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[[], object]) -> None:
        """Run ``work`` after all that was submitted before."""
        self._works.put(work)

    def close(self) -> None:
        """Start no further work."""
        self._is_closed = True
        self._works.put(lambda: None)

    def _run(self) -> None:
        while not self._is_closed:
            work = self._works.get()
            if not self._is_closed:
                try:
                    work()
                except Exception:
                    log.exception("failed in the background")
