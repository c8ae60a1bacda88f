import json
from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.price_files import read_prices
from ce_nas.grid.readers import read_future_covariates, read_trace
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


EMBER = "Area,ISO 3 code,{},Area type,Category,Subcategory,Variable,Unit,Value\n"


def ember(column, times, **values):
    lines = [EMBER.format(column)]
    for index, time in enumerate(times):
        for area, value in values.items():
            prefix = f"{area},{area[:3].upper()},{time},Country"
            lines.append(f"{prefix},Power sector emissions,CO2 intensity,CO2 intensity,gCO2/kWh,{value + index}\n")
            lines.append(f"{prefix},Electricity demand,Demand,Demand,TWh,500\n")
    return "".join(lines)


@pytest.mark.parametrize(("zone", "value"), [("Germany", 400.0), ("FRA", 60.0)])
def test_ember_holds_a_year_for_itself(written, zone, value):
    trace = read_trace(written(ember("Year", (2019, 2020, 2021), Germany=400, France=60)), zone=zone)
    assert (trace.start, trace.end) == (datetime(2019, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC))
    assert trace.g_per_kwh[[0, 364, 365, 730, 731, 1095]].tolist() == [value + each for each in (0, 0, 1, 1, 2, 2)]
    assert (trace.factors, trace.signal) == (EmissionFactorType.LIFECYCLE, Signal.AVERAGE)
    assert "steps of a year, so that no hour of a day is cleaner than another" in trace.notes


def test_ember_holds_a_month_for_itself(written):
    trace = read_trace(written(ember("Date", ("2020-01-01", "2020-02-01", "2020-04-01"), Germany=400)))
    assert trace.end == datetime(2020, 5, 1, tzinfo=UTC)
    assert trace.g_per_kwh[[0, 30, 31, 59, 91, 120]].tolist() == [400.0, 400.0, 401.0, 401.0, 402.0, 402.0]
    assert np.isnan(trace.g_per_kwh[60:91]).all()  # March is missing


def test_the_one_row_of_a_yearly_file_is_its_year(written):
    text = "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct)\n2024-01-01 00:00:00,D,D,DE,381\n"
    trace = read_trace(written(text))
    assert (trace.zone, trace.end, trace.g_per_kwh.tolist()) == ("DE", datetime(2025, 1, 1, tzinfo=UTC), [381.0])


JSON_ANSWERS = {
    "WattTime v3": ('{"data":[{"point_time":"2024-01-01T00:00:00+00:00","value":900},{"point_time":"2024-01-01T00:05:00+00:00","value":900}],"meta":{"region":"CAISO_NORTH","signal_type":"co2_moer","units":"lbs_co2_per_mwh"}}', 300.0, 408.233133),
    "NESO API": ('{"data":[{"from":"2024-01-01T00:00Z","to":"2024-01-01T00:30Z","intensity":{"forecast":9,"actual":120,"index":"low"}},{"from":"2024-01-01T00:30Z","to":"2024-01-01T01:00Z","intensity":{"forecast":9,"actual":120,"index":"low"}}]}', 1800.0, 120.0),
    "Electricity Maps API": ('{"zone":"DE","history":[{"zone":"DE","carbonIntensity":302,"datetime":"2024-01-01T00:00:00.000Z","emissionFactorType":"lifecycle"},{"zone":"DE","carbonIntensity":302,"datetime":"2024-01-01T01:00:00.000Z","emissionFactorType":"lifecycle"}]}', 3600.0, 302.0),
}  # fmt: skip


@pytest.mark.parametrize("maker", JSON_ANSWERS)
def test_answers_in_json(written, maker):
    text, step_s, g_per_kwh = JSON_ANSWERS[maker]
    trace = read_trace(written(text, "made.json"))
    assert (trace.start, trace.step_s) == (datetime(2024, 1, 1, tzinfo=UTC), step_s)
    assert trace.g_per_kwh == pytest.approx([g_per_kwh] * 2)


def test_another_signal_of_watttime_is_refused(written):
    text = JSON_ANSWERS["WattTime v3"][0].replace("lbs_co2_per_mwh", "usd_per_mwh")
    with pytest.raises(TraceError, match="got 'usd_per_mwh'"):
        read_trace(written(text, "made.json"))


def entsoe_long(time):
    lines = [
        f"{time(hour)},DE,{fuel},100\n" for hour in range(3) for fuel in ("Fossil Gas", "Solar")
    ]  # equal shares: the mean of 490 and 48 g/kWh
    return "".join(lines)


@pytest.mark.parametrize(
    ("header", "time", "hour"),
    [
        ("MTU (UTC),Area,Production Type,Generation (MW)\n", "01/07/2024 0{}:00:00 - 01/07/2024 0{}:30:00", 0),
        ("MTU (CET/CEST),Area,Production Type,Generation (MW)\n", "31.07.2024 0{}:00 - 31.07.2024 0{}:30", 22),
        ("DateTime(UTC),AreaDisplayName,ProductionType,ActualGenerationOutput[MW]\n", "2024-07-01 0{}:00:00", 0),
    ],
)
def test_entsoe_generation_with_a_row_a_fuel(written, header, time, hour):
    time = time.replace("01/07", "13/07")
    trace = read_trace(written(header + entsoe_long(lambda number: time.format(number, number))))
    assert trace.g_per_kwh.tolist() == [269.0] * 3
    assert (trace.start.hour, trace.step_s, trace.zone) == (hour, 3600.0, "DE")


def test_intervals_say_the_clock_they_are_of(written):
    header = '"Area","MTU","Fossil Gas - Actual Aggregated [MW]"\n'
    lines = [f'"DE","01.07.2024 0{h}:00 - 01.07.2024 0{h + 1}:00 (CET/CEST)","9"\n' for h in range(3)]
    assert read_trace(written(header + "".join(lines))).start == datetime(2024, 6, 30, 22, tzinfo=UTC)


def hours(header, cell, count=30):
    return "\n".join([header, *(cell(f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00", n) for n in range(count))]) + "\n"


def test_local_times_need_their_zone(written):
    path = written(hours("Local time,carbon intensity", lambda time, n: f"{time},{300 + n}"))
    with pytest.raises(TraceError, match="they are local; name their zone with --timezone"):
        read_trace(path)
    assert read_trace(path, timezone="Europe/Berlin").start == datetime(2023, 12, 31, 23, tzinfo=UTC)
    with pytest.raises(TraceError, match="--price-timezone"):
        read_prices(written(path.read_text().replace("carbon intensity", "price (EUR/MWh)")))


@pytest.mark.parametrize(
    ("name", "first", "start"), [("HE", 1, 0), ("Hour", 1, 0), ("Hour", 0, 0), ("Hour Ending", 1, 0)]
)
def test_numbered_hours(written, name, first, start):
    lines = [f"2024-01-0{1 + n // 24},{n % 24 + first},{300 + n}" for n in range(30)]
    trace = read_trace(written("\n".join([f"Date,{name},carbon intensity", *lines])))
    assert trace.start == datetime(2024, 1, 1, start, tzinfo=UTC)
    assert trace.g_per_kwh.tolist() == [300.0 + n for n in range(30)]


def test_a_unit_that_contradicts_the_header_is_refused(written):
    path = written(hours("time,carbon intensity (kg/kWh)", lambda time, n: f"{time},0.3"))
    with pytest.raises(TraceError, match=r"says kg/kWh and --unit g/kWh; leave --unit out"):
        read_trace(path, unit="g/kWh")
    assert read_trace(path, unit="kgCO2/kWh").g_per_kwh[0] == 300.0
    prices = written(hours("time,price (EUR/MWh)", lambda time, n: f"{time},80"))
    with pytest.raises(TraceError, match="says EUR/MWh and --price-unit EUR/kWh; leave --price-unit out"):
        read_prices(prices, unit="EUR/kWh")
    assert read_prices(prices, unit="USD/MWh").values[0] == 0.08


@pytest.mark.parametrize(
    ("text", "g_per_kwh", "note"),
    [
        (hours("# unit: kg/kWh\ntime,carbon intensity", lambda time, n: f"{time},0.3"), 300.0, "unit: kg/kWh"),
        (hours("# in kgCO2/kWh\ntime,carbon intensity", lambda time, n: f"{time},0.3"), 300.0, "line above"),
        (hours("time,carbon intensity,unit", lambda time, n: f"{time},800,lb/MWh"), 362.873896, "column 'unit'"),
    ],
)
def test_units_beside_the_header(written, text, g_per_kwh, note):
    trace = read_trace(written(text))
    assert trace.g_per_kwh[0] == pytest.approx(g_per_kwh)
    assert note in trace.notes[0]


def test_an_impossible_unit_is_refused_and_an_unlikely_one_noted(written):
    path = written(hours("time,carbon intensity (kg/kWh)", lambda time, n: f"{time},300"))
    with pytest.raises(TraceError, match=r"in kg/kWh is 300,000 g/kWh and more"):
        read_trace(path)
    low = read_trace(written(hours("time,carbon intensity (g/MWh)", lambda time, n: f"{time},300")))
    assert "all values are below 2 g/kWh" in low.notes


def test_an_unusable_cell_of_the_mix_is_a_gap_and_counted(written):
    path = written(hours("time,carbon_intensity,coal", lambda time, n: f"{time},300,{'x' if n == 3 else 5}"))
    trace = read_trace(path)
    assert np.flatnonzero(np.isnan(trace.mix_mw["coal"])).tolist() == [3]
    assert "1 unusable value(s) of generation became gaps (first: 'x' in line 5, column 'coal')" in trace.notes


def test_hours_of_five_minute_data_that_are_missing_stay_gaps(written):
    lines = [f"2024-01-01 {n // 12:02d}:{n % 12 * 5:02d},{300 + n}" for n in range(100) if not 36 <= n < 60]
    trace = read_trace(written(rows("time,carbon intensity", *lines)))
    assert (trace.step_s, np.flatnonzero(np.isnan(trace.g_per_kwh)).tolist()) == (300.0, list(range(36, 60)))


def test_excel_days_and_utf16(written):
    text = hours("time;intensity g/kWh", lambda time, n: f"{45292 + n / 24:.7f};{300 + n}".replace(".", ","))
    trace = read_trace(written(text.encode("utf-16")))
    assert (trace.start, trace.step_s) == (datetime(2024, 1, 1, tzinfo=UTC), 3600.0)


@pytest.mark.parametrize(
    ("text", "per_kwh", "start"),
    [
        (hours("HourUTC;HourDK;PriceArea;SpotPriceEUR", lambda time, n: f"{time};x;DK1;45,5"), 0.0455, 0),
        (hours("Datum von;Datum bis;Deutschland [€/MWh]", lambda time, n: f"{time};x;85,5"), 0.0855, 23),
        (hours("Date;von;Zeitzone von;Preis in ct/kWh", lambda time, n: f"{time[:10]};{time[11:]};CET;8,5"), 0.085, 23),
    ],
)
def test_prices_of_known_makers(written, text, per_kwh, start):
    prices = read_prices(written(text))
    assert prices.values[0] == pytest.approx(per_kwh)
    assert (prices.start.hour, prices.step_s) == (start, 3600.0)


def test_prices_that_may_be_a_mwh_are_asked_about(written):
    path = written(hours("time,price", lambda time, n: f"{time},45"))
    with pytest.raises(TraceError, match="--price-unit"):
        read_prices(path)
    assert read_prices(path, unit="JPY/kWh").values[0] == 45.0


@pytest.mark.parametrize(
    ("text", "g_per_kwh", "start"),
    [
        (hours("Datum\tMOER (lbs CO2/MWh)", lambda time, n: f"{time}\t900").encode("utf-16"), 408.233133, 0),
        ("\ufeff" + hours("Zeit (CET/CEST);Werte [kgCO2eq/kWh]", lambda time, n: f"{time};0,3"), 300.0, 23),
    ],
)
def test_a_unit_or_a_clock_in_the_name_does_not_hide_a_column(written, text, g_per_kwh, start):
    trace = read_trace(written(text))
    assert trace.g_per_kwh[0] == pytest.approx(g_per_kwh)
    assert trace.start.hour == start


def test_times_without_an_offset_are_noted(written):
    text, *_ = FORMATS["OpenElectricity"]
    path = written(text.format(120, 120))
    note = "times without an offset read as UTC; name their zone with --timezone if they are local"
    assert note in read_trace(path).notes
    local = read_trace(path, timezone="Australia/Brisbane")
    assert local.start == datetime(2023, 12, 31, 14, tzinfo=UTC)
    assert note not in local.notes


@pytest.mark.parametrize("maker", ["NESO mix", "NESO API", "Energinet", "RTE", "Electricity Maps", "WattTime v3"])
def test_documented_times_need_no_note(written, maker):
    text, _, value, _ = FORMATS[maker]
    assert not [note for note in read_trace(written(text.format(value, value))).notes if "read as UTC" in note]


def test_weather_units_after_an_underscore(written):
    path = written(rows("time,temperature_c,wind_speed_kmh", "2024-01-01T00:00Z,5,36", "2024-01-01T01:00Z,6,18"))
    weather = read_future_covariates(path)
    assert weather["temperature_c"].values == pytest.approx([278.15, 279.15])
    assert weather["wind_speed_kmh"].values == pytest.approx([10.0, 5.0])


def test_a_temperature_that_cannot_be_in_kelvin(written):
    path = written(rows("time,temperature_2m", "2024-01-01T00:00Z,5", "2024-01-01T01:00Z,-3"))
    with pytest.raises(TraceError, match=r"states no unit and holds at most 5, which cannot be K"):
        read_future_covariates(path)
    kelvin = written(rows("time,temperature_2m", "2024-01-01T00:00Z,278", "2024-01-01T01:00Z,270"))
    assert read_future_covariates(kelvin)["temperature_2m"].values.tolist() == [278.0, 270.0]


WATTTIME = '{"data":[{"point_time":"2024-01-01T00:00:00+00:00","value":900},{"point_time":"2024-01-01T00:05:00+00:00","value":900}],"meta":{"signal_type":"SIGNAL","units":"lbs_co2_per_mwh"}}'


def test_the_signal_that_watttime_names(written):
    assert read_trace(written(WATTTIME.replace("SIGNAL", "co2_moer"), "a.json")).signal is Signal.MARGINAL
    assert read_trace(written(WATTTIME.replace("SIGNAL", "co2_aoer"), "a.json")).signal is Signal.AVERAGE
    with pytest.raises(TraceError, match="found health_damage"):
        read_trace(written(WATTTIME.replace("SIGNAL", "health_damage"), "a.json"))
    columns = "point_time,value,signal_type\n2024-01-01T00:00Z,9,{0}\n2024-01-01T00:05Z,9,{0}\n"
    with pytest.raises(TraceError, match="found health_damage"):
        read_trace(written(columns.format("health_damage")))
    assert read_trace(written(columns.format("co2_aoer"))).signal is Signal.AVERAGE


def test_a_year_of_rte_has_values_every_half_hour(written):
    header = "Périmètre\tNature\tDate\tHeures\tPrévision J\tTaux de Co2\t\n"
    lines = [
        f"France\tDéfinitives\t2024-01-01\t{n // 4:02d}:{n % 4 * 15:02d}\t49\t{'' if n % 2 else 30 + n // 2}\t\n"
        for n in range(96)
    ]
    text = header + "".join(lines) + "RTE ne pourra être tenu responsable de l'usage des données.\n"
    trace = read_trace(written(text.encode("latin-1"), "eCO2mix_RTE_Annuel-Definitif_2024.xls"))
    assert (trace.start, trace.step_s, trace.gaps) == (datetime(2023, 12, 31, 23, tzinfo=UTC), 1800.0, ())
    assert trace.g_per_kwh.tolist() == [30.0 + n for n in range(48)]


MORE_MAKERS = {
    "RTE's open data": (hours("Périmètre;Date;Heure;Date - Heure;Taux de CO2 (g/kWh)", lambda time, n: f"France;{time[:10]};{time[11:]};{time[:10]}T{time[11:]}:00+01:00;{30 + n}"), 30.0, 23),
    "EIA, UTC time": (hours("UTC time,Local date,Hour,Time zone,CO2 intensity (lbs/kWh)", lambda time, n: f"{time},x,1,Eastern,0.5"), 226.796185, 23),
    "NESO, national": (hours("datetime,forecast,actual,index", lambda time, n: f"{time},9,{120 + n},low"), 120.0, 0),
    "Ember API": ("entity,entity_code,date,emissions_intensity_gco2_per_kwh\n" + "".join(f"{name},X,{year},{value}\n" for name, value in (("Germany", 400), ("France", 60)) for year in range(2010, 2020)), 400.0, 0),
    "declarations of Energinet": (hours("HourUTC;PriceArea;CO2PerkWh;NOxPerkWh", lambda time, n: f"{time};DK1;84,50;0,15"), 84.5, 0),
    "gridstatus, local": (hours("interval_start_local,interval_end_local,intensity", lambda time, n: f"{time}-08:00,x,{300 + n}"), 300.0, 8),
    "a zone beside each time": (hours("time,tz,carbon intensity", lambda time, n: f"{time},Europe/Berlin,300"), 300.0, 23),
    "an offset beside each time": (hours("time,utc_offset,carbon intensity", lambda time, n: f"{time},+02:00,300"), 300.0, 22),
    "an offset in the header": (hours("Time (UTC+2),carbon intensity", lambda time, n: f"{time},300"), 300.0, 22),
    "a column a part": (hours("year,month,day,hour,intensity", lambda time, n: f"2024,1,{1 + n // 24},{n % 24},300"), 300.0, 0),
    "hours written h": (hours("Date;Heure;carbon intensity", lambda time, n: f"{time[:10]};{time[11:13]}h00;300"), 300.0, 0),
    "the last second": (hours("time,intensity", lambda time, n: f"{time[:14]}59:59,300"), 300.0, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE_MAKERS)
def test_more_layouts(written, name):
    text, g_per_kwh, hour = MORE_MAKERS[name]
    trace = read_trace(written(text), zone="Germany" if name == "Ember API" else None)
    assert trace.g_per_kwh[0] == pytest.approx(g_per_kwh)
    assert trace.start.hour == hour


def test_an_answer_of_energy_charts(written):
    text = '{"unix_seconds":[1704067200,1704068100,1704069000],"co2eq":[300,301,302],"deprecated":false}'
    trace = read_trace(written(text, "a.json"))
    assert (trace.g_per_kwh.tolist(), trace.step_s) == ([300.0, 301.0, 302.0], 900.0)


def test_a_forecast_is_called_one(written):
    text = hours("time,carbon intensity forecast", lambda time, n: f"{time},300")
    assert "column 'carbon intensity forecast' is a forecast" in read_trace(written(text)).notes


def test_fuels_that_contradict_themselves_are_refused(written):
    rows = [f"2024-07-13 0{hour}:00,DE,{fuel},100\n" for hour in range(3) for fuel in ("Fossil Gas", "Nuclear")]
    text = "MTU (UTC),Area,Production Type,Generation (MW)\n" + "".join(rows)
    assert read_trace(written(text)).g_per_kwh[0] == 251.0
    with pytest.raises(TraceError, match="got several for 2024-07-13 02:00, DE, Nuclear"):
        read_trace(written(text + "2024-07-13 02:00,DE,Nuclear,500\n"))


OPEN_METEO = "latitude,longitude,utc_offset_seconds,timezone\n52,13,3600,Europe/Berlin\n\ntime,temperature_2m (°F)\n"


@pytest.mark.parametrize(
    ("times", "timezone", "hour"),
    [
        (("2024-01-01T00:00", "2024-01-01T01:00"), None, 23),
        (("2024-01-01T00:00", "2024-01-01T01:00"), "Europe/Berlin", 23),
        (("1704067200", "1704070800"), None, 0),
    ],
)
def test_the_clock_of_open_meteo(written, times, timezone, hour):
    path = written(OPEN_METEO + "".join(f"{time},50\n" for time in times))
    weather = read_future_covariates(path, timezone=timezone)["temperature_2m (°F)"]
    assert weather.values == pytest.approx([283.15] * 2)
    assert weather.start.hour == hour


def test_open_meteo_in_json(written):
    text = '{"utc_offset_seconds":3600,"hourly_units":{"time":"iso8601","temperature_2m":"°C"},"hourly":{"time":["2024-01-01T00:00","2024-01-01T01:00"],"temperature_2m":[10,11]}}'
    weather = read_future_covariates(written(text, "a.json"))["temperature_2m (°C)"]
    assert weather.values == pytest.approx([283.15, 284.15])
    assert weather.start.hour == 23


@pytest.mark.parametrize("name", ["t2m", "temp", "dew_point_2m"])
def test_temperatures_by_any_name_need_a_unit(written, name):
    path = written(rows(f"time,{name}", "2024-01-01T00:00Z,5", "2024-01-01T01:00Z,-3"))
    with pytest.raises(TraceError, match="which cannot be K"):
        read_future_covariates(path)


@pytest.mark.parametrize("time", ["2024-01-01 00:60", "2024-01-01 00:00:60"])
def test_minutes_and_seconds_end_at_59(written, time):
    path = written(rows("time,intensity", "2024-01-01 00:00,100", f"{time},100", "2024-01-01 02:00,100"))
    with pytest.raises(TraceError, match=f"Expected a time .*{time}"):
        read_trace(path)


def test_durations_that_are_not_the_spacing_of_the_rows_are_noted(tmp_path):
    path = tmp_path / "sdk.json"
    at = ("2024-01-01T00:00:00+00:00", "2024-01-01T01:00:00+00:00", "2024-01-01T02:00:00+00:00")
    ratings = [{"Location": "eastus", "Time": time, "Rating": 250, "Duration": "00:05:00"} for time in at]
    path.write_text(json.dumps({"Emissions": ratings}))
    assert "values last 5.00 min by the file, but rows are 1.00 h apart" in " ".join(read_trace(path).notes)
    path.write_text(json.dumps({"Emissions": [one | {"Duration": "01:00:00"} for one in ratings]}))
    assert "values last" not in " ".join(read_trace(path).notes)
