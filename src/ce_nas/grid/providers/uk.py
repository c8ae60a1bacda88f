"""The Carbon Intensity API of Great Britain (NESO): no key, half-hourly, the whole country or one of 17 regions.

Documentation: https://carbon-intensity.github.io/api-definitions/ and https://carbonintensity.org.uk (methodology)
    ``/intensity/{from}/{to}`` (14 days a request) with ``forecast`` and ``actual``, ``/intensity/{from}/fw48h``, and
    the same under ``/regional`` with ``/regionid/{id}``. The factors are those of burning fuel, so ``direct``. The
    documentation calls ``actual`` an estimate, and so do we. Regions have forecasts only, also for the past.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ce_nas.core.units import DAY_S
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.credentials import Seal
from ce_nas.grid.providers.errors import ZoneError
from ce_nas.grid.providers.network import Means, Provider, chunks, rows_of, spell, with_reach
from ce_nas.grid.providers.normalize import Reading, Window, moment_of, number_of, regular
from ce_nas.grid.trace import Factors, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ce_nas.grid.providers.base import LiveSeries

__all__ = ["REGIONS", "CarbonIntensityUk"]

#: the regions by their number; a zone is GB or GB-<number>
REGIONS = {
    1: "North Scotland", 2: "South Scotland", 3: "North West England", 4: "North East England", 5: "Yorkshire",
    6: "North Wales & Merseyside", 7: "South Wales", 8: "West Midlands", 9: "East Midlands", 10: "East England",
    11: "South West England", 12: "South England", 13: "London", 14: "South East England", 15: "England",
    16: "Scotland", 17: "Wales",
}  # fmt: skip
_ZONE = re.compile(r"GB(?:-([1-9]|1[0-7]))?")


class CarbonIntensityUk(Provider):
    """Zones ``GB`` and ``GB-1`` to ``GB-17``."""

    name = "uk"
    base_url = "https://api.carbonintensity.org.uk"
    offers = (Factors.DIRECT,)
    signal = Signal.AVERAGE
    step_s = 1800.0
    forecasts = True
    longest_s = 14 * DAY_S

    def __init__(self, means: Means, factors: Factors | None = None) -> None:
        super().__init__(means, factors)
        self._api = self._wire(Seal)

    def check(self, zone: str) -> None:
        """See :meth:`LiveSource.check`."""
        if not _ZONE.fullmatch(zone):
            names = ", ".join(f"GB-{number} ({name})" for number, name in REGIONS.items())
            message = f"Expected zone GB or one of {names}; got {zone!r}."
            raise ZoneError(message)

    def fetch(self, zone: str, start: datetime, end: datetime) -> LiveSeries:
        """See :meth:`LiveSource.fetch`."""
        window = Window.around(start, end, self.step_s)
        actual, quality = ("actual", Quality.ESTIMATED) if zone == "GB" else ("forecast", Quality.FORECAST)
        readings = [
            reading
            for first, last in chunks(window.start, window.end, self.longest_s)
            for reading in self._readings(zone, f"{spell(first)}/{spell(last)}", actual, quality)
        ]
        return regular(self._kind(zone), window, readings, self._now())

    def forecast(self, zone: str, horizon_s: float) -> LiveSeries:
        """See :meth:`LiveSource.forecast`; up to 48 hours."""
        window = self._ahead(horizon_s)
        readings = list(self._readings(zone, f"{spell(window.start)}/fw48h", "forecast", Quality.FORECAST))
        now = self._now()  # the answer does not say when it was made
        return with_reach(regular(self._kind(zone), window, readings, now, issued_at=now), window)

    def _readings(self, zone: str, stretch: str, field: str, quality: Quality) -> Iterator[Reading]:
        kind = self._kind(zone)
        for row in self._rows(zone, stretch):
            intensity = row.get("intensity")
            value = intensity.get(field) if isinstance(intensity, dict) else None
            yield Reading(moment_of(kind, row.get("from")), number_of(kind, value), quality)

    def _rows(self, zone: str, stretch: str) -> Iterator[Mapping[str, Any]]:
        self.check(zone)
        _, _, region = zone.partition("-")
        if not region:
            yield from rows_of(self.name, self._api.get_json(f"/intensity/{stretch}"), "data")
            return
        content = self._api.get_json(f"/regional/intensity/{stretch}/regionid/{region}")
        rows = rows_of(self.name, content, "data", "data")
        self._require_zone(zone, f"GB-{content['data'].get('regionid')}")
        yield from rows
