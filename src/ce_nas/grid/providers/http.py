"""One HTTP connection to one provider: time-outs, retries with back-off and a cap, and errors without secrets.

How each failure is taken
    No connection, a time-out, a cut connection, an empty body, an answer that does not parse, and status 408 and 5xx:
    asked again, with exponential back-off up to a cap, a stated number of times. 429 and 503 with Retry-After: asked
    again after that time, unless it is beyond a cap: then the source is given up at once, rather than asked too early.
    401 and 403: never asked again. Redirects are not followed, so that a key is never handed on.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from tenacity import nap

from ce_nas.core.retry import Patience
from ce_nas.grid.providers.credentials import Seal, Sealing, default_transport
from ce_nas.grid.providers.errors import Fault, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Wire"]

Decoded = TypeVar("Decoded")

#: an answer that is longer than this is none of ours
LONGEST_ANSWER_BYTES = 64 * 1024 * 1024
#: how much of an unexpected answer is shown
SHOWN_CHARACTERS = 120


class Wire:
    """Asks one provider.

    :param source: its name, for errors.
    :param base_url: what paths are appended to.
    :param now: the moment by the calendar, UTC.
    :param seal: the keys to put on each request.
    :param transport: what sends; without it, the network.
    :param sleep: what waits between two requests.
    """

    def __init__(  # noqa: PLR0913 - each is a seam of its own
        self,
        source: str,
        base_url: str,
        *,
        now: Callable[[], datetime],
        seal: Callable[[], Seal] = Seal,
        transport: httpx.BaseTransport | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = nap.sleep,
    ) -> None:
        self.source = source
        self.now = now
        self._seal = seal
        self._patience = patience or Patience()
        self._sleep = sleep
        url = httpx.URL(base_url)
        limit_s = httpx.Timeout(self._patience.silence_s, connect=self._patience.connect_s)
        sealed = Sealing(transport or default_transport(url.host), seal)
        self._client = httpx.Client(base_url=url, transport=sealed, timeout=limit_s, follow_redirects=False)

    def get_json(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at ``path``.

        :raises SourceError: if there is none to be had.
        """
        return self.get(path, params, self._json_object)

    def get(self, path: str, params: Mapping[str, str] | None, decode: Callable[[str], Decoded]) -> Decoded:
        """The decoded text at ``path``; ``decode`` may raise a :class:`SourceError` to have it asked for again.

        :raises SourceError: if there is none to be had.
        """
        return self._patience.persist(lambda: decode(self._text(path, params or {})), self._sleep)

    def error(self, fault: Fault, detail: str, retry_after_s: float | None = None) -> SourceError:
        """An error of this source, without its secrets."""
        return SourceError(self.source, fault, self._seal().redact(detail), retry_after_s=retry_after_s)

    def shown(self, text: str) -> str:
        """The beginning of an answer, on one line, quoted; a secret goes first, lest half of it is left."""
        line = " ".join(self._seal().redact(text).split())
        return repr(line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}...")

    def _text(self, path: str, params: Mapping[str, str]) -> str:
        """One request; the errors are raised anew, since those of httpx may hold more than may be shown."""
        try:
            with self._client.stream("GET", path, params=dict(params)) as response:
                body = self._read(response)
        except httpx.TimeoutException as error:
            raise self.error(Fault.SLOW, f"{type(error).__name__} at {path}; try again later.") from None
        except httpx.ConnectError:
            raise self.error(Fault.UNREACHABLE, f"no connection for {path}; check the network.") from None
        except httpx.HTTPError as error:
            raise self.error(Fault.CUT, f"{type(error).__name__} at {path}; try again later.") from None
        self._check_status(response, path, body)
        if not body.strip():
            raise self.error(Fault.EMPTY, f"status {response.status_code} with nothing in it at {path}.")
        return body

    def _read(self, response: httpx.Response) -> str:
        """The body, as long as it keeps coming, in time and within bounds."""
        began, chunks, size = self.now(), [], 0
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if (self.now() - began).total_seconds() > self._patience.answer_s:
                message = "the answer trickles"
                raise httpx.ReadTimeout(message)
            if size > LONGEST_ANSWER_BYTES:
                raise self.error(Fault.MALFORMED, f"more than {LONGEST_ANSWER_BYTES} bytes.")
        return b"".join(chunks).decode("utf-8", errors="replace").removeprefix("\ufeff")

    def _check_status(self, response: httpx.Response, path: str, body: str) -> None:
        status = response.status_code
        if status == httpx.codes.OK:
            return
        said = f"status {status} at {path}: {self.shown(body)}."
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self.error(Fault.REFUSED, f"{said} Check the key, and what it is good for.")
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise self.error(Fault.LIMITED, said, self._retry_after_s(response))
        if status == httpx.codes.REQUEST_TIMEOUT or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise self.error(Fault.BROKEN, said, self._retry_after_s(response))
        raise self.error(Fault.DECLINED, said)

    def _retry_after_s(self, response: httpx.Response) -> float | None:
        """Seconds to wait as the answer asks, from a number or a date; None where it does not say."""
        text = response.headers.get("retry-after", "").strip()
        if text.isdecimal():
            return float(text)
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((aware - self.now()).total_seconds(), 0.0)

    def _json_object(self, text: str) -> dict[str, Any]:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):  # truncated, or a page for people, or a trap
            raise self.error(Fault.MALFORMED, f"expected JSON, got {self.shown(text)}.") from None
        if not isinstance(content, dict):
            raise self.error(Fault.MALFORMED, f"expected a JSON object, got {self.shown(text)}.")
        return content
