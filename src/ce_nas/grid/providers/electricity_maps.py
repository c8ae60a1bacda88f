"""Electricity Maps: average intensity of most of the world's zones, flow-traced, hourly.

Documentation: https://portal.electricitymaps.com/developer-hub/api/reference (version 3)
    ``/v3/carbon-intensity/history`` (the last 24 hours), ``/past-range`` (10 days of hours a request) and
    ``/forecast``; the key in the header ``auth-token``; ``emissionFactorType`` is ``lifecycle`` or ``direct``; a
    modelled hour has ``isEstimated``. For an unknown zone, the API may use that of the caller's address: this is
    disabled with ``shouldUseFallbackCallerLookup``, and the zone of the response is checked.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.components.registry import PROVIDERS
from ce_nas.core.http import Fault
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.credentials import Credentials, read_key
from ce_nas.grid.providers.network_provider import (
    NetworkProvider,
    ProviderContext,
    extract_rows,
    note_short_forecast,
    split_interval,
    to_api_time,
)
from ce_nas.grid.providers.normalize import (
    AlignedWindow,
    IntensityReading,
    normalize_readings,
    parse_number,
    parse_time,
)
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.trace import EmissionFactorType, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ce_nas.grid.providers.base import IntensitySeries

__all__ = ["ElectricityMaps"]

TOKEN_VARIABLE = "ELECTRICITYMAPS_TOKEN"  # noqa: S105 - name of a variable
#: available horizons, hours
HORIZONS_H = (6, 24, 48, 72)

_ZONE_PATTERN = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*")
_QUALITY_IF_ESTIMATED = {True: DataQuality.ESTIMATED, False: DataQuality.MEASURED}


@PROVIDERS.register("electricity-maps")
class ElectricityMaps(NetworkProvider):
    """Zones as on the map, for instance ``DE`` or ``US-CAL-CISO``."""

    name = "electricity-maps"
    key_variables = (TOKEN_VARIABLE,)
    base_url = "https://api.electricitymaps.com"
    supported_factors = (EmissionFactorType.LIFECYCLE, EmissionFactorType.DIRECT)
    signal = Signal.AVERAGE
    step_s = HOUR_S
    has_forecasts = True
    max_request_s = 10 * DAY_S

    def __init__(self, context: ProviderContext, factors: EmissionFactorType | None = None) -> None:
        super().__init__(context, factors)
        credentials = Credentials(headers={"auth-token": read_key(self.name, TOKEN_VARIABLE, context.environ)})
        self._api = self._build_client(lambda: credentials)

    def check_zone(self, zone: str) -> None:
        """See :meth:`CarbonIntensityProvider.check_zone`; only a response shows whether the zone is on the map."""
        if not _ZONE_PATTERN.fullmatch(zone):
            message = f"Expected a zone of Electricity Maps such as 'DE' or 'US-CAL-CISO', got {zone!r}."
            raise ZoneError(message)

    def fetch(self, zone: str, start: datetime, end: datetime) -> IntensitySeries:
        """See :meth:`CarbonIntensityProvider.fetch`."""
        self.check_zone(zone)
        window = AlignedWindow.covering(start, end, self.step_s)
        if window.start >= self._now() - timedelta(hours=25):  # the free plan covers the last day only
            readings = list(self._fetch_readings(zone, "history", {}, "history"))
        else:
            readings = [
                reading
                for first, last in split_interval(window.start, window.end, self.max_request_s)
                for reading in self._fetch_readings(
                    zone, "past-range", {"start": to_api_time(first), "end": to_api_time(last)}, "data"
                )
            ]
        return normalize_readings(self._metadata(zone), window, readings, self._now())

    def fetch_forecast(self, zone: str, horizon_s: float) -> IntensitySeries:
        """See :meth:`CarbonIntensityProvider.fetch_forecast`; up to 72 hours."""
        self.check_zone(zone)
        window = self._forecast_window(horizon_s)
        hours = next((hours for hours in HORIZONS_H if hours * HOUR_S >= horizon_s), HORIZONS_H[-1])
        content = self._fetch_content(zone, "forecast", {"horizonHours": str(hours)})
        metadata = self._metadata(zone)
        readings = [
            self._parse_reading(zone, row, DataQuality.FORECAST) for row in extract_rows(self.name, content, "forecast")
        ]
        issued_at = parse_time(metadata, content.get("updatedAt"))
        return note_short_forecast(
            normalize_readings(metadata, window, readings, self._now(), issued_at=issued_at), window
        )

    def _fetch_readings(
        self, zone: str, path: str, params: Mapping[str, str], rows_key: str
    ) -> Iterator[IntensityReading]:
        for row in extract_rows(self.name, self._fetch_content(zone, path, params), rows_key):
            yield self._parse_reading(
                zone, row, _QUALITY_IF_ESTIMATED.get(row.get("isEstimated", ""), DataQuality.UNSTATED)
            )

    def _parse_reading(self, zone: str, row: Mapping[str, Any], quality: DataQuality) -> IntensityReading:
        metadata = self._metadata(zone)
        self._require_zone(zone, row.get("zone", zone))
        factors = row.get("emissionFactorType", self.factors)
        if factors != self.factors:
            raise ProviderError(self.name, Fault.WRONG_UNITS, f"requested {self.factors} emissions, got {factors!r}.")
        return IntensityReading(
            parse_time(metadata, row.get("datetime")), parse_number(metadata, row.get("carbonIntensity")), quality
        )

    def _fetch_content(self, zone: str, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        query = {
            "zone": zone,
            "emissionFactorType": str(self.factors),
            "shouldUseFallbackCallerLookup": "false",
            **params,
        }
        try:
            content = self._api.get_json(f"/v3/carbon-intensity/{path}", query)
        except ProviderError as error:
            if error.fault is Fault.REJECTED and "zone" in error.detail.lower():
                message = f"Electricity Maps has no zone {zone!r}; look it up at app.electricitymaps.com."
                raise ZoneError(message) from None
            raise
        self._require_zone(zone, content.get("zone"))
        if content.get("temporalGranularity", "hourly") != "hourly":
            raise ProviderError(self.name, Fault.MALFORMED, f"expected hours, got {content['temporalGranularity']!r}.")
        return content
