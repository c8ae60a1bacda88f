from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.readers import read_future_covariates, read_prices, read_trace
from ce_nas.grid.trace import EmissionFactorType, Signal

FIRST_HOURS = [251.0, 276.88, 301.0]


@pytest.mark.parametrize("name", ["mostly15.csv", "mostly60.csv"])
def test_steps_that_switch_are_held(cases, name):
    trace = read_trace(cases / "05-step-switch" / name)
    assert trace.step_s == 900.0
    assert not trace.gaps
    assert len(set(trace.g_per_kwh[:4])) == 1
    assert any("each value holds for its own step" in note for note in trace.notes)


@pytest.mark.parametrize("name", ["v2.csv", "v3.csv"])
def test_watttime_is_pounds_a_mwh(cases, name):
    trace = read_trace(cases / "06-watttime-csv" / name)
    assert trace.g_per_kwh[0] == pytest.approx(408.233, abs=1e-3)
    assert (trace.signal, trace.factors) == (Signal.MARGINAL, EmissionFactorType.DIRECT)
    assert any("lb/MWh" in note for note in trace.notes)


@pytest.mark.parametrize("name", ["comma_decimal_quoted", "energinet", "excel_sep", "plain_semicolon", "tab"])
def test_separators_and_decimal_commas(cases, name):
    assert read_trace(cases / "10-semicolon" / f"{name}.csv").g_per_kwh[0] == 251.0


@pytest.mark.parametrize("name", ["kg_kwh", "kg_mwh", "lb_kwh", "opennem_kg_mwh", "t_gwh"])
def test_units_in_headers(cases, name):
    trace = read_trace(cases / "11-units-header" / f"{name}.csv")
    assert trace.g_per_kwh[0] == pytest.approx(251.0, rel=1e-4)
    assert trace.notes[0].startswith("unit ")


def test_exports_of_other_makers(cases):
    folder = cases / "12-other-exports"
    assert read_trace(folder / "carbon_aware_sdk.json").g_per_kwh.tolist() == [251.0]
    assert read_trace(folder / "gridstatus_io.csv").zone == "CISO"
    assert read_trace(folder / "entsoe_gen.csv").g_per_kwh[0] == 230.0  # biomass alone, life cycle [AR5]
    with pytest.raises(TraceError, match="--intensity-column"):
        read_trace(folder / "eia930_ci.csv")
    column = "CO2 Emissions Intensity for Generated Electricity"
    with pytest.raises(TraceError, match="--unit"):
        read_trace(folder / "eia930_ci.csv", intensity_column=column)
    trace = read_trace(folder / "eia930_ci.csv", intensity_column=column, unit="lb/kWh")
    assert trace.g_per_kwh[0] == pytest.approx(0.5 * 453.59237)
    assert trace.start == datetime(2023, 12, 31, 23, tzinfo=UTC)


@pytest.mark.parametrize("name", ["openmeteo.csv", "openmeteo_nohead.csv"])
def test_open_meteo_weather_in_si(cases, name):
    weather = read_future_covariates(cases / "13-open-meteo" / name)
    assert weather["temperature_2m (°C)"].values[0] == pytest.approx(278.15)
    assert weather["wind_speed_10m (km/h)"].values[0] == pytest.approx(21 / 3.6)


def test_prices_a_mwh(cases):
    folder = cases / "14-prices-mwh"
    assert read_prices(folder / "ember.csv").values[0] == pytest.approx(0.08)
    assert read_prices(folder / "entsoe_price.csv").values[0] == pytest.approx(0.08)
    assert read_prices(folder / "neg.csv").values[0] == -0.02
    with pytest.raises(TraceError, match="--price-unit"):
        read_prices(folder / "plain_mwh.csv")
    assert read_prices(folder / "plain_mwh.csv", unit="EUR/MWh").values[0] == pytest.approx(0.08)


READ_WHOLE = ["UPPER.CSV", "blank_lines.csv", "caps.csv", "comment.csv", "cr_only.csv", "date_hour_cols.csv",
              "de_dates.csv", "epoch_ms.csv", "extra_intensity.csv", "h24.csv", "half_naive.csv", "jitter.csv",
              "latin1.csv", "micro.csv", "mixed_offsets.csv", "suffix.txt", "total_row.csv", "trailing_comma.csv",
              "unsorted.csv", "us_dates.csv", "utf16.csv"]  # fmt: skip


@pytest.mark.parametrize("name", READ_WHOLE)
def test_oddities_with_a_plain_meaning_are_read(cases, name):
    trace = read_trace(cases / "27-csv-oddities" / name)
    assert trace.g_per_kwh[:3].tolist() == FIRST_HOURS
    assert trace.start == datetime(2024, 1, 1, tzinfo=UTC)
    assert (trace.step_s, len(trace.g_per_kwh), len(trace.gaps)) == (3600.0, 48, 0)


GAPS = ["NA", "dash", "inf", "na", "nan", "ne", "null", "unit"]


@pytest.mark.parametrize("name", [*(f"cell_{cell}.csv" for cell in GAPS), "negative.csv"])
def test_one_bad_value_is_a_gap(cases, name):
    trace = read_trace(cases / "27-csv-oddities" / name)
    assert np.flatnonzero(np.isnan(trace.g_per_kwh)).tolist() == [5]


@pytest.mark.parametrize(
    ("name", "value"), [("cell_sci", 250.0), ("cell_space", 250.0), ("cell_thousand", 1250.5), ("zero", 0.0)]
)
def test_spellings_of_a_number(cases, name, value):
    assert read_trace(cases / "27-csv-oddities" / f"{name}.csv").g_per_kwh[5] == value


def test_times_at_the_end_of_the_hour(cases):
    assert read_trace(cases / "27-csv-oddities" / "end_stamp.csv").start == datetime(2023, 12, 31, 23, tzinfo=UTC)


def test_a_mistyped_year_is_named(cases):
    with pytest.raises(TraceError, match="mistyped time"):
        read_trace(cases / "27-csv-oddities" / "year_typo.csv")


def rows(header, *lines):
    return "\n".join([header, *lines]) + "\n"


def test_values_that_cannot_be_grams_a_kwh_are_refused(written):
    small = rows("time,intensity", *(f"2024-01-01T{hour:02d}:00Z,0.{hour + 10}" for hour in range(24)))
    with pytest.raises(TraceError, match=r"cannot be g/kWh. State the unit with --unit"):
        read_trace(written(small))
    assert read_trace(written(small), unit="kg/kWh").g_per_kwh[0] == pytest.approx(100.0)


def test_local_times_of_a_named_zone(written):
    path = written(rows("time,intensity", "2024-06-01 12:00,100", "2024-06-01 13:00,200"))
    assert read_trace(path, timezone="Europe/Berlin").start == datetime(2024, 6, 1, 10, tzinfo=UTC)


def test_an_ambiguous_hour_is_refused_by_name(written):
    path = written(rows("time,intensity", "2024-10-27 01:00,100", "2024-10-27 02:00,200", "2024-10-27 04:00,300"))
    with pytest.raises(TraceError, match=r"Europe/Berlin shows once, got '2024-10-27 02:00' in line 3"):
        read_trace(path, timezone="Europe/Berlin")


def test_a_missing_hour_stays_a_gap_among_others(written):
    hours = [hour for hour in range(48) if hour not in (10, 11, 30)]
    lines = [f"2024-01-{1 + hour // 24:02d}T{hour % 24:02d}:00Z,{100 + hour}" for hour in hours]
    trace = read_trace(written(rows("time,intensity", *lines)))
    assert np.flatnonzero(np.isnan(trace.g_per_kwh)).tolist() == [10, 11, 30]


def test_monthly_values_hold_for_their_month(written):
    lines = [f"{year}-{month:02d}-01,{100 + month}" for year in (2022, 2023) for month in range(1, 13)]
    trace = read_trace(written(rows("Datetime (UTC),Carbon intensity gCO₂eq/kWh (direct)", *lines)))
    assert trace.step_s == 86400.0
    assert trace.g_per_kwh[[0, 30, 31, 58, 59]].tolist() == [101.0, 101.0, 102.0, 102.0, 103.0]


FORMATS = {
    "NESO mix": ("DATETIME,GAS,COAL,NUCLEAR,CARBON_INTENSITY\n2024-01-01 00:00:00+00,100,0,50,{}\n2024-01-01 00:30:00+00,100,0,50,{}\n", 1800.0, 120.0, 120.0),
    "NESO API": ("from,to,actual,index\n2024-01-01T00:00Z,2024-01-01T00:30Z,{},low\n2024-01-01T00:30Z,2024-01-01T01:00Z,{},low\n", 1800.0, 120.0, 120.0),
    "Energinet": ("HourUTC;HourDK;PriceArea;CO2Emission\n2024-01-01 00:00;2024-01-01 01:00;DK1;{}\n2024-01-01 01:00;2024-01-01 02:00;DK1;{}\n", 3600.0, 120.0, 120.0),
    "RTE": ("Périmètre;Nature;Date;Heures;Consommation;Taux de Co2\nFrance;Données définitives;2024-01-01;00:00;50000;{}\nFrance;Données définitives;2024-01-01;00:30;50000;{}\n", 1800.0, 120.0, 120.0),
    "OpenElectricity": ("date,Coal (Black) -  MW,Emissions Intensity - kgCO2e/MWh\n2024-01-01 00:00,1,{}\n2024-01-01 00:30,1,{}\n", 1800.0, 120.0, 120.0),
    "Electricity Maps": ("Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),Carbon intensity gCO₂eq/kWh (Life cycle)\n2024-01-01 00:00:00,Germany,Germany,DE,1,{}\n2024-01-01 01:00:00,Germany,Germany,DE,1,{}\n", 3600.0, 120.0, 120.0),
    "WattTime v3": ("point_time,value\n2024-01-01T00:00:00+00:00,{}\n2024-01-01T00:05:00+00:00,{}\n", 300.0, 900.0, 408.233133),
}  # fmt: skip


@pytest.mark.parametrize("maker", FORMATS)
def test_makers_layouts(written, maker):
    text, step_s, value, g_per_kwh = FORMATS[maker]
    trace = read_trace(written(text.format(value, value)))
    assert trace.step_s == step_s
    assert trace.g_per_kwh == pytest.approx([g_per_kwh] * 2)
    hour = 23 if maker == "RTE" else 0  # French time
    assert trace.start.hour == hour
