"""Quantities, parsed and written back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ce_nas.components.quantities import (
    Carbon,
    Duration,
    Energy,
    File,
    Hours,
    Money,
    NameList,
    Price,
    SettingsSection,
    Share,
    Timestamp,
    Wait,
    Watts,
    parse_stop_price,
)
from ce_nas.core.errors import SettingsError


class EveryQuantity(SettingsSection):
    """A field of each quantity."""

    carbon: Carbon = 1.0
    duration: Duration = 1.0
    energy: Energy = 1.0
    money: Money = 1.0
    time: Timestamp = datetime(2024, 1, 1, tzinfo=UTC)
    share: Share = 0.5
    watts: Watts = 1.0
    file: File = Path("here")
    hours: Hours = 1.0
    names: NameList = ()
    price: Price = 0.0


SI = st.floats(1e-6, 1e12, allow_nan=False)


@given(carbon_g=SI, duration_s=SI, energy_j=SI)
def test_a_written_quantity_is_read_back_exactly(carbon_g, duration_s, energy_j):
    held = EveryQuantity(carbon=f"{carbon_g!r} g", duration=f"{duration_s!r} s", energy=f"{energy_j!r} J")
    assert (held.carbon, held.duration, held.energy) == (carbon_g, duration_s, energy_j)
    again = EveryQuantity(**held.model_dump(mode="json"))
    assert again.model_dump(exclude={"file"}) == held.model_dump(exclude={"file"})


@pytest.mark.parametrize(
    ("field", "text", "si"),
    [("carbon", "5kg", 5000.0), ("duration", "3d", 259200.0), ("energy", "12kWh", 43.2e6), ("share", 0.25, 0.25)],
)
def test_quantities_are_parsed_with_their_units(field, text, si):
    assert getattr(EveryQuantity(**{field: text}), field) == pytest.approx(si)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("carbon", "5 apples"), ("duration", "-1h"), ("energy", "nan"), ("share", 1.5), ("watts", -1),
        ("watts", float("inf")), ("time", "yesterday"), ("unheard_of", 1), ("share", "0.25"), ("share", True),
        ("carbon", True), ("hours", True), ("price", True), ("money", False), ("time", True), ("file", True),
    ],
)  # fmt: skip
def test_an_invalid_quantity_is_refused_by_its_name(field, wrong):
    with pytest.raises(ValidationError) as found:
        EveryQuantity(**{field: wrong})
    assert found.value.errors()[0]["loc"] == (field,)


def test_files_are_absolute_in_a_journal():
    written = EveryQuantity(file="grid.csv", price="prices.csv").model_dump(mode="json")
    assert written["file"] == str(Path("grid.csv").resolve())
    assert written["price"] == str(Path("prices.csv").resolve())


def test_hours_names_and_prices_have_a_short_form():
    held = EveryQuantity(hours=2, names="a, b", price="0.3")
    assert (held.hours, held.names, held.price) == (7200.0, ("a", "b"), 0.3)
    assert EveryQuantity(**held.model_dump(mode="json")).model_dump(exclude={"file"}) == held.model_dump(
        exclude={"file"}
    )


@pytest.mark.parametrize(("text", "expected_s"), [(0, 0.0), ("0", 0.0), ("0.0 s", 0.0), ("0min", 0.0), ("30s", 30.0)])
def test_a_wait_may_be_zero(text, expected_s):
    assert TypeAdapter(Wait).validate_python(text) == expected_s


@pytest.mark.parametrize(("text", "per_g"), [("1%/kg", 1e-3), ("1 % per G", 1.0), ("1e-3%/mg", 1.0), ("1e-6%/ug", 1.0)])
def test_a_stop_price_is_of_any_mass_of_carbon(text, per_g):
    assert parse_stop_price(text) == pytest.approx(1000.0 * per_g)
    with pytest.raises(SettingsError, match="a mass of carbon"):
        parse_stop_price("1%/Mg")
