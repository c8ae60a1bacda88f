import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.errors import Fault, SourceError
from ce_nas.grid.providers.normalize import Kind, Reading, Window, number_of, regular
from ce_nas.grid.trace import Factors, Signal

START = datetime(2024, 1, 1, tzinfo=UTC)
WINDOW = Window.around(START, START + timedelta(hours=24), 3600)


def kind(factors=Factors.LIFECYCLE, *, unit_stated=False):
    return Kind("made", "X", factors, Signal.AVERAGE, 3600, unit_stated=unit_stated)


def readings(values, quality=Quality.MEASURED):
    return [Reading(START + timedelta(hours=step), value, quality) for step, value in enumerate(values)]


@given(
    st.lists(st.tuples(st.integers(-5, 30), st.one_of(st.just(math.nan), st.integers(100, 900))), max_size=60),
    st.randoms(use_true_random=False),
)
def test_nothing_is_invented_and_order_does_not_matter(rows, random):
    made = [Reading(START + timedelta(hours=step), float(value), Quality.MEASURED) for step, value in rows]
    series = regular(kind(), WINDOW, made, START)
    said = {step: {value for at, value in rows if at == step and not math.isnan(value)} for step in range(24)}
    for step, value in enumerate(series.trace.g_per_kwh):
        assert math.isnan(value) if len(said[step]) != 1 else {value} == said[step]
    random.shuffle(made)
    again = regular(kind(), WINDOW, made, START)
    np.testing.assert_array_equal(again.trace.g_per_kwh, series.trace.g_per_kwh)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([300, 900, 1800, 3600]))
def test_a_window_is_the_whole_steps_around_a_stretch(start_s, length_s, step_s):
    start = START + timedelta(seconds=start_s)
    window = Window.around(start, start + timedelta(seconds=length_s), step_s)
    assert window.start <= start < window.moment(1)
    assert window.end >= start + timedelta(seconds=length_s)
    assert window.steps == 1 or window.moment(window.steps - 1) < start + timedelta(seconds=length_s)
    assert window.start.timestamp() % step_s == 0


def test_a_step_that_begins_between_two_is_refused():
    with pytest.raises(SourceError, match="begins 2024-01-01T00:20") as caught:
        regular(kind(), WINDOW, [Reading(START + timedelta(minutes=20), 100.0, Quality.MEASURED)], START)
    assert caught.value.fault is Fault.MALFORMED


@pytest.mark.parametrize("value", [-1.0, 2.0, 0.0, 2501.0])
def test_one_impossible_value_is_missing_and_said(value):
    series = regular(kind(), WINDOW, readings([100.0, value, 120.0, 130.0]), START)
    assert np.isnan(series.trace.g_per_kwh[1])
    assert series.qualities[1] is Quality.MISSING
    assert any("no grid has" in note for note in series.notes)


@pytest.mark.parametrize("value", [0.3, 2.0, 0.0, -5.0, 300_000.0])
def test_half_of_them_impossible_is_another_unit(value):
    with pytest.raises(SourceError) as caught:
        regular(kind(), WINDOW, readings([value, value, 100.0, 120.0]), START)
    assert caught.value.fault is Fault.UNITS


def test_a_direct_zero_is_kept_and_said():
    series = regular(kind(Factors.DIRECT), WINDOW, readings([0.0, 3.0, 0.0]), START)
    assert series.trace.g_per_kwh[:3].tolist() == [0, 3, 0]
    assert any("2 value(s) of 0 g/kWh are kept" in note for note in series.notes)


def test_kilograms_are_seen_also_where_low_values_are_possible():
    with pytest.raises(SourceError):
        regular(kind(Factors.DIRECT), WINDOW, readings([0.2, 0.3, 0.1]), START)
    low = regular(kind(Factors.DIRECT, unit_stated=True), WINDOW, readings([0.2, 0.3, 0.1]), START)
    assert low.trace.g_per_kwh[:3].tolist() == [0.2, 0.3, 0.1]


def test_numbers_as_the_answers_write_them():
    assert number_of(kind(), "12.5") == 12.5
    assert number_of(kind(), 7) == 7
    assert all(math.isnan(number_of(kind(), value)) for value in (None, "", "nan"))
    for value in ("n/a", True, [], "inf"):
        with pytest.raises(SourceError):
            number_of(kind(), value)
