"""Electricity Maps: average intensity of most of the world's zones, flow-traced, hourly.

Documentation: https://portal.electricitymaps.com/developer-hub/api/reference (version 3)
    ``/v3/carbon-intensity/history`` (the last 24 hours), ``/past-range`` (10 days of hours a request) and
    ``/forecast``; the key in the header ``auth-token``; ``emissionFactorType`` is ``lifecycle`` or ``direct``; an
    hour that was modelled carries ``isEstimated``. The API may answer an unknown zone with that of the caller's
    address: this is switched off with ``shouldUseFallbackCallerLookup``, and the answer's zone is checked.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.credentials import Seal, read_key
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.providers.network import Means, Provider, chunks, rows_of, spell, with_reach
from ce_nas.grid.providers.normalize import Reading, Window, moment_of, number_of, regular
from ce_nas.grid.trace import Factors, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ce_nas.grid.providers.base import LiveSeries

__all__ = ["ElectricityMaps"]

TOKEN = "ELECTRICITYMAPS_TOKEN"  # noqa: S105 - the name of a variable
#: horizons that can be asked for, hours
HORIZONS_H = (6, 24, 48, 72)

_ZONE = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*")
_ESTIMATED = {True: Quality.ESTIMATED, False: Quality.MEASURED}


class ElectricityMaps(Provider):
    """Zones as on the map, for instance ``DE`` or ``US-CAL-CISO``."""

    name = "electricity-maps"
    base_url = "https://api.electricitymaps.com"
    offers = (Factors.LIFECYCLE, Factors.DIRECT)
    signal = Signal.AVERAGE
    step_s = HOUR_S
    forecasts = True
    longest_s = 10 * DAY_S

    def __init__(self, means: Means, factors: Factors | None = None) -> None:
        super().__init__(means, factors)
        seal = Seal(headers={"auth-token": read_key(self.name, TOKEN, means.environ)})
        self._api = self._wire(lambda: seal)

    def check(self, zone: str) -> None:
        """See :meth:`LiveSource.check`; whether the zone is on the map, only the answer says."""
        if not _ZONE.fullmatch(zone):
            message = f"Expected a zone of Electricity Maps such as 'DE' or 'US-CAL-CISO', got {zone!r}."
            raise ZoneError(message)

    def fetch(self, zone: str, start: datetime, end: datetime) -> LiveSeries:
        """See :meth:`LiveSource.fetch`."""
        self.check(zone)
        window = Window.around(start, end, self.step_s)
        if window.start >= self._now() - timedelta(hours=25):  # the free plan has the last day only
            readings = list(self._readings(zone, "history", {}, "history"))
        else:
            readings = [
                reading
                for first, last in chunks(window.start, window.end, self.longest_s)
                for reading in self._readings(zone, "past-range", {"start": spell(first), "end": spell(last)}, "data")
            ]
        return regular(self._kind(zone), window, readings, self._now())

    def forecast(self, zone: str, horizon_s: float) -> LiveSeries:
        """See :meth:`LiveSource.forecast`; up to 72 hours."""
        self.check(zone)
        window = self._ahead(horizon_s)
        hours = next((hours for hours in HORIZONS_H if hours * HOUR_S >= horizon_s), HORIZONS_H[-1])
        content = self._content(zone, "forecast", {"horizonHours": str(hours)})
        kind = self._kind(zone)
        readings = [self._reading(zone, row, Quality.FORECAST) for row in rows_of(self.name, content, "forecast")]
        issued_at = moment_of(kind, content.get("updatedAt"))
        return with_reach(regular(kind, window, readings, self._now(), issued_at=issued_at), window)

    def _readings(self, zone: str, path: str, params: Mapping[str, str], place: str) -> Iterator[Reading]:
        for row in rows_of(self.name, self._content(zone, path, params), place):
            yield self._reading(zone, row, _ESTIMATED.get(row.get("isEstimated", ""), Quality.UNSTATED))

    def _reading(self, zone: str, row: Mapping[str, Any], quality: Quality) -> Reading:
        kind = self._kind(zone)
        self._require_zone(zone, row.get("zone", zone))
        factors = row.get("emissionFactorType", self.factors)
        if factors != self.factors:
            raise SourceError(self.name, Fault.UNITS, f"asked for {self.factors} emissions, got {factors!r}.")
        return Reading(moment_of(kind, row.get("datetime")), number_of(kind, row.get("carbonIntensity")), quality)

    def _content(self, zone: str, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        asked = {
            "zone": zone,
            "emissionFactorType": str(self.factors),
            "shouldUseFallbackCallerLookup": "false",
            **params,
        }
        try:
            content = self._api.get_json(f"/v3/carbon-intensity/{path}", asked)
        except SourceError as error:
            if error.fault is Fault.DECLINED and "zone" in error.detail.lower():
                message = f"Electricity Maps has no zone {zone!r}; look it up at app.electricitymaps.com."
                raise ZoneError(message) from None
            raise
        self._require_zone(zone, content.get("zone"))
        if content.get("temporalGranularity", "hourly") != "hourly":
            got = content["temporalGranularity"]
            raise SourceError(self.name, Fault.MALFORMED, f"expected hours, got {got!r}.")
        return content
