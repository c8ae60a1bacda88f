from __future__ import annotations

import math
import pickle
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import TraceError
from ce_nas.grid.trace import EmissionFactorType, Gap, GridTrace, Series, Signal

START = datetime(2021, 7, 1, tzinfo=UTC)
STEPS = st.sampled_from([300.0, 900.0, 3600.0])
VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60)


def series(*values: float, step_s: float = 3600.0) -> Series:
    return Series(START, step_s, np.array(values))


def trace(values=(100.0, 200.0), **changed) -> GridTrace:
    fields = {"zone": "X", "factors": EmissionFactorType.LIFECYCLE, "signal": Signal.AVERAGE, "origin": "x.csv"}
    return GridTrace(series=Series(START, 3600, np.array(values)), **(fields | changed))


@st.composite
def intervals(draw):
    """A series with some reference time, and three ascending moments that it covers."""
    whole = Series(START, draw(STEPS), np.array(draw(VALUES)))
    viewed = whole.relative_to(START + timedelta(seconds=draw(st.integers(-100_000, 100_000))))
    first_s = (viewed.start - viewed.reference_time).total_seconds()
    ends_s = [
        first_s + part * len(viewed) * viewed.step_s
        for part in sorted(draw(st.lists(st.floats(0, 1), min_size=3, max_size=3)))
    ]
    return viewed, ends_s


def brute_force(viewed: Series, start_s: float, end_s: float) -> float:
    total = 0.0
    for step, value in enumerate(viewed.values):
        begins_s = (viewed.start - viewed.reference_time).total_seconds() + step * viewed.step_s
        total += value * max(0.0, min(end_s, begins_s + viewed.step_s) - max(start_s, begins_s))
    return total


def near(value: float, viewed: Series):
    """Equal up to a microsecond of the calendar and the precision of a float."""
    return pytest.approx(value, rel=1e-9, abs=1e-5 * (1 + float(np.abs(viewed.values).max())))


@given(intervals())
def test_integral_is_the_sum_over_steps(drawn):
    viewed, (a, _, c) = drawn
    assert viewed.integral(a, c) == near(brute_force(viewed, a, c), viewed)


@given(intervals())
def test_integral_is_additive(drawn):
    viewed, (a, b, c) = drawn
    assert viewed.integral(a, b) + viewed.integral(b, c) == near(viewed.integral(a, c), viewed)


@given(intervals())
def test_mean_times_duration_is_the_integral(drawn):
    viewed, (a, _, c) = drawn
    if a < c:
        assert viewed.mean(a, c) * (c - a) == near(viewed.integral(a, c), viewed)
        assert viewed.values.min() - 1e-6 <= viewed.mean(a, c) <= viewed.values.max() + 1e-6


def test_mean_of_an_interval_without_length_within_rounding_is_the_value():
    series = Series(datetime(2021, 7, 1, tzinfo=UTC), 300.0, [1.875, 2.5])
    assert series.mean(0.0, 1.48e-321) == 1.875
    assert series.mean(400.0, 400.0) == 2.5
    with pytest.raises(TraceError):
        series.mean(1.0, 0.0)


@given(intervals(), st.floats(-0.2, 1.2), st.integers(0, 80))
def test_past_ends_before_now(drawn, part, steps):
    viewed, _ = drawn
    now_s = (viewed.start - viewed.reference_time).total_seconds() + part * len(viewed) * viewed.step_s
    past = viewed.past(now_s, steps)
    ended = [
        value
        for step, value in enumerate(viewed.values)
        if (viewed.start - viewed.reference_time).total_seconds() + (step + 1) * viewed.step_s <= now_s
    ]
    assert past.tolist() == (ended[-steps:] if steps else [])


@given(intervals(), st.integers(-50_000, 50_000))
def test_reference_time_shifts_seconds_alone(drawn, shift_s):
    viewed, (a, _, c) = drawn
    moved = viewed.relative_to(viewed.reference_time + timedelta(seconds=shift_s))
    inside = moved.covers(a - shift_s, c - shift_s)  # the last digit of a - shift_s may fall outside
    assert not inside or moved.integral(a - shift_s, c - shift_s) == near(viewed.integral(a, c), viewed)
    assert moved.values is viewed.values


@given(intervals())
def test_value_is_that_of_its_step(drawn):
    viewed, (a, _, _) = drawn
    position = (a - (viewed.start - viewed.reference_time).total_seconds()) / viewed.step_s
    if abs(position - round(position)) > 1e-6:
        assert viewed.at(a) == viewed.values[math.floor(position)]


def test_step_contains_its_start_and_not_its_end():
    viewed = series(1, 2, 3)
    assert [viewed.at(at_s) for at_s in (0, 3599.9, 3600, 7200)] == [1, 1, 2, 3]
    with pytest.raises(TraceError, match="2021-07-01 00:00 UTC to 2021-07-01 03:00 UTC"):
        viewed.at(10800)


def test_integral_over_parts_of_steps():
    viewed = series(100, 200, 400).relative_to(START + timedelta(minutes=30))
    assert viewed.integral(0, 3600) == 100 * 1800 + 200 * 1800
    assert viewed.mean(0, 9000) == pytest.approx((50 + 200 + 400) / 2.5)
    assert viewed.integral(-1800, 9000) == 700 * 3600
    assert viewed.integral(9000, 9000) == 0
    assert viewed.mean(600, 600) == 100


def test_long_series_keeps_precision():
    viewed = Series(START, 300, np.full(400_000, 123.0)).relative_to(START + timedelta(days=1300))
    assert viewed.integral(0.1, 0.2) == pytest.approx(12.3, rel=1e-12)
    assert viewed.integral(299.9, 300.1) == pytest.approx(24.6, rel=1e-9)


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(-1, 10), (0, 7201), (8000, 9000), (-20, -10), (0, 1e30), (0, math.inf), (5, 4), (0, math.nan)],
)
def test_uncovered_interval_is_rejected(start_s, end_s):
    viewed = series(1, 2)
    assert not viewed.covers(start_s, end_s)
    for read in (viewed.integral, viewed.mean, viewed.require_coverage):
        with pytest.raises(TraceError):
            read(start_s, end_s)


@pytest.mark.parametrize("at_s", [-0.001, 7200, math.inf, math.nan])
def test_uncovered_moment_is_rejected(at_s):
    with pytest.raises(TraceError):
        series(1, 2).at(at_s)


@pytest.mark.parametrize(("start_s", "end_s"), [(0, 3601), (3600, 3601), (7199, 7200), (7199, 9000), (0, 14400)])
def test_gap_is_rejected_with_dates_and_way_out(start_s, end_s):
    gappy = series(1, np.nan, 3, 4)
    assert not gappy.covers(start_s, end_s)
    for read in (gappy.integral, gappy.mean, gappy.require_coverage):
        with pytest.raises(TraceError, match=r"gap from 2021-07-01 01:00 UTC to 2021-07-01 02:00 UTC\. Choose"):
            read(start_s, end_s)


def test_values_beside_a_gap_are_read():
    gappy = series(1, np.nan, 3, 4)
    gappy.require_coverage(0, 3600)
    assert gappy.integral(0, 3600) == 3600
    assert gappy.integral(7200, 14400) == 7 * 3600
    with pytest.raises(TraceError, match="gap"):
        gappy.at(3600)


def test_nearest_gap_is_named():
    with pytest.raises(TraceError, match="gap from 2021-07-01 03:00"):
        series(1, np.nan, 3, np.nan, 5).integral(7200, 14000)


def test_past_starts_after_the_last_gap():
    gappy = series(1, np.nan, 3, 4)
    assert gappy.past(4 * 3600, 10).tolist() == [3, 4]
    assert gappy.past(4 * 3600, 1).tolist() == [4]
    assert gappy.past(2 * 3600, 10).tolist() == []


def test_past_may_start_before_the_run():
    viewed = series(1, 2, 3).relative_to(START + timedelta(hours=2))
    assert viewed.past(0, 5).tolist() == [1, 2]
    assert viewed.past(-3600, 5).tolist() == [1]
    assert viewed.past(-1e7, 5).tolist() == []
    assert series(1, 2, 3, 4, 5, 6).past(2 * 3600, 4).tolist() == [1, 2]


def test_gaps_are_listed_in_order():
    gappy = series(np.nan, 1, np.nan, np.nan, 2, np.nan)
    hour = timedelta(hours=1)
    assert gappy.gaps == (
        Gap(START, START + hour),
        Gap(START + 2 * hour, START + 4 * hour),
        Gap(START + 5 * hour, START + 6 * hour),
    )
    assert series(1, 2).gaps == ()


def test_times_are_converted_to_utc():
    viewed = Series(datetime(2021, 7, 1, 2, tzinfo=timezone(timedelta(hours=2))), 3600, np.array([1.0]))
    assert viewed.start == START
    assert viewed.start.tzinfo is UTC
    assert Series(datetime(2021, 7, 1), 3600, np.array([1.0])).start == START  # noqa: DTZ001
    assert viewed.relative_to(datetime(2021, 7, 1)).reference_time == START  # noqa: DTZ001


@pytest.mark.parametrize("values", [[], [[1.0]], [1.0, math.inf], [-math.inf]])
def test_invalid_values_are_rejected(values):
    with pytest.raises(TraceError, match="Expected"):
        Series(START, 3600, np.array(values))


@pytest.mark.parametrize("step_s", [0, -1, math.nan, math.inf])
def test_invalid_step_is_rejected(step_s):
    with pytest.raises(TraceError, match="step above 0 s"):
        Series(START, step_s, np.array([1.0]))


def test_values_are_read_only():
    values = np.array([1.0, 2.0])
    viewed = Series(START, 3600, values)
    values[0] = 9
    assert viewed.at(0) == 1
    with pytest.raises(ValueError, match="read-only"):
        viewed.values[0] = 9


def test_relative_view_leaves_the_series_unchanged():
    viewed = series(1, 2)
    viewed.relative_to(START + timedelta(hours=1))
    assert (viewed.reference_time, viewed.at(0)) == (START, 1)


def test_series_is_picklable():
    viewed = pickle.loads(pickle.dumps(series(1, 2).relative_to(START + timedelta(hours=1))))
    assert (viewed.at(0), viewed.integral(-3600, 3600)) == (2, 3 * 3600)


def test_fingerprint_depends_on_values_and_meaning():
    copy = trace(origin="copy.csv", duplicates=3)
    others = [
        trace(zone="Y"),
        trace(factors=EmissionFactorType.DIRECT),
        trace(signal=Signal.MARGINAL),
        trace(synthetic=True),
        trace(values=(100.0, 200.1)),
        trace(values=(100.0, np.nan)),
        trace(mix_mw={"gas": np.array([1.0, 2.0])}),
        trace(mix_mw={"gas": np.array([1.0, np.nan])}),
        trace(mix_mw={"coal": np.array([1.0, 2.0])}),
    ]
    assert copy.fingerprint == trace().fingerprint
    assert len({trace().fingerprint, *(other.fingerprint for other in others)}) == 1 + len(others)
    assert len(trace().fingerprint) == 64


def test_trace_delegates_to_its_series():
    gappy = trace(values=(100.0, np.nan, 300.0))
    assert (gappy.start, gappy.end, gappy.step_s) == (START, START + timedelta(hours=3), 3600)
    assert gappy.gaps == gappy.series.gaps
    assert gappy.g_per_kwh is gappy.series.values
    assert gappy.relative_to(START + timedelta(hours=2)).at(0) == 300
    assert gappy.describe() == (
        "X (lifecycle factors, average signal), 2021-07-01 00:00 UTC to 2021-07-01 03:00 UTC in steps of 1.00 h, "
        "1 gap(s)"
    )


def test_a_series_shows_its_name_and_extent():
    named = Series(START, 1800, np.array([1.0, 2.0]), "the price")
    assert repr(named) == "<Series the price: 2 steps of 1800 s from 2021-07-01 00:00 UTC>"


def test_coverage_with_a_reference_time_within_a_step():
    viewed = series(1, 2, np.nan).relative_to(START + timedelta(minutes=30))
    assert viewed.covers(-1800, 5400)
    assert not viewed.covers(-1801, 5400)
    assert not viewed.covers(-1800, 5401)
    whole = series(1, 2, 3).relative_to(START + timedelta(minutes=30))
    assert whole.covers(0, 9000)
    assert not whole.covers(0, 9001)


def test_what_an_intensity_counts_is_written_as_in_files():
    assert [*EmissionFactorType] == ["lifecycle", "direct", "unstated"]
    assert [*Signal] == ["average", "marginal", "unstated"]


def test_the_sources_of_a_mix_are_part_of_the_fingerprint_in_any_order():
    gas, coal = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert trace(mix_mw={"gas": gas, "coal": coal}).fingerprint == trace(mix_mw={"coal": coal, "gas": gas}).fingerprint
