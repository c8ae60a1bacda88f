"""Numbers and quantities are formatted to three significant digits."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ce_nas
from ce_nas.analysis.statistics import Interval, PairedTest
from ce_nas.core.formatting import (
    format_carbon,
    format_duration,
    format_elapsed_hours,
    format_energy,
    format_hours,
    format_interval,
    format_number,
    format_p_value,
    format_percentage,
    format_wins,
)
from ce_nas.core.units import parse_carbon_g, parse_duration_s, parse_energy_j
from ce_nas.report.i18n.translator import Translator


@pytest.mark.parametrize(
    ("format_quantity", "parse", "smallest"),
    [
        (format_carbon, parse_carbon_g, 1.0),
        (format_energy, parse_energy_j, 3600.0),
        (format_duration, parse_duration_s, 1.0),
    ],
)
@given(size=st.floats(1.0, 1e9))
def test_format_round_trip_to_three_digits(format_quantity, parse, smallest, size):
    text = format_quantity(smallest * size)
    assert parse(text.replace(",", "")) == pytest.approx(smallest * size, rel=0.0051)


@pytest.mark.parametrize(
    ("formatted", "text"),
    [
        (format_carbon(812), "812 g"),
        (format_carbon(4214), "4.21 kg"),
        (format_carbon(1.3e6), "1.30 t"),
        (format_carbon(-4214), "-4.21 kg"),
        (format_carbon(0), "0.00 g"),
        (format_carbon(0.0011), "1.10 mg"),
        (format_carbon(-0.25), "-250 mg"),
        (format_carbon(3.4e-5), "34.0 µg"),
        (format_energy(0), "0.00 Wh"),
        (format_energy(8.69), "2.41 mWh"),
        (format_energy(0.001), "0.28 µWh"),
        (format_energy(93 * 3600), "93.0 Wh"),
        (format_energy(12.4 * 3.6e6), "12.4 kWh"),
        (format_energy(1.8e3 * 3.6e6), "1.80 MWh"),
        (format_duration(42), "42.0 s"),
        (format_duration(1050), "17.5 min"),
        (format_duration(80 * 3600), "80.0 h"),
        (format_duration(2000 * 3600), "2,000 h"),
    ],
)
def test_format_quantity(formatted, text):
    assert formatted == text


def test_format_elapsed_hours():
    hours = (168.0, 1240.04, 0.1, 0.075, 0.0002, 0.0)
    assert [*map(format_elapsed_hours, hours)] == ["168.0 h", "1,240.0 h", "0.1 h", "4.50 min", "0.72 s", "0.0 h"]


def test_format_hours_of_short_run():
    assert [format_hours(hours, 0.11) for hours in (0.0, 0.0104, 0.11)] == ["0.000", "0.010", "0.110"]
    assert [format_hours(hours, 0.09) for hours in (0.0, 0.0008, 0.075)] == ["0.00 s", "2.88 s", "4.50 min"]
    assert format_hours(0.0, 0.0) == "0.000"
    assert [format_hours(hours, 1240.0) for hours in (0.04, 1239.96)] == ["0.0", "1,240.0"]


def test_format_number_and_interval():
    assert [format_number(value) for value in (7.2249, 0.0, 12345.6, math.inf)] == ["7.22", "0", "12,346", "-"]
    assert format_interval(Interval(2.0, 1.0, math.inf)) == "2 [1, -]"
    assert format_interval(None) == ""
    assert (format_p_value(0.00001), format_p_value(0.0195)) == ("p < 0.001", "p = 0.019")


def test_format_wins_of_paired_test():
    assert format_wins(PairedTest(10, 9, 0.002), Translator("en")) == "9 of 10, p = 0.002"
    assert format_wins(PairedTest(10, 9, 0.002), Translator("ja")) == "10 組中 9、p = 0.002"
    assert format_wins(None, Translator("en")) == ""


@pytest.mark.parametrize(
    ("share", "digits", "signed", "text"),
    [(0.88, 0, False, "88 %"), (0.9988, 2, False, "99.88 %"), (0.04, 1, True, "+4.0 %"), (-0.05, 0, True, "-5 %")],
)
def test_format_percentage(share, digits, signed, text):
    assert format_percentage(share, digits, signed=signed) == text


def test_what_people_read_writes_percent_in_one_way():
    """A space before the sign, as before every unit: on a screen two ways stand side by side."""
    package = Path(ce_nas.__file__).parent
    files = [file for room in ("report", "apps", "experiments") for file in (package / room).rglob("*.py")]
    assert [file.name for file in files if re.search(r"\{[^{}]+:[+]?\.\d%\}", file.read_text())] == []


def test_unknown_amounts_and_rounding_errors_have_no_tiny_unit():
    assert format_carbon(math.nan) == "nan g"
    assert format_energy(1e-15) == "0.00 Wh"
