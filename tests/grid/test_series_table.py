from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import TraceError
from ce_nas.grid.series_table import RegularColumns, SeriesTable

if TYPE_CHECKING:
    from ce_nas.grid.trace import Series

START = pd.Timestamp("2021-07-01")


def table(times, values) -> SeriesTable:
    frame = pd.DataFrame({"time": times, "value": values})
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    return SeriesTable(Path("made.csv"), frame, "line")


def columns_of(made: SeriesTable, *, may_be_negative: bool = True) -> RegularColumns:
    return made.regular("time", {"value": "value"}, may_be_negative=may_be_negative)


def series_of(made: SeriesTable, *, may_be_negative: bool = True) -> Series:
    return made.series("time", "value", "the series", may_be_negative=may_be_negative)


def times(*minutes: float) -> list[str]:
    return [(START + pd.Timedelta(minutes=m)).isoformat() + "Z" for m in minutes]


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_the_step_is_found(minutes):
    made = table(times(*(minutes * np.arange(5))), [1, 2, 3, 4, 5])
    series, columns = series_of(made), columns_of(made)
    assert (series.step_s, len(series), series.name) == (60 * minutes, 5, "the series")
    assert (columns.step_s, columns.duplicates, columns.notes) == (60 * minutes, 0, ())
    assert series.start == columns.start == datetime(2021, 7, 1, tzinfo=UTC)
    assert series.values.tolist() == [1, 2, 3, 4, 5]


def test_of_two_middle_differences_the_shorter_is_the_step():
    series = series_of(table(times(0, 60, 120, 240, 360), [1, 2, 3, 4, 5]))
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
        expected = columns_of(table(*zip(*rows, strict=True)))
    except TraceError:  # a median step of more than an hour, off which other rows lie
        with pytest.raises(TraceError):
            columns_of(table(*zip(*data.draw(st.permutations(repeated)), strict=True)))
        return
    shuffled = columns_of(table(*zip(*data.draw(st.permutations(repeated)), strict=True)))
    assert (shuffled.start, shuffled.step_s) == (expected.start, expected.step_s)
    assert shuffled.duplicates == len(repeated) - len(rows)
    np.testing.assert_array_equal(shuffled.values["value"], expected.values["value"])


def test_missing_rows_and_blank_cells_are_gaps():
    series = series_of(table(times(0, 60, 240, 300, 360), ["1", " ", "3", "NaN", "5"]))
    np.testing.assert_array_equal(series.values, [1, np.nan, np.nan, np.nan, 3, np.nan, 5])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/Los_Angeles"])
def test_the_unit_and_zone_of_a_time_column_do_not_matter(unit, zone):
    index = pd.date_range("2021-07-01", periods=4, freq="15min", tz="UTC").as_unit(unit)
    index = index.tz_convert(zone) if zone else index.tz_localize(None)
    series = series_of(table(index, [1.0, 2.0, 3.0, 4.0]))
    assert (series.start, series.step_s) == (datetime(2021, 7, 1, tzinfo=UTC), 900)


def test_repeated_rows_are_dropped_and_counted():
    columns = columns_of(table(times(0, 60, 60, 60, 120), [1, 2, 2, 2, 3]))
    assert (columns.values["value"].tolist(), columns.duplicates) == ([1, 2, 3], 2)


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


@pytest.mark.parametrize("written", ["yesterday", "", "07/32/2021 03:00", "2021-02-30"])
def test_a_time_that_is_none_is_named(written):
    rows = times(0, 60, 120)
    rows[1] = written
    with pytest.raises(TraceError, match=f"got '{written}' in line 3, column 'time' of 'made.csv'"):
        series_of(table(rows, [1, 2, 3]))


@pytest.mark.parametrize("numbers", [[0, 3600, 7200], [0.0, 3600.0, 7200.0]])
def test_bare_numbers_are_no_times(numbers):
    with pytest.raises(TraceError, match=r"Expected a time.*line 2"):
        series_of(table(numbers, [1, 2, 3]))


@pytest.mark.parametrize(
    "rows", [["07/01/2021 12:00 AM", "07/01/2021 1:00 AM"], ["01.07.2021 00:00", "01.07.2021 01:00"]]
)
def test_us_and_german_dates_are_read(rows):
    series = series_of(table(rows, [1, 2]))
    assert (series.start, series.step_s) == (datetime(2021, 7, 1, tzinfo=UTC), 3600)


@pytest.mark.parametrize(("factor", "unit"), [(1, "seconds"), (1000, "milliseconds")])
@pytest.mark.parametrize("kind", [int, str])
def test_seconds_since_1970_are_times(kind, factor, unit):
    columns = columns_of(table([kind(factor * moment) for moment in (1625097600, 1625101200)], [1, 2]))
    assert (columns.start, columns.step_s) == (datetime(2021, 7, 1, tzinfo=UTC), 3600)
    assert columns.notes == (f"times are {unit} since 1970",)


@pytest.mark.parametrize("written", ["abc", "inf", "-inf", "1.2.3"])
def test_an_unusable_value_is_a_counted_gap(written):
    columns = columns_of(table(times(0, 60, 120), ["1", written, "3"]))
    np.testing.assert_array_equal(columns.values["value"], [1, np.nan, 3])
    assert columns.notes == (f"1 unusable value(s) became gaps (first: {written!r} in line 3)",)


@pytest.mark.parametrize("written", ["abc", "inf", "-inf"])
def test_many_unusable_values_are_refused(written):
    with pytest.raises(TraceError, match=rf"Expected a number, got '{written}' in line 3, column 'value'"):
        series_of(table(times(0, 60, 120, 180), ["1", written, written, "3"]))


def test_five_percent_of_unusable_values_are_allowed():
    values = ["bad" if row < 5 else "1" for row in range(100)]
    assert columns_of(table(times(*(60 * np.arange(100))), values)).notes[0].startswith("5 unusable")
    with pytest.raises(TraceError, match="got 'bad' in line 2"):
        columns_of(table(times(*(60 * np.arange(100))), ["bad", *values[:-1]]))


def test_a_decimal_comma_is_read():
    assert series_of(table(times(0, 60, 120), ["1", "1,5", "3"])).values.tolist() == [1, 1.5, 3]


def test_a_negative_value_is_a_gap_unless_allowed():
    made = table(times(0, 60, 120), ["1", "-2", "3"])
    columns = columns_of(made, may_be_negative=False)
    np.testing.assert_array_equal(columns.values["value"], [1, np.nan, 3])
    assert "'-2' in line 3" in columns.notes[0]
    assert series_of(made).values.tolist() == [1, -2, 3]
    with pytest.raises(TraceError, match=r"zero or more.*'-2' in line 2"):
        series_of(table(times(0, 60, 120), ["-2", "-3", "3"]), may_be_negative=False)


def test_steps_of_several_lengths_are_held():
    minutes = [*(60 * np.arange(10)), *(600 + 15 * np.arange(12))]
    columns = columns_of(table(times(*minutes), np.arange(22.0)))
    assert (columns.step_s, len(columns.values["value"])) == (900, 10 * 4 + 12)
    assert columns.values["value"][[0, 3, 4, 39, 40, 41]].tolist() == [0, 0, 1, 9, 10, 11]
    assert columns.notes == ("steps of 15.0 min, 1.00 h: each value holds for its own step",)


def test_zero_stays_zero():
    assert series_of(table(times(0, 60), ["0", "0"]), may_be_negative=False).values.tolist() == [0, 0]


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
