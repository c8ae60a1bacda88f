"""The layouts of Electricity Maps and CarbonCast, and similar tables."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.datasets.catalog import find_catalog_entry
from ce_nas.datasets.importers.base import TraceLayout, import_files
from ce_nas.datasets.importers.grid_traces import convert_files
from ce_nas.datasets.store import DataStore
from ce_nas.grid.readers import read_trace
from ce_nas.grid.trace import EmissionFactorType, Signal

PORTAL = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
    "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method\n"
)


def portal(folder, year, values, zone="FR", name=None):
    rows = [
        f"{year}-01-01 {hour:02d}:00:00,France,France,{zone},{value},{value + 20},50,60,Maker,false,"
        for hour, value in enumerate(values)
    ]
    path = folder / (name or f"{zone}_{year}_hourly.csv")
    path.write_text(PORTAL + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def carboncast(folder, kind, values, zone="CISO"):
    rows = [f"{hour},2021-01-01 {hour:02d}:00:00,{value},1.0,2.0,3.0" for hour, value in enumerate(values)]
    path = folder / f"{zone}_{kind}_emissions.csv"
    path.write_text(",UTC time,carbon_intensity,coal,nat_gas,nuclear\n" + "\n".join(rows) + "\n")
    return path


def read_stored(converted, folder, factors):
    converted.write(folder / converted.file)
    return read_trace(folder / converted.file, factors=factors)


def test_the_portals_years_become_one_file_per_zone(tmp_path):
    files = [portal(tmp_path, 2021, [1, 2, 3]), portal(tmp_path, 2022, [4, 5]), portal(tmp_path, 2021, [7, 8], "DE")]
    converteds = {converted.file: converted for converted in convert_files(files)}
    assert list(converteds) == ["FR.parquet", "DE.parquet"]
    assert converteds["FR.parquet"].source_files == tuple(files[:2])
    frame = converteds["FR.parquet"].content
    assert list(frame.columns) == ["zone", "time", "carbon_intensity_lifecycle", "carbon_intensity_direct"]
    assert frame["carbon_intensity_direct"].tolist() == [1, 2, 3, 4, 5]
    trace = read_stored(converteds["DE.parquet"], tmp_path, EmissionFactorType.DIRECT)
    assert (trace.zone, trace.signal, trace.g_per_kwh.tolist()) == ("DE", Signal.AVERAGE, [7.0, 8.0])


def test_carboncasts_two_files_become_one(tmp_path):
    files = [carboncast(tmp_path, "lifecycle", [200.5, 210]), carboncast(tmp_path, "direct", [100, 110])]
    (converted,) = convert_files(files)
    assert (converted.file, converted.rows, converted.source_files) == ("CISO.parquet", 2, tuple(files))
    for factors, values in (
        (EmissionFactorType.LIFECYCLE, [200.5, 210.0]),
        (EmissionFactorType.DIRECT, [100.0, 110.0]),
    ):
        trace = read_stored(converted, tmp_path, factors)
        assert (trace.zone, trace.factors, trace.signal) == ("CISO", factors, Signal.AVERAGE)
        assert trace.g_per_kwh.tolist() == values


def test_one_of_carboncasts_files_is_enough(tmp_path):
    (converted,) = convert_files([carboncast(tmp_path, "direct", [100, 110])])
    assert list(converted.content.columns)[:3] == ["zone", "time", "carbon_intensity_direct"]


def test_a_missing_value_remains_a_gap_and_is_noted(tmp_path):
    path = portal(tmp_path, 2021, [1, 2, 3])
    path.write_text(path.read_text().replace(",2,22,", ",,22,"))
    (converted,) = convert_files([path])
    assert converted.notes == ("1 of 3 steps lack a value; they remain gaps.",)
    assert np.isnan(read_stored(converted, tmp_path, EmissionFactorType.DIRECT).g_per_kwh).tolist() == [
        False,
        True,
        False,
    ]


def test_files_may_repeat_but_not_contradict_each_other(tmp_path):
    first, again = portal(tmp_path, 2021, [1, 2, 3]), portal(tmp_path, 2021, [1, 2, 3, 4], name="again.csv")
    assert convert_files([first, again])[0].content["carbon_intensity_direct"].tolist() == [1, 2, 3, 4]
    other = portal(tmp_path, 2021, [1, 9, 3], name="other.csv")
    with pytest.raises(TraceError, match="contradict each other at 2021-01-01 01:00:00"):
        convert_files([first, other])


def test_years_of_different_steps_are_held_on_the_shortest(tmp_path):
    fine = portal(tmp_path, 2022, [3, 4], name="fine.csv")
    text = (
        fine.read_text().replace("2022-01-01 00:00", "2021-01-01 02:00").replace("2022-01-01 01:00", "2021-01-01 02:15")
    )
    fine.write_text(text)
    (converted,) = convert_files([portal(tmp_path, 2021, [1, 2]), fine])
    assert converted.notes == ("The files have steps of 15.0 min, 1.00 h: each value holds for its own.",)
    trace = read_stored(converted, tmp_path, EmissionFactorType.DIRECT)
    assert trace.step_s == 900
    assert trace.g_per_kwh.tolist() == [1.0] * 4 + [2.0] * 4 + [3.0, 4.0]


def test_what_a_file_does_not_say_is_stated(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("wann,grams\n2021-07-01 02:00,0.2\n2021-07-01 03:00,0.3\n")
    stated = TraceLayout("north", EmissionFactorType.DIRECT, "wann", "grams", "kg/kWh", "Europe/Berlin")
    (converted,) = convert_files([path], stated)
    trace = read_stored(converted, tmp_path, EmissionFactorType.DIRECT)
    assert (converted.file, trace.start.hour, trace.g_per_kwh.tolist()) == ("north.parquet", 0, [200.0, 300.0])
    with pytest.raises(TraceError, match="does not say which; state --factors lifecycle or --factors direct"):
        convert_files([path], replace(stated, factors=None))


def test_a_makers_layout_says_the_factors(tmp_path):
    path = tmp_path / "neso.csv"
    path.write_text("from,to,actual\n2021-01-01T00:00Z,2021-01-01T00:30Z,100\n2021-01-01T00:30Z,2021-01-01T01:00Z,90\n")
    (converted,) = convert_files([path])
    assert converted.content["carbon_intensity_direct"].tolist() == [100.0, 90.0]


def test_only_carbon_intensity_has_a_layout(tmp_path):
    with pytest.raises(SettingsError, match="for supernets, which holds no carbon intensity"):
        import_files(
            find_catalog_entry("supernets"),
            [tmp_path],
            DataStore(),
            datetime.now(UTC),
            layout=TraceLayout(unit="g/kWh"),
        )


def test_a_zone_cannot_leave_the_folder(tmp_path):
    with pytest.raises(TraceError, match="Expected a zone such as US-CAL-CISO"):
        convert_files([portal(tmp_path, 2021, [1, 2], zone="../../evil", name="x.csv")])


def test_real_tables_keep_every_value(shared_data, tmp_path):
    source = shared_data / "grid/carboncast_2020_2021.parquet"
    converteds = {converted.file: converted for converted in convert_files([source])}
    assert len(converteds) == 10
    for factors in (EmissionFactorType.LIFECYCLE, EmissionFactorType.DIRECT):
        before, after = (
            read_trace(source, zone="SE", factors=factors),
            read_stored(converteds["SE.parquet"], tmp_path, factors),
        )
        assert (after.start, after.step_s, after.signal) == (before.start, before.step_s, before.signal)
        np.testing.assert_array_equal(after.g_per_kwh, before.g_per_kwh)
        assert sorted(after.mix_mw) == sorted(before.mix_mw)
        np.testing.assert_array_equal(after.mix_mw["nuclear"], before.mix_mw["nuclear"])


def test_the_generation_mix_is_stored(tmp_path):
    (converted,) = convert_files(
        [carboncast(tmp_path, "lifecycle", [200, 210]), carboncast(tmp_path, "direct", [100, 110])]
    )
    trace = read_stored(converted, tmp_path, EmissionFactorType.DIRECT)
    assert {source: values.tolist() for source, values in trace.mix_mw.items()} == {
        "coal": [1.0, 1.0],
        "gas": [2.0, 2.0],
        "nuclear": [3.0, 3.0],
    }


def test_times_are_stored_in_utc(tmp_path):
    (converted,) = convert_files([portal(tmp_path, 2021, [1, 2])])
    assert (
        converted.content["time"].dtype == pd.DatetimeTZDtype("ns", "UTC")
        or str(converted.content["time"].dt.tz) == "UTC"
    )
