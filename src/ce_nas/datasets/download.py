"""Fetching: one file from one address, gone on with where it was cut off, checked, and there whole or not at all.

What has come stands in a ``.part`` beside the place that it is for, with what the server said of it (``.part.json``).
It is gone on with only if the server still has the same file (its ETag or date, by ``If-Range`` [RFC 9110, 13.1.5])
or a checksum will tell; else it begins anew. No connection, a time-out, a cut connection and status 408, 429 and 5xx
are tried again, as :class:`~ce_nas.core.retry.Patience` says. Redirects are followed, but none away from https.

Fetching all files of a data set, for an import to read them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from tenacity import nap

from ce_nas.core.errors import DataError, MissingExtraError, SettingsError
from ce_nas.core.retry import Patience, Setback
from ce_nas.datasets.store import digest
from ce_nas.grid.providers.credentials import default_transport
from ce_nas.grid.providers.errors import PASSING, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ce_nas.datasets.catalog import DataSet
    from ce_nas.datasets.store import Kept, Manifest

__all__ = ["Download", "FetchError", "Fetcher", "addresses_of", "fetch_files", "held"]

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_MOST_REDIRECTS = 5


class FetchError(DataError, Setback):
    """A file that could not be fetched."""

    def __init__(self, url: str, fault: Fault, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{url} could not be fetched: the server {fault} ({detail}).")
        self.fault = fault
        self.passing = fault in PASSING
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Download:
    """A file that has come."""

    path: Path
    sha256: str
    size_bytes: int
    #: bytes that were there already when the last attempt began
    resumed_bytes: int


class Fetcher:
    """Fetches files.

    :param transport: what sends; without it, the network, through the proxy that the environment names.
    :param progress: called with the bytes that are here, and those that there will be, None where nobody says.
    """

    def __init__(
        self,
        *,
        transport: httpx.BaseTransport | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = nap.sleep,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self._transport = transport
        self._patience = patience or Patience()
        self._sleep = sleep
        self._progress = progress or (lambda _here, _whole: None)

    def fetch(self, url: str, target: Path, sha256: str | None = None) -> Download:
        """Fetch ``url`` into ``target``, which is replaced once the whole file is there and is what it should be.

        :param sha256: the checksum that the file must have, in hexadecimal; None where nobody published one.
        :raises FetchError: if it cannot be fetched; what came of it is kept for the next time.
        :raises DataError: if it is another file, or cannot be written.
        """
        part = _Part(target, url, trusted=sha256 is not None)
        try:
            resumed = self._whole(part)
            found = digest(part.path)
            if sha256 and found != sha256.lower() and resumed:  # perhaps two versions in one file
                part.drop()
                resumed, found = self._whole(part), digest(part.path)
            size = part.path.stat().st_size
            if sha256 and found != sha256.lower():
                part.drop()
                message = f"Expected a file with the SHA-256 {sha256} at {url}, got {found}; it was not kept."
                raise DataError(message)
            part.path.replace(target)
            part.drop()
        except OSError as error:
            message = f"Expected to write {target.name} to {str(target.parent)!r}, but {error.strerror or error}."
            raise DataError(message) from error
        return Download(target, found, size, resumed)

    def _whole(self, part: _Part) -> int:
        """Fetch until the part is the whole, and return how many bytes of it the last attempt found there."""
        limit_s = httpx.Timeout(self._patience.silence_s, connect=self._patience.connect_s)
        try:
            host = httpx.URL(part.url).host
        except httpx.InvalidURL as error:
            message = f"Expected an address such as https://host/folder/file, got {part.url!r}: {error}."
            raise SettingsError(message) from error
        with httpx.Client(
            transport=self._transport or default_transport(host),
            timeout=limit_s,
            follow_redirects=True,
            max_redirects=_MOST_REDIRECTS,
        ) as client:
            return self._patience.persist(lambda: self._attempt(client, part), self._sleep)

    def _attempt(self, client: httpx.Client, part: _Part) -> int:
        held = part.held_bytes()
        try:
            with client.stream("GET", part.url, headers=part.headers(held)) as response:
                return self._take(response, part, held)
        except httpx.TimeoutException as error:
            raise FetchError(part.url, Fault.SLOW, f"{type(error).__name__}; try again later") from None
        except httpx.ConnectError:
            raise FetchError(
                part.url,
                Fault.UNREACHABLE,
                "no connection; check the network, or download the file elsewhere and import it",
            ) from None
        except (httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            raise FetchError(part.url, Fault.DECLINED, str(error).rstrip(".")) from None
        except httpx.HTTPError as error:
            raise FetchError(part.url, Fault.CUT, f"{type(error).__name__}; try again, it goes on from there") from None

    def _take(self, response: httpx.Response, part: _Part, held: int) -> int:
        """Take in the body of an answer, and return where it went on from."""
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and held:
            return _all_there(response, part, held)
        _check(response, part)
        resumed = held if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
        whole = _whole_bytes(response, part, resumed)
        part.begin(response.headers, resumed)
        here = resumed
        with part.path.open("ab") as file:
            for chunk in response.iter_raw():
                file.write(chunk)
                here += len(chunk)
                self._progress(here, whole)
        if whole is not None and here != whole:
            raise FetchError(part.url, Fault.CUT, f"{here:,} of {whole:,} bytes came; try again, it goes on from there")
        if not here:
            raise FetchError(part.url, Fault.EMPTY, "try again later")
        return resumed


class _Part:
    """What has come of a file, and what the server said of it."""

    def __init__(self, target: Path, url: str, *, trusted: bool) -> None:
        self.url = url
        self.path = target.with_name(f"{target.name}.part")
        self._said = target.with_name(f"{target.name}.part.json")
        self._trusted = trusted

    def held_bytes(self) -> int:
        """How much can be gone on with; 0 if nobody could tell whether it belongs to what comes."""
        same = self._known().get("url") == self.url
        usable = self.path.is_file() and same and (self._trusted or self._validator())
        return self.path.stat().st_size if usable else 0

    def headers(self, held: int) -> dict[str, str]:
        """What to ask for: the rest, if the file is still the same."""
        asked = {"Accept-Encoding": "identity"}
        if held:
            asked["Range"] = f"bytes={held}-"
            if validator := self._validator():
                asked["If-Range"] = validator
        return asked

    def begin(self, said: Mapping[str, str], resumed: int) -> None:
        """Note what the server says, and start anew unless something is gone on with."""
        if resumed:
            return
        self.path.write_bytes(b"")
        known = {"url": self.url, "etag": said.get("etag", ""), "modified": said.get("last-modified", "")}
        self._said.write_text(json.dumps(known), encoding="utf-8")

    def drop(self) -> None:
        """Forget what has come."""
        self.path.unlink(missing_ok=True)
        self._said.unlink(missing_ok=True)

    def _known(self) -> dict[str, str]:
        try:
            known = json.loads(self._said.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _validator(self) -> str:
        """A strong ETag, else the date; empty if the server gave neither."""
        known = self._known()
        etag = known.get("etag", "")
        return etag if etag and not etag.startswith("W/") else known.get("modified", "")


def _check(response: httpx.Response, part: _Part) -> None:
    """Refuse what is no file.

    :raises FetchError: if it is none.
    """
    status, url = response.status_code, part.url
    said = f"status {status}"
    if any(hop.url.scheme == "https" for hop in response.history) and response.url.scheme != "https":
        raise FetchError(url, Fault.DECLINED, f"it sends on to {response.url.host} without https")
    if status in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        if response.headers.get("content-type", "").startswith("text/html"):
            raise FetchError(
                url, Fault.DECLINED, "it answered with a web page; download the file by hand, and import it"
            )
        return
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise FetchError(url, Fault.DECLINED, f"{said}; download the file by hand, and import it")
    if status == httpx.codes.TOO_MANY_REQUESTS:
        wait = response.headers.get("retry-after", "")
        raise FetchError(url, Fault.LIMITED, said, retry_after_s=float(wait) if wait.isdecimal() else None)
    if status == httpx.codes.REQUEST_TIMEOUT or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise FetchError(url, Fault.BROKEN, f"{said}; try again later")
    raise FetchError(url, Fault.DECLINED, f"{said}; the file may have moved: download it by hand, and import it")


def _whole_bytes(response: httpx.Response, part: _Part, resumed: int) -> int | None:
    """The size of the whole file, as far as the answer says.

    :raises FetchError: if the answer goes on from elsewhere than asked.
    """
    if not resumed:
        length = response.headers.get("content-length", "")
        return int(length) if length.isdecimal() else None
    stated = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if not stated or int(stated[1]) != resumed:
        part.drop()
        raise FetchError(part.url, Fault.MALFORMED, "it goes on from another place than asked; it begins anew")
    return int(stated[2]) if stated[2].isdecimal() else None


def _all_there(response: httpx.Response, part: _Part, held: int) -> int:
    """The part is the whole, if nothing lies beyond it.

    :raises FetchError: if it is not: then it is of another file.
    """
    if response.headers.get("content-range", "").endswith(f"/{held}"):
        return held
    part.drop()
    raise FetchError(part.url, Fault.MALFORMED, "it has another file than the one that was begun; it begins anew")


def addresses_of(
    known: DataSet, *, zone: str = "", mirror: str | None = None, sha256: str | None = None
) -> dict[str, str]:
    """The name that each file of a data set gets here, and its address.

    :param zone: the zone, of a data set that is fetched a zone at a time.
    :param mirror: the address of a folder to fetch from instead of the official one.
    :param sha256: the checksum that the file is to have, where the data set is one file.
    :raises SettingsError: if it cannot be fetched, or something is missing or of no use.
    """
    if not known.sources:
        message = (
            f"Expected a data set that can be fetched, but {known.name} stands behind a page of its makers' own: "
            f"{known.how_to_get}."
        )
        raise SettingsError(message)
    if known.by_zone and not re.fullmatch(r"[A-Za-z0-9-]+", zone):
        message = f"Expected a zone of {known.name} such as --zone CISO, got {zone!r}."
        raise SettingsError(message)
    if zone and not known.by_zone:
        message = f"Expected no zone for {known.name}, which has none, got {zone!r}; leave --zone out."
        raise SettingsError(message)
    if sha256 is not None and (len(known.sources) > 1 or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256)):
        message = f"Expected the 64 hexadecimal digits of a SHA-256, for a data set of one file, got {sha256!r}."
        raise SettingsError(message)
    located = [source.at(zone, mirror) for source in known.sources]
    return {name: url for url, name in located}


def held(manifest: Manifest | None, addresses: Iterable[str]) -> list[Kept]:
    """What was imported from these addresses; nothing unless all of them were fetched."""
    wanted = set(addresses)
    files = [kept for kept in (manifest.files if manifest else ()) if wanted & {item.name for item in kept.origins}]
    return files if wanted <= {origin.name for kept in files for origin in kept.origins} else []


def fetch_files(
    addresses: Mapping[str, str],
    folder: Path,
    *,
    sha256: str | None = None,
    progress: Callable[[str, int, int | None], None],
) -> dict[Path, str]:
    """Fetch each address into ``folder``.

    :param addresses: the name that each file gets, and its address.
    :param progress: called with a file's name, the bytes that are here and those that there will be.
    :returns: each file, and its address.
    :raises FetchError: if a file cannot be fetched.
    :raises MissingExtraError: if there is nothing here to fetch with.
    """
    try:
        from ce_nas.datasets.download import Fetcher
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "httpx", "live", "Fetching data") from error

    files = {}
    for name, url in addresses.items():
        fetcher = Fetcher(progress=lambda here, whole, name=name: progress(name, here, whole))  # type: ignore[misc]
        files[fetcher.fetch(url, folder / name, sha256).path] = url
    return files
