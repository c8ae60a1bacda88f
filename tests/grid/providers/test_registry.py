import builtins
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.cache import Cache
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.providers.fallback import Feed
from ce_nas.grid.providers.fallback_levels import Step
from ce_nas.grid.providers.registry import KEYS, SOURCES, current, live_feed, live_source
from ce_nas.grid.trace import Factors, Signal

NOON = datetime(2024, 5, 15, 12, 20, tzinfo=UTC)


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "live.csv"
    rows = [f"{NOON.replace(minute=0) - timedelta(hours=h):%Y-%m-%dT%H:%M},{100 + h},DE" for h in range(48, -1, -1)]
    path.write_text("\n".join(["time,carbon_intensity_lifecycle,zone", *rows]))
    return path


def test_every_source_is_made_by_its_name(network, played):
    for name in SOURCES:
        if name != "file":
            made = live_source(name, now=lambda: NOON, environ=played.KEYS, transport=network)
            assert made.name == name


@pytest.mark.parametrize("name", [name for name, keys in KEYS.items() if keys])
def test_a_missing_key_is_named(name, network):
    with pytest.raises(SettingsError, match=KEYS[name][0]):
        live_source(name, now=lambda: NOON, environ={}, transport=network)


def test_an_unknown_source_is_said_with_the_nearest_one():
    with pytest.raises(SettingsError, match="Did you mean 'entsoe'"):
        live_source("entso", now=lambda: NOON)


@pytest.mark.parametrize(("name", "file"), [("file", None), ("uk", "x.csv")])
def test_a_file_is_for_the_source_file_alone(name, file):
    with pytest.raises(SettingsError, match="needs a file"):
        live_source(name, now=lambda: NOON, file=file)


def test_without_the_packages_the_way_out_is_said(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "ce_nas.grid.providers.network":
            raise ModuleNotFoundError(name="httpx")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"ce-nas\[live\]"):
        live_source("uk", now=lambda: NOON)


def test_the_file_and_the_registry_load_no_http_library():
    import subprocess
    import sys

    code = "import sys, ce_nas.grid.providers.registry; sys.exit(bool({'httpx', 'tenacity'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_current_value_of_a_file(csv):
    found = current(live_feed("file", file=csv, now=lambda: NOON), "DE")
    assert (found.value.g_per_kwh, found.value.quality) == (100, Quality.UNSTATED)
    assert (found.value.factors, found.value.signal) == (Factors.LIFECYCLE, Signal.AVERAGE)
    assert found.degradations == ()
    assert "DE: 100 g CO2eq/kWh from 2024-05-15 12:00 UTC" in found.describe()
    json.dumps(found.content(), allow_nan=False)


def test_a_file_that_is_not_kept_up_degrades_and_says_so(csv):
    late = NOON + timedelta(hours=3)
    found = current(live_feed("file", file=csv, now=lambda: late), "DE")
    assert found.value.quality is Quality.EXTENDED
    assert found.latest.age_s == 2 * 3600 + 20 * 60
    assert [record.step for record in found.degradations] == [Step.FORECAST]
    assert "2.33 h ago" in found.describe()
    with pytest.raises(SourceError):
        current(live_feed("file", file=csv, now=lambda: late, worst=Step.FRESH), "DE")


def test_a_file_without_the_zone_or_without_sense(csv, tmp_path):
    feed = live_feed("file", file=csv, now=lambda: NOON)
    with pytest.raises(ZoneError, match="expected one of: DE"):
        current(feed, "SE")
    csv.write_text("time,intensity\nnow,")
    with pytest.raises(SourceError) as caught:
        current(feed, "DE")
    assert caught.value.fault is Fault.MALFORMED
    with pytest.raises(SourceError, match="no file"):
        current(live_feed("file", file=tmp_path / "none.csv", now=lambda: NOON), "DE")


@pytest.mark.parametrize("fault", ["normal", "empty", "401", "500", "other zone"])
def test_current_over_every_provider_leaves_no_key_anywhere(provided, server, connect, tmp_path, caplog, fault):  # noqa: PLR0913, PLR0917
    server.fault = fault
    server.failures = 99 if fault in ("401", "500") else 0
    feed = Feed(connect(provided), now=lambda: server.now, cache=Cache(tmp_path))
    with caplog.at_level(logging.DEBUG):
        try:
            found = current(feed, provided.zone)
        except SourceError as error:
            shown = f"{error!r} {error}"
            assert fault != "normal"
        else:
            shown = f"{found.describe()} {json.dumps(found.content())}"
            assert fault == "normal" or provided.zone == "GB"
            assert found.value.start <= server.now < found.value.end
            assert found.value.age_s == 0
    files = "".join(f"{path} {path.read_text()}" for path in tmp_path.rglob("*.json"))
    assert (fault == "normal") <= bool(files)
    assert "hidden" not in shown + caplog.text + files + repr(feed.source.__dict__)


def test_current_in_great_britain_is_the_forecast_of_this_half_hour(server, connect, played, tmp_path):
    found = current(Feed(connect(played.PROVIDERS["uk"]), now=lambda: server.now, cache=Cache(tmp_path)), "GB")
    assert found.value.quality is Quality.FORECAST
    assert found.latest.quality is Quality.ESTIMATED
    assert found.latest.end == server.now.replace(minute=0)
    assert [record.step for record in found.degradations] == [Step.FORECAST]


def test_current_in_germany_rests_on_the_hours_before(server, connect, played, tmp_path):
    feed = Feed(connect(played.PROVIDERS["entsoe"]), now=lambda: server.now, cache=Cache(tmp_path))
    found = current(feed, "DE")
    assert found.value.quality is Quality.EXTENDED
    assert found.value.g_per_kwh == pytest.approx(played.truth(server.now - timedelta(days=1)))
    assert found.latest.quality is Quality.MEASURED
