from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.synthetic import (
    DEFAULT_ZONE,
    PADDING_DAYS,
    AutoregressiveComponent,
    _interpolate_months,
    _load_zone_statistics,
    _simulate_autoregression,
    _simulate_residual,
    autocorrelation,
    builtin_zones,
    synthetic_trace,
)
from ce_nas.grid.trace import EmissionFactorType, Signal

NAMES = [zone.name for zone in builtin_zones()]
SEEDS = range(24)  # one year's mean varies by 0.3 % (gas) to 8 % (nuclear) from seed to seed
JSON = Path(__file__).parents[2] / "src" / "ce_nas" / "grid" / "zones.json"


@cache
def year_of(zone: str, seed: int) -> np.ndarray:
    return synthetic_trace(zone, seed=seed).g_per_kwh[24 * PADDING_DAYS : -24 * PADDING_DAYS]


def mean_statistics(calibration, years: list[np.ndarray]) -> dict[str, float]:
    statistics = [calibration.compute_trace_statistics(year) for year in years]
    return {
        name: float(np.mean([getattr(year, name) for year in statistics]))
        for name in calibration.TraceStatistics.__dataclass_fields__
    }


def test_zones_have_different_shapes():
    assert len(NAMES) >= 10
    assert sorted(NAMES) == NAMES
    assert DEFAULT_ZONE in NAMES
    assert all(zone.description and zone.source for zone in builtin_zones())
    assert max(zone.mean_g_per_kwh for zone in builtin_zones()) > 10 * min(
        zone.mean_g_per_kwh for zone in builtin_zones()
    )


def test_statistics_file_is_small():
    assert JSON.stat().st_size < 100_000


@pytest.mark.parametrize("zone", NAMES)
def test_typical_year_is_complete_and_plausible(zone):
    trace = synthetic_trace(zone)
    assert (trace.zone, trace.synthetic, trace.origin) == (zone, True, "built-in, synthetic")
    assert (trace.factors, trace.signal) == (EmissionFactorType.LIFECYCLE, Signal.AVERAGE)
    assert (trace.step_s, trace.gaps) == (3600, ())
    assert trace.g_per_kwh.min() > 0
    assert trace.g_per_kwh.max() < 1000
    assert "synthetic" in trace.describe()


def test_year_is_padded_on_both_sides():
    trace = synthetic_trace(year=2024)
    assert trace.start == datetime(2023, 12, 18, tzinfo=UTC)
    assert trace.end == datetime(2025, 1, 15, tzinfo=UTC)
    assert len(trace.relative_to(datetime(2024, 1, 1, tzinfo=UTC)).past(0, 10_000)) == 14 * 24
    trace.relative_to(datetime(2024, 12, 31, tzinfo=UTC)).require_coverage(0, 80 * 3600)


def test_arguments_determine_the_trace():
    assert synthetic_trace("wind", seed=1).fingerprint == synthetic_trace("wind", seed=1).fingerprint
    different = [("wind", 1, 2023), ("wind", 2, 2023), ("coal", 1, 2023), ("wind", 1, 2022)]
    assert len({synthetic_trace(zone, seed=seed, year=year).fingerprint for zone, seed, year in different}) == 4


def test_unknown_zone_lists_the_zones():
    with pytest.raises(TraceError, match=r"Unknown built-in zone 'solr'.*coal.*Did you mean 'solar'\?"):
        synthetic_trace("solr")


def test_solar_zone_is_clean_at_noon():
    by_hour = np.mean([year_of("solar", seed).reshape(-1, 24).mean(axis=0) for seed in SEEDS], axis=0)
    noon, evening = by_hour[20], by_hour[3]  # UTC; 12:00 and 19:00 standard time in California
    assert noon < 0.75 * evening


def test_weekends_are_cleaner_in_the_wind_zone():
    trace = synthetic_trace("wind")
    days = np.datetime64("2022-12-18") + np.arange(len(trace.g_per_kwh)) // 24
    working = np.is_busday(days)
    assert trace.g_per_kwh[~working].mean() < 0.95 * trace.g_per_kwh[working].mean()


@pytest.mark.parametrize(
    "component",
    [
        AutoregressiveComponent(1, 3.0, 0),
        AutoregressiveComponent(1, 40.0, 0),
        AutoregressiveComponent(1, 3.0, 0, second_order=True),
        AutoregressiveComponent(1, 20.0, 0, second_order=True),
    ],
    ids=str,
)
def test_autoregression_has_stated_variance_and_autocorrelation(component):
    rng = np.random.default_rng(0)
    values = _simulate_autoregression(component, 400_000, rng)
    lags = np.array([1, 2, 5, 24])
    measured = np.array([values[lag:] @ values[:-lag] for lag in lags]) / len(values)
    assert values.var() == pytest.approx(1, abs=0.06)
    assert measured == pytest.approx(autocorrelation(component, lags), abs=0.06)


@pytest.mark.parametrize("second_order", [False, True])
def test_autoregression_is_stationary_from_the_first_hour(second_order):
    rng = np.random.default_rng(0)
    component = AutoregressiveComponent(1, 30.0, 0, second_order)
    runs = np.array([_simulate_autoregression(component, 12, rng) for _ in range(4000)])
    assert runs.var(axis=0) == pytest.approx(np.ones(12), abs=0.12)
    assert np.mean(runs[:, 0] * runs[:, 5]) == pytest.approx(autocorrelation(component, np.array([5]))[0], abs=0.08)


def test_modulated_component_returns_after_its_period():
    component = AutoregressiveComponent(1, 100.0, 24.0)
    values = _simulate_residual((component,), 400_000, np.random.default_rng(0))
    lags = np.array([6, 12, 24, 48])
    measured = np.array([values[lag:] @ values[:-lag] for lag in lags]) / len(values)
    assert measured == pytest.approx(autocorrelation(component, lags), abs=0.06)
    assert measured[1] < -0.7


def test_months_are_interpolated_between_their_middles():
    table = np.repeat(np.arange(12.0)[:, None], 24, axis=1)
    moments = np.array(["2023-04-16T00", "2023-05-01T00", "2023-12-16T12", "2024-01-01T00"], dtype="datetime64[h]")
    measured = _interpolate_months(table, moments, moments.astype(np.int64) % 24)
    assert measured == pytest.approx([3, 3.5, 11, 5.5])  # between December (11) and January (0)


@pytest.mark.parametrize("zone", NAMES)
def test_variance_shares_sum_to_one(zone):
    assert sum(component.variance_share for component in _load_zone_statistics()[zone].components) == pytest.approx(
        1, abs=1e-3
    )


@pytest.mark.long
@pytest.mark.parametrize("zone", NAMES)
def test_typical_year_has_statistics_of_the_real_grid(zone, calibration, grid_data):
    source = next(source for source in calibration.ZONES if source.name == zone)
    years = calibration.remove_yearly_trend(calibration.read_trace(grid_data / source.file, zone=source.source_zone))
    real = mean_statistics(calibration, [year.to_numpy() for _, year in years.groupby(years.index.year)])
    synthetic = mean_statistics(calibration, [year_of(zone, seed) for seed in SEEDS])
    assert synthetic["mean_g_per_kwh"] == pytest.approx(real["mean_g_per_kwh"], rel=0.05)
    assert synthetic["std_g_per_kwh"] == pytest.approx(real["std_g_per_kwh"], rel=0.12)
    assert synthetic["daily_range_g_per_kwh"] == pytest.approx(real["daily_range_g_per_kwh"], rel=0.22)
    assert synthetic["autocorrelation_1h"] == pytest.approx(real["autocorrelation_1h"], abs=0.02)
    assert synthetic["autocorrelation_24h"] == pytest.approx(real["autocorrelation_24h"], abs=0.08)
    assert synthetic["autocorrelation_168h"] == pytest.approx(real["autocorrelation_168h"], abs=0.12)


@pytest.mark.parametrize("zone", ["solar", "hydro"])
def test_stored_statistics_are_those_of_the_real_grid(zone, calibration, grid_data):
    stored = calibration.json.loads(JSON.read_text())["zones"][zone]
    source = next(source for source in calibration.ZONES if source.name == zone)
    fresh = calibration.calibrate(source, grid_data)
    assert fresh["profile"] == [pytest.approx(row, rel=1e-3) for row in stored["profile"]]
    assert fresh["residuals"] == pytest.approx(stored["residuals"], rel=1e-3, abs=1e-3)
