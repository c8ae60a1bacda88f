"""Quantities and times are parsed into SI; invalid text is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core import units
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_carbon, format_energy, format_time
from ce_nas.core.units import parse_carbon_g, parse_cost, parse_duration_s, parse_energy_j, parse_time

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
        (parse_carbon_g, "3 mg", 3e-3),
        (parse_carbon_g, "25\u00b5g", 2.5e-5),
        (parse_carbon_g, "25 \u03bcg", 2.5e-5),
        (parse_carbon_g, "25 ug", 2.5e-5),
        (parse_energy_j, "2 mWh", 7.2),
        (parse_energy_j, "5 \u00b5Wh", 0.018),
        (parse_energy_j, "5uWh", 0.018),
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
def test_parse_quantity_in_si(parse, text, value):
    assert parse(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("parse", [parse_carbon_g, parse_energy_j, parse_duration_s])
@pytest.mark.parametrize(
    "text",
    ["", " ", "5", 5, 5.0, "kg", "5 parsecs", "5 kg kg", "5kgx", "five kg", "5,5 kg", "1.2.3kg", "5 5 h", True, None],
)
def test_parse_requires_number_with_unit(parse, text):
    with pytest.raises(SettingsError, match=r"^Expected an? .* above zero such as .*; got '"):
        parse(text)


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf", "-inf", "1e999", "1e-999", "-0.0"])
@pytest.mark.parametrize(
    ("parse", "unit"), [(parse_carbon_g, "kg"), (parse_energy_j, "kWh"), (parse_duration_s, "h"), (parse_cost, "")]
)
def test_parse_requires_positive_finite_quantity(parse, unit, number):
    with pytest.raises(SettingsError, match="above zero"):
        parse(number + unit)


@pytest.mark.parametrize("text", ["3 mJ", "3mj", "3 mwh", "3 mWH"])
def test_milli_is_not_parsed_as_mega(text):
    with pytest.raises(SettingsError, match="an energy"):
        parse_energy_j(text)


@pytest.mark.parametrize("text", ["3 Mg", "3MG", "3 mG"])
def test_mega_is_not_parsed_as_milli(text):
    with pytest.raises(SettingsError, match="a mass of carbon"):
        parse_carbon_g(text)


@pytest.mark.parametrize(
    ("parse", "form", "smallest"), [(parse_carbon_g, format_carbon, 1e-6), (parse_energy_j, format_energy, 3.6e-3)]
)
@given(amount=st.floats(1.0, 1e9))
def test_what_is_printed_is_read_back(parse, form, smallest, amount):
    for si in (amount * smallest, amount):
        assert parse(form(si).replace(",", "")) == pytest.approx(si, rel=6e-3)


@pytest.mark.parametrize("text", ["120 EUR", "$120", "120%"])
def test_parse_cost_refuses_unit(text):
    with pytest.raises(SettingsError, match="plain number"):
        parse_cost(text)


@given(AMOUNTS)
def test_parse_round_trip(amount):
    assert parse_carbon_g(f"{amount!r} g") == amount
    assert parse_energy_j(f"{amount!r}J") == amount
    assert parse_duration_s(f"{amount!r}s") == amount
    assert parse_cost(amount) == amount
    assert parse_duration_s(f"{amount!r}h") == pytest.approx(60 * parse_duration_s(f"{amount!r}min"), rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "2021-07-02T06:00",
        "2021-07-02 06:00Z",
        " 2021-07-02T06:00+00:00 ",
        "2021-07-02T08:00+02:00",
        "2021-07-01T23:00-07:00",
        "20210702T060000",
        datetime(2021, 7, 2, 6),  # noqa: DTZ001 - a time without an offset is tested
        datetime(2021, 7, 2, 8, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_parse_time_in_utc(text):
    moment = parse_time(text)
    assert moment == datetime(2021, 7, 2, 6, tzinfo=UTC)
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2021-13-01", "2021-02-30T00:00", "06:00", 20210702, None, "0001-01-01T00:00+05:00"]
)
def test_parse_time_refuses_invalid_text(text):
    with pytest.raises(SettingsError, match="Expected a time such as 2021-07-02T06:00"):
        parse_time(text)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_parse_time_offset_keeps_moment(local, offset_min):
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    assert parse_time(moment.isoformat()) == moment
    text = format_time(moment)
    assert text.endswith(" UTC")
    assert parse_time(text.removesuffix(" UTC")) == parse_time(moment).replace(second=0, microsecond=0)


def test_conversion_factors_are_consistent():
    assert units.J_PER_KWH == 1000 * units.HOUR_S
    assert units.DAY_S == 24 * units.HOUR_S
