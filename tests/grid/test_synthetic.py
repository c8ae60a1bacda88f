from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.calibration import Shape, shape_of
from ce_nas.grid.synthetic import (
    DAYS_AROUND,
    DEFAULT_ZONE,
    Part,
    _autoregression,
    _disturbance,
    _models,
    _over_year,
    correlations,
    synthetic_trace,
    zones,
)
from ce_nas.grid.trace import Factors, Signal

NAMES = [zone.name for zone in zones()]
SEEDS = range(24)  # one year's mean strays by 0.3 % (gas) to 8 % (nuclear) from seed to seed
JSON = Path(__file__).parents[2] / "src" / "ce_nas" / "grid" / "zones.json"
CALIBRATION = Path(__file__).parents[2] / "scripts" / "calibrate_zones.py"


@cache
def year_of(zone: str, seed: int) -> np.ndarray:
    return synthetic_trace(zone, seed=seed).g_per_kwh[24 * DAYS_AROUND : -24 * DAYS_AROUND]


def mean_shape(years: list[np.ndarray]) -> dict[str, float]:
    shapes = [shape_of(year) for year in years]
    return {name: float(np.mean([getattr(shape, name) for shape in shapes])) for name in Shape.__dataclass_fields__}


def test_there_are_zones_of_many_shapes():
    assert len(NAMES) >= 10
    assert sorted(NAMES) == NAMES
    assert DEFAULT_ZONE in NAMES
    assert all(zone.description and zone.source for zone in zones())
    assert max(zone.mean_g_per_kwh for zone in zones()) > 10 * min(zone.mean_g_per_kwh for zone in zones())


def test_the_statistics_stay_small():
    assert JSON.stat().st_size < 100_000


@pytest.mark.parametrize("zone", NAMES)
def test_a_typical_year_is_complete_and_sane(zone):
    trace = synthetic_trace(zone)
    assert (trace.zone, trace.synthetic, trace.origin) == (zone, True, "built-in, synthetic")
    assert (trace.factors, trace.signal) == (Factors.LIFECYCLE, Signal.AVERAGE)
    assert (trace.step_s, trace.gaps) == (3600, ())
    assert trace.g_per_kwh.min() > 0
    assert trace.g_per_kwh.max() < 1000
    assert "synthetic" in trace.describe()


def test_the_year_has_a_past_before_it_and_a_future_after_it():
    trace = synthetic_trace(year=2024)
    assert trace.start == datetime(2023, 12, 18, tzinfo=UTC)
    assert trace.end == datetime(2025, 1, 15, tzinfo=UTC)
    assert len(trace.since(datetime(2024, 1, 1, tzinfo=UTC)).past(0, 10_000)) == 14 * 24
    trace.since(datetime(2024, 12, 31, tzinfo=UTC)).require(0, 80 * 3600)


def test_the_same_arguments_give_the_same_trace_and_others_another():
    assert synthetic_trace("wind", seed=1).fingerprint == synthetic_trace("wind", seed=1).fingerprint
    different = [("wind", 1, 2023), ("wind", 2, 2023), ("coal", 1, 2023), ("wind", 1, 2022)]
    assert len({synthetic_trace(zone, seed=seed, year=year).fingerprint for zone, seed, year in different}) == 4


def test_an_unknown_zone_lists_the_known_ones():
    with pytest.raises(TraceError, match=r"Unknown built-in zone 'solr'.*coal.*Did you mean 'solar'\?"):
        synthetic_trace("solr")


def test_the_solar_zone_is_clean_at_noon_and_dirty_in_the_evening():
    by_hour = np.mean([year_of("solar", seed).reshape(-1, 24).mean(axis=0) for seed in SEEDS], axis=0)
    noon, evening = by_hour[20], by_hour[3]  # UTC; 12:00 and 19:00 standard time in California
    assert noon < 0.75 * evening


def test_weekends_are_cleaner_where_demand_drives_the_grid():
    trace = synthetic_trace("wind")
    days = np.datetime64("2022-12-18") + np.arange(len(trace.g_per_kwh)) // 24
    working = np.is_busday(days)
    assert trace.g_per_kwh[~working].mean() < 0.95 * trace.g_per_kwh[working].mean()


@pytest.mark.parametrize(
    "part",
    [Part(1, 3.0, 0), Part(1, 40.0, 0), Part(1, 3.0, 0, smooth=True), Part(1, 20.0, 0, smooth=True)],
    ids=str,
)
def test_an_autoregression_has_the_stated_variance_and_memory(part):
    rng = np.random.default_rng(0)
    values = _autoregression(part, 400_000, rng)
    lags = np.array([1, 2, 5, 24])
    found = np.array([values[lag:] @ values[:-lag] for lag in lags]) / len(values)
    assert values.var() == pytest.approx(1, abs=0.06)
    assert found == pytest.approx(correlations(part, lags), abs=0.06)


@pytest.mark.parametrize("smooth", [False, True])
def test_an_autoregression_is_stationary_from_its_first_hour(smooth):
    rng = np.random.default_rng(0)
    part = Part(1, 30.0, 0, smooth)
    runs = np.array([_autoregression(part, 12, rng) for _ in range(4000)])
    assert runs.var(axis=0) == pytest.approx(np.ones(12), abs=0.12)
    assert np.mean(runs[:, 0] * runs[:, 5]) == pytest.approx(correlations(part, np.array([5]))[0], abs=0.08)


def test_a_turning_part_returns_after_its_period():
    part = Part(1, 100.0, 24.0)
    values = _disturbance((part,), 400_000, np.random.default_rng(0))
    lags = np.array([6, 12, 24, 48])
    found = np.array([values[lag:] @ values[:-lag] for lag in lags]) / len(values)
    assert found == pytest.approx(correlations(part, lags), abs=0.06)
    assert found[1] < -0.7


def test_a_table_is_met_in_the_middle_of_its_month_and_halfway_at_its_ends():
    table = np.repeat(np.arange(12.0)[:, None], 24, axis=1)
    moments = np.array(["2023-04-16T00", "2023-05-01T00", "2023-12-16T12", "2024-01-01T00"], dtype="datetime64[h]")
    found = _over_year(table, moments, moments.astype(np.int64) % 24)
    assert found == pytest.approx([3, 3.5, 11, 5.5])  # between December (11) and January (0)


@pytest.mark.parametrize("zone", NAMES)
def test_a_residual_s_shares_add_up_to_one(zone):
    assert sum(part.share for part in _models()[zone].parts) == pytest.approx(1, abs=1e-3)


@pytest.fixture(scope="module")
def calibration():
    """The program that computed the statistics, as a module."""
    pytest.importorskip("scipy")
    spec = importlib.util.spec_from_file_location("calibrate_zones", CALIBRATION)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("zone", NAMES)
def test_a_typical_year_moves_as_the_real_grid_does(zone, calibration, grid_data):
    shaped = next(shaped for shaped in calibration.SHAPES if shaped.name == zone)
    years = calibration.levelled(calibration.read_trace(grid_data / shaped.file, zone=shaped.zone))
    real = mean_shape([year.to_numpy() for _, year in years.groupby(years.index.year)])
    made = mean_shape([year_of(zone, seed) for seed in SEEDS])
    assert made["mean_g_per_kwh"] == pytest.approx(real["mean_g_per_kwh"], rel=0.05)
    assert made["std_g_per_kwh"] == pytest.approx(real["std_g_per_kwh"], rel=0.12)
    assert made["daily_range_g_per_kwh"] == pytest.approx(real["daily_range_g_per_kwh"], rel=0.22)
    assert made["after_hour"] == pytest.approx(real["after_hour"], abs=0.02)
    assert made["after_day"] == pytest.approx(real["after_day"], abs=0.08)
    assert made["after_week"] == pytest.approx(real["after_week"], abs=0.12)


@pytest.mark.parametrize("zone", ["solar", "hydro"])
def test_the_stored_statistics_are_those_of_the_real_grid(zone, calibration, grid_data):
    stored = calibration.json.loads(JSON.read_text())["zones"][zone]
    shaped = next(shaped for shaped in calibration.SHAPES if shaped.name == zone)
    fresh = calibration.calibrated(shaped, grid_data)
    assert fresh["profile"] == [pytest.approx(row, rel=1e-3) for row in stored["profile"]]
    assert fresh["residuals"] == pytest.approx(stored["residuals"], rel=1e-3, abs=1e-3)
