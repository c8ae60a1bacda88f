"""Whatever the server does, a file is there whole and right, or not at all and said in a sentence."""

import hashlib

import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

import httpx

from ce_nas.core.errors import DataError, SettingsError
from ce_nas.core.retry import Patience
from ce_nas.datasets.download import Fetcher, FetchError
from ce_nas.grid.providers.errors import Fault

ATTEMPTS = 3


@pytest.fixture
def waits():
    return []


@pytest.fixture
def fetcher(waits):
    return Fetcher(patience=Patience(attempts=ATTEMPTS, silence_s=2), sleep=waits.append)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "file.bin"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def left(target):
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_comes_whole_with_its_checksum(server, fetcher, target):
    download = fetcher.fetch(f"{server.url}/file.bin", target, sha256(server.content).upper())
    assert target.read_bytes() == server.content
    assert (download.path, download.size_bytes, download.resumed_bytes) == (target, len(server.content), 0)
    assert download.sha256 == sha256(server.content)
    assert left(target) == ["file.bin"]


def test_progress_is_told_to_the_last_byte(server, target):
    told = []
    Fetcher(progress=lambda here, whole: told.append((here, whole))).fetch(f"{server.url}/file.bin", target)
    assert told == sorted(told)
    assert told[-1] == (len(server.content), len(server.content))


def test_a_cut_download_goes_on_where_it_was_cut(server, fetcher, target, waits):
    server.cuts = [50_000, 30_000]
    download = fetcher.fetch(f"{server.url}/file.bin", target)
    assert target.read_bytes() == server.content
    assert server.asked == [None, "bytes=50000-", "bytes=80000-"]
    assert download.resumed_bytes == 80_000
    assert waits == [1.0, 2.0]


def test_what_came_is_kept_for_the_next_time(server, fetcher, target):
    server.cuts = [1000, 1000, 1000]
    with pytest.raises(FetchError, match=r"cut the connection in the middle of its answer .* goes on from there"):
        fetcher.fetch(f"{server.url}/file.bin", target)
    assert left(target) == ["file.bin.part", "file.bin.part.json"]
    assert fetcher.fetch(f"{server.url}/file.bin", target).resumed_bytes == 3000
    assert target.read_bytes() == server.content
    assert left(target) == ["file.bin"]


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(server, fetcher, target):
    server.cuts, server.ranges = [50_000], False
    assert fetcher.fetch(f"{server.url}/file.bin", target).resumed_bytes == 0
    assert server.asked == [None, "bytes=50000-"]
    assert target.read_bytes() == server.content


@pytest.mark.parametrize(("etag", "modified"), [('"v1"', ""), ('W/"v1"', "Tue, 01 Jun 2021 00:00:00 GMT")])
def test_another_version_in_between_begins_anew(server, fetcher, target, etag, modified):
    server.etag, server.modified, server.cuts = etag, modified, [1000] * ATTEMPTS
    with pytest.raises(FetchError):
        fetcher.fetch(f"{server.url}/file.bin", target)
    server.content = server.content[::-1]
    server.etag, server.modified = '"v2"', "Wed, 02 Jun 2021 00:00:00 GMT"
    assert fetcher.fetch(f"{server.url}/file.bin", target).resumed_bytes == 0
    assert target.read_bytes() == server.content


def test_without_a_validator_nothing_is_gone_on_with_unless_a_checksum_tells(server, fetcher, target):
    server.etag, server.cuts = 'W/"weak"', [1000]
    fetcher.fetch(f"{server.url}/file.bin", target)
    assert server.asked == [None, None]
    server.cuts = [1000]
    fetcher.fetch(f"{server.url}/file.bin", target, sha256(server.content))
    assert server.asked[2:] == [None, "bytes=1000-"]


def test_two_versions_in_one_file_are_noticed_and_mended(server, fetcher, target):
    server.etag, server.cuts = "", [1000] * ATTEMPTS
    old, new = server.content, server.content[::-1]
    with pytest.raises(FetchError):
        fetcher.fetch(f"{server.url}/file.bin", target, sha256(new))
    server.content = new
    fetcher.fetch(f"{server.url}/file.bin", target, sha256(new))
    assert target.read_bytes() == new != old


def test_a_wrong_checksum_keeps_nothing_and_what_was_there(server, fetcher, target):
    target.write_bytes(b"before")
    with pytest.raises(DataError, match=r"Expected a file with the SHA-256 0{64} .* got .*; it was not kept"):
        fetcher.fetch(f"{server.url}/file.bin", target, "0" * 64)
    assert target.read_bytes() == b"before"
    assert left(target) == ["file.bin"]


@pytest.mark.parametrize(
    "case",
    [
        (404, Fault.DECLINED, "status 404; the file may have moved", 1),
        (403, Fault.DECLINED, "download the file by hand", 1),
        (500, Fault.BROKEN, "status 500; try again later", ATTEMPTS),
        (503, Fault.BROKEN, "status 503", ATTEMPTS),
        (429, Fault.LIMITED, "status 429", ATTEMPTS),
    ],
    ids=str,
)
def test_a_status_is_tried_again_only_if_it_may_pass(server, fetcher, target, case):
    status, fault, said, requests = case
    server.failing = [status] * 9
    with pytest.raises(FetchError, match=said) as caught:
        fetcher.fetch(f"{server.url}/file.bin", target)
    assert caught.value.fault is fault
    assert len(server.asked) == requests
    assert left(target) == []


def test_an_error_that_passes_is_got_over(server, fetcher, target):
    server.failing = [500, 503]
    fetcher.fetch(f"{server.url}/file.bin", target)
    assert target.read_bytes() == server.content


def test_a_server_that_asks_for_a_pause_gets_it(server, fetcher, target, waits):
    server.failing, server.retry_after = [429], "7"
    fetcher.fetch(f"{server.url}/file.bin", target)
    assert waits == [7.0]


def test_a_silent_server_is_given_up_and_gone_on_with(server, target, waits):
    server.silence_s = 5
    fetcher = Fetcher(patience=Patience(attempts=1, silence_s=0.1), sleep=waits.append)
    with pytest.raises(FetchError, match="did not answer in time") as caught:
        fetcher.fetch(f"{server.url}/file.bin", target)
    assert caught.value.fault is Fault.SLOW
    server.over.set()
    server.silence_s = 0
    assert fetcher.fetch(f"{server.url}/file.bin", target).resumed_bytes > 0
    assert target.read_bytes() == server.content


def test_offline_is_said_in_a_sentence(fetcher, target, waits):
    with pytest.raises(FetchError, match=r"could not be reached .*check the network, or download the file elsewhere"):
        fetcher.fetch("http://127.0.0.1:9/file.bin", target)
    assert waits == [1.0, 2.0]
    assert left(target) == []


def test_a_web_page_is_no_file(server, fetcher, target):
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(FetchError, match="a web page; download the file by hand"):
        fetcher.fetch(f"{server.url}/file.bin", target)
    assert left(target) == []


def test_a_redirect_is_followed(server, fetcher, target):
    fetcher.fetch(f"{server.url}/moved/file.bin", target)
    assert target.read_bytes() == server.content


def test_a_redirect_away_from_https_is_not(target):
    def answer(request):
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://elsewhere/file.bin"})
        return httpx.Response(200, content=b"trojan")

    with pytest.raises(FetchError, match="sends on to elsewhere without https"):
        Fetcher(transport=httpx.MockTransport(answer)).fetch("https://host/file.bin", target)
    assert left(target) == []


def test_a_range_that_begins_elsewhere_is_not_appended(server, fetcher, target):
    server.cuts, server.claims = [1000], 0
    fetcher.fetch(f"{server.url}/file.bin", target)
    assert server.asked == [None, "bytes=1000-", None]
    assert target.read_bytes() == server.content


def test_a_part_that_is_the_whole_already_is_taken(server, fetcher, target):
    server.cuts = [1000] * ATTEMPTS
    with pytest.raises(FetchError):
        fetcher.fetch(f"{server.url}/file.bin", target)
    target.with_name("file.bin.part").write_bytes(server.content)
    assert fetcher.fetch(f"{server.url}/file.bin", target).resumed_bytes == len(server.content)


def test_a_part_that_is_longer_than_the_whole_begins_anew(server, fetcher, target):
    server.cuts = [1000] * ATTEMPTS
    with pytest.raises(FetchError):
        fetcher.fetch(f"{server.url}/file.bin", target)
    target.with_name("file.bin.part").write_bytes(server.content + b"more")
    fetcher.fetch(f"{server.url}/file.bin", target)
    assert target.read_bytes() == server.content


def test_a_part_of_another_address_is_not_gone_on_with(server, fetcher, target):
    server.cuts = [1000] * ATTEMPTS
    with pytest.raises(FetchError):
        fetcher.fetch(f"{server.url}/other.bin", target)
    assert fetcher.fetch(f"{server.url}/file.bin", target).resumed_bytes == 0


def test_a_length_that_nobody_states_is_no_obstacle(server, fetcher, target):
    server.lengthless = True
    fetcher.fetch(f"{server.url}/file.bin", target)
    assert target.read_bytes() == server.content


def test_nothing_is_no_file(server, fetcher, target):
    server.lengthless, server.cuts = True, [0] * 9
    with pytest.raises(FetchError, match="answered with an empty body"):
        fetcher.fetch(f"{server.url}/file.bin", target)


@pytest.mark.parametrize("url", ["ftp://host/file.bin", "no address", "http://[bad/file.bin"])
def test_what_is_no_address_is_said(fetcher, target, url):
    with pytest.raises((FetchError, SettingsError)):
        fetcher.fetch(url, target)
    assert left(target) == []


def test_a_folder_that_is_not_there_is_said(server, fetcher, tmp_path):
    with pytest.raises(DataError, match=r"Expected to write file\.bin to"):
        fetcher.fetch(f"{server.url}/file.bin", tmp_path / "nowhere" / "file.bin")
