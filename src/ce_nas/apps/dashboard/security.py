"""Access control of the pages: connections, host names, methods, the token, and security headers."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import BaseTransport, TimerHandle
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SECURITY_HEADERS", "TOKEN_COOKIE", "AccessRules", "LimitedProtocol", "SecurityMiddleware"]

#: name of the cookie that holds the token
TOKEN_COOKIE = "ce_nas_token"  # noqa: S105 - the name of a cookie
#: time for a request to arrive with all its headers, s
REQUEST_TIMEOUT_S = 10.0
#: simultaneous connections of one address
MAX_CONNECTIONS_PER_ADDRESS = 64
#: paths that need no token: style and script contain no data of a run
PUBLIC_PATH_PREFIX = "/static/"
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Which requests are answered.

    Example:
        >>> rules = AccessRules(token="a-token-of-some-length")
        >>> rules.is_known_host("localhost:8765"), rules.is_known_host("example.org")
        (True, False)
        >>> rules.is_valid_token("a-token-of-some-length"), rules.is_valid_token(None)
        (True, False)
    """

    #: accepted host names, in lower case
    hosts: frozenset[str] = frozenset({"localhost"})
    #: the token that a viewer has to present; None: no token is needed
    token: str | None = None

    def is_known_host(self, host: str) -> bool:
        """Whether a Host header names this server: an accepted name, or any IP address.

        This prevents DNS rebinding: another site can make its own name resolve to this machine, but not an IP address.
        """
        name = _strip_port(host.strip().lower())
        return name in self.hosts or _is_ip_address(name)

    def is_valid_token(self, token: str | None) -> bool:
        """Whether a token is valid, compared in constant time."""
        if self.token is None:
            return True
        return hmac.compare_digest((token or "").encode(), self.token.encode())


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 whose connections cannot be held without a request.

    A request has to arrive within :data:`REQUEST_TIMEOUT_S`. Of an address with too many connections, the one without
    a request that is the oldest is closed for the new one.
    """

    #: time of the loop at which the connection was made, s
    made_at_s = 0.0
    _deadline: TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.made_at_s = self.loop.time()
        self._set_deadline()
        address = self.client and self.client[0]
        same = [other for other in self.connections if isinstance(other, LimitedProtocol) and other.client]
        same = [other for other in same if other.client and other.client[0] == address]
        idle = [other for other in same if other.is_idle and other is not self]
        if len(same) > MAX_CONNECTIONS_PER_ADDRESS:
            min(idle, key=lambda other: other.made_at_s, default=self).transport.close()

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        super().data_received(data)
        if not self.is_idle:
            self._cancel_deadline()
        elif self._deadline is None:
            self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        self._cancel_deadline()
        super().connection_lost(exc)

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_TIMEOUT_S, self._close_idle)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_idle(self) -> None:
        self._deadline = None
        if self.is_idle:
            self.transport.close()


class SecurityMiddleware:
    """Checks host, method and token of each request, and adds the security headers to each response.

    :param render_refusal: renders an error page from a status, the key of its message, and the request's scope.
    """

    def __init__(
        self, app: ASGIApp, access: AccessRules, render_refusal: Callable[[int, str, Scope], Response]
    ) -> None:
        self._app = app
        self._access = access
        self._render_refusal = render_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        app = self._check_request(scope) or self._app

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
            await send(message)

        await app(scope, receive, send_with_headers)

    def _check_request(self, scope: Scope) -> Response | None:
        """The response to a request that is refused or redirected; None: it goes to the pages."""
        headers = Headers(scope=scope)
        if violation := self._find_violation(scope, headers):
            return self._render_refusal(*violation, scope)
        if self._access.token is None or scope["path"].startswith(PUBLIC_PATH_PREFIX):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = dict(query).get("token")
        if token is not None and self._access.is_valid_token(token):
            return _redirect_with_cookie(scope, query, token)
        if self._access.is_valid_token(_bearer_token(headers)) or self._access.is_valid_token(_cookie_token(headers)):
            return None
        return self._render_refusal(401, "board.error.token", scope)

    def _find_violation(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and message key of a malformed or cross-site request; None if it is allowed."""
        if not self._access.is_known_host(headers.get("host", "")):
            return 421, "board.error.host"
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, "board.error.method"
        # a page of another site may link here, but neither load data nor start a computation unseen
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return 403, "board.error.cross"
        return None


def _redirect_with_cookie(scope: Scope, query: list[tuple[str, str]], token: str) -> Response:
    """Redirect to the address without the token, which would stay in histories; a cookie holds it."""
    rest = urlencode([(name, value) for name, value in query if name != "token"])
    path = "/" + scope["path"].lstrip("/")  # two leading slashes would name another host
    response = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
    response.set_cookie(TOKEN_COOKIE, token, httponly=True, samesite="lax", secure=scope["scheme"] == "https")
    return response


def _bearer_token(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _cookie_token(headers: Headers) -> str | None:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(TOKEN_COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie else None


def _strip_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
