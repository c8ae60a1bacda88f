"""The Carbon Intensity API of Great Britain (NESO): no key, half-hourly, the whole country or one of 17 regions.

Documentation: https://carbon-intensity.github.io/api-definitions/ and https://carbonintensity.org.uk (methodology)
    ``/intensity/{from}/{to}`` (14 days a request) with ``forecast`` and ``actual``, ``/intensity/{from}/fw48h``, and
    the same under ``/regional`` with ``/regionid/{id}``. The factors are those of burning fuel: ``direct``. The
    documentation calls ``actual`` an estimate. Regions have forecasts only, also for the past.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ce_nas.components.registry import PROVIDERS
from ce_nas.core.units import DAY_S
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.credentials import Credentials
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
from ce_nas.grid.providers.provider_errors import ZoneError
from ce_nas.grid.trace import EmissionFactorType, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ce_nas.grid.providers.base import IntensitySeries

__all__ = ["REGIONS", "UkCarbonIntensity"]

#: the regions by number; a zone is GB or GB-<number>
REGIONS = {
    1: "North Scotland", 2: "South Scotland", 3: "North West England", 4: "North East England", 5: "Yorkshire",
    6: "North Wales & Merseyside", 7: "South Wales", 8: "West Midlands", 9: "East Midlands", 10: "East England",
    11: "South West England", 12: "South England", 13: "London", 14: "South East England", 15: "England",
    16: "Scotland", 17: "Wales",
}  # fmt: skip
_ZONE_PATTERN = re.compile(r"GB(?:-([1-9]|1[0-7]))?")


@PROVIDERS.register("uk")
class UkCarbonIntensity(NetworkProvider):
    """Zones ``GB`` and ``GB-1`` to ``GB-17``."""

    name = "uk"
    base_url = "https://api.carbonintensity.org.uk"
    supported_factors = (EmissionFactorType.DIRECT,)
    signal = Signal.AVERAGE
    step_s = 1800.0
    has_forecasts = True
    max_request_s = 14 * DAY_S

    def __init__(self, context: ProviderContext, factors: EmissionFactorType | None = None) -> None:
        super().__init__(context, factors)
        self._api = self._build_client(Credentials)

    def check_zone(self, zone: str) -> None:
        """See :meth:`CarbonIntensityProvider.check_zone`."""
        if not _ZONE_PATTERN.fullmatch(zone):
            names = ", ".join(f"GB-{number} ({name})" for number, name in REGIONS.items())
            message = f"Expected zone GB or one of {names}; got {zone!r}."
            raise ZoneError(message)

    def fetch(self, zone: str, start: datetime, end: datetime) -> IntensitySeries:
        """See :meth:`CarbonIntensityProvider.fetch`."""
        window = AlignedWindow.covering(start, end, self.step_s)
        actual, quality = ("actual", DataQuality.ESTIMATED) if zone == "GB" else ("forecast", DataQuality.FORECAST)
        readings = [
            reading
            for first, last in split_interval(window.start, window.end, self.max_request_s)
            for reading in self._fetch_readings(zone, f"{to_api_time(first)}/{to_api_time(last)}", actual, quality)
        ]
        return normalize_readings(self._metadata(zone), window, readings, self._now())

    def fetch_forecast(self, zone: str, horizon_s: float) -> IntensitySeries:
        """See :meth:`CarbonIntensityProvider.fetch_forecast`; up to 48 hours."""
        window = self._forecast_window(horizon_s)
        readings = list(
            self._fetch_readings(zone, f"{to_api_time(window.start)}/fw48h", "forecast", DataQuality.FORECAST)
        )
        now = self._now()  # the response does not state when it was issued
        return note_short_forecast(
            normalize_readings(self._metadata(zone), window, readings, now, issued_at=now), window
        )

    def _fetch_readings(
        self, zone: str, time_range: str, field: str, quality: DataQuality
    ) -> Iterator[IntensityReading]:
        metadata = self._metadata(zone)
        for row in self._fetch_rows(zone, time_range):
            intensity = row.get("intensity")
            value = intensity.get(field) if isinstance(intensity, dict) else None
            yield IntensityReading(parse_time(metadata, row.get("from")), parse_number(metadata, value), quality)

    def _fetch_rows(self, zone: str, time_range: str) -> Iterator[Mapping[str, Any]]:
        self.check_zone(zone)
        _, _, region = zone.partition("-")
        if not region:
            yield from extract_rows(self.name, self._api.get_json(f"/intensity/{time_range}"), "data")
            return
        content = self._api.get_json(f"/regional/intensity/{time_range}/regionid/{region}")
        rows = extract_rows(self.name, content, "data", "data")
        self._require_zone(zone, f"GB-{content['data'].get('regionid')}")
        yield from rows
