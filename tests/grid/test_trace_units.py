import numpy as np
import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.readers import read_trace


def hours(header, cell, count=30):
    return "\n".join([header, *(cell(f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00", n) for n in range(count))]) + "\n"


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "made.csv"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(("row", "value", "g_per_kwh"), [(",kgCO2/kWh", 0.3, 300.0), ("UTC,lb/MWh", 800, 362.873896)])
def test_a_row_of_units_below_the_header(written, row, value, g_per_kwh):
    trace = read_trace(written(hours(f"time,intensity\n{row}", lambda time, n: f"{time},{value}")))
    assert trace.g_per_kwh == pytest.approx([g_per_kwh] * 30)
    assert "from the row of units" in trace.notes[0]


def test_units_that_differ_by_row_are_refused(written):
    text = hours("time,intensity,unit", lambda time, n: f"{time},{(0.3, 300)[n % 2]},{('kg/kWh', 'g/kWh')[n % 2]}")
    for unit in (None, "g/kWh"):
        with pytest.raises(
            TraceError, match=r"Expected one unit in column 'unit' .*, got g/kWh, kg/kWh; bring all rows"
        ):
            read_trace(written(text), unit=unit)


def test_values_that_no_grid_has_are_gaps(written):
    trace = read_trace(written(hours("time,intensity", lambda time, n: f"{time},{99999 if n == 4 else 300}")))
    assert np.flatnonzero(np.isnan(trace.g_per_kwh)).tolist() == [4]
    assert "1 unusable value(s) became gaps (first: '99999' in line 6)" in trace.notes
    lines = hours("time,intensity (kg/kWh)", lambda time, n: f"{time},{300 if n % 2 else 0.3}")
    with pytest.raises(TraceError, match=r"Expected a number of at most 2.5, got '300' in line 3"):
        read_trace(written(lines))


def test_a_percentage_is_no_intensity(written):
    with pytest.raises(TraceError, match="got '30%'"):
        read_trace(written(hours("time,intensity", lambda time, n: f"{time},30%")))


def test_values_a_thousand_times_smaller_than_the_others_are_noted(written):
    text = hours("time,intensity", lambda time, n: f"{time},{0.3 if n < 10 else 300}")
    assert "10 value(s) above zero are below 2 g/kWh" in read_trace(written(text)).notes


def test_a_comment_on_two_units_states_none(written):
    text = hours("# converted from lb/MWh to g/kWh\ntime,intensity", lambda time, n: f"{time},300")
    assert read_trace(written(text)).notes[0].startswith("no unit stated")


def test_the_column_of_co2_is_taken_among_other_emissions(written):
    text = hours("time,NOx (g/kWh),SO2 (g/kWh),CO2 (g/kWh)", lambda time, n: f"{time},3.5,2.5,300")
    assert read_trace(written(text)).g_per_kwh[0] == 300.0
    with pytest.raises(TraceError, match="found the columns 'time', 'NOx"):
        read_trace(written(hours("time,NOx (g/kWh)", lambda time, n: f"{time},3.5")))


def test_a_mass_or_a_share_is_no_intensity(written):
    for unit in ("kg", "tCO2", "MWh", "%"):
        path = written(hours(f"time,CO2 emissions ({unit})", lambda time, n: f"{time},300"))
        with pytest.raises(TraceError, match=r"Expected a unit of carbon intensity, got .* with --unit"):
            read_trace(path, intensity_column=f"CO2 emissions ({unit})")


def test_a_class_of_intensities_is_none(written):
    with pytest.raises(TraceError, match="Expected a column of carbon intensities"):
        read_trace(written(hours("time,carbon intensity index", lambda time, n: f"{time},{n % 5}")))


def test_a_zone_against_the_header_is_refused(written):
    path = written(hours("Datetime (UTC),intensity", lambda time, n: f"{time},300"))
    with pytest.raises(TraceError, match="says UTC and --timezone Europe/Berlin; leave --timezone out"):
        read_trace(path, timezone="Europe/Berlin")
    assert read_trace(path, timezone="UTC").start.hour == 0
    ahead = written(hours("Time (UTC+2),intensity", lambda time, n: f"{time},300"))
    with pytest.raises(TraceError, match=r"says UTC\+2 and --timezone UTC; leave"):
        read_trace(ahead, timezone="UTC")
    assert read_trace(ahead, timezone="utc+2").start.hour == 22
