import asyncio
import gzip
import threading

import pytest

from ce_nas.apps.dashboard.cache import KEPT, Look, Rendering, Renderings


class Source:
    """A page that counts how often it is looked at and set."""

    def __init__(self, took_s=0.0):
        self.now_s, self.took_s = 0.0, took_s
        self.mark, self.looks, self.made = "a", 0, 0

    def look(self):
        self.looks += 1
        return Look(self.mark, self.make)

    def make(self):
        self.made += 1
        self.now_s += self.took_s
        return f"page {self.mark}"


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def pages(source):
    made = Renderings(lambda: source.now_s)
    yield made
    made.close()


def test_a_rendering_holds_its_text_plain_and_packed():
    one = Rendering.of("表" * 100)
    assert gzip.decompress(one.packed).decode() == one.body.decode() == "表" * 100
    assert one == Rendering.of("表" * 100)
    assert one.etag != Rendering.of("x").etag


def test_fifty_viewers_share_one_rendering(pages, source):
    async def all_at_once():
        return await asyncio.gather(*(pages.of("key", source.look) for _ in range(50)))

    assert {one.body for one in asyncio.run(all_at_once())} == {b"page a"}
    assert (source.looks, source.made) == (1, 1)


def test_for_a_while_nobody_looks_then_only_what_changed_is_set_anew(pages, source):
    def ask():
        return asyncio.run(pages.of("key", source.look)).body

    ask()
    source.mark, source.now_s = "b", 1.9
    assert ask() == b"page a"
    assert source.looks == 1
    source.now_s = 2.1
    assert ask() == b"page b"
    source.now_s = 4.2
    assert ask() == b"page b"
    assert (source.looks, source.made) == (3, 2)


def test_what_takes_long_rests_longer_so_that_little_of_a_core_goes_into_it(pages, source):
    source.took_s = 0.5
    asyncio.run(pages.of("key", source.look))
    source.mark, source.now_s = "b", 0.5 + 9.9
    asyncio.run(pages.of("key", source.look))
    assert source.made == 1
    source.now_s = 0.5 + 10.1
    asyncio.run(pages.of("key", source.look))
    assert source.made == 2


def test_while_a_page_is_set_anew_others_get_the_one_before(pages, source):
    begun, go_on = threading.Event(), threading.Event()

    def slowly():
        begun.set()
        assert go_on.wait(10)
        return "page b"

    async def scene():
        await pages.of("key", source.look)
        source.now_s = 100.0
        anew = asyncio.create_task(pages.of("key", lambda: Look("b", slowly), slow=True))
        assert await asyncio.to_thread(begun.wait, 10)
        meanwhile = await pages.of("key", source.look)
        go_on.set()
        return meanwhile.body, (await anew).body

    assert asyncio.run(scene()) == (b"page a", b"page b")


def test_an_error_reaches_who_asked_and_leaves_nothing_behind(pages, source):
    for number in range(5):
        with pytest.raises(KeyError, match="no"):
            asyncio.run(pages.of(number, lambda: {}["no"]))
    assert not pages._locks
    assert asyncio.run(pages.of(0, source.look)).body == b"page a"


def test_only_so_many_are_kept(pages, source):
    async def many():
        for number in range(KEPT + 20):
            await pages.of(number, source.look)

    asyncio.run(many())
    assert len(pages._kept) == len(pages._locks) == KEPT
