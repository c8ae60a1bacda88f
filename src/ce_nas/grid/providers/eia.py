"""The US Energy Information Administration: hourly generation by fuel of every balancing authority.

Documentation: https://www.eia.gov/opendata/documentation.php and https://www.eia.gov/electricity/gridmonitor/about
    ``/v2/electricity/rto/fuel-type-data/data/`` with the key in ``api_key``; 5,000 rows a request. ``period`` is in
    UTC and names the **end** of its hour; a number may be text. The intensity is that of the generation in the zone, by
    the factors of :mod:`ce_nas.grid.emission_factors`. The newest hours arrive fuel by fuel: an hour without some of
    them is missing. There are no forecasts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.components.registry import PROVIDERS
from ce_nas.core.errors import unknown_choice_message
from ce_nas.core.http import Fault
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.grid.emission_factors import FUEL_LOOKBACK_S, Fuel, FuelGeneration, compute_intensities
from ce_nas.grid.providers.credentials import Credentials, read_key
from ce_nas.grid.providers.network_provider import NetworkProvider, ProviderContext, extract_rows, split_interval
from ce_nas.grid.providers.normalize import AlignedWindow, normalize_readings, parse_number
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.trace import EmissionFactorType, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ce_nas.grid.providers.base import IntensitySeries

__all__ = ["FUELS", "ZONES", "Eia"]

KEY_VARIABLE = "EIA_API_KEY"
EXPECTED_UNIT = "megawatthours"
ROWS_PER_REQUEST = 5000

#: the codes of ``fueltype``
FUELS: Mapping[str, Fuel] = {
    "COL": Fuel.COAL, "NG": Fuel.GAS, "OIL": Fuel.OIL, "NUC": Fuel.NUCLEAR, "WAT": Fuel.HYDRO, "GEO": Fuel.GEOTHERMAL,
    "SUN": Fuel.SOLAR, "SNB": Fuel.SOLAR, "WND": Fuel.WIND, "WNB": Fuel.WIND, "OTH": Fuel.OTHER, "UNK": Fuel.OTHER,
    "BAT": Fuel.STORAGE, "PS": Fuel.STORAGE, "OES": Fuel.STORAGE, "UES": Fuel.STORAGE,
}  # fmt: skip

#: the balancing authorities and regions of Form EIA-930
ZONES = frozenset({
    "AEC", "AECI", "AVA", "AVRN", "AZPS", "BANC", "BPAT", "CAL", "CAR", "CENT", "CHPD", "CISO", "CPLE", "CPLW",
    "DEAA", "DOPD", "DUK", "EEI", "EPE", "ERCO", "FLA", "FMPP", "FPC", "FPL", "GCPD", "GLHB", "GRID", "GRIF", "GRMA",
    "GVL", "GWA", "HGMA", "HST", "IID", "IPCO", "ISNE", "JEA", "LDWP", "LGEE", "MIDA", "MIDW", "MISO", "NE", "NEVP",
    "NSB", "NW", "NWMT", "NY", "NYIS", "PACE", "PACW", "PGE", "PJM", "PNM", "PSCO", "PSEI", "SC", "SCEG", "SCL", "SE",
    "SEC", "SEPA", "SOCO", "SPA", "SRP", "SW", "SWPP", "TAL", "TEC", "TEN", "TEPC", "TEX", "TIDC", "TPWR", "TVA",
    "US48", "WACM", "WALC", "WAUW", "WWA", "YAD",
})  # fmt: skip


@PROVIDERS.register("eia")
class Eia(NetworkProvider):
    """Balancing authorities by their codes, for instance ``CISO``; also the regions and ``US48``."""

    name = "eia"
    key_variables = (KEY_VARIABLE,)
    base_url = "https://api.eia.gov"
    supported_factors = (EmissionFactorType.LIFECYCLE, EmissionFactorType.DIRECT)
    signal = Signal.AVERAGE
    step_s = HOUR_S
    max_request_s = 10 * DAY_S

    def __init__(self, context: ProviderContext, factors: EmissionFactorType | None = None) -> None:
        super().__init__(context, factors)
        credentials = Credentials(params={"api_key": read_key(self.name, KEY_VARIABLE, context.environ)})
        self._api = self._build_client(lambda: credentials)

    def check_zone(self, zone: str) -> None:
        """See :meth:`CarbonIntensityProvider.check_zone`."""
        if zone not in ZONES:
            raise ZoneError(unknown_choice_message("balancing authority", zone, ZONES))

    def fetch(self, zone: str, start: datetime, end: datetime) -> IntensitySeries:
        """See :meth:`CarbonIntensityProvider.fetch`."""
        self.check_zone(zone)
        window = AlignedWindow.covering(start, end, self.step_s)
        generation = [
            self._parse_generation(zone, row)
            for first, last in split_interval(
                window.start - timedelta(seconds=FUEL_LOOKBACK_S), window.end, self.max_request_s
            )
            for row in self._fetch_rows(zone, first, last)
        ]
        readings, notes = compute_intensities(generation, FUELS, self.factors)
        return normalize_readings(self._metadata(zone, unit_stated=True), window, readings, self._now(), notes=notes)

    def _parse_generation(self, zone: str, row: Mapping[str, Any]) -> FuelGeneration:
        self._require_zone(zone, row.get("respondent"))
        if row.get("value-units") != EXPECTED_UNIT:
            raise ProviderError(
                self.name, Fault.WRONG_UNITS, f"expected {EXPECTED_UNIT}, got {row.get('value-units')!r}."
            )
        end = self._parse_period(row.get("period"))
        return FuelGeneration(
            end - timedelta(hours=1), str(row.get("fueltype")), parse_number(self._metadata(zone), row.get("value"))
        )

    def _parse_period(self, text: object) -> datetime:
        """Parse a period such as ``2024-03-10T07``, in UTC unless it has a zone."""
        try:
            hour, minutes = str(text)[:13], str(text)[13:]
            moment = datetime.fromisoformat(f"{hour}:00{minutes.removeprefix(':00')}")
        except ValueError:
            raise ProviderError(self.name, Fault.MALFORMED, f"expected an hour, got {text!r}.") from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    def _fetch_rows(self, zone: str, start: datetime, end: datetime) -> Iterator[Mapping[str, Any]]:
        """Return the rows of an interval, page by page."""
        offset, total = 0, 1
        while offset < total:
            content = self._api.get_json(
                "/v2/electricity/rto/fuel-type-data/data/",
                {
                    "frequency": "hourly",
                    "data[0]": "value",
                    "facets[respondent][]": zone,
                    "start": f"{start + timedelta(hours=1):%Y-%m-%dT%H}",
                    "end": f"{end:%Y-%m-%dT%H}",
                    "sort[0][column]": "period",
                    "sort[0][direction]": "asc",
                    "sort[1][column]": "fueltype",
                    "sort[1][direction]": "asc",
                    "offset": str(offset),
                    "length": str(ROWS_PER_REQUEST),
                },
            )
            rows = extract_rows(self.name, content, "response", "data")
            yield from rows
            total = int(parse_number(self._metadata(zone), content["response"].get("total") or 0))
            offset += len(rows) or total
