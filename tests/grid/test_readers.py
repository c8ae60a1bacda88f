from __future__ import annotations

import gzip
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.price_files import read_prices
from ce_nas.grid.readers import list_factors, list_zones, read_future_covariates, read_trace
from ce_nas.grid.trace import EmissionFactorType, Gap, Signal

PLAIN = "time,intensity,zone\n2021-01-01T00:00,100,X\n2021-01-01T01:00,200,X\n2021-01-01T02:00,300,X\n"
ELECTRICITY_MAPS = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh ({lifecycle}),Renewable energy percentage (RE%),Data source\n"
    "2023-01-01 00:00:00,USA,CAISO,US-CAL-CISO,210.5,260.5,31.2,eia.gov\n"
    "2023-01-01 01:00:00,USA,CAISO,US-CAL-CISO,220.5,270.5,30.2,eia.gov\n"
)


@pytest.fixture
def written(tmp_path):
    """Writes a text to a file and says where."""

    def write(text: str | bytes, name: str = "made.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def parquet(tmp_path):
    """Writes columns to a Parquet file and says where."""

    def write(name: str = "made.parquet", **columns):
        path = tmp_path / name
        pd.DataFrame(columns).to_parquet(path)
        return path

    return write


def hours(n: int, **where) -> pd.DatetimeIndex:
    return pd.date_range("2021-01-01", periods=n, freq="h", **where)


def test_a_plain_csv(written):
    trace = read_trace(written(PLAIN))
    assert (trace.zone, trace.origin, trace.synthetic, trace.duplicates) == ("X", "made.csv", False, 0)
    assert (trace.factors, trace.signal) == (EmissionFactorType.UNSTATED, Signal.UNSTATED)
    assert (trace.start, trace.step_s) == (datetime(2021, 1, 1, tzinfo=UTC), 3600)
    assert trace.g_per_kwh.tolist() == [100, 200, 300]


@pytest.mark.parametrize("lifecycle", ["Life cycle", "LCA"])
def test_electricity_maps_downloads(written, lifecycle):
    path = written(ELECTRICITY_MAPS.format(lifecycle=lifecycle))
    trace = read_trace(path)
    assert (trace.zone, trace.factors, trace.signal) == ("US-CAL-CISO", EmissionFactorType.LIFECYCLE, Signal.AVERAGE)
    assert trace.g_per_kwh.tolist() == [260.5, 270.5]
    direct = read_trace(path, factors=EmissionFactorType.DIRECT)
    assert (direct.factors, direct.g_per_kwh.tolist()) == (EmissionFactorType.DIRECT, [210.5, 220.5])
    assert direct.fingerprint != trace.fingerprint


def test_a_parquet_after_electricity_maps(parquet):
    texts = hours(3).strftime("%Y-%m-%d %H:%M:%S")
    path = parquet("us_cal.parquet", datetime=texts, carbon_intensity_avg=[1.0, np.nan, 3.0], solar_avg=[0.0, 1.0, 2.0])
    trace = read_trace(path)
    assert (trace.zone, trace.factors, trace.signal) == ("us_cal", EmissionFactorType.UNSTATED, Signal.AVERAGE)
    assert trace.gaps == (Gap(datetime(2021, 1, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, 2, tzinfo=UTC)),)
    named = read_trace(path, zone="US-CAL-CISO", factors=EmissionFactorType.LIFECYCLE)
    assert (named.zone, named.factors) == ("US-CAL-CISO", EmissionFactorType.LIFECYCLE)


def test_a_parquet_after_carboncast(parquet):
    path = parquet(
        zone=["DE", "SE", "DE", "SE"],
        time=hours(2).repeat(2),
        carbon_intensity_lifecycle=np.array([300, 30, 310, 31], dtype=np.float32),
        carbon_intensity_direct=[200.0, 10, 210, 11],
    )
    assert read_trace(path, zone="SE").g_per_kwh.tolist() == [30, 31]
    assert read_trace(path, zone="DE", factors=EmissionFactorType.DIRECT).g_per_kwh.tolist() == [200, 210]
    assert read_trace(path, zone="DE").signal == Signal.AVERAGE


def test_a_parquet_whose_times_are_its_index(tmp_path):
    path = tmp_path / "made.parquet"
    pd.DataFrame({"intensity": [1.0, 2.0]}, index=hours(2, tz="UTC").rename("time")).to_parquet(path)
    assert read_trace(path).g_per_kwh.tolist() == [1, 2]


def test_a_compressed_csv(written):
    assert read_trace(written(gzip.compress(PLAIN.encode()), "made.csv.gz")).g_per_kwh.tolist() == [100, 200, 300]


def test_a_byte_order_mark_and_blank_lines_do_no_harm(written):
    messy = "\ufeff" + PLAIN.replace("2021-01-01T02", "\n2021-01-01T02") + "\n\n"
    assert read_trace(written(messy)).fingerprint == read_trace(written(PLAIN, "clean.csv")).fingerprint


def test_blank_lines_are_counted_when_a_line_is_named(written):
    with pytest.raises(TraceError, match=r"'bad' in line 5"):
        read_trace(
            written(
                PLAIN.replace("100", "-").replace("2021-01-01T02:00,300", "\n2021-01-01T02:00,bad").replace("200", "-")
            )
        )


def test_a_zone_called_na_is_one(written):
    assert read_trace(written(PLAIN.replace(",X", ",NA"))).zone == "NA"


def test_zoned_times_across_the_change_of_clocks(written):
    """In Berlin, 02:00 came twice on 2021-10-31; with the offset written, nothing is doubled or missing."""
    local = pd.date_range("2021-10-30T22:00", periods=8, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    rows = "".join(f"{moment.isoformat()},{100 + step}\n" for step, moment in enumerate(local))
    trace = read_trace(written("time,intensity\n" + rows))
    assert trace.start == datetime(2021, 10, 30, 22, tzinfo=UTC)
    assert (trace.g_per_kwh.tolist(), trace.gaps, trace.duplicates) == ([*range(100, 108)], (), 0)


def test_naive_local_times_across_the_change_of_clocks_need_their_zone(written):
    local = pd.date_range("2021-10-30T22:00", periods=8, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    rows = "".join(f"{moment.tz_localize(None).isoformat()},{100 + step}\n" for step, moment in enumerate(local))
    with pytest.raises(TraceError, match=r"contradicts another row of 2021-10-31T02:00:00.*--timezone"):
        read_trace(written("time,intensity\n" + rows))
    trace = read_trace(written("time,intensity\n" + rows), timezone="Europe/Berlin")
    assert trace.start == datetime(2021, 10, 30, 22, tzinfo=UTC)
    assert (trace.g_per_kwh.tolist(), trace.gaps, trace.duplicates) == ([*range(100, 108)], (), 0)


def test_missing_hours_and_repeated_rows_are_told(written):
    first, second, third = PLAIN.splitlines()[1:]
    later = second.replace("T01", "T04")
    trace = read_trace(written(f"time,intensity,zone\n{third}\n{later}\n{first}\n{second}\n{second}"))
    assert trace.duplicates == 1
    assert trace.gaps == (Gap(datetime(2021, 1, 1, 3, tzinfo=UTC), datetime(2021, 1, 1, 4, tzinfo=UTC)),)
    with pytest.raises(TraceError, match=r"gap from 2021-01-01 03:00 UTC"):
        trace.relative_to(trace.start).integral(0, 5 * 3600)


def test_columns_with_uncommon_names(written):
    path = written(PLAIN.replace("time,intensity", "hour beginning,co2"))
    trace = read_trace(path, time_column="hour beginning", intensity_column="co2", signal=Signal.MARGINAL)
    assert (trace.g_per_kwh.tolist(), trace.signal) == ([100, 200, 300], Signal.MARGINAL)


def test_one_unusable_value_is_a_counted_gap(written):
    for cell in ("about 200", "-200", "inf"):
        trace = read_trace(written(PLAIN.replace("200", cell)))
        assert trace.gaps == (Gap(datetime(2021, 1, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, 2, tzinfo=UTC)),)
        assert f"1 unusable value(s) became gaps (first: {cell!r} in line 3)" in trace.notes


@pytest.mark.parametrize(
    ("header", "factor"), [("intensity_g_per_mwh", 1e-3), ("intensity (kg/MWh)", 1.0), ("intensity lb/MWh", 0.45359237)]
)
def test_the_unit_in_the_header_is_converted(written, header, factor):
    trace = read_trace(written(PLAIN.replace("intensity", header)))
    assert trace.g_per_kwh == pytest.approx(factor * np.array([100, 200, 300]))
    assert trace.notes[0].endswith(f"from the header {header!r}")


def test_the_unit_of_the_settings_is_converted(written):
    trace = read_trace(written(PLAIN), unit="lb/MWh")
    assert trace.g_per_kwh == pytest.approx(0.45359237 * np.array([100, 200, 300]))
    assert trace.notes[0] == "unit lb/MWh, as the settings state"


def test_a_marginal_column_says_so(written):
    path = written(PLAIN.replace("intensity", "intensity_marginal"))
    assert read_trace(path).signal == Signal.MARGINAL
    with pytest.raises(TraceError, match=r"Expected signal average.*says marginal"):
        read_trace(path, signal=Signal.AVERAGE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("time,intensity\n", "a header without any"),
        ("time,intensity\n\n\n", "a header without any"),
        (b"\xff\xfe\x00\x01\x80", "cannot be read"),
        (PLAIN.replace("200,X", "200,X,1,2"), "cannot be read"),
        (
            "time,intensity\n2021-01-01T00:00,1,5\n2021-01-01T01:00,2,6\n",
            "line 2 has 3 cells, but the header names 2 columns",
        ),
        (PLAIN.replace("00,X", "OO,X"), "Expected a number of zero or more, got '1OO' in line 2, column 'intensity'"),
        (PLAIN.replace(",2", ",-2").replace(",3", ",-3"), "zero or more, got '-200' in line 3, column 'intensity'"),
        (PLAIN.replace("200", "inf").replace("300", "inf"), "zero or more, got 'inf' in line 3, column 'intensity'"),
        (
            PLAIN.replace("time", "tme"),
            "such as 'datetime .utc.'.*found the columns 'tme', 'intensity', 'zone'.*--time-column",
        ),
        (
            PLAIN.replace("intensity", "co2"),
            "carbon intensities.*found the columns 'time', 'co2', 'zone'.*--intensity-column",
        ),
        (
            PLAIN.replace("zone", "intensity_2").replace("X", "7"),
            "Expected one column of intensities.*'intensity', 'intensity_2'",
        ),
        (PLAIN.replace("200,X", "200,Y"), "Expected one zone.*found X, Y.*--zone"),
        (PLAIN.replace("intensity", "intensity_ton_per_mwh"), "a ton is 1000 kg or 2000 lb.*--unit"),
        (PLAIN.replace("00,X", "00000,X"), "states no unit and its values from 100000.*--unit"),
    ],
)
def test_a_bad_csv_is_explained(written, text, said):
    with pytest.raises(TraceError, match=said) as caught:
        read_trace(written(text))
    assert "made.csv" in str(caught.value)


def test_an_unknown_zone_lists_the_zones_and_suggests_the_nearest(written):
    path = written(PLAIN.replace("X", "US-CAL-CISO"))
    with pytest.raises(TraceError, match=r"Unknown zone 'US-CAL-CSO'.*Did you mean 'US-CAL-CISO'\?.*made.csv"):
        read_trace(path, zone="US-CAL-CSO")


def test_factors_that_are_not_there(written):
    path = written(PLAIN.replace("intensity", "carbon_intensity_lifecycle"))
    with pytest.raises(TraceError, match=r"direct carbon intensities.*'carbon_intensity_lifecycle'"):
        read_trace(path, factors=EmissionFactorType.DIRECT)
    with pytest.raises(TraceError, match=r"Expected factors direct.*says lifecycle"):
        read_trace(path, factors=EmissionFactorType.DIRECT, intensity_column="carbon_intensity_lifecycle")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(TraceError, match=r"no file .*missing.csv"):
        read_trace(tmp_path / "missing.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TraceError, match=r"no file .*folder.csv"):
        read_trace(tmp_path / "folder.csv")


@pytest.mark.parametrize("name", ["made.xlsx", "made", "made.csv.zip"])
def test_an_unknown_suffix(written, name):
    with pytest.raises(TraceError, match=rf"\.csv, \.csv\.gz, \.tsv or \.parquet file, got '{name}'"):
        read_trace(written(PLAIN, name))


@pytest.mark.parametrize("name", ["made.parquet", "made.csv.gz"])
def test_a_file_that_is_not_what_its_suffix_says(written, name):
    with pytest.raises(TraceError, match=rf"{name}', but it cannot be read \(.+\)"):
        read_trace(written(PLAIN, name))


def test_a_truncated_archive(written):
    with pytest.raises(TraceError, match=r"cannot be read"):
        read_trace(written(gzip.compress((PLAIN * 50).encode())[:-20], "made.csv.gz"))


def test_prices_may_be_negative(written):
    prices = read_prices(written("time,price\n2021-01-01T00:00,0.1\n2021-01-01T00:15,-0.05\n"))
    assert (prices.step_s, prices.values.tolist()) == (900, [0.1, -0.05])
    assert prices.integral(0, 1800) == pytest.approx(45)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,cost\n2021-01-01T00:00,1\n", "such as 'price'.*--price-column"),
        ("time,price\n2021-01-01T00:00,cheap\n", "Expected a number, got 'cheap' in line 2"),
        ("time,price\n", "a header without any"),
    ],
)
def test_bad_prices_are_explained(written, text, said):
    with pytest.raises(TraceError, match=said):
        read_prices(written(text))


def test_prices_per_mwh_are_converted(written):
    path = written("time,price_per_mwh\n2021-01-01T00:00,50\n2021-01-01T01:00,60\n")
    assert read_prices(path).values.tolist() == pytest.approx([0.05, 0.06])
    assert read_prices(path, price_column="price_per_mwh").values.tolist() == pytest.approx([0.05, 0.06])


def test_prices_without_a_unit_must_be_possible(written):
    path = written("time,price\n2021-01-01T00:00,50\n2021-01-01T01:00,70\n")
    with pytest.raises(TraceError, match=r"states no unit and holds 70.*--price-unit"):
        read_prices(path)
    assert read_prices(path, unit="EUR/MWh").values.tolist() == pytest.approx([0.05, 0.07])


def test_the_published_search_s_trace(grid_data):
    """The window of 80 hours from 2021-07-02 06:00 UTC in the trace of the published search."""
    trace = read_trace(grid_data / "us_cal_ciso_2020_2022.parquet")
    run = trace.relative_to(datetime(2021, 7, 2, 6, tzinfo=UTC))
    assert (run.reference_time - trace.start).total_seconds() / 3600 == 13158
    window = trace.g_per_kwh[13158 : 13158 + 80]
    assert (round(window.min()), round(run.mean(0, 80 * 3600)), round(window.max())) == (230, 304, 373)
    assert run.past(0, 1)[0] == trace.g_per_kwh[13157]


def test_the_published_trace_s_own_gap_is_told(grid_data):
    trace = read_trace(grid_data / "us_cal_ciso_2020_2022.parquet")
    assert trace.gaps == (Gap(datetime(2021, 4, 7, 0, tzinfo=UTC), datetime(2021, 4, 7, 7, tzinfo=UTC)),)
    with pytest.raises(TraceError, match=r"gap from 2021-04-07"):
        trace.relative_to(datetime(2021, 4, 6, tzinfo=UTC)).require_coverage(0, 80 * 3600)


@pytest.mark.parametrize(
    ("name", "zones", "steps"),
    [("carboncast_2020_2021", ("CISO", "SE"), 17544), ("electricity_maps_2021_2024", ("SG", "JP-TK"), 35064)],
)
def test_the_public_tables_are_read(grid_data, name, zones, steps):
    for zone in zones:
        trace = read_trace(grid_data / f"{name}.parquet", zone=zone)
        assert (len(trace.series), trace.factors, trace.signal) == (steps, EmissionFactorType.LIFECYCLE, Signal.AVERAGE)


def test_the_mix_is_read_beside_the_intensity(parquet):
    path = parquet(
        time=hours(3), intensity=[1.0, 2.0, 3.0], power_production_gas_avg=[5.0, np.nan, 7.0], solar=[0.0, -1.0, 2.0],
        coal=[np.nan] * 3, wind_speed=[1.0, 1.0, 1.0],
    )  # fmt: skip
    mix = read_trace(path).mix_mw
    assert sorted(mix) == ["gas", "solar"]
    assert mix["solar"].tolist() == [0, -1, 2]
    assert np.array_equal(mix["gas"], [5, np.nan, 7], equal_nan=True)


def test_the_mix_keeps_to_the_steps_of_the_intensity(written):
    rows = "2021-01-01T03:00,400,40\n2021-01-01T00:00,100,\n2021-01-01T01:00,200,20\n2021-01-01T01:00,200,20\n"
    trace = read_trace(written("time,intensity,nat_gas\n" + rows))
    assert np.array_equal(trace.mix_mw["gas"], [np.nan, 20, np.nan, 40], equal_nan=True)


def test_a_mix_that_is_no_number_is_missing(written):
    trace = read_trace(written("time,intensity,gas\n2021-01-01T00:00,100,1\n2021-01-01T01:00,200,much\n"))
    assert np.array_equal(trace.mix_mw["gas"], [1, np.nan], equal_nan=True)
    assert trace.gaps == ()


def test_what_is_known_ahead_is_every_column_of_numbers(parquet):
    path = parquet(zone=["X", "X", "Y"], time=hours(3), wind=[1.0, -2.0, 9.0], sky=["clear", "grey", "grey"])
    known = read_future_covariates(path, "X")
    assert list(known) == ["wind"]
    assert known["wind"].values.tolist() == [1, -2]
    assert known["wind"].start == datetime(2021, 1, 1, tzinfo=UTC)
    assert read_future_covariates(path, "X", offset_s=86400)["wind"].start == datetime(2021, 1, 2, tzinfo=UTC)
    with pytest.raises(TraceError, match="Unknown zone 'Z'"):
        read_future_covariates(path, "Z")


def test_the_true_intensity_is_never_known_ahead(written):
    with pytest.raises(TraceError, match="found 'intensity', which is not known ahead"):
        read_future_covariates(written(PLAIN))
    with pytest.raises(TraceError, match="no column of numbers besides the time"):
        read_future_covariates(written("time,sky\n2021-01-01T00:00,clear\n2021-01-01T01:00,grey\n"))


def test_the_real_tables_have_a_mix_and_weather(grid_data):
    trace = read_trace(grid_data / "us_cal_ciso_2020_2022.parquet")
    assert {"gas", "solar", "wind"} <= set(trace.mix_mw)
    assert all(len(values) == len(trace.series) for values in trace.mix_mw.values())
    known = read_future_covariates(grid_data / "weather_forecast_2019_2022.parquet", "CISO")
    assert max(known) == "wind_speed_m_s"
    assert known["wind_speed_m_s"].start == datetime(2019, 1, 1, tzinfo=UTC)


def test_carboncasts_own_csv_is_read_with_factors_that_only_its_name_tells(tmp_path):
    path = tmp_path / "CISO_direct_emissions.csv"
    path.write_text(",UTC time,carbon_intensity,coal\n0,2021-01-01 00:00:00,200.5,1\n1,2021-01-01 01:00:00,210,1\n")
    trace = read_trace(path, zone="CISO", factors=EmissionFactorType.DIRECT)
    assert (trace.zone, trace.factors, trace.g_per_kwh.tolist()) == ("CISO", EmissionFactorType.DIRECT, [200.5, 210.0])
    assert list_factors(path) == {EmissionFactorType.UNSTATED}
    assert list_zones(path) == ("CISO_direct_emissions",)


def test_zones_and_factors_are_told_without_reading_a_trace(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text(
        "time,zone,carbon_intensity_lifecycle,carbon_intensity_direct\n2021-01-01,B,1,2\n2021-01-01,A,1,2\n"
    )
    assert list_zones(path) == ("B", "A")
    assert list_factors(path) == {EmissionFactorType.LIFECYCLE, EmissionFactorType.DIRECT}
