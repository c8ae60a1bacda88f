"""The base class of providers with an API on the network, its client, and checks of responses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_duration, format_time
from ce_nas.core.http import Fault, HttpClient, HttpOptions, default_transport
from ce_nas.grid.providers.base import CarbonIntensityProvider, DataQuality
from ce_nas.grid.providers.credentials import AuthTransport, Credentials
from ce_nas.grid.providers.normalize import AlignedWindow, SeriesMetadata
from ce_nas.grid.providers.provider_errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ce_nas.components.base import ComponentSettings
    from ce_nas.grid.providers.base import IntensitySeries
    from ce_nas.grid.trace import EmissionFactorType

__all__ = [
    "NetworkProvider",
    "ProviderClient",
    "ProviderContext",
    "extract_rows",
    "note_short_forecast",
    "split_interval",
    "to_api_time",
]

DecodedT = TypeVar("DecodedT")

#: characters of an unexpected response that a message shows
EXCERPT_CHARACTERS = 120
#: the way out of a failed request
_HINTS = {
    Fault.TIMEOUT: "try again later",
    Fault.CONNECTION_LOST: "try again later",
    Fault.UNREACHABLE: "check the network",
    Fault.UNAUTHORIZED: "check the key and its permissions",
}


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What a provider works with."""

    #: the calendar time, UTC
    now: Callable[[], datetime]
    #: the variables with the API keys; not shown, and not kept by a provider
    environ: Mapping[str, str] = field(repr=False)
    http: HttpOptions = field(default_factory=HttpOptions)
    #: prefix of the documented paths; None for the documented address
    base_url: str | None = None


class ProviderClient:
    """Requests to the API of one provider; keys are added by the transport and redacted from every error.

    :param provider: the provider's name, for errors.
    :param base_url: prefix of the paths.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        context: ProviderContext,
        credentials: Callable[[], Credentials] = Credentials,
    ) -> None:
        self._provider = provider
        self._credentials = credentials
        inner = context.http.transport or default_transport(urlsplit(base_url).hostname or "")
        options = replace(context.http, transport=AuthTransport(inner, credentials))
        self._http = HttpClient(base_url, self._http_error, options, now=context.now)

    def get_json(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON object at ``path``.

        :raises ProviderError: if the request fails, also after its retries.
        """
        return self.get(path, params, self._parse_json_object)

    def get(self, path: str, params: Mapping[str, str] | None, decode: Callable[[str], DecodedT]) -> DecodedT:
        """Return the decoded text at ``path``; a retryable :class:`ProviderError` of ``decode`` repeats the request.

        :raises ProviderError: if the request fails, also after its retries.
        """
        return self._http.retry(lambda: decode(self._request_text(path, params)))

    def error(self, fault: Fault, detail: str, *, retry_after_s: float | None = None) -> ProviderError:
        """Return an error of this provider, with its secrets redacted."""
        return ProviderError(self._provider, fault, self._credentials().redact(detail), retry_after_s=retry_after_s)

    def excerpt(self, text: str) -> str:
        """Return the beginning of a response on one line, quoted; redacted first, so that no half of a key is left."""
        line = " ".join(self._credentials().redact(text).split())
        return repr(line if len(line) <= EXCERPT_CHARACTERS else f"{line[:EXCERPT_CHARACTERS]}...")

    def _http_error(self, fault: Fault, detail: str, *, retry_after_s: float | None = None) -> ProviderError:
        hint = f"; {_HINTS[fault]}." if fault in _HINTS else "."
        return self.error(fault, detail + hint, retry_after_s=retry_after_s)

    def _request_text(self, path: str, params: Mapping[str, str] | None) -> str:
        with self._http.stream(path, params=params) as response:
            body = self._http.read_text(response)
        self._http.check_status(response, path, excerpt=self.excerpt(body))
        if not body.strip():
            raise self.error(Fault.EMPTY_RESPONSE, f"status {response.status_code} with an empty body at {path}.")
        return body

    def _parse_json_object(self, text: str) -> dict[str, Any]:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):  # truncated, a web page, or nested too deeply
            raise self.error(Fault.MALFORMED, f"expected JSON, got {self.excerpt(text)}.") from None
        if not isinstance(content, dict):
            raise self.error(Fault.MALFORMED, f"expected a JSON object, got {self.excerpt(text)}.")
        return content


class NetworkProvider(CarbonIntensityProvider):
    """A provider with an API on the network."""

    #: the documented address
    base_url: str
    #: the emission factors that it has; the first is the default
    supported_factors: tuple[EmissionFactorType, ...]
    #: longest interval of one request
    max_request_s: float

    def __init__(self, context: ProviderContext, factors: EmissionFactorType | None = None) -> None:
        if factors is not None and factors not in self.supported_factors:
            message = (
                f"Provider {self.name!r} has {' and '.join(self.supported_factors)} emissions only, not {factors!s}; "
                f"leave the factors out, or choose another provider."
            )
            raise SettingsError(message)
        self.factors = factors or self.supported_factors[0]
        self._context = replace(context, environ={})

    @classmethod
    def from_settings(
        cls, settings: ComponentSettings, context: ProviderContext, factors: EmissionFactorType | None
    ) -> Self:
        """The provider with the options of its settings as keywords."""
        return cls(context, factors, **settings.options())

    def _build_client(self, credentials: Callable[[], Credentials]) -> ProviderClient:
        context = replace(self._context, now=self._now)
        return ProviderClient(self.name, context.base_url or self.base_url, context, credentials)

    def _now(self) -> datetime:
        return self._context.now().astimezone(UTC)

    def _metadata(self, zone: str, step_s: float | None = None, *, unit_stated: bool = False) -> SeriesMetadata:
        return SeriesMetadata(
            self.name, zone, self.factors, self.signal, step_s or self.step_s, unit_stated=unit_stated
        )

    def _forecast_window(self, horizon_s: float, step_s: float | None = None) -> AlignedWindow:
        """Return the steps from the current one to the horizon."""
        now = self._now()
        return AlignedWindow.covering(now, now + timedelta(seconds=horizon_s), step_s or self.step_s)

    def _require_zone(self, zone: str, got: object) -> None:
        """Reject a response for another zone.

        :raises ProviderError: if ``got`` differs from ``zone``, or is missing.
        """
        if got is None:
            raise ProviderError(self.name, Fault.MALFORMED, f"its response for {zone!r} does not name its zone.")
        if got != zone:
            raise ProviderError(self.name, Fault.WRONG_ZONE, f"requested {zone!r}, got {got!r}; it is not used.")


def split_interval(start: datetime, end: datetime, max_length_s: float) -> Iterator[tuple[datetime, datetime]]:
    """Split ``start`` to ``end`` into intervals of at most ``max_length_s``."""
    while start < end:
        stop = min(start + timedelta(seconds=max_length_s), end)
        yield start, stop
        start = stop


def extract_rows(provider: str, content: Mapping[str, Any], *path: str) -> Sequence[Mapping[str, Any]]:
    """Return the list of objects at a path in a JSON response.

    :raises ProviderError: if there is none.
    """
    rows: Any = content
    for name in path:
        rows = rows.get(name) if isinstance(rows, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        detail = f"expected a list of objects at {'.'.join(path)!r}, got only: {', '.join(map(str, content))[:120]}."
        raise ProviderError(provider, Fault.MALFORMED, detail)
    return rows


def to_api_time(moment: datetime) -> str:
    """Format a moment as the APIs take it, to the minute: ``2024-03-31T01:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def note_short_forecast(series: IntensitySeries, wanted: AlignedWindow) -> IntensitySeries:
    """Add a note to a forecast that ends before ``wanted`` does, for instance at midnight; it is never extended."""
    known = [step for step, quality in enumerate(series.qualities) if quality is not DataQuality.MISSING]
    end = series.step_start(known[-1] + 1) if known else wanted.start
    short_s = (wanted.end - end).total_seconds()
    if short_s <= 0:
        return series
    note = f"The forecast ends at {format_time(end)}, {format_duration(short_s)} short of the requested horizon."
    return replace(series, notes=(*series.notes, note))
