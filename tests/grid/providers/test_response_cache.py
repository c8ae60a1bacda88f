import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.normalize import AlignedWindow, IntensityReading, SeriesMetadata, normalize_readings
from ce_nas.grid.providers.response_cache import CacheKey, IntensityCache
from ce_nas.grid.trace import EmissionFactorType, Signal

START = datetime(2024, 3, 30, 18, tzinfo=UTC)
KEY = CacheKey("provider", "DE", EmissionFactorType.LIFECYCLE, Signal.AVERAGE)


def series_of(  # noqa: PLR0913 - the parts of a series
    values, *, start=START, fetched_at=START, step_s=3600.0, zone="DE", quality=DataQuality.MEASURED, issued_at=None
):
    window = AlignedWindow(start, step_s, len(values))
    readings = [IntensityReading(window.step_start(step), value, quality) for step, value in enumerate(values)]
    kind = SeriesMetadata("provider", zone, EmissionFactorType.LIFECYCLE, Signal.AVERAGE, step_s)
    return normalize_readings(kind, window, readings, fetched_at, issued_at=issued_at)


def load(cache, hours, start=START, key=KEY):
    return cache.load_series(key, start, start + timedelta(hours=hours))


@given(values=st.lists(st.one_of(st.just(math.nan), st.floats(10, 900)), min_size=1, max_size=60))
def test_cache_round_trip(tmp_path_factory, values):
    cache = IntensityCache(tmp_path_factory.mktemp("cache"))
    series = series_of(values)
    cache.store(series)
    cached = load(cache, len(values))
    np.testing.assert_array_equal(cached.trace.g_per_kwh, series.trace.g_per_kwh)
    assert (cached.qualities, cached.fetch_times, cached.trace.start) == (
        series.qualities,
        series.fetch_times,
        series.trace.start,
    )
    assert cached.trace.fingerprint == series.trace.fingerprint


def test_later_value_replaces_earlier_but_missing_does_not(tmp_path):
    cache, later = IntensityCache(tmp_path), START + timedelta(hours=3)
    cache.store(series_of([100.0, 200.0, math.nan, math.nan]))
    cache.store(series_of([110.0, math.nan, 300.0, math.nan], fetched_at=later))
    cached = load(cache, 4)
    np.testing.assert_array_equal(cached.trace.g_per_kwh, [110, 200, 300, math.nan])
    assert cached.fetch_times == (later, START, later, later)  # the last one was fetched again, and is still missing


def test_cached_values_are_partial_or_none(tmp_path):
    cache = IntensityCache(tmp_path)
    assert load(cache, 5) is None
    cache.store(series_of([100.0, 200.0]))
    cached = load(cache, 40, START - timedelta(hours=3))
    assert np.isnan(cached.trace.g_per_kwh).sum() == len(cached) - 2
    assert cached.qualities[3:5] == (DataQuality.MEASURED, DataQuality.MEASURED)


@pytest.mark.parametrize(
    "other",
    [
        CacheKey("other", "DE", EmissionFactorType.LIFECYCLE, Signal.AVERAGE),
        CacheKey("provider", "SE", EmissionFactorType.LIFECYCLE, Signal.AVERAGE),
        CacheKey("provider", "DE", EmissionFactorType.DIRECT, Signal.AVERAGE),
        CacheKey("provider", "DE", EmissionFactorType.LIFECYCLE, Signal.MARGINAL),
    ],
)
def test_cache_keys_are_not_mixed(tmp_path, other):
    cache = IntensityCache(tmp_path)
    cache.store(series_of([100.0]))
    assert load(cache, 1, key=other) is None
    for path in list(tmp_path.rglob("*.json")):  # also if the files are moved
        moved_path = cache._path(other, path.stem)
        moved_path.parent.mkdir(parents=True, exist_ok=True)
        moved_path.write_bytes(path.read_bytes())
    assert load(cache, 1, key=other) is None


def test_new_step_length_replaces_the_cache(tmp_path):
    cache = IntensityCache(tmp_path)
    cache.store(series_of([100.0, 200.0]))
    cache.store(series_of([300.0, 400.0], step_s=1800.0))
    cached = load(cache, 2)
    assert cached.trace.step_s == 1800
    np.testing.assert_array_equal(cached.trace.g_per_kwh, [300, 400, math.nan, math.nan])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2}', '{"format": 1}', "null", "\x00"])
def test_damaged_file_is_ignored_and_rewritten(tmp_path, content):
    cache = IntensityCache(tmp_path)
    cache.store(series_of([100.0]))
    (path,) = tmp_path.rglob("*.json")
    path.write_text(content)
    assert load(cache, 1) is None
    cache.store(series_of([200.0]))
    assert load(cache, 1).trace.g_per_kwh.tolist() == [200]


def test_cache_file_has_key_and_fetch_times(tmp_path):
    IntensityCache(tmp_path).store(series_of([100.0, math.nan]))
    (path,) = tmp_path.rglob("*.json")
    content = json.loads(path.read_text())
    assert {content[name] for name in ("source", "zone", "factors", "signal")} == {
        "provider",
        "DE",
        "lifecycle",
        "average",
    }
    assert content["rows"] == [
        [START.isoformat(), 100.0, "measured", START.isoformat()],
        [(START + timedelta(hours=1)).isoformat(), None, "missing", START.isoformat()],
    ]


def test_failed_write_keeps_the_earlier_file(tmp_path, monkeypatch):
    cache = IntensityCache(tmp_path)
    cache.store(series_of([100.0]))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(OSError, match="No space"):
        cache.store(series_of([200.0]))
    monkeypatch.undo()
    assert load(cache, 1).trace.g_per_kwh.tolist() == [100]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("zone", ["..", "../../up", "a/b", "C:\\x", "."])
def test_zone_cannot_escape_the_folder(tmp_path, zone):
    folder = tmp_path / "in" / "cache"
    IntensityCache(folder).store(series_of([100.0], zone=zone))
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 1
    assert written[0].resolve().is_relative_to(folder)
    assert len(written[0].relative_to(folder).parts) == 4


def test_last_forecast_is_stored_separately(tmp_path):
    cache = IntensityCache(tmp_path)
    assert cache.load_forecast(KEY) is None
    cache.store(series_of([100.0, 200.0], quality=DataQuality.FORECAST, issued_at=START))
    assert load(cache, 2) is None
    later = START + timedelta(hours=1)
    cache.store(series_of([150.0, 250.0], start=later, quality=DataQuality.FORECAST, issued_at=later))
    cached = cache.load_forecast(KEY)
    assert (cached.issued_at, cached.trace.g_per_kwh.tolist()) == (later, [150, 250])
