"""API keys: read from the environment, added to a request by the transport, never shown.

httpx logs the address of every request and repeats it in its errors, and two providers take their key in the address.
The transport (:class:`AuthTransport`) therefore adds the key below everything that logs or fails: the request that
the client knows, and shows, has none.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import httpx

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["AuthTransport", "Credentials", "Secret", "read_key"]


class Secret:
    """A text whose representation hides it; :meth:`reveal` is for the transport alone."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the transport adds to a request."""

    headers: Mapping[str, Secret] = field(default_factory=dict)
    params: Mapping[str, Secret] = field(default_factory=dict)
    #: further secrets that a response might repeat
    extra_secrets: tuple[Secret, ...] = ()

    def redact(self, text: str) -> str:
        """Return ``text`` without any of the secrets, plain or encoded for an address, JSON or HTML."""
        secrets = [secret.reveal() for secret in (*self.headers.values(), *self.params.values(), *self.extra_secrets)]
        forms = {form for secret in secrets for form in _encoded_forms(secret)}
        for form in sorted(forms, key=len, reverse=True):  # a secret may contain another one
            text = text.replace(form, "***")
        return text


class AuthTransport(httpx.BaseTransport):
    """Adds credentials to every request.

    :param inner: the transport that sends.
    :param credentials: called for each request, as a token may change.
    """

    def __init__(self, inner: httpx.BaseTransport, credentials: Callable[[], Credentials]) -> None:
        self._inner = inner
        self._credentials = credentials

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a copy of ``request`` with the credentials."""
        added = self._credentials()
        headers = [
            *request.headers.raw,
            *((name.encode(), secret.reveal().encode()) for name, secret in added.headers.items()),
        ]
        url = request.url
        for name, secret in added.params.items():
            url = url.copy_add_param(name, secret.reveal())
        return self._inner.handle_request(
            httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)
        )

    def close(self) -> None:
        """Close the inner transport."""
        self._inner.close()


def read_key(provider: str, variable: str, environ: Mapping[str, str]) -> Secret:
    """Return the key in an environment variable.

    :raises SettingsError: if it is not set, or cannot be a key; the message does not show it.
    """
    text = environ.get(variable, "").strip()
    if not text:
        message = f"Provider {provider!r} needs a key; set the environment variable {variable}."
        raise SettingsError(message)
    if not (text.isascii() and text.isprintable()):
        message = f"Expected printable ASCII in the environment variable {variable}; set it to the key alone."
        raise SettingsError(message)
    return Secret(text)


def _encoded_forms(secret: str) -> set[str]:
    in_json = json.dumps(secret)[1:-1]
    in_address = (quote(secret), quote(secret, safe=""), quote_plus(secret))
    return {secret, *in_address, html.escape(secret), in_json, in_json.replace("/", "\\/")}
