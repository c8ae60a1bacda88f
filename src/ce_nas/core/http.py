"""HTTP GET requests: time-outs, retries with backoff, size limits, and every failure named as a :class:`Fault`.

Handling of failures
    No connection, a time-out, a lost connection, an empty or malformed response, and status 408 and 5xx are retried
    with exponential backoff. 429 and 503 with Retry-After are retried after that time; beyond
    :attr:`RetryPolicy.max_retry_after_s` the request fails at once. 401, 403 and other statuses are not retried.
    Redirects are rejected unless allowed, and never followed from https to http.

Each caller raises its own error class, which it builds from the fault (``make_error``).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self, TypeVar
from urllib.request import getproxies, proxy_bypass

from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.core.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime
    from types import ModuleType

    import httpx

__all__ = ["RETRYABLE_FAULTS", "ErrorFactory", "Fault", "HttpClient", "HttpOptions", "default_transport"]

ResultT = TypeVar("ResultT")

#: upper bound of a response that is held in memory
MAX_RESPONSE_BYTES = 64 * 1024 * 1024


class Fault(StrEnum):
    """What a server did wrong, as the middle of a sentence."""

    UNREACHABLE = "could not be reached"
    TIMEOUT = "did not answer in time"
    CONNECTION_LOST = "cut the connection in the middle of its response"
    SERVER_ERROR = "reported an internal error"
    RATE_LIMITED = "demands fewer requests"
    UNAUTHORIZED = "rejected the key"
    REJECTED = "rejected the request"
    EMPTY_RESPONSE = "sent an empty response"
    MALFORMED = "sent a response that does not match its documentation"
    WRONG_UNITS = "sent values in units other than documented"
    WRONG_ZONE = "sent values of another zone"
    STALE = "has no recent enough value"


#: faults after which the same request may succeed
RETRYABLE_FAULTS = frozenset(
    {
        Fault.UNREACHABLE,
        Fault.TIMEOUT,
        Fault.CONNECTION_LOST,
        Fault.SERVER_ERROR,
        Fault.RATE_LIMITED,
        Fault.EMPTY_RESPONSE,
        Fault.MALFORMED,
    }
)


class ErrorFactory(Protocol):
    """Builds the error to raise for a failed request."""

    def __call__(self, fault: Fault, detail: str, *, retry_after_s: float | None = None) -> Exception:
        """Return the error; ``detail`` has no full stop at its end."""


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How requests are sent."""

    #: sends the requests; None for the network
    transport: httpx.BaseTransport | None = None
    connect_timeout_s: float = 5.0
    #: longest pause within a response
    read_timeout_s: float = 20.0
    #: longest duration of a whole response that is held in memory
    response_timeout_s: float = 60.0
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    #: waits between two requests, s; None for the thread to sleep
    sleep: Callable[[float], None] | None = None


class HttpClient:
    """GET requests to one address and the paths below it.

    :param base_url: prefix of all paths.
    :param make_error: builds the errors.
    :param now: the calendar time, UTC; without it, a Retry-After date and the time-out of whole responses are ignored.
    :param max_redirects: redirects to follow; 0 to reject them, so that a key is never passed to another server.
    :raises MissingExtraError: if httpx is not installed.
    :raises SettingsError: if ``base_url`` is not an HTTP address.
    """

    def __init__(
        self,
        base_url: str,
        make_error: ErrorFactory,
        options: HttpOptions | None = None,
        *,
        now: Callable[[], datetime] | None = None,
        max_redirects: int = 0,
    ) -> None:
        self._httpx = _import_httpx()
        self._options = options or HttpOptions()
        self._base_url, host = base_url, self._parse_host(base_url)
        self._make_error = make_error
        self._now = now
        self._client: httpx.Client = self._httpx.Client(
            transport=self._options.transport or default_transport(host),
            timeout=self._httpx.Timeout(self._options.read_timeout_s, connect=self._options.connect_timeout_s),
            follow_redirects=max_redirects > 0,
            max_redirects=max_redirects,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def retry(self, operation: Callable[[], ResultT]) -> ResultT:
        """Return the result of ``operation``, attempted again after each retryable error."""
        return self._options.retry_policy.call(operation, self._options.sleep)

    @contextmanager
    def stream(
        self, path: str = "", *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """Send one request and yield its response, with the body unread.

        Errors of httpx, also those while the body is read, are replaced: they may hold a key.
        """
        httpx, at = self._httpx, _at(path)
        url = self._base_url.rstrip("/") + path if path else self._base_url
        try:
            with self._client.stream("GET", url, params=params, headers=headers) as response:
                self._require_https(response)
                yield response
        except httpx.TimeoutException as error:
            raise self._make_error(Fault.TIMEOUT, f"{type(error).__name__}{at}") from None
        except httpx.ConnectError:
            raise self._make_error(Fault.UNREACHABLE, f"no connection{at}") from None
        except (httpx.TooManyRedirects, httpx.UnsupportedProtocol) as error:
            raise self._make_error(Fault.REJECTED, f"{type(error).__name__}{at}") from None
        except httpx.HTTPError as error:
            raise self._make_error(Fault.CONNECTION_LOST, f"{type(error).__name__}{at}") from None

    def read_text(self, response: httpx.Response) -> str:
        """Return the body, within :attr:`HttpOptions.response_timeout_s` and :data:`MAX_RESPONSE_BYTES`."""
        chunks, n_bytes = [], 0
        start = self._now() if self._now else None
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            n_bytes += len(chunk)
            if start and self._now and (self._now() - start).total_seconds() > self._options.response_timeout_s:
                message = "the response takes too long"
                raise self._httpx.ReadTimeout(message)
            if n_bytes > MAX_RESPONSE_BYTES:
                raise self._make_error(Fault.MALFORMED, f"more than {MAX_RESPONSE_BYTES:,} bytes")
        return b"".join(chunks).decode("utf-8", errors="replace").removeprefix("\ufeff")

    def check_status(
        self, response: httpx.Response, path: str = "", *, excerpt: str = "", accepted: Collection[int] = (200,)
    ) -> None:
        """Raise the error of a status that is not ``accepted``.

        :param excerpt: the beginning of the body, for the message.
        """
        status, codes = response.status_code, self._httpx.codes
        if status in accepted:
            return
        detail = f"status {status}{_at(path)}" + (f": {excerpt}" if excerpt else "")
        if status in (codes.UNAUTHORIZED, codes.FORBIDDEN):
            raise self._make_error(Fault.UNAUTHORIZED, detail)
        if status == codes.TOO_MANY_REQUESTS:
            raise self._make_error(Fault.RATE_LIMITED, detail, retry_after_s=self._retry_after_s(response))
        if status == codes.REQUEST_TIMEOUT or status >= codes.INTERNAL_SERVER_ERROR:
            raise self._make_error(Fault.SERVER_ERROR, detail, retry_after_s=self._retry_after_s(response))
        raise self._make_error(Fault.REJECTED, detail)

    def _parse_host(self, url: str) -> str:
        problem = "it does not start with https://"
        try:
            parsed = self._httpx.URL(url)
            if parsed.scheme in ("http", "https") and parsed.host:
                return str(parsed.host)
        except self._httpx.InvalidURL as error:
            problem = str(error)
        message = f"Expected an address such as https://host/path, got {url!r}: {problem}."
        raise SettingsError(message)

    def _require_https(self, response: httpx.Response) -> None:
        if any(hop.url.scheme == "https" for hop in response.history) and response.url.scheme != "https":
            raise self._make_error(Fault.REJECTED, f"it redirects to {response.url.host} without https")

    def _retry_after_s(self, response: httpx.Response) -> float | None:
        """Return the Retry-After of a response, a number or a date, s; None if there is none."""
        text = response.headers.get("retry-after", "").strip()
        if text.isdecimal():
            return float(text)
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((aware - self._now()).total_seconds(), 0.0) if self._now else None


def default_transport(host: str) -> httpx.BaseTransport:
    """Return a transport over the network, through the https proxy of the environment, if any.

    Requests are about an hour apart, so no connection is kept alive.
    """
    module = _import_httpx()
    proxy = None if proxy_bypass(host) else getproxies().get("https")
    transport: httpx.BaseTransport = module.HTTPTransport(
        proxy=proxy, limits=module.Limits(max_keepalive_connections=0)
    )
    return transport


def _at(path: str) -> str:
    return f" at {path}" if path else ""


def _import_httpx() -> ModuleType:
    """Return the module httpx.

    :raises MissingExtraError: if it, or tenacity, is not installed.
    """
    try:
        import httpx
        import tenacity  # noqa: F401 - retries need it
    except ImportError as error:
        raise MissingExtraError(error.name or "httpx", "live", "Access to the network") from error
    return httpx
