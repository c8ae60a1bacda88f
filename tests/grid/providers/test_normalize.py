import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.http import Fault
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.normalize import (
    AlignedWindow,
    IntensityReading,
    SeriesMetadata,
    normalize_readings,
    parse_number,
)
from ce_nas.grid.providers.provider_errors import ProviderError
from ce_nas.grid.trace import EmissionFactorType, Signal

START = datetime(2024, 1, 1, tzinfo=UTC)
WINDOW = AlignedWindow.covering(START, START + timedelta(hours=24), 3600)


def metadata(factors=EmissionFactorType.LIFECYCLE, *, unit_stated=False):
    return SeriesMetadata("provider", "X", factors, Signal.AVERAGE, 3600, unit_stated=unit_stated)


def readings(values, quality=DataQuality.MEASURED):
    return [IntensityReading(START + timedelta(hours=step), value, quality) for step, value in enumerate(values)]


@given(
    st.lists(st.tuples(st.integers(-5, 30), st.one_of(st.just(math.nan), st.integers(100, 900))), max_size=60),
    st.randoms(use_true_random=False),
)
def test_readings_are_kept_in_any_order(rows, random):
    unordered = [
        IntensityReading(START + timedelta(hours=step), float(value), DataQuality.MEASURED) for step, value in rows
    ]
    series = normalize_readings(metadata(), WINDOW, unordered, START)
    expected = {step: {value for at, value in rows if at == step and not math.isnan(value)} for step in range(24)}
    for step, value in enumerate(series.trace.g_per_kwh):
        assert math.isnan(value) if len(expected[step]) != 1 else {value} == expected[step]
    random.shuffle(unordered)
    again = normalize_readings(metadata(), WINDOW, unordered, START)
    np.testing.assert_array_equal(again.trace.g_per_kwh, series.trace.g_per_kwh)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([300, 900, 1800, 3600]))
def test_aligned_window_covers_its_interval(start_s, length_s, step_s):
    start = START + timedelta(seconds=start_s)
    window = AlignedWindow.covering(start, start + timedelta(seconds=length_s), step_s)
    assert window.start <= start < window.step_start(1)
    assert window.end >= start + timedelta(seconds=length_s)
    assert window.steps == 1 or window.step_start(window.steps - 1) < start + timedelta(seconds=length_s)
    assert window.start.timestamp() % step_s == 0


def test_reading_between_steps_is_rejected():
    with pytest.raises(ProviderError, match="starts at 2024-01-01T00:20") as caught:
        normalize_readings(
            metadata(), WINDOW, [IntensityReading(START + timedelta(minutes=20), 100.0, DataQuality.MEASURED)], START
        )
    assert caught.value.fault is Fault.MALFORMED


@pytest.mark.parametrize("value", [-1.0, 2.0, 0.0, 2501.0])
def test_implausible_value_is_missing_with_a_note(value):
    series = normalize_readings(metadata(), WINDOW, readings([100.0, value, 120.0, 130.0]), START)
    assert np.isnan(series.trace.g_per_kwh[1])
    assert series.qualities[1] is DataQuality.MISSING
    assert any("implausible" in note for note in series.notes)


@pytest.mark.parametrize("value", [0.3, 2.0, 0.0, -5.0, 300_000.0])
def test_half_implausible_values_are_other_units(value):
    with pytest.raises(ProviderError) as caught:
        normalize_readings(metadata(), WINDOW, readings([value, value, 100.0, 120.0]), START)
    assert caught.value.fault is Fault.WRONG_UNITS


def test_direct_zero_is_kept_with_a_note():
    series = normalize_readings(metadata(EmissionFactorType.DIRECT), WINDOW, readings([0.0, 3.0, 0.0]), START)
    assert series.trace.g_per_kwh[:3].tolist() == [0, 3, 0]
    assert any("2 value(s) of 0 g/kWh are kept" in note for note in series.notes)


def test_kilograms_are_detected_unless_the_unit_is_stated():
    with pytest.raises(ProviderError):
        normalize_readings(metadata(EmissionFactorType.DIRECT), WINDOW, readings([0.2, 0.3, 0.1]), START)
    low = normalize_readings(
        metadata(EmissionFactorType.DIRECT, unit_stated=True), WINDOW, readings([0.2, 0.3, 0.1]), START
    )
    assert low.trace.g_per_kwh[:3].tolist() == [0.2, 0.3, 0.1]


def test_parse_number():
    assert parse_number(metadata(), "12.5") == 12.5
    assert parse_number(metadata(), 7) == 7
    assert all(math.isnan(parse_number(metadata(), value)) for value in (None, "", "nan"))
    for value in ("n/a", True, [], "inf"):
        with pytest.raises(ProviderError):
            parse_number(metadata(), value)
