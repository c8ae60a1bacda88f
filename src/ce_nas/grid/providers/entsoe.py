"""ENTSO-E's Transparency Platform: generation by type of the European zones, in steps of 15 to 60 minutes.

Documentation: https://transparencyplatform.zendesk.com/hc/en-us/articles/15692855254548 (RESTful API) and
https://transparencyplatform.zendesk.com/hc/en-us/articles/30262342482961 (curve types)
    Document A75 (actual generation by type), process A16 (realised), the key in ``securityToken``. XML: a
    ``TimeSeries`` by type, in it ``Period`` with an interval and a resolution, in it ``Point`` with a position and a
    quantity in MW. With curve type A03, an omitted position repeats the previous one; with A01, it is missing. Series
    with an ``outBiddingZone_Domain`` are consumption (pumping) and left out. "No matching data" is an acknowledgement
    with reason 999. The intensity is that of the generation in the zone, by the factors of
    :mod:`ce_nas.grid.emission_factors`; types of several resolutions are averaged to the coarsest.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

from ce_nas.components.registry import PROVIDERS
from ce_nas.core.errors import unknown_choice_message
from ce_nas.core.http import Fault
from ce_nas.core.units import DAY_S
from ce_nas.grid.emission_factors import FUEL_LOOKBACK_S, Fuel, FuelGeneration, compute_intensities
from ce_nas.grid.providers.credentials import Credentials, read_key
from ce_nas.grid.providers.network_provider import NetworkProvider, ProviderContext, split_interval
from ce_nas.grid.providers.normalize import AlignedWindow, normalize_readings, parse_number, parse_time
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.trace import EmissionFactorType, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from xml.etree.ElementTree import Element

    from ce_nas.grid.providers.base import IntensitySeries

__all__ = ["FUELS", "ZONES", "Entsoe"]

KEY_VARIABLE = "ENTSOE_TOKEN"
EXPECTED_UNIT = "MAW"
NO_DATA_CODE = "999"
RESOLUTIONS_S = {"PT15M": 900.0, "PT30M": 1800.0, "PT60M": 3600.0, "PT1H": 3600.0}

#: the codes of ``psrType``
FUELS: Mapping[str, Fuel] = {
    "B01": Fuel.BIOMASS, "B02": Fuel.COAL, "B03": Fuel.COAL, "B04": Fuel.GAS, "B05": Fuel.COAL, "B06": Fuel.OIL,
    "B07": Fuel.COAL, "B08": Fuel.COAL, "B09": Fuel.GEOTHERMAL, "B10": Fuel.STORAGE, "B11": Fuel.HYDRO,
    "B12": Fuel.HYDRO, "B13": Fuel.OCEAN, "B14": Fuel.NUCLEAR, "B15": Fuel.BIOMASS, "B16": Fuel.SOLAR,
    "B17": Fuel.OTHER, "B18": Fuel.WIND_OFFSHORE, "B19": Fuel.WIND, "B20": Fuel.OTHER, "B25": Fuel.STORAGE,
}  # fmt: skip

#: Energy Identification Codes of the zones; any other code may be used instead of a name
ZONES = {
    "AT": "10YAT-APG------L", "BE": "10YBE----------2", "BG": "10YCA-BULGARIA-R", "CH": "10YCH-SWISSGRIDZ",
    "CZ": "10YCZ-CEPS-----N", "DE": "10Y1001A1001A83F", "DE-LU": "10Y1001A1001A82H", "DK": "10Y1001A1001A65H",
    "DK-DK1": "10YDK-1--------W", "DK-DK2": "10YDK-2--------M", "EE": "10Y1001A1001A39I", "ES": "10YES-REE------0",
    "FI": "10YFI-1--------U", "FR": "10YFR-RTE------C", "GR": "10YGR-HTSO-----Y", "HR": "10YHR-HEP------M",
    "HU": "10YHU-MAVIR----U", "IE-SEM": "10Y1001A1001A59C", "IT": "10YIT-GRTN-----B", "LT": "10YLT-1001A0008Q",
    "LV": "10YLV-1001A00074", "NL": "10YNL----------L", "NO": "10YNO-0--------C", "NO-NO1": "10YNO-1--------2",
    "NO-NO2": "10YNO-2--------T", "NO-NO3": "10YNO-3--------J", "NO-NO4": "10YNO-4--------9",
    "NO-NO5": "10Y1001A1001A48H", "PL": "10YPL-AREA-----S", "PT": "10YPT-REN------W", "RO": "10YRO-TEL------P",
    "RS": "10YCS-SERBIATSOV", "SE": "10YSE-1--------K", "SE-SE1": "10Y1001A1001A44P", "SE-SE2": "10Y1001A1001A45N",
    "SE-SE3": "10Y1001A1001A46L", "SE-SE4": "10Y1001A1001A47J", "SI": "10YSI-ELES-----O", "SK": "10YSK-SEPS-----K",
}  # fmt: skip

_EIC_PATTERN = re.compile(r"10Y[A-Z0-9-]{13}")


@dataclass(frozen=True, slots=True)
class _GenerationPoint:
    """The mean power of one type over one step of the document."""

    start: datetime
    step_s: float
    code: str
    power_mw: float


@PROVIDERS.register("entsoe")
class Entsoe(NetworkProvider):
    """Zones such as ``DE``, ``FR`` or ``SE-SE3``, or an Energy Identification Code."""

    name = "entsoe"
    key_variables = (KEY_VARIABLE,)
    base_url = "https://web-api.tp.entsoe.eu"
    supported_factors = (EmissionFactorType.LIFECYCLE, EmissionFactorType.DIRECT)
    signal = Signal.AVERAGE
    step_s = 3600.0
    max_request_s = 30 * DAY_S

    def __init__(self, context: ProviderContext, factors: EmissionFactorType | None = None) -> None:
        super().__init__(context, factors)
        credentials = Credentials(params={"securityToken": read_key(self.name, KEY_VARIABLE, context.environ)})
        self._api = self._build_client(lambda: credentials)

    def check_zone(self, zone: str) -> None:
        """See :meth:`CarbonIntensityProvider.check_zone`."""
        if zone not in ZONES and not _EIC_PATTERN.fullmatch(zone):
            raise ZoneError(unknown_choice_message("zone of ENTSO-E", zone, ZONES))

    def fetch(self, zone: str, start: datetime, end: datetime) -> IntensitySeries:
        """See :meth:`CarbonIntensityProvider.fetch`."""
        self.check_zone(zone)
        requested = AlignedWindow.covering(start, end, self.step_s)
        points = [
            point
            for first, last in split_interval(
                requested.start - timedelta(seconds=FUEL_LOOKBACK_S), requested.end, self.max_request_s
            )
            for point in self._fetch_points(zone, first, last)
        ]
        step_s = max((point.step_s for point in points), default=self.step_s)
        readings, notes = compute_intensities(_resample(points, step_s), FUELS, self.factors)
        metadata = self._metadata(zone, step_s, unit_stated=True)
        window = AlignedWindow.covering(start, end, step_s)
        return normalize_readings(metadata, window, readings, self._now(), notes=notes)

    def _fetch_points(self, zone: str, start: datetime, end: datetime) -> Iterator[_GenerationPoint]:
        code = ZONES.get(zone, zone)
        document = self._fetch_document(code, start, end)
        for series in _children(document, "TimeSeries"):
            if _text(series, "outBiddingZone_Domain.mRID") is None:
                self._require_zone(code, _text(series, "inBiddingZone_Domain.mRID"))
                yield from self._parse_series(zone, series)

    def _parse_series(self, zone: str, series: Element) -> Iterator[_GenerationPoint]:
        unit = _text(series, "quantity_Measure_Unit.name")
        if unit != EXPECTED_UNIT:
            raise ProviderError(self.name, Fault.WRONG_UNITS, f"expected the unit {EXPECTED_UNIT} (MW), got {unit!r}.")
        code = _text(series, "MktPSRType", "psrType") or "unknown"
        is_filled = _text(series, "curveType") == "A03"
        for period in _children(series, "Period"):
            yield from self._parse_period(zone, period, code, forward_fill=is_filled)

    def _parse_period(self, zone: str, period: Element, code: str, *, forward_fill: bool) -> Iterator[_GenerationPoint]:
        metadata = self._metadata(zone)
        resolution = _text(period, "resolution")
        if resolution not in RESOLUTIONS_S:
            raise ProviderError(self.name, Fault.MALFORMED, f"expected a resolution, got {resolution!r}.")
        step_s = RESOLUTIONS_S[resolution]
        start, end = (parse_time(metadata, _text(period, "timeInterval", name)) for name in ("start", "end"))
        by_position: dict[int, set[float]] = defaultdict(set)
        for point in _children(period, "Point"):
            position = parse_number(metadata, _text(point, "position"))
            if not position >= 1:
                raise ProviderError(self.name, Fault.MALFORMED, f"expected a position from 1, got {position!r}.")
            by_position[int(position)].add(parse_number(metadata, _text(point, "quantity")))
        power_mw = math.nan
        for position in range(1, round((end - start).total_seconds() / step_s) + 1):
            powers = by_position.get(position, {power_mw if forward_fill else math.nan})
            power_mw = min(powers) if len(powers) == 1 else math.nan  # neither of two values is repeated
            for value_mw in powers:
                yield _GenerationPoint(start + timedelta(seconds=(position - 1) * step_s), step_s, code, value_mw)

    def _fetch_document(self, code: str, start: datetime, end: datetime) -> Element:
        query = {
            "documentType": "A75",
            "processType": "A16",
            "in_Domain": code,
            "periodStart": f"{start.astimezone(UTC):%Y%m%d%H%M}",
            "periodEnd": f"{end.astimezone(UTC):%Y%m%d%H%M}",
        }
        try:
            return self._api.get("/api", query, self._parse_document)
        except ProviderError as error:
            if error.fault is Fault.REJECTED and "No matching data" in error.detail:
                return ET.Element("GL_MarketDocument")
            raise

    def _parse_document(self, text: str) -> Element:
        """Parse a document; an acknowledgement is an error, unless it says that there are no data."""
        try:
            document = ET.fromstring(text.replace("<!DOCTYPE", "<"))  # noqa: S314 - without a document type there are no entities
        except ET.ParseError:
            raise self._api.error(Fault.MALFORMED, f"expected XML, got {self._api.excerpt(text)}.") from None
        name = _local_name(document)
        if name == "Acknowledgement_MarketDocument":
            if _text(document, "Reason", "code") == NO_DATA_CODE and "No matching" in (
                _text(document, "Reason", "text") or ""
            ):
                return ET.Element("GL_MarketDocument")
            raise self._api.error(Fault.REJECTED, f"{_text(document, 'Reason', 'text')!r}.")
        if name != "GL_MarketDocument":
            raise self._api.error(Fault.MALFORMED, f"expected a GL_MarketDocument, got {name!r}.")
        return document


def _resample(points: Iterable[_GenerationPoint], step_s: float) -> Iterator[FuelGeneration]:
    """Average the points to one step length; a step without all of its parts is missing.

    Contradicting points give two means, which contradict each other as well.
    """
    parts: dict[tuple[datetime, str], list[_GenerationPoint]] = defaultdict(list)
    for point in points:
        parts[AlignedWindow.covering(point.start, point.start, step_s).start, point.code].append(point)
    for (start, code), of_step in parts.items():
        n_parts = round(step_s / min(point.step_s for point in of_step))
        for choose in (np.fmin, np.fmax):  # of a number and a NaN, both take the number
            powers: dict[datetime, float] = {}
            for point in of_step:
                powers[point.start] = float(choose(powers.get(point.start, math.nan), point.power_mw))
            yield FuelGeneration(start, code, sum(powers.values()) / n_parts if len(powers) == n_parts else math.nan)


def _local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: Element, name: str) -> Iterator[Element]:
    """Return the children of a name, in the namespace of any version."""
    return (child for child in element if _local_name(child) == name)


def _text(element: Element, *names: str) -> str | None:
    """Return the text of the first element at a path of names; None if there is none."""
    current: Element | None = element
    for name in names:
        current = next(_children(current, name), None) if current is not None else None
    return (current.text or "").strip() if current is not None else None
