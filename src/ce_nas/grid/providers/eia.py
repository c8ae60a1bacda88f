"""The US Energy Information Administration: hourly generation by fuel of every balancing authority.

Documentation: https://www.eia.gov/opendata/documentation.php and https://www.eia.gov/electricity/gridmonitor/about
    ``/v2/electricity/rto/fuel-type-data/data/`` with the key in ``api_key``; 5,000 rows a request. ``period`` is in
    UTC and names the **end** of its hour; a number may come as text. The intensity is that of the generation in the
    zone, by the factors of :mod:`ce_nas.grid.emission_factors`. The newest hours arrive fuel by fuel: an hour that lacks
    some is missing. There are no forecasts of it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import one_of
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.grid.emission_factors import CONTEXT_S, Fuel, Generation, intensities
from ce_nas.grid.providers.credentials import Seal, read_key
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.providers.network import Means, Provider, chunks, rows_of
from ce_nas.grid.providers.normalize import Window, number_of, regular
from ce_nas.grid.trace import Factors, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ce_nas.grid.providers.base import LiveSeries

__all__ = ["FUELS", "ZONES", "Eia"]

KEY = "EIA_API_KEY"
UNITS = "megawatthours"
ROWS_A_REQUEST = 5000

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


class Eia(Provider):
    """Balancing authorities by their codes, for instance ``CISO``; also the regions and ``US48``."""

    name = "eia"
    base_url = "https://api.eia.gov"
    offers = (Factors.LIFECYCLE, Factors.DIRECT)
    signal = Signal.AVERAGE
    step_s = HOUR_S
    longest_s = 10 * DAY_S

    def __init__(self, means: Means, factors: Factors | None = None) -> None:
        super().__init__(means, factors)
        seal = Seal(params={"api_key": read_key(self.name, KEY, means.environ)})
        self._api = self._wire(lambda: seal)

    def check(self, zone: str) -> None:
        """See :meth:`LiveSource.check`."""
        if zone not in ZONES:
            raise ZoneError(one_of("balancing authority", zone, ZONES))

    def fetch(self, zone: str, start: datetime, end: datetime) -> LiveSeries:
        """See :meth:`LiveSource.fetch`."""
        self.check(zone)
        window = Window.around(start, end, self.step_s)
        generation = [
            self._generation(zone, row)
            for first, last in chunks(window.start - timedelta(seconds=CONTEXT_S), window.end, self.longest_s)
            for row in self._rows(zone, first, last)
        ]
        readings, notes = intensities(generation, FUELS, self.factors)
        return regular(self._kind(zone, unit_stated=True), window, readings, self._now(), notes=notes)

    def _generation(self, zone: str, row: Mapping[str, Any]) -> Generation:
        self._require_zone(zone, row.get("respondent"))
        if row.get("value-units") != UNITS:
            raise SourceError(self.name, Fault.UNITS, f"expected {UNITS}, got {row.get('value-units')!r}.")
        ended = self._moment(row.get("period"))
        return Generation(
            ended - timedelta(hours=1), str(row.get("fueltype")), number_of(self._kind(zone), row.get("value"))
        )

    def _moment(self, text: object) -> datetime:
        """A period such as ``2024-03-10T07``: documented as UTC, unless it says its zone."""
        try:
            hour, minutes = str(text)[:13], str(text)[13:]
            moment = datetime.fromisoformat(f"{hour}:00{minutes.removeprefix(':00')}")
        except ValueError:
            raise SourceError(self.name, Fault.MALFORMED, f"expected an hour, got {text!r}.") from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    def _rows(self, zone: str, start: datetime, end: datetime) -> Iterator[Mapping[str, Any]]:
        """The rows of a stretch, page by page."""
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
                    "length": str(ROWS_A_REQUEST),
                },
            )
            rows = rows_of(self.name, content, "response", "data")
            yield from rows
            total = int(number_of(self._kind(zone), content["response"].get("total") or 0))
            offset += len(rows) or total
