import builtins
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from ce_nas.components.registry import PROVIDERS
from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.core.http import Fault
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.fallback import FallbackProvider
from ce_nas.grid.providers.fallback_levels import FallbackLevel
from ce_nas.grid.providers.provider_choice import build_fallback_provider, build_provider, read_current_intensity
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.providers.response_cache import IntensityCache
from ce_nas.grid.trace import EmissionFactorType, Signal

NOON = datetime(2024, 5, 15, 12, 20, tzinfo=UTC)


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "live.csv"
    rows = [f"{NOON.replace(minute=0) - timedelta(hours=h):%Y-%m-%dT%H:%M},{100 + h},DE" for h in range(48, -1, -1)]
    path.write_text("\n".join(["time,carbon_intensity_lifecycle,zone", *rows]))
    return path


def test_provider_by_name(network, emulators):
    for name in PROVIDERS.names():
        if name != "file":
            provider = build_provider(name, now=lambda: NOON, environ=emulators.KEYS, transport=network)
            assert provider.name == name


@pytest.mark.parametrize("name", ["electricity-maps", "watttime", "eia", "entsoe"])
def test_missing_key_is_named(name, network):
    with pytest.raises(SettingsError, match=PROVIDERS.get(name).factory.key_variables[0]):
        build_provider(name, now=lambda: NOON, environ={}, transport=network)


def test_unknown_provider_suggests_the_nearest():
    with pytest.raises(SettingsError, match="Did you mean 'entsoe'"):
        build_provider("entso", now=lambda: NOON)


@pytest.mark.parametrize(("name", "file"), [("file", None), ("uk", "x.csv")])
def test_file_belongs_to_the_file_provider(name, file):
    with pytest.raises(SettingsError, match=r"provider.file, but it is missing|has no setting file"):
        build_provider(name, now=lambda: NOON, file=file)


def test_missing_extra_is_named(monkeypatch):
    original = builtins.__import__

    def without(name, *rest):
        if name == "ce_nas.grid.providers.network_provider":
            raise ModuleNotFoundError(name="httpx")
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"ce-nas\[live\]"):
        build_provider("uk", now=lambda: NOON)


def test_registry_imports_no_http_library():
    import subprocess
    import sys

    code = "import sys, ce_nas.grid.providers.provider_choice; sys.exit(bool({'httpx', 'tenacity'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_current_intensity_of_a_file(csv):
    current = read_current_intensity(build_fallback_provider("file", file=csv, now=lambda: NOON), "DE")
    assert (current.value.g_per_kwh, current.value.quality) == (100, DataQuality.UNSTATED)
    assert (current.value.factors, current.value.signal) == (EmissionFactorType.LIFECYCLE, Signal.AVERAGE)
    assert current.fallbacks == ()
    assert "DE: 100 g CO2eq/kWh from 2024-05-15 12:00 UTC" in current.describe()
    json.dumps(current.to_dict(), allow_nan=False)


def test_outdated_file_falls_back(csv):
    late = NOON + timedelta(hours=3)
    current = read_current_intensity(build_fallback_provider("file", file=csv, now=lambda: late), "DE")
    assert current.value.quality is DataQuality.EXTRAPOLATED
    assert current.latest.age_s == 2 * 3600 + 20 * 60
    assert [event.level for event in current.fallbacks] == [FallbackLevel.FORECAST]
    assert "2.33 h ago" in current.describe()
    with pytest.raises(ProviderError):
        read_current_intensity(
            build_fallback_provider("file", file=csv, now=lambda: late, max_fallback=FallbackLevel.FRESH), "DE"
        )


def test_file_without_zone_or_content_is_rejected(csv, tmp_path):
    provider = build_fallback_provider("file", file=csv, now=lambda: NOON)
    with pytest.raises(ZoneError, match="expected one of: DE"):
        read_current_intensity(provider, "SE")
    csv.write_text("time,intensity\nnow,")
    with pytest.raises(ProviderError) as caught:
        read_current_intensity(provider, "DE")
    assert caught.value.fault is Fault.MALFORMED
    with pytest.raises(ProviderError, match="no file"):
        read_current_intensity(build_fallback_provider("file", file=tmp_path / "none.csv", now=lambda: NOON), "DE")


@pytest.mark.parametrize("fault", ["normal", "empty", "401", "500", "other zone"])
def test_current_intensity_leaks_no_key(case, server, connect, tmp_path, caplog, fault):  # noqa: PLR0913, PLR0917
    server.fault = fault
    server.failures = 99 if fault in ("401", "500") else 0
    provider = FallbackProvider(connect(case), now=lambda: server.now, cache=IntensityCache(tmp_path))
    with caplog.at_level(logging.DEBUG):
        try:
            current = read_current_intensity(provider, case.zone)
        except ProviderError as error:
            output = f"{error!r} {error}"
            assert fault != "normal"
        else:
            output = f"{current.describe()} {json.dumps(current.to_dict())}"
            assert fault == "normal" or case.zone == "GB"
            assert current.value.start <= server.now < current.value.end
            assert current.value.age_s == 0
    files = "".join(f"{path} {path.read_text()}" for path in tmp_path.rglob("*.json"))
    assert (fault == "normal") <= bool(files)
    assert "hidden" not in output + caplog.text + files + repr(provider.provider.__dict__)


def test_current_intensity_of_great_britain_is_a_forecast(server, connect, emulators, tmp_path):
    current = read_current_intensity(
        FallbackProvider(connect(emulators.CASES["uk"]), now=lambda: server.now, cache=IntensityCache(tmp_path)), "GB"
    )
    assert current.value.quality is DataQuality.FORECAST
    assert current.latest.quality is DataQuality.ESTIMATED
    assert current.latest.end == server.now.replace(minute=0)
    assert [event.level for event in current.fallbacks] == [FallbackLevel.FORECAST]


def test_current_intensity_of_germany_is_extrapolated(server, connect, emulators, tmp_path):
    provider = FallbackProvider(
        connect(emulators.CASES["entsoe"]), now=lambda: server.now, cache=IntensityCache(tmp_path)
    )
    current = read_current_intensity(provider, "DE")
    assert current.value.quality is DataQuality.EXTRAPOLATED
    assert current.value.g_per_kwh == pytest.approx(emulators.true_intensity(server.now - timedelta(days=1)))
    assert current.latest.quality is DataQuality.MEASURED
