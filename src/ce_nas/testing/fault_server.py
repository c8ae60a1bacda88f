"""Local HTTP servers with faults to switch on, for the tests of a carbon-intensity provider or of a download.

- :class:`FaultServer` answers as an API would, by the handlers of the test, and injects the faults of :class:`ApiFault`
- :class:`FileServer` serves one file, with byte ranges, lost connections and validators
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["ApiFault", "ApiHandler", "FaultServer", "FileServer", "LocalServer", "is_affected", "true_intensity"]

#: calendar time of a new server, UTC; the clocks went forward in Europe at 01:00 that day
DEFAULT_NOW = datetime(2024, 3, 31, 12, 20, tzinfo=UTC)
WEB_PAGE = "<!doctype html><html><body><h1>Down for maintenance</h1></body></html>"
#: Retry-After of a short and of a long 429, and of one with a date, s
RETRY_AFTER_S, LONG_RETRY_AFTER_S, DATED_RETRY_AFTER_S = 7, 3600, 9


class ApiFault(StrEnum):
    """What a :class:`FaultServer` does wrong."""

    NONE = "normal"
    # statuses, for the next `failures` requests
    UNAUTHORIZED = "401"  #: repeats the request, with its key
    SERVER_ERROR = "500"
    RATE_LIMITED = "429"  #: with Retry-After in seconds
    RATE_LIMITED_BY_DATE = "429 by date"
    RATE_LIMITED_LONG = "429 for long"
    # bodies, of every response with status 200
    EMPTY = "empty"
    TRUNCATED = "truncated"
    WEB_PAGE = "html"
    CONNECTION_LOST = "cut"
    SILENT = "slow"
    TRICKLE = "trickle"  #: byte by byte
    # rows, injected by :meth:`FaultServer.rows`; the first three into the steps of :func:`is_affected`
    NULLS = "nulls"
    MISSING = "missing"
    CONTRADICTION = "contradiction"  #: a second row with another value
    DUPLICATES = "duplicates"
    ENDS_AT_MIDNIGHT = "midnight"
    # left to the handlers
    LOCAL_TIME = "dst"  #: times with the offset of local time, across a change of clocks
    WRONG_UNITS = "units"
    WRONG_ZONE = "other zone"


def true_intensity(moment: datetime) -> int:
    """Return the intensity of the simulated grid in an hour, whole g/kWh of 100 or more; it differs between hours."""
    hours = int(moment.timestamp() // 3600)
    return 100 + hours % 24 * 10 + hours // 24 % 7


def is_affected(moment: datetime) -> bool:
    """Whether the faults of single rows affect this hour."""
    return moment.hour % 4 == 3


class LocalServer(ABC):
    """An HTTP server on a free port of this machine, while its context is open."""

    def __init__(self) -> None:
        #: the address, without a slash at its end
        self.url = ""
        #: set at the end, so that silent responses stop waiting
        self.closing = threading.Event()

    def __enter__(self) -> Self:
        self._http = _HttpServer(self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @abstractmethod
    def respond(self, request: HttpRequest) -> None:
        """Answer a GET request."""


#: called with the server, the path, the query and the headers; returns the status and the body
ApiHandler = Callable[[Any, str, Mapping[str, str], Mapping[str, str]], tuple[int, str]]


class FaultServer(LocalServer):
    """Answers GET requests by handlers, and injects :attr:`fault`.

    Example:
        >>> from urllib.request import urlopen
        >>> def my_api(server, path, query, headers):
        ...     return 200, f"{path} of {query['zone']}"
        >>> with FaultServer({"my-api": my_api}) as server, urlopen(f"{server.url}/my-api/now?zone=DE") as response:
        ...     response.read().decode()
        '/now of DE'

    :param handlers: first part of the path to the API below it.
    :param exempt_paths: paths below a handler that never fail and are not recorded, such as a login.
    """

    def __init__(self, handlers: Mapping[str, ApiHandler], exempt_paths: Collection[str] = ("/login",)) -> None:
        super().__init__()
        self._handlers = handlers
        self._exempt_paths = exempt_paths
        self.fault: str = ApiFault.NONE
        #: number of requests that fail with the status of :attr:`fault`
        self.failures = 0
        #: the calendar time, UTC
        self.now = DEFAULT_NOW
        #: path and query of each request
        self.requests: list[str] = []

    def rows(self, moments: Sequence[datetime]) -> list[tuple[datetime, int | None]]:
        """Return the true intensity at each moment, with the faults of rows; None for a null."""
        rows: list[tuple[datetime, int | None]] = [(moment, true_intensity(moment)) for moment in moments]
        if self.fault == ApiFault.NULLS:
            return [(moment, None if is_affected(moment) else value) for moment, value in rows]
        if self.fault == ApiFault.MISSING:
            return [(moment, value) for moment, value in rows if not is_affected(moment)]
        if self.fault == ApiFault.DUPLICATES:
            return [row for row in rows for _ in range(2)]
        if self.fault == ApiFault.CONTRADICTION:
            return rows + [(moment, value + 50) for moment, value in rows if is_affected(moment) and value]
        if self.fault == ApiFault.ENDS_AT_MIDNIGHT:
            midnight = (self.now + timedelta(days=1)).replace(hour=0, minute=0)
            return [(moment, value) for moment, value in rows if moment < midnight]
        return rows

    def format_time(self, moment: datetime, zone: str = "Europe/Berlin") -> str:
        """Format a moment in UTC, or with the offset of ``zone`` under :attr:`ApiFault.LOCAL_TIME`."""
        if self.fault == ApiFault.LOCAL_TIME:
            return moment.astimezone(ZoneInfo(zone)).isoformat()
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def respond(self, request: HttpRequest) -> None:
        """See :meth:`LocalServer.respond`."""
        url = urlsplit(request.path)
        name, _, rest = unquote(url.path).removeprefix("/").partition("/")
        path = f"/{rest}"
        query = {key: values[0] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        is_exempt = path in self._exempt_paths
        if not is_exempt:
            self.requests.append(request.path)
            if self.failures:
                self.failures -= 1
                self._fail(request)
                return
        status, text = self._handlers[name](self, path, query, cast("Mapping[str, str]", request.headers))
        body = text.encode()
        if is_exempt or status != 200:
            request.send(status, body)
        elif self.fault == ApiFault.SILENT:
            self.closing.wait(5)
            request.close_connection = True
        elif self.fault in (ApiFault.TRICKLE, ApiFault.CONNECTION_LOST):
            self._send_part(request, body)
        else:
            changed = {
                ApiFault.EMPTY: b"",
                ApiFault.TRUNCATED: body[: len(body) // 2],
                ApiFault.WEB_PAGE: WEB_PAGE.encode(),
            }
            request.send(200, changed.get(cast("ApiFault", self.fault), body))

    def _fail(self, request: HttpRequest) -> None:
        retry_at = self.now + timedelta(seconds=DATED_RETRY_AFTER_S)
        waits = {
            ApiFault.RATE_LIMITED: str(RETRY_AFTER_S),
            ApiFault.RATE_LIMITED_LONG: str(LONG_RETRY_AFTER_S),
            ApiFault.RATE_LIMITED_BY_DATE: f"{retry_at:%a, %d %b %Y %H:%M:%S} GMT",
        }
        if wait := waits.get(cast("ApiFault", self.fault)):
            request.send(429, b"slow down", {"Retry-After": wait})
        elif self.fault == ApiFault.UNAUTHORIZED:
            request.send(401, f"rejected {request.path} {request.headers}".encode())
        else:
            request.send(500, b"internal error")

    def _send_part(self, request: HttpRequest, body: bytes) -> None:
        """Send up to half of a body byte by byte, and close the connection."""
        request.send_head(200, {"Content-Length": str(len(body))})
        for index in range(len(body) // 2):
            request.wfile.write(body[index : index + 1])
            request.wfile.flush()
            if self.fault == ApiFault.CONNECTION_LOST and index > 10:
                break
            if self.fault == ApiFault.TRICKLE and self.closing.wait(0.002):
                break
        request.close_connection = True


class FileServer(LocalServer):
    """Serves one file at every path, and injects faults; a path below ``/moved`` redirects to the rest of it.

    :param content: the file.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        #: statuses of the next responses
        self.failing: list[int] = []
        #: bytes of the body after which the connection is lost, response by response
        self.cuts: list[int] = []
        #: validators of the file; empty for none
        self.etag = '"v1"'
        self.last_modified = ""
        self.content_type = "application/octet-stream"
        #: whether byte ranges are supported
        self.has_ranges = True
        #: pause in the middle of a body, s
        self.silence_s = 0.0
        #: offset that a partial response claims to have; None for the true one
        self.claimed_offset: int | None = None
        self.sends_length = True
        self.retry_after = ""
        #: names that answer with 404
        self.missing: tuple[str, ...] = ()
        #: the Range header of each request; None where there was none
        self.requested_ranges: list[str | None] = []

    def respond(self, request: HttpRequest) -> None:
        """See :meth:`LocalServer.respond`."""
        self.requested_ranges.append(request.headers.get("Range"))
        if request.path.startswith("/moved/"):
            request.send(302, b"", {"Location": request.path.removeprefix("/moved")})
            return
        status = self.failing.pop(0) if self.failing else 0
        if status or request.path.rpartition("/")[2] in self.missing:
            request.send(status or 404, b"", {"Retry-After": self.retry_after} if self.retry_after else {})
            return
        offset = self._offset(request)
        if offset >= len(self.content):
            request.send(416, b"", {"Content-Range": f"bytes */{len(self.content)}"})
        else:
            self._send_body(request, offset)

    def _offset(self, request: HttpRequest) -> int:
        """Return the first byte to send: the requested one, if ranges are supported and the file is unchanged."""
        requested, condition = request.headers.get("Range"), request.headers.get("If-Range")
        is_same = condition is None or condition in {self.etag, self.last_modified}
        return int(requested.removeprefix("bytes=").rstrip("-")) if requested and self.has_ranges and is_same else 0

    def _send_body(self, request: HttpRequest, offset: int) -> None:
        body = self.content[offset:]
        headers = {"ETag": self.etag, "Last-Modified": self.last_modified, "Content-Type": self.content_type}
        if offset:
            claimed = offset if self.claimed_offset is None else self.claimed_offset
            headers["Content-Range"] = f"bytes {claimed}-{len(self.content) - 1}/{len(self.content)}"
        if self.sends_length:
            headers["Content-Length"] = str(len(body))
        else:
            request.close_connection = True
            headers["Connection"] = "close"
        request.send_head(206 if offset else 200, {name: value for name, value in headers.items() if value})
        n_bytes = self.cuts.pop(0) if self.cuts else len(body)
        request.wfile.write(body[: n_bytes // 2])
        request.wfile.flush()
        if self.silence_s:
            self.closing.wait(self.silence_s)
        request.wfile.write(body[n_bytes // 2 : n_bytes])
        if n_bytes < len(body):
            request.close_connection = True


class HttpRequest(BaseHTTPRequestHandler):
    """One request, and the means to answer it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer by the server."""
        cast("_HttpServer", self.server).owner.respond(self)

    def send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole response."""
        self.send_head(status, {**(headers or {}), "Content-Length": str(len(body))})
        self.wfile.write(body)

    def send_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status and the headers alone."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no log."""


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, owner: LocalServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), HttpRequest)

    def handle_error(self, *_: object) -> None:
        """Ignore a client that closes its connection."""
