from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import TraceError
from ce_nas.grid.series_table import Table

START = pd.Timestamp("2021-07-01")


def table(times, values) -> Table:
    frame = pd.DataFrame({"time": times, "value": values})
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    return Table("made.csv", frame, "line")


def series_of(made: Table, *, may_be_negative: bool = True):
    return made.series("time", "value", "the series", may_be_negative=may_be_negative)


def times(*minutes: float) -> list[str]:
    return [(START + pd.Timedelta(minutes=m)).isoformat() for m in minutes]


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_the_step_is_found(minutes):
    series, duplicates = series_of(table(times(*(minutes * np.arange(5))), [1, 2, 3, 4, 5]))
    assert (series.step_s, len(series), duplicates) == (60 * minutes, 5, 0)
    assert series.start == datetime(2021, 7, 1, tzinfo=UTC)
    assert series.values.tolist() == [1, 2, 3, 4, 5]


def test_of_two_middle_differences_the_shorter_is_the_step():
    series, _ = series_of(table(times(0, 60, 120, 240, 360), [1, 2, 3, 4, 5]))
    assert (series.step_s, len(series), len(series.gaps)) == (3600, 7, 2)


@given(st.data())
def test_the_order_of_the_rows_changes_nothing(data):
    steps = data.draw(st.lists(st.integers(0, 40), min_size=3, max_size=30, unique=True))
    steps = sorted({*steps, 50, 51, 52, 53})
    values = data.draw(st.lists(st.one_of(st.none(), st.floats(0, 900)), min_size=len(steps), max_size=len(steps)))
    rows = [*zip(times(*(60 * step for step in steps)), values, strict=True)]
    repeated = rows + data.draw(st.lists(st.sampled_from(rows), max_size=5))
    if all(value is None for value in values):
        return
    try:
        expected, _ = series_of(table(*zip(*rows, strict=True)))
    except TraceError:  # a median step of more than an hour, off which other rows lie
        with pytest.raises(TraceError):
            series_of(table(*zip(*data.draw(st.permutations(repeated)), strict=True)))
        return
    shuffled, duplicates = series_of(table(*zip(*data.draw(st.permutations(repeated)), strict=True)))
    assert (shuffled.start, shuffled.step_s, duplicates) == (expected.start, expected.step_s, len(repeated) - len(rows))
    np.testing.assert_array_equal(shuffled.values, expected.values)


def test_missing_rows_and_blank_cells_are_gaps():
    series, _ = series_of(table(times(0, 60, 240, 300, 360), ["1", " ", "3", "NaN", "5"]))
    np.testing.assert_array_equal(series.values, [1, np.nan, np.nan, np.nan, 3, np.nan, 5])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/Los_Angeles"])
def test_the_unit_and_zone_of_a_time_column_do_not_matter(unit, zone):
    index = pd.date_range("2021-07-01", periods=4, freq="15min", tz="UTC").as_unit(unit)
    index = index.tz_convert(zone) if zone else index.tz_localize(None)
    series, _ = series_of(table(index, [1.0, 2.0, 3.0, 4.0]))
    assert (series.start, series.step_s) == (datetime(2021, 7, 1, tzinfo=UTC), 900)


def test_repeated_rows_are_dropped_and_counted():
    series, duplicates = series_of(table(times(0, 60, 60, 60, 120), [1, 2, 2, 2, 3]))
    assert (series.values.tolist(), duplicates) == ([1, 2, 3], 2)


@pytest.mark.parametrize("other", ["7", ""])
def test_contradicting_rows_are_refused(other):
    with pytest.raises(TraceError, match=r"in line 4, column 'value' of 'made.csv' contradicts.*Remove one"):
        series_of(table(times(0, 60, 60, 120), ["1", "2", other, "3"]))


@pytest.mark.parametrize("row", [0, 2, 4])
def test_a_time_off_the_grid_is_named(row):
    minutes = [0.0, 60, 120, 180, 240]
    minutes[row] += 7
    with pytest.raises(TraceError, match=rf"1.00 h apart.*in line {row + 2}, column 'time'.*lies between two steps"):
        series_of(table(times(*minutes), [1, 2, 3, 4, 5]))


@pytest.mark.parametrize("written", ["yesterday", "", "07/01/2021 03:00", "2021-02-30"])
def test_a_time_that_is_none_is_named(written):
    rows = times(0, 60, 120)
    rows[1] = written
    with pytest.raises(TraceError, match=f"got '{written}' in line 3, column 'time' of 'made.csv'"):
        series_of(table(rows, [1, 2, 3]))


@pytest.mark.parametrize("numbers", [[0, 3600, 7200], [0.0, 3600.0, 7200.0]])
def test_bare_numbers_are_no_times(numbers):
    with pytest.raises(TraceError, match=r"Expected a time.*line 2"):
        series_of(table(numbers, [1, 2, 3]))


def test_seconds_since_1970_in_a_csv_are_no_times():
    with pytest.raises(TraceError, match=r"Expected a time.*line 2"):
        series_of(table(["1625097600", "1625101200", "1625104800"], [1, 2, 3]))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("abc", "Expected a number"),
        ("1,5", "Expected a number"),
        ("inf", "Expected a finite number"),
        ("-inf", "finite"),
    ],
)
def test_a_value_that_is_none_is_named(written, said):
    with pytest.raises(TraceError, match=rf"{said}.*'{written}' in line 3, column 'value'"):
        series_of(table(times(0, 60, 120), ["1", written, "3"]))


def test_a_negative_value_is_named_where_none_may_be():
    made = table(times(0, 60, 120), ["1", "-2", "3"])
    with pytest.raises(TraceError, match=r"zero or more.*'-2' in line 3"):
        series_of(made, may_be_negative=False)
    assert series_of(made)[0].values.tolist() == [1, -2, 3]


def test_zero_stays_zero():
    assert series_of(table(times(0, 60), ["0", "0"]), may_be_negative=False)[0].values.tolist() == [0, 0]


def test_blanks_alone_are_no_series():
    with pytest.raises(TraceError, match=r"at least one number"):
        series_of(table(times(0, 60), ["", "nan"]))


@pytest.mark.parametrize("minutes", [[0], [0, 0]])
def test_one_time_has_no_step(minutes):
    with pytest.raises(TraceError, match=r"two times or more"):
        series_of(table(times(*minutes), [1] * len(minutes)))


def test_a_mistyped_year_is_no_gap():
    with pytest.raises(TraceError, match=r"mistyped"):
        series_of(table([*times(0, 60, 120, 180), "2121-07-01T00:00:00"], [1, 2, 3, 4, 5]))
