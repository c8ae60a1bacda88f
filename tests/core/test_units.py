"""Quantities keep their size on the way in and out, and what is no quantity is refused in a sentence."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core import units
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import (
    as_carbon,
    as_duration,
    as_energy,
    as_hours,
    as_time,
    parse_carbon_g,
    parse_cost,
    parse_duration_s,
    parse_energy_j,
    parse_time,
)

AMOUNTS = st.floats(1e-6, 1e9)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_carbon_g, "5kg", 5000.0),
        (parse_carbon_g, "800 g", 800.0),
        (parse_carbon_g, " 11 lb ", 4989.51607),
        (parse_carbon_g, "2LBS", 907.18474),
        (parse_carbon_g, ".5 t", 5e5),
        (parse_carbon_g, "1e3G", 1000.0),
        (parse_energy_j, "12 kWh", 4.32e7),
        (parse_energy_j, "900Wh", 3.24e6),
        (parse_energy_j, "3 MJ", 3e6),
        (parse_energy_j, "2 kJ", 2000.0),
        (parse_energy_j, "7J", 7.0),
        (parse_energy_j, "1 MWh", 3.6e9),
        (parse_energy_j, "1 MWH", 3.6e9),
        (parse_duration_s, "80h", 288_000.0),
        (parse_duration_s, "3 d", 259_200.0),
        (parse_duration_s, "90min", 5400.0),
        (parse_duration_s, "90 m", 5400.0),
        (parse_duration_s, "+45s", 45.0),
        (parse_cost, "120", 120.0),
        (parse_cost, 120.5, 120.5),
        (parse_cost, "1e2", 100.0),
    ],
)
def test_quantities_are_read_in_si(parse, text, value):
    assert parse(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("parse", [parse_carbon_g, parse_energy_j, parse_duration_s])
@pytest.mark.parametrize(
    "text",
    ["", " ", "5", 5, 5.0, "kg", "5 parsecs", "5 kg kg", "5kgx", "five kg", "5,5 kg", "1.2.3kg", "5 5 h", True, None],
)
def test_no_number_with_a_unit_is_refused(parse, text):
    with pytest.raises(SettingsError, match=r"^Expected an? .* above zero such as .*; got '"):
        parse(text)


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf", "-inf", "1e999", "1e-999", "-0.0"])
@pytest.mark.parametrize(
    ("parse", "unit"), [(parse_carbon_g, "kg"), (parse_energy_j, "kWh"), (parse_duration_s, "h"), (parse_cost, "")]
)
def test_only_positive_finite_quantities_are_taken(parse, unit, number):
    with pytest.raises(SettingsError, match="above zero"):
        parse(number + unit)


@pytest.mark.parametrize("text", ["3 mJ", "3 mWh", "3mj"])
def test_thousandths_are_not_taken_for_millions(text):
    with pytest.raises(SettingsError, match="an energy"):
        parse_energy_j(text)


@pytest.mark.parametrize("text", ["120 EUR", "$120", "120%"])
def test_money_has_no_unit(text):
    with pytest.raises(SettingsError, match="plain number"):
        parse_cost(text)


@given(AMOUNTS)
def test_writing_and_reading_gives_the_amount_back(amount):
    assert parse_carbon_g(f"{amount!r} g") == amount
    assert parse_energy_j(f"{amount!r}J") == amount
    assert parse_duration_s(f"{amount!r}s") == amount
    assert parse_cost(amount) == amount
    assert parse_duration_s(f"{amount!r}h") == pytest.approx(60 * parse_duration_s(f"{amount!r}min"), rel=1e-12)


@pytest.mark.parametrize(
    ("write", "parse", "smallest"),
    [(as_carbon, parse_carbon_g, 1.0), (as_energy, parse_energy_j, 3600.0), (as_duration, parse_duration_s, 1.0)],
)
@given(size=st.floats(1.0, 1e9))
def test_what_is_shown_is_the_amount_to_three_digits(write, parse, smallest, size):
    shown = write(smallest * size)
    assert parse(shown.replace(",", "")) == pytest.approx(smallest * size, rel=0.0051)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (as_carbon(812), "812 g"),
        (as_carbon(4214), "4.21 kg"),
        (as_carbon(1.3e6), "1.30 t"),
        (as_carbon(-4214), "-4.21 kg"),
        (as_carbon(0), "0.00 g"),
        (as_energy(93 * 3600), "93.0 Wh"),
        (as_energy(12.4 * 3.6e6), "12.4 kWh"),
        (as_energy(1.8e3 * 3.6e6), "1.80 MWh"),
        (as_duration(42), "42.0 s"),
        (as_duration(1050), "17.5 min"),
        (as_duration(80 * 3600), "80.0 h"),
        (as_duration(2000 * 3600), "2,000 h"),
    ],
)
def test_people_read(shown, text):
    assert shown == text


@pytest.mark.parametrize(
    "text",
    [
        "2021-07-02T06:00",
        "2021-07-02 06:00Z",
        " 2021-07-02T06:00+00:00 ",
        "2021-07-02T08:00+02:00",
        "2021-07-01T23:00-07:00",
        "20210702T060000",
        datetime(2021, 7, 2, 6),  # noqa: DTZ001 - a time without a zone is what is tested
        datetime(2021, 7, 2, 8, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_moment_is_read_in_utc(text):
    moment = parse_time(text)
    assert moment == datetime(2021, 7, 2, 6, tzinfo=UTC)
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2021-13-01", "2021-02-30T00:00", "06:00", 20210702, None, "0001-01-01T00:00+05:00"]
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(SettingsError, match="Expected a time such as 2021-07-02T06:00"):
        parse_time(text)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_an_offset_moves_the_clock_and_not_the_moment(local, offset_min):
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    assert parse_time(moment.isoformat()) == moment
    shown = as_time(moment)
    assert shown.endswith(" UTC")
    assert parse_time(shown.removesuffix(" UTC")) == parse_time(moment).replace(second=0, microsecond=0)


def test_units_agree_with_each_other():
    assert units.J_PER_KWH == 1000 * units.HOUR_S
    assert units.DAY_S == 24 * units.HOUR_S


def test_hours_show_what_a_short_run_took():
    assert [as_hours(hours, 0.11) for hours in (0.0, 0.0104, 0.11)] == ["0.000", "0.010", "0.110"]
    assert [as_hours(hours, 1240.0) for hours in (0.04, 1239.96)] == ["0.0", "1,240.0"]
