"""Which columns of a table hold the times and the zones."""

from pathlib import Path

import pandas as pd
import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.find_columns import HOUR_ENDING, find_time_column, list_zone_names, select_zone, widen
from ce_nas.grid.series_table import SeriesTable


def table(**columns: list[str]) -> SeriesTable:
    names = {name.replace("__", " "): cells for name, cells in columns.items()}
    return SeriesTable(Path("north.csv"), pd.DataFrame(names, dtype=str), "line")


@pytest.mark.parametrize(
    ("columns", "name", "first"),
    [
        ({"when": ["x"], "Time": ["2024-01-01"]}, "Time", "2024-01-01"),
        (
            {"year": ["2024"], "month": ["1"], "day": ["2"], "hour": ["3"]},
            "year, month, day, hour",
            "2024-01-02 03:00",
        ),
        ({"date": ["2024-01-02"], "hour": ["5"]}, "date and hour", "2024-01-02 05:00"),
        ({"date": ["2024-01-02"], "hour": ["busy"]}, "date", "2024-01-02"),  # no time of day
        (
            {"date": ["2024-01-02", "2024-01-02"], "hour": ["1", "24"]},
            f"date and hour {HOUR_ENDING}",
            "2024-01-02 01:00",
        ),
        ({"Zeit__(CET/CEST)": ["2024-01-02 05:00"]}, "Zeit (CET/CEST)", "2024-01-02 05:00"),
        (
            {"time": ["2024-01-02 05:00"], "timezone": ["Europe/Berlin"]},
            "time (Europe/Berlin)",
            "2024-01-02 05:00",
        ),
        ({"time": ["2024-01-02 05:00"], "utc_offset": ["+02:00"]}, "time and utc_offset", "2024-01-02 05:00+02:00"),
    ],
)
def test_times_are_found_in_one_column_or_joined(columns, name, first):
    found, column = find_time_column(table(**columns), None, None)
    assert column == name
    assert found.frame[column].iloc[0] == first


def test_a_requested_column_is_taken_as_it_is():
    found, column = find_time_column(table(date=["2024-01-02"], hour=["5"], stamp=["2024-01-01"]), None, "stamp")
    assert column == "stamp"
    assert found.columns == ["date", "hour", "stamp"]


def test_no_time_is_an_error_that_names_the_columns():
    with pytest.raises(TraceError, match=r"found the columns 'a', 'b'\. Name the right one with --time-column"):
        find_time_column(table(a=["1"], b=["2"]), None, None)


def test_zones_are_rows_of_a_column_or_the_file():
    zones = table(time=["1", "2"], zone=["DE", "FR"])
    assert list_zone_names(zones, None) == ("DE", "FR")
    rows, name = select_zone(zones, None, "FR")
    assert (rows.frame["time"].tolist(), name) == (["2"], "FR")
    with pytest.raises(TraceError, match="Choose one with --zone"):
        select_zone(zones, None, None)
    assert list_zone_names(table(time=["1"]), None) == ("north",)


def test_a_row_a_fuel_becomes_a_column_a_fuel():
    long = table(
        time=["1", "1", "2"], production__type=["Solar", "Wind", "Solar"], **{"generation__(mw)": ["5", "7", "6"]}
    )
    wide = widen(long)
    assert wide.columns == ["time", "Solar - Actual Aggregated [MW]", "Wind - Actual Aggregated [MW]"]
    assert wide.frame.iloc[1].tolist() == ["2", "6", ""]
