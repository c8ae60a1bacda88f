"""Keys: read from the environment, put on a request at the last moment, never shown.

httpx logs the address of every request and carries it in its errors, and two of the providers want their key in the
address. So a key is added by the transport (:class:`Sealing`), below everything that logs or fails: the request that
the client knows, and shows, has none.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus
from urllib.request import getproxies, proxy_bypass

import httpx

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Seal", "Sealing", "Secret", "default_transport", "read_key"]


class Secret:
    """A text that shows itself to nobody; :meth:`reveal` is for the transport alone."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True)
class Seal:
    """What is added to a request below the client."""

    headers: Mapping[str, Secret] = field(default_factory=dict)
    params: Mapping[str, Secret] = field(default_factory=dict)
    #: further secrets that an answer might repeat
    hidden: tuple[Secret, ...] = ()

    def redact(self, text: str) -> str:
        """``text`` without any of the secrets, as they are and as they look in an address, in JSON and in HTML."""
        secrets = [secret.reveal() for secret in (*self.headers.values(), *self.params.values(), *self.hidden)]
        shown = {form for plain in secrets for form in _forms(plain)}
        for form in sorted(shown, key=len, reverse=True):  # a secret may hold another one
            text = text.replace(form, "***")
        return text


class Sealing(httpx.BaseTransport):
    """Puts a seal on every request on its way out.

    :param inner: what really sends.
    :param seal: asked anew for each request, since a token may change.
    """

    def __init__(self, inner: httpx.BaseTransport, seal: Callable[[], Seal]) -> None:
        self._inner = inner
        self._seal = seal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a sealed copy of ``request``."""
        seal = self._seal()
        headers = [*request.headers.raw, *((k.encode(), v.reveal().encode()) for k, v in seal.headers.items())]
        url = request.url
        for name, secret in seal.params.items():
            url = url.copy_add_param(name, secret.reveal())
        return self._inner.handle_request(
            httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)
        )

    def close(self) -> None:
        """Close what really sends."""
        self._inner.close()


def _forms(plain: str) -> set[str]:
    in_json = json.dumps(plain)[1:-1]
    in_address = (quote(plain), quote(plain, safe=""), quote_plus(plain))
    return {plain, *in_address, html.escape(plain), in_json, in_json.replace("/", "\\/")}


def read_key(source: str, variable: str, environ: Mapping[str, str]) -> Secret:
    """The key in an environment variable.

    :raises SettingsError: if it is not set, or cannot be a key; what it holds is not shown.
    """
    text = environ.get(variable, "").strip()
    if not text:
        message = f"Live source {source!r} needs a key; put yours into the environment variable {variable}."
        raise SettingsError(message)
    if not (text.isascii() and text.isprintable()):
        message = f"Expected printable ASCII in the environment variable {variable}; set it to the key alone."
        raise SettingsError(message)
    return Secret(text)


def default_transport(host: str) -> httpx.BaseTransport:
    """The network, through the proxy that the environment names for https, if any.

    A source is asked about once an hour, so no connection is kept open for somebody to close.
    """
    proxy = None if proxy_bypass(host) else getproxies().get("https")
    return httpx.HTTPTransport(proxy=proxy, limits=httpx.Limits(max_keepalive_connections=0))
