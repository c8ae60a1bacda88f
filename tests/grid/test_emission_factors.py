import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.grid.emission_factors import EMISSION_FACTORS, Fuel, FuelGeneration, compute_intensities
from ce_nas.grid.trace import EmissionFactorType

START = datetime(2024, 1, 1, tzinfo=UTC)
FUELS = {str(fuel): fuel for fuel in Fuel}


def hours(*mixes):
    return [
        FuelGeneration(START + timedelta(hours=hour), code, power)
        for hour, mix in enumerate(mixes)
        for code, power in mix.items()
    ]


def intensities(*mixes, factors=EmissionFactorType.LIFECYCLE):
    readings, notes = compute_intensities(hours(*mixes), FUELS, factors)
    return [reading.g_per_kwh for reading in readings], notes


def test_intensity_is_the_generation_weighted_mean():
    mix = {"coal": 100.0, "gas": 300.0, "wind": 600.0}
    assert intensities(mix)[0] == [pytest.approx(0.1 * 820 + 0.3 * 490 + 0.6 * 11)]
    assert intensities(mix, factors=EmissionFactorType.DIRECT)[0] == [pytest.approx(0.1 * 760 + 0.3 * 370)]


@given(st.dictionaries(st.sampled_from(sorted(set(FUELS) - {"storage"})), st.floats(1, 1e5), min_size=1))
def test_intensity_is_between_cleanest_and_dirtiest_fuel(mix):
    (intensity,), _ = intensities(mix)
    factors = [EMISSION_FACTORS[Fuel(code)].lifecycle for code in mix]
    assert min(factors) * (1 - 1e-9) <= intensity <= max(factors) * (1 + 1e-9)


@given(st.floats(-1e4, 1e4))
def test_storage_is_left_out(power):
    assert intensities({"gas": 300.0, "wind": 600.0, "storage": power}) == intensities({"gas": 300.0, "wind": 600.0})


@pytest.mark.parametrize("missing", [{}, {"gas": math.nan}])
def test_missing_fuel_makes_the_step_missing(missing):
    values, notes = intensities(
        {"gas": 500.0, "wind": 500.0}, {"wind": 500.0, **missing}, {"gas": 500.0, "wind": 500.0}
    )
    assert math.isnan(values[1])
    assert values[0] == values[2] == pytest.approx((490 + 11) / 2)
    assert notes == ["1 step(s) are missing because fuels are."]


def test_small_fuel_may_be_missing():
    values, _ = intensities({"gas": 960.0, "oil": 40.0}, {"gas": 960.0}, {"gas": 960.0, "oil": 40.0})
    assert values[1] == 490


def test_zero_solar_generation_is_known():
    values, _ = intensities({"gas": 500.0, "solar": 500.0}, {"gas": 500.0, "solar": 0.0})
    assert values[1] == 490


def test_negative_generation_is_own_use_or_missing():
    values, _ = intensities({"gas": 500.0, "solar": -5.0}, {"gas": 500.0, "solar": -50.0})
    assert values[0] == 490
    assert math.isnan(values[1])


def test_unknown_fuel_is_noted_and_large_one_makes_step_missing():
    values, notes = intensities({"gas": 500.0, "B99": 10.0}, {"gas": 500.0, "B99": 100.0})
    assert values[0] == 490
    assert math.isnan(values[1])
    assert "Fuel(s) without an emission factor: B99." in notes


def test_no_generation_is_missing_and_not_zero():
    values, _ = intensities({"gas": 0.0, "wind": 0.0})
    assert math.isnan(values[0])


def test_contradicting_rows_are_missing():
    twice = [*hours({"gas": 500.0, "wind": 500.0}), *hours({"gas": 500.0, "wind": 500.0})]
    assert compute_intensities(twice, FUELS, EmissionFactorType.LIFECYCLE)[0][0].g_per_kwh == pytest.approx(250.5)
    readings, notes = compute_intensities([*twice, *hours({"gas": 400.0})], FUELS, EmissionFactorType.LIFECYCLE)
    assert math.isnan(readings[0].g_per_kwh)
    assert any("contradicting" in note for note in notes)


@pytest.mark.parametrize("fuel", EMISSION_FACTORS)
def test_lifecycle_factor_exceeds_direct_factor(fuel):
    assert EMISSION_FACTORS[fuel].lifecycle > EMISSION_FACTORS[fuel].direct >= 0
    assert EMISSION_FACTORS[fuel].citation
