from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.time_text import find_header_zone, parse_times


def parsed(*cells, timezone=None):
    times = parse_times(pd.Series(list(cells)), timezone)
    assert not times.unread.any()
    assert not times.ambiguous.any()
    return [str(pd.Timestamp(us, unit="us")) for us in times.us.tolist()]


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-02T03:00Z",
        "2024-01-02T04:00:00+01:00",
        "2024-01-02 03:00",
        "2024-01-02 03:00:00+00",
        "2024-01-02 03:00:00.000000",
        "2024-01-02T03:00:00 UTC",
        "2024/01/02 03:00",
        "02.01.2024 03:00",
        "02.01.2024 03:00 - 02.01.2024 03:15 (UTC)",
        "1704164400",
        "1704164400000",
        "2024010203",
        "202401020300",
        "02-Jan-2024 03:00",
        "Jan 2, 2024 3:00 AM",
        "Tue, 02 Jan 2024 03:00:00 GMT",
        "2024-01-02 04:00 CET",
        "2024-01-01 22:00 EST",
        "02.01.2024 04:00 - 02.01.2024 04:15 (CET/CEST)",
        "45293.125",
    ],
)
def test_spellings_of_one_moment(text):
    assert parsed(text) == ["2024-01-02 03:00:00"]


def test_us_dates_with_half_days():
    assert parsed("1/13/2024 12:00:00 AM", "1/13/2024 1:00 PM") == ["2024-01-13 00:00:00", "2024-01-13 13:00:00"]


def test_day_or_month_first_is_told_by_a_number_above_twelve():
    assert parsed("01/02/2024", "13/02/2024") == ["2024-02-01 00:00:00", "2024-02-13 00:00:00"]
    assert parsed("02/01/2024", "02/13/2024") == ["2024-02-01 00:00:00", "2024-02-13 00:00:00"]


def test_day_or_month_first_is_told_by_the_order_of_days():
    assert parsed("01/02/2024", "02/02/2024", "03/02/2024")[2] == "2024-02-03 00:00:00"
    assert parsed("02/01/2024", "02/02/2024", "02/03/2024")[2] == "2024-02-03 00:00:00"


def test_hour_24_is_the_next_midnight():
    assert parsed("2023-12-31 24:00") == ["2024-01-01 00:00:00"]


def test_local_times_of_a_named_zone():
    assert parsed("2024-06-01 12:00", timezone="Europe/Berlin") == ["2024-06-01 10:00:00"]
    assert parsed("2024-06-01T12:00Z", timezone="Europe/Berlin") == ["2024-06-01 12:00:00"]


def test_hours_that_a_clock_shows_twice_or_never_are_ambiguous():
    cells = pd.Series(["2024-03-31 02:30", "2024-10-27 02:30", "2024-06-01 12:00"])
    assert parse_times(cells, "Europe/Berlin").ambiguous.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("zone", "cells", "moments"),
    [
        ("Europe/Berlin", ["01:00", "02:00", "02:00", "03:00"], ["23:00", "00:00", "01:00", "02:00"]),
        (
            "Europe/Berlin",
            ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"],
            ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"],
        ),
        ("Europe/Dublin", ["00:00", "01:00", "01:00", "02:00"], ["23:00", "00:00", "01:00", "02:00"]),
    ],
)
def test_times_that_a_clock_shows_twice_are_told_apart_by_the_order_of_the_rows(zone, cells, moments):
    found = parsed(*(f"2021-10-31 {cell}" for cell in cells), timezone=zone)
    assert [moment[11:16] for moment in found] == moments
    assert "order of the rows" in parse_times(pd.Series([f"2021-10-31 {cell}" for cell in cells]), zone).notes[-1]
    as_moments = pd.Series(pd.to_datetime([f"2021-10-31 {cell}" for cell in cells]))
    assert not parse_times(as_moments, zone).ambiguous.any()


@pytest.mark.parametrize(
    "cells",
    [
        ["01:00", "02:00", "03:00"],
        ["03:00", "02:00", "02:00", "01:00"],
        ["01:00", "01:00", "02:00", "02:00"],
        ["02:00", "02:00", "02:30", "02:30"],
        ["02:00", "02:00", "02:00"],
        ["02:00", "03:00", "02:00"],
    ],
)
def test_times_that_a_clock_shows_twice_stay_ambiguous_where_the_order_does_not_tell(cells):
    ambiguous = parse_times(pd.Series([f"2021-10-31 {cell}" for cell in cells]), "Europe/Berlin").ambiguous
    assert ambiguous.tolist() == [cell.startswith("02") for cell in cells]


def hours_of(first, count):
    moments = pd.date_range(first, periods=count, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    return moments.strftime("%Y-%m-%d %H:%M").tolist(), moments.tz_convert(None)


@pytest.mark.parametrize("row", [0, 10, 60, 120])
def test_an_unreadable_row_elsewhere_leaves_the_doubled_hour_placed(row):
    cells, moments = hours_of("2021-10-29", 121)
    cells[row] = "yesterday"
    found = parse_times(pd.Series(cells), "Europe/Berlin")
    assert np.flatnonzero(found.unread).tolist() == [row]
    assert not found.ambiguous.any()
    expected = moments.to_numpy().astype("datetime64[us]").astype(np.int64)
    assert np.array_equal(np.delete(found.us, row), np.delete(expected, row))


def test_a_time_that_never_is_leaves_the_doubled_hour_placed():
    cells, _ = hours_of("2021-03-27", 24 * 230)
    cells[100] = "2021-03-28 02:30"
    ambiguous = parse_times(pd.Series(cells), "Europe/Berlin").ambiguous
    assert np.flatnonzero(ambiguous).tolist() == [100]


def test_each_doubled_hour_counts_by_the_rows_around_it():
    first, _ = hours_of("2021-10-30", 48)
    later, _ = hours_of("2022-10-29", 48)
    later = [cell for cell in later if cell != "2022-10-30 02:00"] + ["2022-10-31 12:00"]
    alone = [*later[:24], "2022-10-30 02:00", *later[24:]]
    ambiguous = parse_times(pd.Series([*first, *alone]), "Europe/Berlin").ambiguous
    assert np.flatnonzero(ambiguous).tolist() == [48 + 24]
    reverse = parse_times(pd.Series([*first, *alone][::-1]), "Europe/Berlin").ambiguous
    assert reverse.sum() == 3


def test_an_unreadable_row_within_the_doubled_hour_leaves_it_ambiguous():
    cells = ["2021-10-31 01:00", "2021-10-31 02:00", "?", "2021-10-31 02:00", "2021-10-31 03:00"]
    found = parse_times(pd.Series(cells), "Europe/Berlin")
    assert found.unread.tolist() == [False, False, True, False, False]
    assert found.ambiguous.tolist() == [False, True, False, True, False]


def test_an_unknown_zone_is_refused():
    with pytest.raises(SettingsError, match="Europe/Berlin"):
        parse_times(pd.Series(["2024-01-01"]), "Middle/Earth")


@pytest.mark.parametrize(
    "text", ["Total", "", "32.01.2024", "2024-13-01", "2024-01-01 25:00", "12345.5", "2024-01-01 00:00 CST"]
)
def test_what_is_no_time_stays_unread(text):
    assert parse_times(pd.Series([text])).unread.tolist() == [True]


def test_small_numbers_are_no_times():
    assert parse_times(pd.Series([45292.0, 45293.0])).unread.all()


@given(st.datetimes(datetime(2000, 1, 2), datetime(2099, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001 - zone added
def test_offsets_give_the_same_moment(moment, offset_h):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    local = (moment + timedelta(hours=offset_h)).strftime("%Y-%m-%d %H:%M:%S")
    sign = "+" if offset_h >= 0 else "-"
    assert parsed(f"{local}{sign}{abs(offset_h):02d}:00") == [moment.strftime("%Y-%m-%d %H:%M:%S")]


@pytest.mark.parametrize(
    ("text", "start"), [("2024", "2024-01-01"), ("2024-03", "2024-03-01"), ("Mar 2024", "2024-03-01")]
)
def test_years_and_months_begin_with_their_first_day(text, start):
    assert parsed(text) == [f"{start} 00:00:00"]


def test_a_day_that_may_be_a_month_is_refused():
    with pytest.raises(SettingsError, match=r"tell the day from the month, got 01/02/2024"):
        parse_times(pd.Series(["01/02/2024 00:00", "01/02/2024 01:00"]))


def test_an_interval_keeps_its_zone():
    assert parsed("01.07.2024 00:00 - 01.07.2024 00:15 (CET/CEST)") == ["2024-06-30 22:00:00"]


@pytest.mark.parametrize(
    ("header", "zone"),
    [
        ("Datetime (UTC)", "UTC"),
        ("HourUTC", "UTC"),
        ("MTU (CET/CEST)", "Europe/Brussels"),
        ("time [Europe/Berlin]", "Europe/Berlin"),
        ("Local time", "local"),
        ("MTU (CET)", "local"),
        ("time", None),
        ("outcome", None),
    ],
)
def test_the_zone_that_a_header_states(header, zone):
    assert find_header_zone(header) == zone


def test_times_say_whether_a_clock_is_needed():
    assert parse_times(pd.Series(["2024-01-01 00:00"])).has_naive
    assert not parse_times(pd.Series(["2024-01-01 00:00Z", "1 Jan 2024 01:00+01:00"])).has_naive


@pytest.mark.parametrize("header", ["Time (UTC+2)", "time UTC+02:00", "Zeit [GMT+2]", "utc +0200"])
def test_an_offset_in_a_header_is_one(header):
    zone = find_header_zone(header)
    assert parsed("2024-01-01 02:00", timezone=zone) == ["2024-01-01 00:00:00"]


@pytest.mark.parametrize(("zone", "hour"), [("UTC-5", "05:00"), ("+05:30", "18:30"), ("GMT+0", "00:00")])
def test_an_offset_as_a_zone(zone, hour):
    assert parsed("2024-01-01 00:00", timezone=zone)[0][11:16] == hour


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("31.12.24 13:00", "2024-12-31 13:00:00"),
        ("12/31/24 13:00", "2024-12-31 13:00:00"),
        ("31.12.2024 13.00", "2024-12-31 13:00:00"),
        ("31DEC2024 13:00:00", "2024-12-31 13:00:00"),
    ],
)
def test_more_dates(text, moment):
    assert parsed(text) == [moment]


def test_a_short_year_that_may_begin_a_date_is_not_read():
    assert parse_times(pd.Series(["24/05/06 13:00", "24/05/07 13:00"])).unread.all()


def test_the_ends_of_intervals_are_no_offsets():
    cells = [f"2024-01-01 {hour:02d}:00-{hour + 1:02d}:00" for hour in range(5)]
    assert parsed(*cells) == [f"2024-01-01 {hour:02d}:00:00" for hour in range(5)]
    assert parsed("2024-01-01 10:00-05:00", "2024-07-01 10:00-04:00")[1] == "2024-07-01 14:00:00"


@pytest.mark.parametrize("text", ["0006-05-24 13:00", "2999-01-01 00:00"])
def test_years_far_off_are_not_read(text):
    assert parse_times(pd.Series([text, text])).unread.all()
