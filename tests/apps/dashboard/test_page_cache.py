import asyncio
import gzip
import subprocess
import sys
import textwrap
import threading

import pytest

from ce_nas.apps.dashboard.page_cache import MAX_CACHED_PAGES, PageCache, PageSource, RenderedPage


class CountingSource:
    """A page that counts how often its source is read and how often it is rendered."""

    def __init__(self, took_s=0.0):
        self.now_s, self.took_s = 0.0, took_s
        self.version, self.reads, self.renderings = "a", 0, 0

    def read(self):
        self.reads += 1
        return PageSource(self.version, self.render)

    def render(self):
        self.renderings += 1
        self.now_s += self.took_s
        return f"page {self.version}"


@pytest.fixture
def source():
    return CountingSource()


@pytest.fixture
def cache(source):
    pages = PageCache(lambda: source.now_s)
    yield pages
    pages.close()


def test_a_rendered_page_is_plain_and_compressed():
    page = RenderedPage.from_text("表" * 100)
    assert gzip.decompress(page.gzip_body).decode() == page.body.decode() == "表" * 100
    assert page == RenderedPage.from_text("表" * 100)
    assert page.etag != RenderedPage.from_text("x").etag


def test_viewers_share_one_rendering(cache, source):
    async def all_at_once():
        return await asyncio.gather(*(cache.get("key", source.read) for _ in range(50)))

    assert {page.body for page in asyncio.run(all_at_once())} == {b"page a"}
    assert (source.reads, source.renderings) == (1, 1)


def test_only_changed_pages_are_rendered_after_the_cache_time(cache, source):
    def get():
        return asyncio.run(cache.get("key", source.read)).body

    get()
    source.version, source.now_s = "b", 1.9
    assert get() == b"page a"
    assert source.reads == 1
    source.now_s = 2.1
    assert get() == b"page b"
    source.now_s = 4.2
    assert get() == b"page b"
    assert (source.reads, source.renderings) == (3, 2)


def test_slow_renderings_are_cached_longer(cache, source):
    source.took_s = 0.5
    asyncio.run(cache.get("key", source.read))
    source.version, source.now_s = "b", 0.5 + 9.9
    asyncio.run(cache.get("key", source.read))
    assert source.renderings == 1
    source.now_s = 0.5 + 10.1
    asyncio.run(cache.get("key", source.read))
    assert source.renderings == 2


def test_callers_get_the_previous_page_during_a_rendering(cache, source):
    started, finish = threading.Event(), threading.Event()

    def render_slowly():
        started.set()
        assert finish.wait(10)
        return "page b"

    async def scene():
        await cache.get("key", source.read)
        source.now_s = 100.0
        renewed = asyncio.create_task(cache.get("key", lambda: PageSource("b", render_slowly), is_slow=True))
        assert await asyncio.to_thread(started.wait, 10)
        meanwhile = await cache.get("key", source.read)
        finish.set()
        return meanwhile.body, (await renewed).body

    assert asyncio.run(scene()) == (b"page a", b"page b")


def test_an_error_is_raised_and_leaves_no_entry(cache, source):
    for number in range(5):
        with pytest.raises(KeyError, match="no"):
            asyncio.run(cache.get(number, lambda: {}["no"]))
    assert not cache._locks
    assert asyncio.run(cache.get(0, source.read)).body == b"page a"


def test_cache_size_is_bounded(cache, source):
    async def many():
        for number in range(MAX_CACHED_PAGES + 20):
            await cache.get(number, source.read)

    asyncio.run(many())
    assert len(cache._entries) == len(cache._locks) == MAX_CACHED_PAGES


def test_no_page_waits_for_a_computation(cache, source):
    finish, done = threading.Event(), []
    cache.submit_computation(lambda: done.append(finish.wait(60)))
    cache.submit_background(lambda: done.append(finish.wait(60)))
    try:
        assert asyncio.run(cache.get("quick", source.read)).body == b"page a"
        assert asyncio.run(cache.get("slow", source.read, is_slow=True)).body == b"page a"
        assert done == []
    finally:
        finish.set()


def test_a_failed_computation_is_logged_and_the_next_one_is_run(cache, caplog):
    done = threading.Event()
    cache.submit_computation(lambda: {}["no"])
    cache.submit_computation(done.set)
    assert done.wait(60)
    assert "KeyError" in caplog.text


def test_nothing_is_computed_after_the_end():
    others = set(threading.enumerate())
    cache = PageCache()
    (computing,) = (thread for thread in {*threading.enumerate()} - others if thread.name == "computing")
    finish, begun, done = threading.Event(), threading.Event(), []
    cache.submit_computation(lambda: (begun.set(), finish.wait(60)))
    assert begun.wait(60)
    cache.submit_computation(lambda: done.append(1))
    cache.close()
    finish.set()
    computing.join(60)
    assert not computing.is_alive()
    assert done == []


def test_the_end_of_the_process_does_not_wait_for_a_computation():
    code = """
    from threading import Event
    from ce_nas.apps.dashboard.page_cache import PageCache
    cache = PageCache()
    cache.submit_computation(Event().wait)
    cache.submit_background(Event().wait)
    cache.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)
