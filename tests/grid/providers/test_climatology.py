"""Typical days: of a zone's past, and of a reference zone."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.climatology import build_reference_profile, compute_zone_profile
from ce_nas.grid.providers.normalize import AlignedWindow, IntensityReading, SeriesMetadata, normalize_readings
from ce_nas.grid.synthetic import synthetic_trace
from ce_nas.grid.trace import EmissionFactorType, Signal

START = datetime(2024, 5, 1, tzinfo=UTC)


class FakeProvider:
    """The part of a provider that a reference profile uses."""

    name = "named"

    def __init__(self, factors=EmissionFactorType.LIFECYCLE, signal=Signal.AVERAGE):
        self.factors, self.signal = factors, signal


def cached(days, value, is_missing=lambda _: False):
    """A series of some days: ``value`` of each moment, missing where ``is_missing``."""
    window = AlignedWindow.covering(START, START + timedelta(days=days), 3600.0)
    moments = [window.step_start(step) for step in range(window.steps)]
    readings = [
        IntensityReading(moment, value(moment), DataQuality.MEASURED) for moment in moments if not is_missing(moment)
    ]
    return normalize_readings(
        SeriesMetadata("named", "DE", EmissionFactorType.LIFECYCLE, Signal.AVERAGE, 3600.0), window, readings, START
    )


def test_typical_day_is_the_mean_of_cached_values():
    profile = compute_zone_profile(cached(8, lambda moment: 100.0 + moment.hour + moment.day % 2))
    assert profile.value_at(datetime(2031, 12, 24, 5, tzinfo=UTC)) == pytest.approx(105.5)
    assert "8 days" in profile.description


def test_missing_values_are_left_out_of_the_typical_day():
    def on_the_third(moment):
        return moment.day == 3

    profile = compute_zone_profile(cached(8, lambda moment: 100.0 + moment.hour, on_the_third))
    assert profile.value_at(START) == pytest.approx(100.0)
    assert "7 days" in profile.description


@pytest.mark.parametrize(
    "series", [None, cached(6, lambda _: 100.0), cached(9, lambda _: 100.0, lambda at: at.hour == 4)]
)
def test_short_past_has_no_typical_day(series):
    assert compute_zone_profile(series) is None


def test_reference_profile_is_the_mean_day_of_the_month():
    trace = synthetic_trace("solar", year=2023)
    profile = build_reference_profile("solar", FakeProvider())
    first = round((datetime(2023, 3, 1, tzinfo=UTC) - trace.start).total_seconds() / 3600)
    march = trace.g_per_kwh[first : first + 31 * 24].reshape(31, 24).mean(axis=0)
    assert np.allclose(profile.g_per_kwh[2], march)
    assert profile.value_at(datetime(2024, 3, 9, 13, tzinfo=UTC)) == pytest.approx(march[13])


@pytest.mark.parametrize(
    "provider", [FakeProvider(factors=EmissionFactorType.DIRECT), FakeProvider(signal=Signal.MARGINAL)]
)
def test_reference_profile_of_other_emissions_is_rejected(provider):
    with pytest.raises(SettingsError, match="leave reference_zone out"):
        build_reference_profile("solar", provider)


def test_unknown_reference_zone_is_named():
    with pytest.raises(TraceError, match="atlantis"):
        build_reference_profile("atlantis", FakeProvider())
