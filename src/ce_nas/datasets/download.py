"""Downloads of data sets: resumed after a lost connection, verified, and complete under their name or not at all.

A download is written to ``NAME.part``; ``NAME.part.json`` next to it holds its address and the validator (a strong
``ETag``, else ``Last-Modified``) that the server sent. A later attempt requests the rest with ``Range`` and
``If-Range``: if the file changed meanwhile, the server sends all of it. Without a validator a part is resumed only if a
checksum can verify the result. The complete file replaces its target in one step. Failed attempts are repeated as in
:mod:`ce_nas.core.http`; redirects are followed, but not from https to http.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.errors import DataError, SettingsError
from ce_nas.core.http import RETRYABLE_FAULTS, Fault, HttpClient
from ce_nas.core.retry import RetryableError
from ce_nas.datasets.store import sha256_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import httpx

    from ce_nas.core.http import HttpOptions
    from ce_nas.datasets.catalog import CatalogEntry
    from ce_nas.datasets.store import Manifest, StoredFile

__all__ = ["DownloadError", "DownloadedFile", "Downloader", "download_files", "find_imported", "resolve_urls"]

_CONTENT_RANGE_PATTERN = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_MAX_REDIRECTS = 5
_BY_HAND = "download the file by hand, and import it"
#: the way out of a failed request
_HINTS = {
    Fault.TIMEOUT: "try again later",
    Fault.UNREACHABLE: "check the network, or download the file elsewhere and import it",
    Fault.CONNECTION_LOST: "try again, the download resumes there",
    Fault.SERVER_ERROR: "try again later",
    Fault.UNAUTHORIZED: _BY_HAND,
    Fault.REJECTED: f"the file may have moved: {_BY_HAND}",
}


class DownloadError(DataError, RetryableError):
    """A failed download."""

    def __init__(self, url: str, fault: Fault, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{url} could not be downloaded: the server {fault} ({detail}).")
        self.fault = fault
        self.retryable = fault in RETRYABLE_FAULTS
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A complete download."""

    path: Path
    sha256: str
    size_bytes: int
    #: bytes that were present before the last attempt
    resumed_bytes: int


class Downloader:
    """Downloads files.

    :param options: transport, time-outs and retries.
    :param progress: called with the bytes present, and the total; None where the server does not state it.
    """

    def __init__(
        self, options: HttpOptions | None = None, *, progress: Callable[[int, int | None], None] | None = None
    ) -> None:
        self._options = options
        self._progress = progress or (lambda _present, _total: None)

    def download(self, url: str, target: Path, sha256: str | None = None) -> DownloadedFile:
        """Download ``url`` to ``target``, which is replaced once the file is complete and verified.

        :param sha256: the expected checksum, in hexadecimal; None where none is published.
        :raises DownloadError: if the download fails; its part is kept for the next call.
        :raises DataError: if the checksum differs, or the file cannot be written.
        :raises SettingsError: if ``url`` is not an HTTP address.
        :raises MissingExtraError: if httpx is not installed.
        """
        part = _PartialFile(target, url, has_checksum=sha256 is not None)
        try:
            resumed = self._download_until_complete(part)
            digest = sha256_digest(part.path)
            if sha256 and digest != sha256.lower() and resumed:  # perhaps two versions in one file
                part.discard()
                resumed, digest = self._download_until_complete(part), sha256_digest(part.path)
            size = part.path.stat().st_size
            if sha256 and digest != sha256.lower():
                part.discard()
                message = f"Expected a file with the SHA-256 {sha256} at {url}, got {digest}; it was not kept."
                raise DataError(message)
            part.path.replace(target)
            part.discard()
        except OSError as error:
            message = f"Expected to write {target.name} to {str(target.parent)!r}, but {error.strerror or error}."
            raise DataError(message) from error
        return DownloadedFile(target, digest, size, resumed)

    def _download_until_complete(self, part: _PartialFile) -> int:
        """Request until the part is complete, and return how many bytes of it the last attempt resumed."""
        with HttpClient(part.url, part.error, self._options, max_redirects=_MAX_REDIRECTS) as client:
            return client.retry(lambda: self._download_once(client, part))

    def _download_once(self, client: HttpClient, part: _PartialFile) -> int:
        offset = part.resumable_bytes()
        with client.stream(headers=part.request_headers(offset)) as response:
            if response.status_code == 416 and offset:  # range not satisfiable: nothing lies beyond the part
                return _require_complete(response, part, offset)
            client.check_status(response, accepted=(200, 206))
            return self._write_body(response, part, offset)

    def _write_body(self, response: httpx.Response, part: _PartialFile, offset: int) -> int:
        """Append the body to the part, and return the offset at which it resumed."""
        if response.headers.get("content-type", "").startswith("text/html"):
            raise DownloadError(part.url, Fault.REJECTED, f"it sent a web page; {_BY_HAND}")
        resumed = offset if response.status_code == 206 else 0  # 206: a part of the file
        total = _parse_total_bytes(response, part, resumed)
        part.start(response.headers, resumed)
        present = resumed
        with part.path.open("ab") as file:
            for chunk in response.iter_raw():
                file.write(chunk)
                present += len(chunk)
                self._progress(present, total)
        if total is not None and present != total:
            raise part.error(Fault.CONNECTION_LOST, f"got {present:,} of {total:,} bytes")
        if not present:
            raise DownloadError(part.url, Fault.EMPTY_RESPONSE, "try again later")
        return resumed


class _PartialFile:
    """An incomplete download, and the validator of its file."""

    def __init__(self, target: Path, url: str, *, has_checksum: bool) -> None:
        self.url = url
        self.path = target.with_name(f"{target.name}.part")
        self._metadata_path = target.with_name(f"{target.name}.part.json")
        self._has_checksum = has_checksum

    def error(self, fault: Fault, detail: str, *, retry_after_s: float | None = None) -> DownloadError:
        """Return the error of a failed request, with its way out."""
        hint = f"; {_HINTS[fault]}" if fault in _HINTS else ""
        fault = Fault.REJECTED if fault is Fault.UNAUTHORIZED else fault  # a download has no key
        return DownloadError(self.url, fault, detail + hint, retry_after_s=retry_after_s)

    def resumable_bytes(self) -> int:
        """Return how many bytes can be resumed; 0 if nothing shows that they belong to the same file."""
        same_url = self._read_metadata().get("url") == self.url
        is_usable = self.path.is_file() and same_url and (self._has_checksum or self._validator())
        return self.path.stat().st_size if is_usable else 0

    def request_headers(self, offset: int) -> dict[str, str]:
        """Return the headers of a request for the bytes from ``offset`` on, if the file is still the same."""
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if validator := self._validator():
                headers["If-Range"] = validator
        return headers

    def start(self, response_headers: Mapping[str, str], resumed: int) -> None:
        """Store the validator and empty the part, unless it is resumed."""
        if resumed:
            return
        self.path.write_bytes(b"")
        metadata = {
            "url": self.url,
            "etag": response_headers.get("etag", ""),
            "modified": response_headers.get("last-modified", ""),
        }
        self._metadata_path.write_text(json.dumps(metadata), encoding="utf-8")

    def discard(self) -> None:
        """Remove the part and its metadata."""
        self.path.unlink(missing_ok=True)
        self._metadata_path.unlink(missing_ok=True)

    def _read_metadata(self) -> dict[str, str]:
        try:
            metadata = json.loads(self._metadata_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return metadata if isinstance(metadata, dict) else {}

    def _validator(self) -> str:
        """Return a strong ETag, else the date of the last modification; empty if the server sent neither."""
        metadata = self._read_metadata()
        etag = metadata.get("etag", "")
        return etag if etag and not etag.startswith("W/") else metadata.get("modified", "")


def _parse_total_bytes(response: httpx.Response, part: _PartialFile, resumed: int) -> int | None:
    """Return the size of the complete file; None where the response does not state it.

    :raises DownloadError: if the response resumes at another offset than requested.
    """
    if not resumed:
        length = response.headers.get("content-length", "")
        return int(length) if length.isdecimal() else None
    stated = _CONTENT_RANGE_PATTERN.fullmatch(response.headers.get("content-range", ""))
    if not stated or int(stated[1]) != resumed:
        part.discard()
        detail = "it resumes from another offset than requested; the download starts again"
        raise DownloadError(part.url, Fault.MALFORMED, detail)
    return int(stated[2]) if stated[2].isdecimal() else None


def _require_complete(response: httpx.Response, part: _PartialFile, offset: int) -> int:
    """Return ``offset`` if it is the size of the complete file.

    :raises DownloadError: if it is not: then the part is of another file.
    """
    if response.headers.get("content-range", "").endswith(f"/{offset}"):
        return offset
    part.discard()
    detail = "it has another file than the one that was started; the download starts again"
    raise DownloadError(part.url, Fault.MALFORMED, detail)


def resolve_urls(
    entry: CatalogEntry, *, zone: str = "", mirror: str | None = None, sha256: str | None = None
) -> dict[str, str]:
    """Return the addresses of a data set's files, by the names that they get here.

    :param zone: the zone, for a data set that is downloaded by zone.
    :param mirror: the address of a folder to download from instead of the official one.
    :param sha256: the expected checksum, for a data set of one file.
    :raises SettingsError: if the data set cannot be downloaded, or an argument is missing or invalid.
    """
    if not entry.sources:
        message = (
            f"Expected a data set that can be downloaded, but {entry.name} stands behind a web page of its authors: "
            f"{entry.how_to_get}."
        )
        raise SettingsError(message)
    if entry.is_per_zone and not re.fullmatch(r"[A-Za-z0-9-]+", zone):
        message = f"Expected a zone of {entry.name} such as --zone CISO, got {zone!r}."
        raise SettingsError(message)
    if zone and not entry.is_per_zone:
        message = f"Expected no zone for {entry.name}, which has none, got {zone!r}; leave --zone out."
        raise SettingsError(message)
    if sha256 is not None and (len(entry.sources) > 1 or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256)):
        message = f"Expected the 64 hexadecimal digits of a SHA-256, for a data set of one file, got {sha256!r}."
        raise SettingsError(message)
    located = [source.resolve(zone, mirror) for source in entry.sources]
    return {name: url for url, name in located}


def find_imported(manifest: Manifest | None, urls: Iterable[str]) -> list[StoredFile]:
    """Return the files imported from these addresses; none unless all addresses were imported."""
    wanted = set(urls)
    files = [file for file in (manifest.files if manifest else ()) if wanted & {origin.name for origin in file.origins}]
    return files if wanted <= {origin.name for file in files for origin in file.origins} else []


def download_files(
    urls: Mapping[str, str],
    folder: Path,
    *,
    sha256: str | None = None,
    progress: Callable[[str, int, int | None], None],
) -> dict[Path, str]:
    """Download each address into ``folder``.

    :param urls: the addresses, by the names of the files.
    :param progress: called with a file's name, the bytes present and the total.
    :returns: each file, and its address.
    :raises DownloadError: if a download fails.
    :raises MissingExtraError: if httpx is not installed.
    """
    files = {}
    for name, url in urls.items():
        downloader = Downloader(progress=lambda present, total, name=name: progress(name, present, total))  # type: ignore[misc]
        files[downloader.download(url, folder / name, sha256).path] = url
    return files
