"""Emulators of the five providers' APIs, as documented, on a server with faults."""

from __future__ import annotations

import base64
import itertools
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest

from ce_nas.components.registry import PROVIDERS
from ce_nas.testing.fault_server import FaultServer, is_affected, true_intensity

__all__ = ["is_affected", "true_intensity"]

KEYS = {
    "ELECTRICITYMAPS_TOKEN": "hidden+em/token",
    "WATTTIME_USERNAME": "hidden-user",
    "WATTTIME_PASSWORD": "hidden-word",
    "EIA_API_KEY": "hidden+eia/key",
    "ENTSOE_TOKEN": "hidden+entsoe/key",
}
BASIC = "Basic " + base64.b64encode(b"hidden-user:hidden-word").decode()
TOKEN = "hidden-bearer"
#: any of these in an output is a leaked key
HIDDEN = ("hidden", "hidden%2B", BASIC.removeprefix("Basic "))

#: the clocks go forward in Europe at 01:00 that day, in California at 10:00 on the other
EUROPE = datetime(2024, 3, 31, 12, 20, tzinfo=UTC)
CALIFORNIA = datetime(2024, 3, 10, 20, 20, tzinfo=UTC)


class ProviderServer(FaultServer):
    """A server with the APIs of all providers."""

    def __init__(self) -> None:
        super().__init__(APIS)
        self.logins = 0
        #: rows of a page of EIA's
        self.page_rows = 5000
        #: resolution and curve type of ENTSO-E's documents
        self.resolution_s = 3600
        self.curve_type = "A01"

    @property
    def queries(self) -> list[dict[str, str]]:
        """The parameters of each request so far."""
        return [dict(parse_qsl(urlsplit(path).query)) for path in self.requests]


def step_starts(start: datetime, end: datetime, step_s: int) -> list[datetime]:
    steps = int((end - start).total_seconds() // step_s)
    return [start + timedelta(seconds=step * step_s) for step in range(steps)]


def utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def electricity_maps(server: ProviderServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
    if headers.get("auth-token") != KEYS["ELECTRICITYMAPS_TOKEN"]:
        return 401, json.dumps({"message": f"unknown token {headers.get('auth-token')}"})
    if query["zone"] == "XX" or query["shouldUseFallbackCallerLookup"] != "false":
        return 404, json.dumps({"error": f"Zone '{query['zone']}' does not exist."})
    zone = "SE" if server.fault == "other zone" else query["zone"]
    unit = 0.001 if server.fault == "units" else 1
    kind = {"history": "history", "past-range": "data", "forecast": "forecast"}[path.rpartition("/")[2]]
    now = hour(server.now)
    start, end = {
        "history": (now - timedelta(hours=23), now + timedelta(hours=1)),
        "data": (utc(query.get("start", "2024-01-01T00:00Z")), utc(query.get("end", "2024-01-01T00:00Z"))),
        "forecast": (now, now + timedelta(hours=int(query.get("horizonHours", "24")) + 1)),
    }[kind]
    rows = [
        {
            "zone": zone,
            "carbonIntensity": None if value is None else value * unit,
            "datetime": server.format_time(moment),
            "updatedAt": "2024-03-31T12:00:00.000Z",
            "emissionFactorType": query["emissionFactorType"],
            "isEstimated": moment.hour == 5,
            "estimationMethod": None,
        }
        for moment, value in server.rows(step_starts(start, end, 3600))
    ]
    if kind == "forecast":
        rows = [{"carbonIntensity": row["carbonIntensity"], "datetime": row["datetime"]} for row in rows]
        return 200, json.dumps({"zone": zone, "forecast": rows, "updatedAt": server.format_time(hour(server.now))})
    return 200, json.dumps({"zone": zone, kind: rows, "temporalGranularity": "hourly"})


def watttime(server: ProviderServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
    if path == "/login":
        server.logins += 1
        if headers.get("authorization") != BASIC:
            return 401, f"who is {headers.get('authorization')}?"
        return 200, json.dumps({"token": TOKEN})
    if headers.get("authorization") != f"Bearer {TOKEN}":
        return 401, f"no {headers.get('authorization')}"
    if query["region"] == "NOWHERE":
        return 400, json.dumps({"error": "invalid region", "message": "no such region"})
    at = server.now.replace(minute=server.now.minute // 5 * 5)
    if path.endswith("forecast"):
        start, end = at, at + timedelta(hours=int(query["horizon_hours"]))
    else:
        first = utc(query["start"])
        into_step = timedelta(minutes=first.minute % 5, seconds=first.second, microseconds=first.microsecond)
        start = first - into_step + timedelta(minutes=5 if into_step else 0)  # the points of the API are whole steps
        end = min(utc(query["end"]), at)
    rows = [
        {"point_time": server.format_time(moment), "value": None if value is None else value * 1000 / 453.59237}
        for moment, value in server.rows(step_starts(start, end, 300))
    ]
    meta = {
        "data_point_period_seconds": 300,
        "region": "PJM_DC" if server.fault == "other zone" else query["region"],
        "warnings": [],
        "signal_type": query["signal_type"],
        "model": {"date": "2023-03-01"},
        "units": "kg_co2_per_mwh" if server.fault == "units" else "lbs_co2_per_mwh",
        "generated_at_period_seconds": 300,
        "generated_at": server.format_time(at),
    }
    return 200, json.dumps({"data": rows, "meta": meta})


def uk(server: ProviderServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
    parts = path.split("/")
    regional = parts[1] == "regional"
    first, last = parts[3 if regional else 2], parts[4 if regional else 3]
    start = utc(first)
    end = start + timedelta(hours=48) if last == "fw48h" else utc(last)
    unit = 0.001 if server.fault == "units" else 1
    rows = []
    for moment, value in server.rows(step_starts(start - timedelta(minutes=30), end, 1800)):
        reported = None if value is None else value * unit
        intensity = {"forecast": reported, "actual": reported if moment < hour(server.now) else None, "index": "low"}
        if regional:
            del intensity["actual"]
        from_time = server.format_time(moment).replace(":00Z", "Z")
        rows.append(
            {"from": from_time, "to": server.format_time(moment + timedelta(minutes=30)), "intensity": intensity}
        )
    if not regional:
        return 200, json.dumps({"data": rows})
    region = 4 if server.fault == "other zone" else int(parts[-1])
    return 200, json.dumps({"data": {"regionid": region, "dnoregion": "X", "shortname": "X", "data": rows}})


def mix(intensity: int) -> dict[str, float]:
    """Megawatts of gas, wind and a little of others that make an intensity, with life-cycle factors, exactly."""
    gas = (intensity - 11) / (490 - 11)  # gas 490, wind 11
    return {"gas": 10000 * gas, "wind": 10000 * (1 - gas), "storage": 500.0}


def eia(server: ProviderServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
    if query.get("api_key") != KEYS["EIA_API_KEY"]:
        return 403, json.dumps({"error": {"code": "API_KEY_INVALID", "message": f"not {query.get('api_key')}"}})
    start, end = utc(query["start"] + ":00"), min(utc(query["end"] + ":00"), hour(server.now))
    rows = []
    for moment, value in server.rows(step_starts(start - timedelta(hours=1), end, 3600)):
        ended = moment + timedelta(hours=1)
        period = f"{ended:%Y-%m-%dT%H}"
        if server.fault == "dst":
            local = ended.astimezone(ZoneInfo("America/Los_Angeles"))
            period = f"{local:%Y-%m-%dT%H}{local:%z}"[:-2]
        powers = mix(value or 300)
        for code, power in (("NG", powers["gas"]), ("WND", powers["wind"]), ("BAT", -powers["storage"])):
            row = {
                "period": period,
                "respondent": "PJM" if server.fault == "other zone" else query["facets[respondent][]"],
                "respondent-name": "X",
                "fueltype": code,
                "type-name": "X",
                "value": None if value is None and code == "NG" else str(power),
                "value-units": "kilowatthours" if server.fault == "units" else "megawatthours",
            }
            rows.append(row)
    offset, length = int(query["offset"]), min(int(query["length"]), server.page_rows)
    response = {"total": str(len(rows)), "dateFormat": "YYYY-MM-DDTHH24", "data": rows[offset : offset + length]}
    return 200, json.dumps({"response": response, "request": {"params": query}, "apiVersion": "2.1.8"})


def entsoe(server: ProviderServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
    if query.get("securityToken") != KEYS["ENTSOE_TOKEN"]:
        return 401, f"<html><body>Unauthorized: {query.get('securityToken')}</body></html>"
    start, end = (
        datetime.strptime(query[name], "%Y%m%d%H%M").replace(tzinfo=UTC) for name in ("periodStart", "periodEnd")
    )
    end = min(end, hour(server.now))
    if start >= end:
        return 200, acknowledgement("No matching data found for Data item X [16.1.B&C]")
    midnight = datetime(2024, 3, 30, 23, tzinfo=UTC)
    cuts = [start, midnight, end] if server.fault == "dst" and start < midnight < end else [start, end]
    from ce_nas.grid.providers.entsoe import ZONES

    code = ZONES["SE"] if server.fault == "other zone" else query["in_Domain"]
    series = []
    for psr, name in (("B04", "gas"), ("B19", "wind"), ("B10", "storage")):
        for first, last in itertools.pairwise(cuts):
            series.append(entsoe_series(server, code, psr, name, first, last, "in"))
    series.append(entsoe_series(server, code, "B10", "storage", start, end, "out"))
    space = "urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return 200, f'{head}<GL_MarketDocument xmlns="{space}"><type>A75</type>{"".join(series)}</GL_MarketDocument>'


def entsoe_series(server, code, psr, name, start, end, side) -> str:  # noqa: PLR0913, PLR0917 - as the XML has
    step_s = server.resolution_s if psr == "B04" else 3600
    positions = {moment: position for position, moment in enumerate(step_starts(start, end, step_s), 1)}
    points = []
    for moment, value in server.rows(list(positions)):
        power = "" if value is None else mix(value)[name]
        points.append(f"<Point><position>{positions[moment]}</position><quantity>{power}</quantity></Point>")
    unit = "KWT" if server.fault == "units" else "MAW"
    domain = f"{side}BiddingZone_Domain.mRID"
    return (
        f'<TimeSeries><mRID>1</mRID><{domain} codingScheme="A01">{code}</{domain}>'
        f"<quantity_Measure_Unit.name>{unit}</quantity_Measure_Unit.name><curveType>{server.curve_type}</curveType>"
        f"<MktPSRType><psrType>{psr}</psrType></MktPSRType><Period><timeInterval><start>{start:%Y-%m-%dT%H:%MZ}</start>"
        f"<end>{end:%Y-%m-%dT%H:%MZ}</end></timeInterval><resolution>PT{step_s // 60}M</resolution>{''.join(points)}"
        f"</Period></TimeSeries>"
    )


def acknowledgement(text: str) -> str:
    space = "urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0"
    return (
        f'<Acknowledgement_MarketDocument xmlns="{space}"><mRID>1</mRID><Reason><code>999</code><text>'
        f"{text.replace('&', '&amp;')}</text></Reason></Acknowledgement_MarketDocument>"
    )


APIS = {"electricity-maps": electricity_maps, "watttime": watttime, "uk": uk, "eia": eia, "entsoe": entsoe}


@pytest.fixture
def server():
    with ProviderServer() as server:
        yield server


@dataclass(frozen=True)
class ProviderCase:
    """A provider under test: its class, the zone and the time of the requests."""

    name: str
    zone: str
    step_s: int
    now: datetime = EUROPE

    @property
    def provider_class(self) -> type:
        return PROVIDERS.get(self.name).factory

    @property
    def known_until(self) -> datetime:
        """The end of the last step that the emulator has a value for."""
        if self.name == "electricity-maps":
            return hour(self.now) + timedelta(hours=1)
        return self.now if self.name == "watttime" else hour(self.now)


CASES = {
    "electricity-maps": ProviderCase("electricity-maps", "DE", 3600),
    "watttime": ProviderCase("watttime", "CAISO_NORTH", 300),
    "uk": ProviderCase("uk", "GB", 1800),
    "uk-region": ProviderCase("uk", "GB-13", 1800),
    "eia": ProviderCase("eia", "CISO", 3600, CALIFORNIA),
    "entsoe": ProviderCase("entsoe", "DE", 3600),
}


@pytest.fixture(params=CASES)
def case(request, server):
    """Each provider in turn."""
    case = CASES[request.param]
    server.now = case.now
    return case


@pytest.fixture
def emulators():
    """This module."""
    return sys.modules[__name__]


@pytest.fixture
def waits():
    """The waits between requests, s."""
    return []


@pytest.fixture(scope="session")
def network():
    """One transport for all tests: a new one reads certificates, which takes longer than a test."""
    pytest.importorskip("httpx", reason="needs the extra 'live'")
    pytest.importorskip("tenacity", reason="needs the extra 'live'")
    from ce_nas.core.http import default_transport

    return default_transport("127.0.0.1")


@pytest.fixture
def connect(server, waits, network):
    """Builds a provider that requests from the emulator, under a clock that stands still."""

    from ce_nas.core.http import HttpOptions
    from ce_nas.grid.providers.network_provider import ProviderContext

    def connect(case: ProviderCase, factors=None, now=None, **http):
        context = ProviderContext(
            now=now or (lambda: server.now),
            environ=KEYS,
            http=HttpOptions(transport=network, sleep=waits.append, **{"read_timeout_s": 5} | http),
            base_url=f"{server.url}/{case.name}",
        )
        return case.provider_class(context, factors)

    return connect
