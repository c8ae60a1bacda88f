import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.grid.emission_factors import EMISSIONS, Fuel, Generation, intensities
from ce_nas.grid.trace import Factors

START = datetime(2024, 1, 1, tzinfo=UTC)
FUELS = {str(fuel): fuel for fuel in Fuel}


def hours(*mixes):
    return [
        Generation(START + timedelta(hours=hour), code, power)
        for hour, mix in enumerate(mixes)
        for code, power in mix.items()
    ]


def of(*mixes, factors=Factors.LIFECYCLE):
    readings, notes = intensities(hours(*mixes), FUELS, factors)
    return [reading.g_per_kwh for reading in readings], notes


def test_the_mean_of_the_factors_by_generation():
    mix = {"coal": 100.0, "gas": 300.0, "wind": 600.0}
    assert of(mix)[0] == [pytest.approx(0.1 * 820 + 0.3 * 490 + 0.6 * 11)]
    assert of(mix, factors=Factors.DIRECT)[0] == [pytest.approx(0.1 * 760 + 0.3 * 370)]


@given(st.dictionaries(st.sampled_from(sorted(set(FUELS) - {"storage"})), st.floats(1, 1e5), min_size=1))
def test_it_lies_between_the_cleanest_and_the_dirtiest_fuel(mix):
    (found,), _ = of(mix)
    factors = [EMISSIONS[Fuel(code)].lifecycle for code in mix]
    assert min(factors) * (1 - 1e-9) <= found <= max(factors) * (1 + 1e-9)


@given(st.floats(-1e4, 1e4))
def test_storage_changes_nothing(power):
    assert of({"gas": 300.0, "wind": 600.0, "storage": power}) == of({"gas": 300.0, "wind": 600.0})


@pytest.mark.parametrize("absent", [{}, {"gas": math.nan}])
def test_a_fuel_that_is_missing_is_not_one_that_stands_still(absent):
    values, notes = of({"gas": 500.0, "wind": 500.0}, {"wind": 500.0, **absent}, {"gas": 500.0, "wind": 500.0})
    assert math.isnan(values[1])
    assert values[0] == values[2] == pytest.approx((490 + 11) / 2)
    assert notes == ["1 step(s) are missing because fuels are."]


def test_a_small_fuel_may_be_missing():
    values, _ = of({"gas": 960.0, "oil": 40.0}, {"gas": 960.0}, {"gas": 960.0, "oil": 40.0})
    assert values[1] == 490


def test_a_solar_fleet_at_night_does_generate_nothing():
    values, _ = of({"gas": 500.0, "solar": 500.0}, {"gas": 500.0, "solar": 0.0})
    assert values[1] == 490


def test_what_a_plant_uses_itself_is_no_generation_and_a_large_negative_is_none_to_trust():
    values, _ = of({"gas": 500.0, "solar": -5.0}, {"gas": 500.0, "solar": -50.0})
    assert values[0] == 490
    assert math.isnan(values[1])


def test_an_unknown_fuel_is_said_and_a_large_one_makes_the_hour_missing():
    values, notes = of({"gas": 500.0, "B99": 10.0}, {"gas": 500.0, "B99": 100.0})
    assert values[0] == 490
    assert math.isnan(values[1])
    assert "Fuel(s) without an emission factor: B99." in notes


def test_nothing_generated_is_missing_and_not_zero():
    values, _ = of({"gas": 0.0, "wind": 0.0})
    assert math.isnan(values[0])


def test_contradicting_rows_count_as_missing_and_equal_ones_as_one():
    twice = [*hours({"gas": 500.0, "wind": 500.0}), *hours({"gas": 500.0, "wind": 500.0})]
    assert intensities(twice, FUELS, Factors.LIFECYCLE)[0][0].g_per_kwh == pytest.approx(250.5)
    readings, notes = intensities([*twice, *hours({"gas": 400.0})], FUELS, Factors.LIFECYCLE)
    assert math.isnan(readings[0].g_per_kwh)
    assert any("contradicting" in note for note in notes)


@pytest.mark.parametrize("fuel", EMISSIONS)
def test_a_life_cycle_emits_more_than_its_stack(fuel):
    assert EMISSIONS[fuel].lifecycle > EMISSIONS[fuel].direct >= 0
    assert EMISSIONS[fuel].source
