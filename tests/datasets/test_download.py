"""Downloads: complete and verified, or an error; resumed after a lost connection."""

import hashlib

import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

import httpx

from ce_nas.core.errors import DataError, SettingsError
from ce_nas.core.http import Fault, HttpOptions
from ce_nas.core.retry import RetryPolicy
from ce_nas.datasets.catalog import find_catalog_entry
from ce_nas.datasets.download import Downloader, DownloadError, download_files, find_imported, resolve_urls
from ce_nas.datasets.store import FileOrigin, Manifest, StoredFile

ATTEMPTS = 3


@pytest.fixture
def waits():
    return []


@pytest.fixture
def downloader(waits):
    return Downloader(HttpOptions(retry_policy=RetryPolicy(ATTEMPTS), read_timeout_s=2, sleep=waits.append))


@pytest.fixture
def target(tmp_path):
    return tmp_path / "file.bin"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def file_names(target):
    return sorted(path.name for path in target.parent.iterdir())


def test_complete_file_with_its_checksum(server, downloader, target):
    file = downloader.download(f"{server.url}/file.bin", target, sha256(server.content).upper())
    assert target.read_bytes() == server.content
    assert (file.path, file.size_bytes, file.resumed_bytes) == (target, len(server.content), 0)
    assert file.sha256 == sha256(server.content)
    assert file_names(target) == ["file.bin"]


def test_progress_reaches_the_total(server, target):
    calls = []
    Downloader(progress=lambda here, whole: calls.append((here, whole))).download(f"{server.url}/file.bin", target)
    assert calls == sorted(calls)
    assert calls[-1] == (len(server.content), len(server.content))


def test_lost_connection_is_resumed(server, downloader, target, waits):
    server.cuts = [50_000, 30_000]
    file = downloader.download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == server.content
    assert server.requested_ranges == [None, "bytes=50000-", "bytes=80000-"]
    assert file.resumed_bytes == 80_000
    assert waits == [1.0, 2.0]


def test_partial_file_is_kept_for_the_next_call(server, downloader, target):
    server.cuts = [1000, 1000, 1000]
    with pytest.raises(DownloadError, match=r"cut the connection in the middle of its response .* resumes there"):
        downloader.download(f"{server.url}/file.bin", target)
    assert file_names(target) == ["file.bin.part", "file.bin.part.json"]
    assert downloader.download(f"{server.url}/file.bin", target).resumed_bytes == 3000
    assert target.read_bytes() == server.content
    assert file_names(target) == ["file.bin"]


def test_server_without_ranges_sends_all_again(server, downloader, target):
    server.cuts, server.has_ranges = [50_000], False
    assert downloader.download(f"{server.url}/file.bin", target).resumed_bytes == 0
    assert server.requested_ranges == [None, "bytes=50000-"]
    assert target.read_bytes() == server.content


@pytest.mark.parametrize(("etag", "modified"), [('"v1"', ""), ('W/"v1"', "Tue, 01 Jun 2021 00:00:00 GMT")])
def test_changed_file_starts_again(server, downloader, target, etag, modified):
    server.etag, server.last_modified, server.cuts = etag, modified, [1000] * ATTEMPTS
    with pytest.raises(DownloadError):
        downloader.download(f"{server.url}/file.bin", target)
    server.content = server.content[::-1]
    server.etag, server.last_modified = '"v2"', "Wed, 02 Jun 2021 00:00:00 GMT"
    assert downloader.download(f"{server.url}/file.bin", target).resumed_bytes == 0
    assert target.read_bytes() == server.content


def test_resuming_needs_a_validator_or_a_checksum(server, downloader, target):
    server.etag, server.cuts = 'W/"weak"', [1000]
    downloader.download(f"{server.url}/file.bin", target)
    assert server.requested_ranges == [None, None]
    server.cuts = [1000]
    downloader.download(f"{server.url}/file.bin", target, sha256(server.content))
    assert server.requested_ranges[2:] == [None, "bytes=1000-"]


def test_two_versions_in_one_file_are_downloaded_again(server, downloader, target):
    server.etag, server.cuts = "", [1000] * ATTEMPTS
    old, new = server.content, server.content[::-1]
    with pytest.raises(DownloadError):
        downloader.download(f"{server.url}/file.bin", target, sha256(new))
    server.content = new
    downloader.download(f"{server.url}/file.bin", target, sha256(new))
    assert target.read_bytes() == new != old


def test_wrong_checksum_keeps_the_earlier_file(server, downloader, target):
    target.write_bytes(b"before")
    with pytest.raises(DataError, match=r"Expected a file with the SHA-256 0{64} .* got .*; it was not kept"):
        downloader.download(f"{server.url}/file.bin", target, "0" * 64)
    assert target.read_bytes() == b"before"
    assert file_names(target) == ["file.bin"]


@pytest.mark.parametrize(
    "case",
    [
        (404, Fault.REJECTED, "status 404; the file may have moved", 1),
        (403, Fault.REJECTED, "download the file by hand", 1),
        (500, Fault.SERVER_ERROR, "status 500; try again later", ATTEMPTS),
        (503, Fault.SERVER_ERROR, "status 503", ATTEMPTS),
        (429, Fault.RATE_LIMITED, "status 429", ATTEMPTS),
    ],
    ids=str,
)
def test_status_is_retried_only_if_it_may_pass(server, downloader, target, case):
    status, fault, message, n_requests = case
    server.failing = [status] * 9
    with pytest.raises(DownloadError, match=message) as caught:
        downloader.download(f"{server.url}/file.bin", target)
    assert caught.value.fault is fault
    assert len(server.requested_ranges) == n_requests
    assert file_names(target) == []


def test_download_recovers_from_server_errors(server, downloader, target):
    server.failing = [500, 503]
    downloader.download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == server.content


def test_retry_after_is_waited_for(server, downloader, target, waits):
    server.failing, server.retry_after = [429], "7"
    downloader.download(f"{server.url}/file.bin", target)
    assert waits == [7.0]


def test_silent_server_times_out_and_is_resumed(server, target, waits):
    server.silence_s = 5
    downloader = Downloader(HttpOptions(retry_policy=RetryPolicy(1), read_timeout_s=0.1, sleep=waits.append))
    with pytest.raises(DownloadError, match="did not answer in time") as caught:
        downloader.download(f"{server.url}/file.bin", target)
    assert caught.value.fault is Fault.TIMEOUT
    server.closing.set()
    server.silence_s = 0
    assert downloader.download(f"{server.url}/file.bin", target).resumed_bytes > 0
    assert target.read_bytes() == server.content


def test_unreachable_server_is_named(downloader, target, waits):
    with pytest.raises(
        DownloadError, match=r"could not be reached .*check the network, or download the file elsewhere"
    ):
        downloader.download("http://127.0.0.1:9/file.bin", target)
    assert waits == [1.0, 2.0]
    assert file_names(target) == []


def test_web_page_is_rejected(server, downloader, target):
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="a web page; download the file by hand"):
        downloader.download(f"{server.url}/file.bin", target)
    assert file_names(target) == []


def test_redirect_is_followed(server, downloader, target):
    downloader.download(f"{server.url}/moved/file.bin", target)
    assert target.read_bytes() == server.content


def test_redirect_from_https_to_http_is_rejected(target):
    def answer(request):
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://elsewhere/file.bin"})
        return httpx.Response(200, content=b"trojan")

    with pytest.raises(DownloadError, match="redirects to elsewhere without https"):
        Downloader(HttpOptions(httpx.MockTransport(answer))).download("https://host/file.bin", target)
    assert file_names(target) == []


def test_range_at_another_offset_is_not_appended(server, downloader, target):
    server.cuts, server.claimed_offset = [1000], 0
    downloader.download(f"{server.url}/file.bin", target)
    assert server.requested_ranges == [None, "bytes=1000-", None]
    assert target.read_bytes() == server.content


def test_complete_part_is_used(server, downloader, target):
    server.cuts = [1000] * ATTEMPTS
    with pytest.raises(DownloadError):
        downloader.download(f"{server.url}/file.bin", target)
    target.with_name("file.bin.part").write_bytes(server.content)
    assert downloader.download(f"{server.url}/file.bin", target).resumed_bytes == len(server.content)


def test_part_longer_than_the_file_starts_again(server, downloader, target):
    server.cuts = [1000] * ATTEMPTS
    with pytest.raises(DownloadError):
        downloader.download(f"{server.url}/file.bin", target)
    target.with_name("file.bin.part").write_bytes(server.content + b"more")
    downloader.download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == server.content


def test_part_of_another_address_is_not_resumed(server, downloader, target):
    server.cuts = [1000] * ATTEMPTS
    with pytest.raises(DownloadError):
        downloader.download(f"{server.url}/other.bin", target)
    assert downloader.download(f"{server.url}/file.bin", target).resumed_bytes == 0


def test_unknown_length_is_accepted(server, downloader, target):
    server.sends_length = False
    downloader.download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == server.content


def test_empty_file_is_rejected(server, downloader, target):
    server.sends_length, server.cuts = False, [0] * 9
    with pytest.raises(DownloadError, match="sent an empty response"):
        downloader.download(f"{server.url}/file.bin", target)


@pytest.mark.parametrize("url", ["ftp://host/file.bin", "no address", "http://[bad/file.bin"])
def test_invalid_address_is_rejected(downloader, target, url):
    with pytest.raises((DownloadError, SettingsError)):
        downloader.download(url, target)
    assert file_names(target) == []


def test_missing_folder_is_named(server, downloader, tmp_path):
    with pytest.raises(DataError, match=r"Expected to write file\.bin to"):
        downloader.download(f"{server.url}/file.bin", tmp_path / "nowhere" / "file.bin")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nasbench201", {}, "stands behind a web page of its authors: download from"),
        ("carboncast", {}, "Expected a zone of carboncast such as --zone CISO, got ''"),
        ("carboncast", {"zone": "../.."}, "Expected a zone of carboncast"),
        ("hwnasbench", {"zone": "CISO"}, "leave --zone out"),
        ("hwnasbench", {"sha256": "abc"}, "Expected the 64 hexadecimal digits"),
        ("nasbench301", {"sha256": "0" * 64}, "for a data set of one file"),
    ],
)
def test_invalid_downloads_are_rejected_before_any_request(name, options, message):
    with pytest.raises(SettingsError, match=message):
        resolve_urls(find_catalog_entry(name), **options)


def test_zone_has_two_files():
    assert list(resolve_urls(find_catalog_entry("carboncast"), zone="CISO", mirror="http://m")) == [
        "CISO_lifecycle_emissions.csv",
        "CISO_direct_emissions.csv",
    ]


def test_files_are_downloaded_under_their_names(server, tmp_path):
    urls = resolve_urls(find_catalog_entry("nasbench301"), mirror=server.url)
    calls = []
    files = download_files(urls, tmp_path, progress=lambda name, here, whole: calls.append((name, here, whole)))
    assert {path.name: url for path, url in files.items()} == {
        "surrogate.onnx": f"{server.url}/model_v2.onnx",
        "encoding.json": f"{server.url}/encoding_v2.json",
    }
    assert all(path.read_bytes() == server.content for path in files)
    assert {name for name, _, _ in calls} == {"surrogate.onnx", "encoding.json"}


def test_imported_files_are_found_by_address():
    def file(name, *urls):
        return StoredFile(name, "", 0, 0, tuple(FileOrigin(url, "") for url in urls), "")

    manifest = Manifest("x", "", "", (file("a", "u1", "u2"), file("b", "u3")))
    assert [stored.file for stored in find_imported(manifest, ["u1", "u2"])] == ["a"]
    assert [stored.file for stored in find_imported(manifest, ["u1", "u3"])] == ["a", "b"]
    assert find_imported(manifest, ["u1", "u9"]) == []
    assert find_imported(None, ["u1"]) == []
