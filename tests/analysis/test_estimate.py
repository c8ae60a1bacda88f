"""Estimates before a search, from simulated searches and from one training."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ce_nas.analysis.estimate import (
    DeviceCalibration,
    _past_starts_s,
    estimate_from_calibration,
    estimate_search,
    prediction_interval,
)
from ce_nas.analysis.statistics import Interval
from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.energy.cpu_time import BUSY_CORE_W
from ce_nas.engine.inputs import RunInputs

SMALL = {"policy": "vanilla", "searcher": "random", "forecaster": "persistence", "gpus": 2, "hours": 5}


def test_estimate_holds_every_quantity_and_the_other_zones():
    told = []
    estimate = Search(**SMALL, electricity_price=0.2).estimate(
        searches=3, zones=["hydro", "solar"], on_progress=lambda done, of: told.append((done, of))
    )
    now = estimate.now
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert (estimate.basis, estimate.count, now.when, now.zone) == ("simulated", 3, "now", "solar")
    for quantity in (now.carbon_g, now.energy_j, now.cost, now.hours, now.trainings):
        assert 0 < quantity.low <= quantity.median <= quantity.high
    hydro = next(row for row in estimate.rows if row.when == "zone")
    assert hydro.zone == "hydro"  # its own zone is not repeated
    assert hydro.carbon_g.median < 0.5 * now.carbon_g.median
    assert hydro.energy_j == now.energy_j
    assert estimate.to_dict()["rows"][0]["carbon_g"]["median"] == now.carbon_g.median


def test_each_of_several_sites_has_a_row_of_its_own_beside_the_search_that_moves():
    told = []
    estimate = Search(**SMALL, sites="coal-flat,hydro,gas", site={"move_energy_j": 0.0}).estimate(
        searches=3, zones=["nuclear"], on_progress=lambda done, of: told.append((done, of))
    )
    assert told[-1] == (6, 6)
    moving, home, hydro, gas, nuclear = estimate.rows
    assert [(row.when, row.zone) for row in estimate.rows[1:]] == [
        ("site", "coal-flat"),
        ("site", "hydro"),
        ("site", "gas"),
        ("zone", "nuclear"),
    ]
    alone = Search(**SMALL, zone="coal-flat").estimate(searches=3)
    assert home.carbon_g == alone.now.carbon_g  # the same searches, at home
    assert hydro.carbon_g.median < gas.carbon_g.median < home.carbon_g.median
    assert moving.carbon_g.median < 0.6 * home.carbon_g.median
    assert nuclear.carbon_g.median < 0.2 * home.carbon_g.median
    assert hydro.energy_j == home.energy_j


def test_a_site_is_charged_by_its_own_pue():
    others = [{"name": "there", "zone": "coal-flat", "pue": 3.0}]
    search = Search(**SMALL, zone="coal-flat", site={"others": others}, cluster={"pue": 1.5})
    _, home, there = search.estimate(searches=3).rows
    assert there.energy_j.median == pytest.approx(2 * home.energy_j.median)
    assert there.carbon_g.median == pytest.approx(2 * home.carbon_g.median)


def write_trace(path, values):
    rows = [f"2021-01-{1 + hour // 24:02d}T{hour % 24:02d}:00,{value:.3f}" for hour, value in enumerate(values)]
    path.write_text("\n".join(["time,intensity [g/kWh]", *rows]) + "\n")
    return {"trace": str(path), "zone": "X", "factors": "lifecycle", "signal": "average"}


def test_estimate_reads_nothing_after_the_start(tmp_path):
    hours = np.arange(24 * 30)
    past = 300.0 + 100.0 * np.sin(hours * 2 * np.pi / 24)
    estimates = []
    for later in (50.0, 900.0):
        trace = write_trace(tmp_path / f"{later:g}.csv", np.where(hours < 24 * 20, past, later))
        estimates.append(Search(**SMALL, **trace, start="2021-01-21").estimate(searches=3))
    assert estimates[0].rows == estimates[1].rows


def test_past_starts_are_whole_weeks_and_end_before_the_start():
    starts = _past_starts_s(RunInputs(settings_from_flags(**SMALL)), 4)
    assert starts == [7 * DAY_S * weeks for weeks in (1, 2, 3, 4)]


def test_past_starts_are_days_where_the_record_has_no_weeks(tmp_path):
    trace = write_trace(tmp_path / "short.csv", [200.0] * 24 * 6)
    starts = _past_starts_s(RunInputs(settings_from_flags(**SMALL, **trace, start="2021-01-05")), 5)
    assert starts == [DAY_S, 2 * DAY_S, 3 * DAY_S, 4 * DAY_S, 5 * HOUR_S]
    with pytest.raises(SettingsError, match="before the start"):
        _past_starts_s(RunInputs(settings_from_flags(**SMALL, **trace, start="2021-01-01T03:00")), 3)


def test_prediction_interval_holds_one_further_value_in_eight_of_ten():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        *sample, further = np.exp(rng.normal(3.0, 0.4, 7)).tolist()
        interval = prediction_interval(sample)
        held += interval.low <= further <= interval.high
    assert 0.74 <= held / 400 <= 0.87


def test_nothing_spent_has_an_interval_of_zero():
    interval = prediction_interval([0.0, 0.0, 0.0])
    assert (interval.median, interval.low, interval.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("evaluations", "median"), [(None, 85), (40, 40)])
def test_one_training_is_enough_for_a_search_of_ones_own(evaluations, median):
    flags = {"gpus": 2, "hours": 1000, "evaluations": evaluations, "electricity_price": 0.5, "gpu_hour_price": 1.0}
    settings = settings_from_flags(**flags, live=True, zone="coal-flat", cluster={"pue": 2.0})
    now = estimate_from_calibration(settings, DeviceCalibration(training_s=HOUR_S, training_j=3.6e6)).now
    assert now.trainings.median == median
    assert now.energy_j.median == pytest.approx(2 * median * 3.6e6)
    assert now.hours.median == pytest.approx(median / 2)
    assert now.cost.median == pytest.approx(2 * median * 0.5 + median * 1.0)
    assert math.isclose(now.carbon_g.high / now.carbon_g.median, now.energy_j.high / now.energy_j.median)


def test_live_search_and_too_few_searches_are_refused():
    with pytest.raises(SettingsError, match="calibrate"):
        estimate_search(settings_from_flags(live=True))
    with pytest.raises(SettingsError, match="3 simulated searches"):
        estimate_search(settings_from_flags(**SMALL), searches=2)


OWN = """
import time

SPACE = {"width": [16, 32, 64], "depth": [1, 2, 3]}
OBJECTIVES = ["accuracy:max:0", "size:min:400"]


def evaluate(architecture):
    time.sleep(0.05)
    return {"accuracy": 90 - 100 / architecture["width"], "size": architecture["width"] * architecture["depth"]}
"""


@pytest.mark.slow
def test_a_live_search_is_estimated_from_one_training_on_its_device(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN.replace("0.05", "1.0"))
    flags = {"evaluate": str(tmp_path / "own.py"), "gpus": 1, "hours": 1, "zone": "coal-flat"}
    search = Search(live=True, **flags)
    estimate = search.estimate()
    assert (estimate.basis, estimate.count) == ("calibrated", 2)  # the first bears the start-up
    assert estimate.now.trainings.median == 9  # the whole space
    assert 0.9 * 9 / HOUR_S <= estimate.now.hours.median < 1.0  # trainings of 1 s, whose ends are noticed some ms late
    assert estimate.now.energy_j.median > 0
    assert not any("supernet" in note for note in estimate.notes)
    assert list(tmp_path.iterdir()) == [tmp_path / "own.py"]  # the calibration leaves nothing behind
    assert search.estimated["basis"] == "calibrated"


NETWORKS = {"live": {"enabled": True, "data": "digits"}, "zone": "coal-flat", "hours": 1000, "cluster": {"pue": 2.0}}
SCORED = DeviceCalibration(
    training_s=60.0, training_j=600.0, score_s=0.5, score_j=5.0, supernet_s=300.0, supernet_j=3e3
)


def test_scores_and_the_supernet_are_in_the_estimate_of_networks():
    """Ten trainings on one device, which first scores 1,500 architectures, and ten more for each training; PUE 2."""
    found = estimate_from_calibration(settings_from_flags(**NETWORKS, gpus=1, evaluations=10), SCORED)
    assert found.now.hours.median * HOUR_S == pytest.approx(10 * 60 + 300 + 1600 * 0.5)
    assert found.now.energy_j.median == pytest.approx(2 * (10 * 600 + 3e3 + 1600 * 5))
    assert any("1,600 scores" in note and "supernet" in note for note in found.notes)


def test_scores_take_half_of_several_devices_while_the_others_train():
    """Slow scores: no more than three of five devices can score beside two that train ten times a minute."""
    slow = replace(SCORED, score_s=50.0, score_j=500.0, supernet_s=0.0, supernet_j=0.0)
    found = estimate_from_calibration(settings_from_flags(**NETWORKS, gpus=5, evaluations=10), slow)
    assert found.now.hours.median * HOUR_S == pytest.approx((600 + 1.5 * 600) / 5)
    assert found.now.energy_j.median == pytest.approx(2 * (6000 + 9000))
    assert any("18 scores" in note for note in found.notes)


@pytest.mark.parametrize("changed", [{"policy": "vanilla"}, {"scores": None}])
def test_nothing_is_added_where_nothing_is_scored(changed):
    measured = DeviceCalibration(60.0, 600.0) if "scores" in changed else SCORED
    flags = {name: value for name, value in changed.items() if name != "scores"}
    found = estimate_from_calibration(settings_from_flags(**NETWORKS, **flags, gpus=1, evaluations=10), measured)
    assert found.now.energy_j.median == pytest.approx(2 * 6000)
    assert not any("score" in note for note in found.notes)


def test_a_searcher_without_scores_has_the_whole_space_scored_at_most():
    flags = {**NETWORKS, "searcher": "lamoo", "gpus": 1, "evaluations": 10, "hours": 3000}
    found = estimate_from_calibration(settings_from_flags(**flags), SCORED)
    assert any("15,625 scores" in note for note in found.notes)


def test_a_live_search_is_compared_with_other_zones():
    settings = settings_from_flags(**NETWORKS, gpus=1, evaluations=10)
    found = estimate_from_calibration(settings, SCORED, zones=["hydro", "coal-flat"])
    assert [(row.when, row.zone) for row in found.rows if row.when != "best-start"] == [
        ("now", "coal-flat"),
        ("zone", "hydro"),
    ]
    assert found.rows[-1].carbon_g.median < 0.2 * found.now.carbon_g.median


def test_the_start_up_counts_once_a_device_and_sizes_widen_the_interval():
    """Ten trainings of 60 s and 600 J on two devices, whose start-up takes 20 s and 100 J; PUE 2."""
    flags = {"gpus": 2, "hours": 1000, "evaluations": 10, "zone": "coal-flat", "cluster": {"pue": 2.0}}
    settings = settings_from_flags(**flags, live={"enabled": True, "data": "digits"})
    plain = DeviceCalibration(training_s=60.0, training_j=600.0, start_up_s=20.0, start_up_j=100.0)
    now = estimate_from_calibration(settings, plain).now
    assert now.hours.median * HOUR_S == pytest.approx(10 * 60 / 2 + 20)
    assert now.energy_j.low == now.energy_j.median == now.energy_j.high == pytest.approx(2 * (10 * 600 + 2 * 100))
    wide = estimate_from_calibration(settings, replace(plain, of_random_network=True)).now
    assert wide.energy_j.median == now.energy_j.median
    assert 0.3 < wide.energy_j.low / now.energy_j.low < 0.9
    assert 1.1 < wide.energy_j.high / now.energy_j.high < 4.0


def test_intervals_hold_how_busy_the_processor_is():
    """A training of 60 s gets half of a processor: 5 W all the time, 14.4 W a second of the processor; PUE 2.

    On an idle machine it takes 30 s, on one as many times busier 120 s; the processor time is the same. The final
    training gets an eighth, and at most four times as long counts.
    """
    flags = {"gpus": 1, "hours": 1000, "evaluations": 10, "zone": "coal-flat", "cluster": {"pue": 2.0}}
    settings = settings_from_flags(**flags, live={"enabled": True, "data": "digits"})
    half = DeviceCalibration(training_s=60.0, training_j=60 * 5 + 30 * BUSY_CORE_W, processor_share=0.5)
    final_s = Interval(100.0, 10.0, 100.0)
    found = estimate_from_calibration(settings, half, final_s, final_processor_share=0.125)
    assert found.now.hours.low * HOUR_S == pytest.approx(10 * 30)
    assert found.now.hours.high * HOUR_S == pytest.approx(10 * 120)
    assert found.now.energy_j.low == pytest.approx(2 * 10 * (30 * 5 + 30 * BUSY_CORE_W))
    assert found.now.energy_j.high == pytest.approx(2 * 10 * (120 * 5 + 30 * BUSY_CORE_W))
    final = found.rows[-1]
    assert final.energy_j.median == pytest.approx(2 * (100 * 5 + 12.5 * BUSY_CORE_W))
    assert final.energy_j.low == pytest.approx(2 * 10 * (5 + BUSY_CORE_W))
    assert final.energy_j.high == pytest.approx(2 * (400 * 5 + 12.5 * BUSY_CORE_W))
    assert any("50 % of a processor" in note for note in found.notes)
    idle = estimate_from_calibration(settings, replace(half, processor_share=1.0)).now
    assert idle.energy_j.low == idle.energy_j.median == idle.energy_j.high


def test_the_final_training_has_a_row_of_its_own():
    """Half an hour on the one device at the measured 10 W, after the search; the carbon of a flat zone."""
    settings = settings_from_flags(
        live={"enabled": True, "data": "digits"},
        zone="coal-flat",
        gpus=1,
        evaluations=4,
        hours=10,
        cluster={"pue": 2.0},
    )
    calibration = DeviceCalibration(training_s=60.0, training_j=600.0)
    found = estimate_from_calibration(settings, calibration, Interval(1800.0, 900.0, 3600.0))
    row = found.rows[-1]
    assert (row.when, row.trainings.median) == ("final", 1.0)
    assert row.start_h == found.now.hours.median
    assert row.energy_j.median == pytest.approx(2.0 * 10.0 * 1800)
    assert row.energy_j.high == pytest.approx(2 * row.energy_j.median)
    per_j = found.now.carbon_g.median / found.now.energy_j.median
    assert row.carbon_g.median == pytest.approx(row.energy_j.median * per_j)
