import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.unit_text import (
    find_intensity_unit,
    find_price_unit,
    find_weather_unit,
    names_temperature,
    parse_intensity_unit,
    parse_price_unit,
)


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ("Carbon intensity gCO₂eq/kWh (direct)", 1.0),
        ("Carbon intensity (kgCO2eq/kWh)", 1000.0),
        ("carbon_intensity_kg_per_mwh", 1.0),
        ("Emissions Intensity - kgCO2e/MWh", 1.0),
        ("Carbon intensity tCO2/GWh", 1.0),
        ("carbon_intensity_lb_per_kwh", 453.59237),
        ("MOER (lbs CO2/MWh)", 0.45359237),
        ("lb_mwh", 0.45359237),
        ("short tons CO2 per MWh", 907.18474),
        ("metric tons CO2e/MWh", 1000.0),
        ("Pounds of CO2 / MWh", 0.45359237),
        ("gCO2eq_per_kWh", 1.0),
        ("Carbon intensity (kg CO2-eq per megawatt-hour)", 1.0),
        ("grams CO2 per kilowatt hour", 1.0),
        ("intensity [g CO2 kWh⁻¹]", 1.0),
        ("intensity (gCO2eq kWh^-1)", 1.0),
        ("gCO₂/kW·h", 1.0),
        ("lbs_co2_per_mwh", 0.45359237),
        ("intensity (g CO2/MJ)", 3.6),
        ("intensity in MtCO2/TWh", 1000.0),
        ("ktCO2/TWh", 1.0),
    ],
)
def test_intensity_units_in_headers(header, factor):
    assert find_intensity_unit(header).factor == pytest.approx(factor)


@pytest.mark.parametrize("header", ["intensity", "carbon_intensity_avg", "MOER", "value", "intensity_index"])
def test_a_header_without_a_unit_states_none(header):
    assert find_intensity_unit(header) is None


def test_a_unit_in_brackets_that_is_not_known_is_not_overlooked():
    with pytest.raises(SettingsError, match="'lb/BTU'"):
        find_intensity_unit("Carbon intensity (lb/BTU)")


def test_a_ton_has_two_meanings():
    with pytest.raises(SettingsError, match="1000 kg or 2000 lb"):
        find_intensity_unit("CO2 tons/MWh")


@pytest.mark.parametrize("text", ["g/kWh", "lb/MWh", "kg per MWh", "short ton/MWh", "t/GWh"])
def test_a_setting_states_a_unit(text):
    assert parse_intensity_unit(text).text == text


@pytest.mark.parametrize("text", ["", "g", "kWh", "g/kWh of sorts", "EUR/MWh"])
def test_other_settings_are_refused(text):
    with pytest.raises(SettingsError, match="Expected a unit of carbon intensity"):
        parse_intensity_unit(text)


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ("Price (EUR/MWhe)", 1e-3),
        ("Day-ahead Price (EUR/MWh)", 1e-3),
        ("SpotPriceDKK (DKK per MWh)", 1e-3),
        ("price_per_kwh", 1.0),
        ("ct/kWh", 0.01),
        ("p/kWh", 0.01),
        ("LMP ($/MWh)", 1e-3),
        ("Preis [€/MWh]", 1e-3),
        ("Börsenpreis ct/kWh", 0.01),
        ("price (¢/kWh)", 0.01),
        ("Tarif Rp./kWh", 0.01),
        ("spot öre/kWh", 0.01),
        ("US cents per kWh", 0.01),
        ("price (c€/kWh)", 0.01),
        ("mills/kWh", 1e-3),
        ("elspot (kr/MWh)", 1e-3),
        ("price per megawatt-hour", 1e-3),
    ],
)
def test_price_units_in_headers(header, factor):
    assert find_price_unit(header).factor == pytest.approx(factor)


def test_a_setting_states_a_price_unit():
    assert parse_price_unit("ct/kWh").factor == pytest.approx(0.01)
    for text in ("", "EUR", "EUR/MWh of sorts"):
        with pytest.raises(SettingsError, match="unit of a price"):
            parse_price_unit(text)


def test_a_price_without_a_unit():
    assert find_price_unit("price") is None


@pytest.mark.parametrize(
    ("header", "value", "si"),
    [
        ("temperature_2m (°C)", 5.0, 278.15),
        ("temperature (°F)", 41.0, 278.15),
        ("wind_speed_10m (km/h)", 36.0, 10.0),
        ("shortwave_radiation (W/m²)", 200.0, 200.0),
        ("temperature_c", 5.0, 278.15),
        ("Temperature_2m_degF", 41.0, 278.15),
        ("t2m_k", 278.15, 278.15),
        ("temperature_celsius", 5.0, 278.15),
        ("wind_speed_kmh", 36.0, 10.0),
        ("wind_speed_m_s", 10.0, 10.0),
        ("dswrf_w_m2", 200.0, 200.0),
        ("rain_inch", 1.0, 25.4),
    ],
)
def test_weather_becomes_si(header, value, si):
    unit = find_weather_unit(header)
    assert unit.factor * value + unit.offset == pytest.approx(si)


def test_weather_without_a_known_unit():
    assert find_weather_unit("wind") is None
    assert find_weather_unit("cloud cover (okta)") is None
    assert find_weather_unit("temperature_2m") is None
    assert find_weather_unit("station_c") is None


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ("gCO\u2082eq\u2215kWh", 1.0),
        ("\uff47CO2\uff0fkWh", 1.0),
        ("kg CO2 pro kWh", 1000.0),
        ("g CO2 eq. / kWh", 1.0),
        ("kg-CO2/kWh", 1000.0),
        ("tCO\u2082\u2011eq/MWh", 1000.0),
        ("US ton/MWh", 907.18474),
        ("short_tons_per_mwh", 907.18474),
        ("kgCO2e\u00b7kWh\u207b\u00b9", 1000.0),
        ("carbon intensity g/kW\u00b7h", 1.0),
    ],
)
def test_odd_spellings_of_intensities(header, factor):
    assert find_intensity_unit(header).factor == pytest.approx(factor)


def test_two_units_in_one_text_are_none():
    with pytest.raises(SettingsError, match="Expected one unit of carbon intensity, got lb/MWh and g/kWh"):
        find_intensity_unit("converted from lb/MWh to g/kWh")
    assert find_intensity_unit("g/kWh (gCO2/kWh)").factor == 1.0


@pytest.mark.parametrize(
    ("header", "factor"),
    [("mEUR/kWh", 1e-3), ("k€/MWh", 1.0), ("MEUR/GWh", 1.0), ("price JPY/kWh", 1.0), ("Cent/kWh", 0.01)],
)
def test_scaled_money(header, factor):
    assert find_price_unit(header).factor == pytest.approx(factor)


@pytest.mark.parametrize("header", ["kg/MWh", "gCO2/kWh", "emissions t/MWh"])
def test_a_mass_is_no_money(header):
    assert find_price_unit(header) is None


@pytest.mark.parametrize(
    ("header", "value", "si"),
    [
        ("temperature (\u2103)", 10.0, 283.15),
        ("air temperature in °C", 10.0, 283.15),
        ("temp (deg C)", 10.0, 283.15),
        ("wind speed km/h", 36.0, 10.0),
        ("wind (knots)", 10.0, 5.144444),
        ("wind speed (ft/s)", 10.0, 3.048),
        ("pressure (mbar)", 1013.0, 101300.0),
        ("pressure (kPa)", 101.3, 101300.0),
        ("ghi (kW/m²)", 0.5, 500.0),
        ("radiation (MJ/m²)", 1.8, 1.8e6),
        ("snowfall (cm)", 10.0, 0.1),
    ],
)
def test_more_weather_becomes_si(header, value, si):
    unit = find_weather_unit(header)
    assert unit.factor * value + unit.offset == pytest.approx(si)


@pytest.mark.parametrize(
    ("header", "is_one"), [("t2m", True), ("dew_point_2m", True), ("temp", True), ("attempt", False)]
)
def test_names_of_temperatures(header, is_one):
    assert names_temperature(header) is is_one
