"""ENTSO-E's Transparency Platform: generation by type of the European zones, in steps of 15 to 60 minutes.

Documentation: https://transparencyplatform.zendesk.com/hc/en-us/articles/15692855254548 (RESTful API) and
https://transparencyplatform.zendesk.com/hc/en-us/articles/30262342482961 (curve types)
    Document A75 (actual generation by type), process A16 (realised), the key in ``securityToken``. XML: a
    ``TimeSeries`` a type, in it ``Period`` with an interval and a resolution, in it ``Point`` with a position and a
    quantity in MW. With curve type A03, a position that is left out repeats the one before; with A01, it is missing.
    Series with an ``outBiddingZone_Domain`` are consumption (pumping) and left out. "No matching data" comes as an
    acknowledgement with reason 999. The intensity is that of the generation in the zone, by the factors of
    :mod:`ce_nas.grid.emission_factors`; types at several resolutions are brought to the coarsest by their mean.
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

from ce_nas.core.errors import one_of
from ce_nas.core.units import DAY_S
from ce_nas.grid.emission_factors import CONTEXT_S, Fuel, Generation, intensities
from ce_nas.grid.providers.credentials import Seal, read_key
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.providers.network import Means, Provider, chunks
from ce_nas.grid.providers.normalize import Window, moment_of, number_of, regular
from ce_nas.grid.trace import Factors, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from xml.etree.ElementTree import Element

    from ce_nas.grid.providers.base import LiveSeries

__all__ = ["FUELS", "ZONES", "Entsoe"]

KEY = "ENTSOE_TOKEN"
UNITS = "MAW"
NO_DATA = "999"
STEPS_S = {"PT15M": 900.0, "PT30M": 1800.0, "PT60M": 3600.0, "PT1H": 3600.0}

#: the codes of ``psrType``
FUELS: Mapping[str, Fuel] = {
    "B01": Fuel.BIOMASS, "B02": Fuel.COAL, "B03": Fuel.COAL, "B04": Fuel.GAS, "B05": Fuel.COAL, "B06": Fuel.OIL,
    "B07": Fuel.COAL, "B08": Fuel.COAL, "B09": Fuel.GEOTHERMAL, "B10": Fuel.STORAGE, "B11": Fuel.HYDRO,
    "B12": Fuel.HYDRO, "B13": Fuel.OCEAN, "B14": Fuel.NUCLEAR, "B15": Fuel.BIOMASS, "B16": Fuel.SOLAR,
    "B17": Fuel.OTHER, "B18": Fuel.WIND_OFFSHORE, "B19": Fuel.WIND, "B20": Fuel.OTHER, "B25": Fuel.STORAGE,
}  # fmt: skip

#: the Energy Identification Codes of the zones; any other code may be given as it is
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

_CODE = re.compile(r"10Y[A-Z0-9-]{13}")


@dataclass(frozen=True, slots=True)
class _Point:
    """The mean power of one type over one step of the document."""

    start: datetime
    step_s: float
    code: str
    power_mw: float


class Entsoe(Provider):
    """Zones such as ``DE``, ``FR`` or ``SE-SE3``, or an Energy Identification Code."""

    name = "entsoe"
    base_url = "https://web-api.tp.entsoe.eu"
    offers = (Factors.LIFECYCLE, Factors.DIRECT)
    signal = Signal.AVERAGE
    step_s = 3600.0
    longest_s = 30 * DAY_S

    def __init__(self, means: Means, factors: Factors | None = None) -> None:
        super().__init__(means, factors)
        seal = Seal(params={"securityToken": read_key(self.name, KEY, means.environ)})
        self._api = self._wire(lambda: seal)

    def check(self, zone: str) -> None:
        """See :meth:`LiveSource.check`."""
        if zone not in ZONES and not _CODE.fullmatch(zone):
            raise ZoneError(one_of("zone of ENTSO-E", zone, ZONES))

    def fetch(self, zone: str, start: datetime, end: datetime) -> LiveSeries:
        """See :meth:`LiveSource.fetch`."""
        self.check(zone)
        asked = Window.around(start, end, self.step_s)
        points = [
            point
            for first, last in chunks(asked.start - timedelta(seconds=CONTEXT_S), asked.end, self.longest_s)
            for point in self._points(zone, first, last)
        ]
        step_s = max((point.step_s for point in points), default=self.step_s)
        readings, notes = intensities(_at_step(points, step_s), FUELS, self.factors)
        kind = self._kind(zone, step_s, unit_stated=True)
        return regular(kind, Window.around(start, end, step_s), readings, self._now(), notes=notes)

    def _points(self, zone: str, start: datetime, end: datetime) -> Iterator[_Point]:
        code = ZONES.get(zone, zone)
        document = self._document(code, start, end)
        for series in _children(document, "TimeSeries"):
            if _text(series, "outBiddingZone_Domain.mRID") is None:
                self._require_zone(code, _text(series, "inBiddingZone_Domain.mRID"))
                yield from self._series(zone, series)

    def _series(self, zone: str, series: Element) -> Iterator[_Point]:
        unit = _text(series, "quantity_Measure_Unit.name")
        if unit != UNITS:
            raise SourceError(self.name, Fault.UNITS, f"expected the unit {UNITS} (MW), got {unit!r}.")
        code = _text(series, "MktPSRType", "psrType") or "unknown"
        repeats = _text(series, "curveType") == "A03"
        for period in _children(series, "Period"):
            yield from self._period(zone, period, code, repeats=repeats)

    def _period(self, zone: str, period: Element, code: str, *, repeats: bool) -> Iterator[_Point]:
        kind = self._kind(zone)
        resolution = _text(period, "resolution")
        if resolution not in STEPS_S:
            raise SourceError(self.name, Fault.MALFORMED, f"expected a resolution, got {resolution!r}.")
        step_s = STEPS_S[resolution]
        start, end = (moment_of(kind, _text(period, "timeInterval", name)) for name in ("start", "end"))
        given: dict[int, set[float]] = defaultdict(set)
        for point in _children(period, "Point"):
            position = number_of(kind, _text(point, "position"))
            if not position >= 1:
                raise SourceError(self.name, Fault.MALFORMED, f"expected a position from 1, got {position!r}.")
            given[int(position)].add(number_of(kind, _text(point, "quantity")))
        power_mw = math.nan
        for position in range(1, round((end - start).total_seconds() / step_s) + 1):
            powers = given.get(position, {power_mw if repeats else math.nan})
            power_mw = min(powers) if len(powers) == 1 else math.nan  # what follows two values repeats neither
            for given_mw in powers:
                yield _Point(start + timedelta(seconds=(position - 1) * step_s), step_s, code, given_mw)

    def _document(self, code: str, start: datetime, end: datetime) -> Element:
        asked = {
            "documentType": "A75",
            "processType": "A16",
            "in_Domain": code,
            "periodStart": f"{start.astimezone(UTC):%Y%m%d%H%M}",
            "periodEnd": f"{end.astimezone(UTC):%Y%m%d%H%M}",
        }
        try:
            return self._api.get("/api", asked, self._parsed)
        except SourceError as error:
            if error.fault is Fault.DECLINED and "No matching data" in error.detail:
                return ET.Element("GL_MarketDocument")
            raise

    def _parsed(self, text: str) -> Element:
        """The document; an acknowledgement is an error, unless it says that there is nothing for that time."""
        try:
            document = ET.fromstring(text.replace("<!DOCTYPE", "<"))  # noqa: S314 - no document type, no entities
        except ET.ParseError:
            raise self._api.error(Fault.MALFORMED, f"expected XML, got {self._api.shown(text)}.") from None
        name = _name(document)
        if name == "Acknowledgement_MarketDocument":
            if _text(document, "Reason", "code") == NO_DATA and "No matching" in (
                _text(document, "Reason", "text") or ""
            ):
                return ET.Element("GL_MarketDocument")
            raise self._api.error(Fault.DECLINED, f"{_text(document, 'Reason', 'text')!r}.")
        if name != "GL_MarketDocument":
            raise self._api.error(Fault.MALFORMED, f"expected a GL_MarketDocument, got {name!r}.")
        return document


def _at_step(points: Iterable[_Point], step_s: float) -> Iterator[Generation]:
    """The points brought to one step by their means; a step that lacks a part is missing.

    Of points that contradict each other, two means are made, which contradict each other as well.
    """
    parts: dict[tuple[datetime, str], list[_Point]] = defaultdict(list)
    for point in points:
        parts[Window.around(point.start, point.start, step_s).start, point.code].append(point)
    for (start, code), held in parts.items():
        needed = round(step_s / min(point.step_s for point in held))
        for choose in (np.fmin, np.fmax):  # of a number and a NaN, both take the number
            powers: dict[datetime, float] = {}
            for point in held:
                powers[point.start] = float(choose(powers.get(point.start, math.nan), point.power_mw))
            yield Generation(start, code, sum(powers.values()) / needed if len(powers) == needed else math.nan)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: Element, name: str) -> Iterator[Element]:
    """The children of that name, whatever version's namespace they are in."""
    return (child for child in element if _name(child) == name)


def _text(element: Element, *names: str) -> str | None:
    """The text of the first element down a path of names; None if there is none."""
    found: Element | None = element
    for name in names:
        found = next(_children(found, name), None) if found is not None else None
    return (found.text or "").strip() if found is not None else None
