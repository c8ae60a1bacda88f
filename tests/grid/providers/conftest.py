"""A real HTTP server on this machine that plays the five providers as documented, with faults to be switched on."""

from __future__ import annotations

import base64
import itertools
import json
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

import pytest

from ce_nas.grid.providers import registry

KEYS = {
    "ELECTRICITYMAPS_TOKEN": "hidden+em/token",
    "WATTTIME_USERNAME": "hidden-user",
    "WATTTIME_PASSWORD": "hidden-word",
    "EIA_API_KEY": "hidden+eia/key",
    "ENTSOE_TOKEN": "hidden+entsoe/key",
}
BASIC = "Basic " + base64.b64encode(b"hidden-user:hidden-word").decode()
TOKEN = "hidden-bearer"
#: whatever of these is shown anywhere is a leak
HIDDEN = ("hidden", "hidden%2B", BASIC.removeprefix("Basic "))

#: clocks go forward in Europe at 01:00 that day, in California at 10:00 on the other
EUROPE = datetime(2024, 3, 31, 12, 20, tzinfo=UTC)
CALIFORNIA = datetime(2024, 3, 10, 20, 20, tzinfo=UTC)
HTML = "<!doctype html><html><body><h1>Down for maintenance</h1></body></html>"


def truth(moment: datetime) -> int:
    """The intensity of the played grids in an hour, whole grams above 100; it changes from hour to hour."""
    hours = int(moment.timestamp() // 3600)
    return 100 + hours % 24 * 10 + hours // 24 % 7


@dataclass
class FaultServer:
    """What the server does, and what it was asked."""

    url: str = ""
    fault: str = "normal"
    #: answers that are to fail before the next ones do not
    failures: int = 0
    now: datetime = EUROPE
    #: path and query of each request that was no login
    asked: list[str] = field(default_factory=list)
    logins: int = 0
    #: what EIA puts on a page
    page: int = 5000
    #: how ENTSO-E writes its documents
    resolution_s: int = 3600
    curve: str = "A01"
    over: threading.Event = field(default_factory=threading.Event)

    def moments(self, start: datetime, end: datetime, step_s: int) -> list[datetime]:
        steps = int((end - start).total_seconds() // step_s)
        return [start + timedelta(seconds=step * step_s) for step in range(steps)]

    def rows(self, moments: list[datetime]) -> list[tuple[datetime, int | None]]:
        """Moments and intensities, with the faults that concern rows."""
        rows: list[tuple[datetime, int | None]] = [(moment, truth(moment)) for moment in moments]
        if self.fault == "nulls":
            return [(moment, None if is_hit(moment) else value) for moment, value in rows]
        if self.fault == "missing":
            return [(moment, value) for moment, value in rows if not is_hit(moment)]
        if self.fault == "duplicates":
            return [row for row in rows for _ in range(2)]
        if self.fault == "contradiction":
            return rows + [(moment, value + 50) for moment, value in rows if is_hit(moment) and value]
        if self.fault == "midnight":
            midnight = (self.now + timedelta(days=1)).replace(hour=0, minute=0)
            return [(moment, value) for moment, value in rows if moment < midnight]
        return rows

    def spelled(self, moment: datetime) -> str:
        """A moment as the APIs write it; in local time, with its offset, under the fault ``dst``."""
        if self.fault == "dst":
            return moment.astimezone(ZoneInfo("Europe/Berlin")).isoformat()
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def is_hit(moment: datetime) -> bool:
    """The hours that faults of single rows strike."""
    return moment.hour % 4 == 3


def utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def electricity_maps(server: FaultServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
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
            "datetime": server.spelled(moment),
            "updatedAt": "2024-03-31T12:00:00.000Z",
            "emissionFactorType": query["emissionFactorType"],
            "isEstimated": moment.hour == 5,
            "estimationMethod": None,
        }
        for moment, value in server.rows(server.moments(start, end, 3600))
    ]
    if kind == "forecast":
        rows = [{"carbonIntensity": row["carbonIntensity"], "datetime": row["datetime"]} for row in rows]
        return 200, json.dumps({"zone": zone, "forecast": rows, "updatedAt": server.spelled(hour(server.now))})
    return 200, json.dumps({"zone": zone, kind: rows, "temporalGranularity": "hourly"})


def watttime(server: FaultServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
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
        start, end = utc(query["start"]), min(utc(query["end"]), at)
    rows = [
        {"point_time": server.spelled(moment), "value": None if value is None else value * 1000 / 453.59237}
        for moment, value in server.rows(server.moments(start, end, 300))
    ]
    meta = {
        "data_point_period_seconds": 300,
        "region": "PJM_DC" if server.fault == "other zone" else query["region"],
        "warnings": [],
        "signal_type": query["signal_type"],
        "model": {"date": "2023-03-01"},
        "units": "kg_co2_per_mwh" if server.fault == "units" else "lbs_co2_per_mwh",
        "generated_at_period_seconds": 300,
        "generated_at": server.spelled(at),
    }
    return 200, json.dumps({"data": rows, "meta": meta})


def uk(server: FaultServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
    parts = path.split("/")
    regional = parts[1] == "regional"
    first, last = parts[3 if regional else 2], parts[4 if regional else 3]
    start = utc(first)
    end = start + timedelta(hours=48) if last == "fw48h" else utc(last)
    unit = 0.001 if server.fault == "units" else 1
    rows = []
    for moment, value in server.rows(server.moments(start - timedelta(minutes=30), end, 1800)):
        given = None if value is None else value * unit
        intensity = {"forecast": given, "actual": given if moment < hour(server.now) else None, "index": "low"}
        if regional:
            del intensity["actual"]
        spelled = server.spelled(moment).replace(":00Z", "Z")
        rows.append({"from": spelled, "to": server.spelled(moment + timedelta(minutes=30)), "intensity": intensity})
    if not regional:
        return 200, json.dumps({"data": rows})
    region = 4 if server.fault == "other zone" else int(parts[-1])
    return 200, json.dumps({"data": {"regionid": region, "dnoregion": "X", "shortname": "X", "data": rows}})


def mix(intensity: int) -> dict[str, float]:
    """Megawatts of gas, wind and a little of others that make an intensity, with life-cycle factors, exactly."""
    gas = (intensity - 11) / (490 - 11)  # gas 490, wind 11
    return {"gas": 10000 * gas, "wind": 10000 * (1 - gas), "storage": 500.0}


def eia(server: FaultServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
    if query.get("api_key") != KEYS["EIA_API_KEY"]:
        return 403, json.dumps({"error": {"code": "API_KEY_INVALID", "message": f"not {query.get('api_key')}"}})
    start, end = utc(query["start"] + ":00"), min(utc(query["end"] + ":00"), hour(server.now))
    rows = []
    for moment, value in server.rows(server.moments(start - timedelta(hours=1), end, 3600)):
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
    offset, length = int(query["offset"]), min(int(query["length"]), server.page)
    response = {"total": str(len(rows)), "dateFormat": "YYYY-MM-DDTHH24", "data": rows[offset : offset + length]}
    return 200, json.dumps({"response": response, "request": {"params": query}, "apiVersion": "2.1.8"})


def entsoe(server: FaultServer, path: str, query: dict[str, str], headers: Any) -> tuple[int, str]:
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
    places = {moment: place for place, moment in enumerate(server.moments(start, end, step_s), 1)}
    points = []
    for moment, value in server.rows(list(places)):
        power = "" if value is None else mix(value)[name]
        points.append(f"<Point><position>{places[moment]}</position><quantity>{power}</quantity></Point>")
    unit = "KWT" if server.fault == "units" else "MAW"
    domain = f"{side}BiddingZone_Domain.mRID"
    return (
        f'<TimeSeries><mRID>1</mRID><{domain} codingScheme="A01">{code}</{domain}>'
        f"<quantity_Measure_Unit.name>{unit}</quantity_Measure_Unit.name><curveType>{server.curve}</curveType>"
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


PLAYS = {"electricity-maps": electricity_maps, "watttime": watttime, "uk": uk, "eia": eia, "entsoe": entsoe}


class Handler(BaseHTTPRequestHandler):
    """Answers as the provider in the first part of the path would."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        played: FaultServer = self.server.played
        url = urlsplit(self.path)
        name, _, path = unquote(url.path).removeprefix("/").partition("/")
        query = {key: values[0] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        if path != "login":
            played.asked.append(self.path)
            if self._fails(played):
                return
        status, text = PLAYS[name](played, f"/{path}", query, self.headers)
        body = text.encode()
        if path != "login" and status == 200:
            body = {"empty": b"", "truncated": body[: len(body) // 2], "html": HTML.encode()}.get(played.fault, body)
            if self._dawdles(played, body):
                return
        self._answer(status, body)

    def _fails(self, played: FaultServer) -> bool:
        if not played.failures:
            return False
        played.failures -= 1
        if played.fault == "429":
            self._answer(429, b"slow down", {"Retry-After": "7"})
        elif played.fault == "429 for long":
            self._answer(429, b"slow down", {"Retry-After": "3600"})
        elif played.fault == "429 by date":
            self._answer(
                429, b"slow down", {"Retry-After": f"{played.now + timedelta(seconds=9):%a, %d %b %Y %H:%M:%S} GMT"}
            )
        elif played.fault == "401":
            self._answer(401, f"you said {self.path} {self.headers}".encode())
        else:
            self._answer(500, b"oops")
        return True

    def _dawdles(self, played: FaultServer, body: bytes) -> bool:
        if played.fault not in ("slow", "trickle", "cut"):
            return False
        if played.fault == "slow":
            played.over.wait(5)
            self.close_connection = True
            return True
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for place in range(len(body) // 2):
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
            if played.fault == "cut" and place > 10:
                break
            if played.fault == "trickle" and played.over.wait(0.002):
                break
        self.close_connection = True
        return True

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests are about."""


@pytest.fixture(scope="session")
def _running():
    with Quiet(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield http
        http.shutdown()
        thread.join()


@pytest.fixture
def server(_running):
    played = FaultServer(f"http://127.0.0.1:{_running.server_address[1]}")
    _running.played = played
    yield played
    played.over.set()


@dataclass(frozen=True)
class Provided:
    """A provider under test: how it is made, what it is asked for, and when."""

    name: str
    zone: str
    step_s: int
    now: datetime = EUROPE

    @property
    def kind(self) -> type:
        return registry._provider(self.name)

    @property
    def known_until(self) -> datetime:
        """The end of the last step that the played provider has a value for."""
        if self.name == "electricity-maps":
            return hour(self.now) + timedelta(hours=1)
        return self.now if self.name == "watttime" else hour(self.now)


PROVIDERS = {
    "electricity-maps": Provided("electricity-maps", "DE", 3600),
    "watttime": Provided("watttime", "CAISO_NORTH", 300),
    "uk": Provided("uk", "GB", 1800),
    "uk-region": Provided("uk", "GB-13", 1800),
    "eia": Provided("eia", "CISO", 3600, CALIFORNIA),
    "entsoe": Provided("entsoe", "DE", 3600),
}


@pytest.fixture(params=PROVIDERS)
def provided(request, server):
    """Each of the providers in turn."""
    found = PROVIDERS[request.param]
    server.now = found.now
    return found


@pytest.fixture
def played():
    """The helpers of the played providers: this module."""
    return sys.modules[__name__]


@pytest.fixture
def slept():
    """How long was waited between requests, seconds each."""
    return []


@pytest.fixture(scope="session")
def network():
    """One transport for all tests: making one reads certificates, which takes longer than a test."""
    pytest.importorskip("httpx", reason="needs the extra 'live'")
    pytest.importorskip("tenacity", reason="needs the extra 'live'")
    from ce_nas.grid.providers.credentials import default_transport

    return default_transport("127.0.0.1")


@pytest.fixture
def connect(server, slept, network):
    """Makes a source that asks the played provider, under a clock that stands still."""

    from ce_nas.core.retry import Patience
    from ce_nas.grid.providers.network import Means

    def make(provided: Provided, factors=None, now=None, patience=None):
        means = Means(
            now=now or (lambda: server.now),
            environ=KEYS,
            transport=network,
            base_url=f"{server.url}/{provided.name}",
            patience=patience or Patience(silence_s=5),
            sleep=slept.append,
        )
        return provided.kind(means, factors)

    return make
