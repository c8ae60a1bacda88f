from __future__ import annotations

import math
import pickle
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import TraceError
from ce_nas.grid.trace import Factors, Gap, GridTrace, Series, Signal

START = datetime(2021, 7, 1, tzinfo=UTC)
STEPS = st.sampled_from([300.0, 900.0, 3600.0])
VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60)


def series(*values: float, step_s: float = 3600.0) -> Series:
    return Series(START, step_s, np.array(values))


def trace(values=(100.0, 200.0), **changed) -> GridTrace:
    fields = {"zone": "X", "factors": Factors.LIFECYCLE, "signal": Signal.AVERAGE, "origin": "x.csv"}
    return GridTrace(series=Series(START, 3600, np.array(values)), **(fields | changed))


@st.composite
def stretches(draw):
    """A series seen from some moment, and three moments in order that it covers."""
    whole = Series(START, draw(STEPS), np.array(draw(VALUES)))
    seen = whole.since(START + timedelta(seconds=draw(st.integers(-100_000, 100_000))))
    first_s = (seen.start - seen.zero).total_seconds()
    ends_s = [
        first_s + part * len(seen) * seen.step_s
        for part in sorted(draw(st.lists(st.floats(0, 1), min_size=3, max_size=3)))
    ]
    return seen, ends_s


def brute_force(seen: Series, start_s: float, end_s: float) -> float:
    total = 0.0
    for step, value in enumerate(seen.values):
        begins_s = (seen.start - seen.zero).total_seconds() + step * seen.step_s
        total += value * max(0.0, min(end_s, begins_s + seen.step_s) - max(start_s, begins_s))
    return total


def near(value: float, seen: Series):
    """Equal up to what a microsecond of the calendar and the digits of a float may shift."""
    return pytest.approx(value, rel=1e-9, abs=1e-5 * (1 + float(np.abs(seen.values).max())))


@given(stretches())
def test_the_integral_is_the_sum_over_the_steps(drawn):
    seen, (a, _, c) = drawn
    assert seen.integral(a, c) == near(brute_force(seen, a, c), seen)


@given(stretches())
def test_the_integral_is_additive(drawn):
    seen, (a, b, c) = drawn
    assert seen.integral(a, b) + seen.integral(b, c) == near(seen.integral(a, c), seen)


@given(stretches())
def test_mean_times_duration_is_the_integral(drawn):
    seen, (a, _, c) = drawn
    if a < c:
        assert seen.mean(a, c) * (c - a) == near(seen.integral(a, c), seen)
        assert seen.values.min() - 1e-6 <= seen.mean(a, c) <= seen.values.max() + 1e-6


@given(stretches(), st.floats(-0.2, 1.2), st.integers(0, 80))
def test_the_past_holds_no_step_that_ends_after_now(drawn, part, steps):
    seen, _ = drawn
    now_s = (seen.start - seen.zero).total_seconds() + part * len(seen) * seen.step_s
    past = seen.past(now_s, steps)
    ended = [
        value
        for step, value in enumerate(seen.values)
        if (seen.start - seen.zero).total_seconds() + (step + 1) * seen.step_s <= now_s
    ]
    assert past.tolist() == (ended[-steps:] if steps else [])


@given(stretches(), st.integers(-50_000, 50_000))
def test_another_zero_shifts_the_seconds_and_nothing_else(drawn, shift_s):
    seen, (a, _, c) = drawn
    moved = seen.since(seen.zero + timedelta(seconds=shift_s))
    inside = moved.covers(a - shift_s, c - shift_s)  # the last digit of a - shift_s may fall outside
    assert not inside or moved.integral(a - shift_s, c - shift_s) == near(seen.integral(a, c), seen)
    assert moved.values is seen.values


@given(stretches())
def test_a_value_is_that_of_the_step_around_it(drawn):
    seen, (a, _, _) = drawn
    position = (a - (seen.start - seen.zero).total_seconds()) / seen.step_s
    if abs(position - round(position)) > 1e-6:
        assert seen.at(a) == seen.values[math.floor(position)]


def test_a_step_holds_its_beginning_and_not_its_end():
    seen = series(1, 2, 3)
    assert [seen.at(at_s) for at_s in (0, 3599.9, 3600, 7200)] == [1, 1, 2, 3]
    with pytest.raises(TraceError, match="2021-07-01 00:00 UTC to 2021-07-01 03:00 UTC"):
        seen.at(10800)


def test_an_integral_over_parts_of_steps():
    seen = series(100, 200, 400).since(START + timedelta(minutes=30))
    assert seen.integral(0, 3600) == 100 * 1800 + 200 * 1800
    assert seen.mean(0, 9000) == pytest.approx((50 + 200 + 400) / 2.5)
    assert seen.integral(-1800, 9000) == 700 * 3600
    assert seen.integral(9000, 9000) == 0
    assert seen.mean(600, 600) == 100


def test_a_long_series_keeps_the_digits_of_a_short_stretch():
    seen = Series(START, 300, np.full(400_000, 123.0)).since(START + timedelta(days=1300))
    assert seen.integral(0.1, 0.2) == pytest.approx(12.3, rel=1e-12)
    assert seen.integral(299.9, 300.1) == pytest.approx(24.6, rel=1e-9)


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(-1, 10), (0, 7201), (8000, 9000), (-20, -10), (0, 1e30), (0, math.inf), (5, 4), (0, math.nan)],
)
def test_what_is_not_covered_is_refused(start_s, end_s):
    seen = series(1, 2)
    assert not seen.covers(start_s, end_s)
    for ask in (seen.integral, seen.mean, seen.require):
        with pytest.raises(TraceError):
            ask(start_s, end_s)


@pytest.mark.parametrize("at_s", [-0.001, 7200, math.inf, math.nan])
def test_a_moment_that_is_not_covered_is_refused(at_s):
    with pytest.raises(TraceError):
        series(1, 2).at(at_s)


@pytest.mark.parametrize(("start_s", "end_s"), [(0, 3601), (3600, 3601), (7199, 7200), (7199, 9000), (0, 14400)])
def test_a_gap_is_refused_with_its_dates_and_the_way_out(start_s, end_s):
    gappy = series(1, np.nan, 3, 4)
    assert not gappy.covers(start_s, end_s)
    for ask in (gappy.integral, gappy.mean, gappy.require):
        with pytest.raises(TraceError, match=r"gap from 2021-07-01 01:00 UTC to 2021-07-01 02:00 UTC\. Choose"):
            ask(start_s, end_s)


def test_what_lies_beside_a_gap_is_read():
    gappy = series(1, np.nan, 3, 4)
    gappy.require(0, 3600)
    assert gappy.integral(0, 3600) == 3600
    assert gappy.integral(7200, 14400) == 7 * 3600
    with pytest.raises(TraceError, match="gap"):
        gappy.at(3600)


def test_the_nearest_of_several_gaps_is_named():
    with pytest.raises(TraceError, match="gap from 2021-07-01 03:00"):
        series(1, np.nan, 3, np.nan, 5).integral(7200, 14000)


def test_the_past_reaches_back_to_the_latest_gap_only():
    gappy = series(1, np.nan, 3, 4)
    assert gappy.past(4 * 3600, 10).tolist() == [3, 4]
    assert gappy.past(4 * 3600, 1).tolist() == [4]
    assert gappy.past(2 * 3600, 10).tolist() == []


def test_the_past_reaches_back_before_the_run():
    seen = series(1, 2, 3).since(START + timedelta(hours=2))
    assert seen.past(0, 5).tolist() == [1, 2]
    assert seen.past(-3600, 5).tolist() == [1]
    assert seen.past(-1e7, 5).tolist() == []
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


def test_times_are_utc_whatever_they_were():
    seen = Series(datetime(2021, 7, 1, 2, tzinfo=timezone(timedelta(hours=2))), 3600, np.array([1.0]))
    assert seen.start == START
    assert seen.start.tzinfo is UTC
    assert Series(datetime(2021, 7, 1), 3600, np.array([1.0])).start == START  # noqa: DTZ001
    assert seen.since(datetime(2021, 7, 1)).zero == START  # noqa: DTZ001


@pytest.mark.parametrize("values", [[], [[1.0]], [1.0, math.inf], [-math.inf]])
def test_values_that_are_no_series_are_refused(values):
    with pytest.raises(TraceError, match="Expected"):
        Series(START, 3600, np.array(values))


@pytest.mark.parametrize("step_s", [0, -1, math.nan, math.inf])
def test_a_step_that_is_none_is_refused(step_s):
    with pytest.raises(TraceError, match="step above 0 s"):
        Series(START, step_s, np.array([1.0]))


def test_the_values_cannot_be_changed_from_outside():
    values = np.array([1.0, 2.0])
    seen = Series(START, 3600, values)
    values[0] = 9
    assert seen.at(0) == 1
    with pytest.raises(ValueError, match="read-only"):
        seen.values[0] = 9


def test_a_view_leaves_the_series_it_came_from_alone():
    seen = series(1, 2)
    seen.since(START + timedelta(hours=1))
    assert (seen.zero, seen.at(0)) == (START, 1)


def test_a_series_travels_to_another_process():
    seen = pickle.loads(pickle.dumps(series(1, 2).since(START + timedelta(hours=1))))
    assert (seen.at(0), seen.integral(-3600, 3600)) == (2, 3 * 3600)


def test_the_fingerprint_is_of_the_values_and_their_meaning():
    same = trace(origin="copy.csv", duplicates=3)
    others = [
        trace(zone="Y"),
        trace(factors=Factors.DIRECT),
        trace(signal=Signal.MARGINAL),
        trace(synthetic=True),
        trace(values=(100.0, 200.1)),
        trace(values=(100.0, np.nan)),
        trace(mix_mw={"gas": np.array([1.0, 2.0])}),
        trace(mix_mw={"gas": np.array([1.0, np.nan])}),
        trace(mix_mw={"coal": np.array([1.0, 2.0])}),
    ]
    assert same.fingerprint == trace().fingerprint
    assert len({trace().fingerprint, *(other.fingerprint for other in others)}) == 1 + len(others)
    assert len(trace().fingerprint) == 64


def test_a_trace_passes_on_what_its_series_knows():
    gappy = trace(values=(100.0, np.nan, 300.0))
    assert (gappy.start, gappy.end, gappy.step_s) == (START, START + timedelta(hours=3), 3600)
    assert gappy.gaps == gappy.series.gaps
    assert gappy.g_per_kwh is gappy.series.values
    assert gappy.since(START + timedelta(hours=2)).at(0) == 300
    assert gappy.describe() == (
        "X (lifecycle factors, average signal), 2021-07-01 00:00 UTC to 2021-07-01 03:00 UTC in steps of 1.00 h, "
        "1 gap(s)"
    )
