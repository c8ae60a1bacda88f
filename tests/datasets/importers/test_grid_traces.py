"""The layouts that Electricity Maps and CarbonCast hand out, and tables after theirs."""

import numpy as np
import pandas as pd
import pytest

from ce_nas.core.errors import TraceError
from ce_nas.datasets.importers.grid_traces import read
from ce_nas.grid.readers import read_trace
from ce_nas.grid.trace import Factors, Signal

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


def kept(piece, folder, factors):
    piece.write(folder / piece.file)
    return read_trace(folder / piece.file, factors=factors)


def test_the_portals_years_become_one_file_a_zone(tmp_path):
    files = [portal(tmp_path, 2021, [1, 2, 3]), portal(tmp_path, 2022, [4, 5]), portal(tmp_path, 2021, [7, 8], "DE")]
    pieces = {piece.file: piece for piece in read(files)}
    assert list(pieces) == ["FR.parquet", "DE.parquet"]
    assert pieces["FR.parquet"].sources == tuple(files[:2])
    frame = pieces["FR.parquet"].content
    assert list(frame.columns) == ["zone", "time", "carbon_intensity_lifecycle", "carbon_intensity_direct"]
    assert frame["carbon_intensity_direct"].tolist() == [1, 2, 3, 4, 5]
    trace = kept(pieces["DE.parquet"], tmp_path, Factors.DIRECT)
    assert (trace.zone, trace.signal, trace.g_per_kwh.tolist()) == ("DE", Signal.AVERAGE, [7.0, 8.0])


def test_carboncasts_two_files_become_one(tmp_path):
    files = [carboncast(tmp_path, "lifecycle", [200.5, 210]), carboncast(tmp_path, "direct", [100, 110])]
    (piece,) = read(files)
    assert (piece.file, piece.rows, piece.sources) == ("CISO.parquet", 2, tuple(files))
    for factors, values in ((Factors.LIFECYCLE, [200.5, 210.0]), (Factors.DIRECT, [100.0, 110.0])):
        trace = kept(piece, tmp_path, factors)
        assert (trace.zone, trace.factors, trace.signal) == ("CISO", factors, Signal.AVERAGE)
        assert trace.g_per_kwh.tolist() == values


def test_one_of_the_two_is_enough(tmp_path):
    (piece,) = read([carboncast(tmp_path, "direct", [100, 110])])
    assert list(piece.content.columns)[:3] == ["zone", "time", "carbon_intensity_direct"]


def test_a_blank_stays_a_gap_and_is_noted(tmp_path):
    path = portal(tmp_path, 2021, [1, 2, 3])
    path.write_text(path.read_text().replace(",2,22,", ",,22,"))
    (piece,) = read([path])
    assert piece.notes == ("1 of 3 steps lack a value; they stay gaps.",)
    assert np.isnan(kept(piece, tmp_path, Factors.DIRECT).g_per_kwh).tolist() == [False, True, False]


def test_two_files_may_repeat_but_not_contradict_each_other(tmp_path):
    first, again = portal(tmp_path, 2021, [1, 2, 3]), portal(tmp_path, 2021, [1, 2, 3, 4], name="again.csv")
    assert read([first, again])[0].content["carbon_intensity_direct"].tolist() == [1, 2, 3, 4]
    other = portal(tmp_path, 2021, [1, 9, 3], name="other.csv")
    with pytest.raises(TraceError, match="contradict each other at 2021-01-01 01:00:00"):
        read([first, other])


def test_files_of_different_steps_are_refused(tmp_path):
    fine = portal(tmp_path, 2022, [1, 2], name="fine.csv")
    fine.write_text(fine.read_text().replace("01:00:00", "00:05:00"))
    with pytest.raises(TraceError, match=r"Expected one step for zone FR, got 3600 s in .* 300 s in"):
        read([portal(tmp_path, 2021, [1, 2]), fine])


def test_a_file_that_does_not_say_what_it_counts_is_refused(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("time,intensity\n2021-01-01T00:00,1\n2021-01-01T01:00,2\n")
    with pytest.raises(TraceError, match="none that says which; use it as it is with --trace"):
        read([path])


def test_a_zone_is_no_way_out_of_the_folder(tmp_path):
    with pytest.raises(TraceError, match="Expected a zone such as US-CAL-CISO"):
        read([portal(tmp_path, 2021, [1, 2], zone="../../evil", name="x.csv")])


def test_real_tables_keep_every_value(shared_data, tmp_path):
    source = shared_data / "grid/carboncast_2020_2021.parquet"
    pieces = {piece.file: piece for piece in read([source])}
    assert len(pieces) == 10
    for factors in (Factors.LIFECYCLE, Factors.DIRECT):
        before, after = read_trace(source, zone="SE", factors=factors), kept(pieces["SE.parquet"], tmp_path, factors)
        assert (after.start, after.step_s, after.signal) == (before.start, before.step_s, before.signal)
        np.testing.assert_array_equal(after.g_per_kwh, before.g_per_kwh)
        assert sorted(after.mix_mw) == sorted(before.mix_mw)
        np.testing.assert_array_equal(after.mix_mw["nuclear"], before.mix_mw["nuclear"])


def test_the_mix_is_kept_beside(tmp_path):
    (piece,) = read([carboncast(tmp_path, "lifecycle", [200, 210]), carboncast(tmp_path, "direct", [100, 110])])
    trace = kept(piece, tmp_path, Factors.DIRECT)
    assert {source: values.tolist() for source, values in trace.mix_mw.items()} == {
        "coal": [1.0, 1.0],
        "gas": [2.0, 2.0],
        "nuclear": [3.0, 3.0],
    }


def test_times_are_kept_in_utc(tmp_path):
    (piece,) = read([portal(tmp_path, 2021, [1, 2])])
    assert piece.content["time"].dtype == pd.DatetimeTZDtype("ns", "UTC") or str(piece.content["time"].dt.tz) == "UTC"
