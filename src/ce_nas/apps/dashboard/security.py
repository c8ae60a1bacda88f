"""Who may see the pages, and what a browser may do with them."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["COOKIE", "HEADERS", "Access", "Guard"]

#: the cookie that holds the token
COOKIE = "ce_nas_token"
#: what needs no token: looks and script, which hold nothing of a run
OPEN = "/static/"
HEADERS = {
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
class Access:
    """Who may see the pages."""

    #: names by which the server may be called, in small letters
    hosts: frozenset[str] = frozenset({"localhost"})
    #: what a viewer has to know; None: nothing
    token: str | None = None

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server.

        A page of another site can have its own name resolved to this machine, but it cannot have an address for a name.
        """
        name = _without_port(host.strip().lower())
        return name in self.hosts or _is_address(name)

    def lets_in(self, given: str | None) -> bool:
        """Whether that is the token; how long that takes to say tells nothing about it."""
        if self.token is None:
            return True
        return hmac.compare_digest((given or "").encode(), self.token.encode())


class Guard:
    """Stands before the pages: looks at host, method and token, and adds the headers that hold a browser back.

    :param refuse: sets an error page: status, key of its sentence, and the request's scope.
    """

    def __init__(self, app: ASGIApp, access: Access, refuse: Callable[[int, str, Scope], Response]) -> None:
        self._app = app
        self._access = access
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer = self._turned_away(scope) or self._app

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await answer(scope, receive, guarded)

    def _turned_away(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if fault := self._fault(scope, headers):
            return self._refuse(*fault, scope)
        if self._access.token is None or scope["path"].startswith(OPEN):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        stated = dict(query).get("token")
        if stated is not None and self._access.lets_in(stated):
            return _remembered(scope, query, stated)
        if self._access.lets_in(_bearer(headers)) or self._access.lets_in(_cookie(headers)):
            return None
        return self._refuse(401, "board.error.token", scope)

    def _fault(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """What is wrong with how somebody asks, whoever it is."""
        if not self._access.knows(headers.get("host", "")):
            return 421, "board.error.host"
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, "board.error.method"
        # a page of another site may lead here, but not load from here, nor have anything worked out unseen
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return 403, "board.error.cross"
        return None


def _remembered(scope: Scope, query: list[tuple[str, str]], token: str) -> Response:
    """On to the same page without the token in its address, which would stay in histories; a cookie holds it."""
    rest = urlencode([(name, value) for name, value in query if name != "token"])
    path = "/" + scope["path"].lstrip("/")  # an address that starts with two slashes would lead to another host
    response = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
    response.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=scope["scheme"] == "https")
    return response


def _bearer(headers: Headers) -> str | None:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _cookie(headers: Headers) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
