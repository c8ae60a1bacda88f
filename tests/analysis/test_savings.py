"""Savings of a run: by hand where the grid is flat, and without a comparison with itself."""

import json
import math

import pytest

from ce_nas.analysis import recorded_baselines as baselines
from ce_nas.analysis import savings
from ce_nas.analysis.recorded_baselines import Baseline, key_of, random_baseline, recorded_baselines
from ce_nas.analysis.savings import WAYS, Saving, Savings
from ce_nas.analysis.statistics import Interval
from ce_nas.api import Search
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.store.journal import JournalEntry


def saving(way, grams, **rest):
    return Saving(way, Interval(grams, 0.9 * grams, 1.1 * grams), "replayed", 3, **rest)


def test_saved_share_is_of_the_other_ways_carbon():
    saved = Savings(100.0, 1.0, None, (saving("at-once", 200.0), saving("best-hour", 80.0)))
    assert saved.saved_share(saved.row("at-once")).median == 0.5
    assert saved.saved_share(saved.row("best-hour")).median == pytest.approx(-0.25)
    interval = saved.saved_share(saved.row("at-once"))
    assert interval.low == pytest.approx(1 - 100 / 180)
    assert interval.high == pytest.approx(1 - 100 / 220)


def test_headline_takes_the_better_vanilla_search_and_never_an_unreached_one():
    never = Saving("vanilla-random", Interval(math.inf, math.inf, math.inf), "recorded", 3, 0.0)
    lamoo, at_once = saving("vanilla-lamoo", 500.0), saving("at-once", 120.0)
    assert Savings(100.0, 1.0, None, (never, lamoo, at_once)).headline == lamoo
    assert Savings(100.0, 1.0, None, (at_once,)).headline == at_once
    saved = Savings(100.0, 1.0, None, (never, at_once))
    assert saved.headline == never
    assert saved.saved_share(never).median == 1.0
    assert json.loads(json.dumps(saved.to_dict()))["rows"][0]["carbon_g"]["median"] is None
    assert (saved.lowest, saved.highest) == (at_once, never)


@pytest.fixture(scope="module")
def vanilla_run():
    flags = {"policy": "vanilla", "searcher": "random", "gpus": 2, "hours": 6, "zone": "solar", "seed": 3}
    return Search(**flags).run()


def test_ways_are_told_or_their_absence_is_explained(vanilla_run):
    saved = savings.savings(vanilla_run.entries)
    told = [row.way for row in saved.rows]
    assert set(told) | set(saved.unavailable) == set(WAYS)
    assert told == [way for way in WAYS if way in told]
    assert all(reason.endswith(".") for reason in saved.unavailable.values())
    assert saved.carbon_g == vanilla_run.summary.carbon_g["full"]
    for row in saved.rows:
        assert 0 < row.carbon_g.low <= row.carbon_g.median <= row.carbon_g.high


def test_hours_are_ordered_and_the_work_begun_at_once_is_that_of_a_run_that_did(vanilla_run):
    saved = savings.savings(vanilla_run.entries)
    best, mean, worst = (saved.row(f"{way}-hour").carbon_g.median for way in ("best", "mean", "worst"))
    assert best < mean < worst
    assert best <= saved.carbon_g <= worst
    assert saved.row("at-once").carbon_g.median == pytest.approx(saved.carbon_g, rel=0.02)


def add_losses(entries):
    """The entries with a tenth of the energy of work once more, of idle devices, in each period."""
    changed = []
    for entry in entries:
        content = entry.content
        if entry.kind == "period":
            for quantity in ("energy_j", "carbon_g"):
                content[quantity]["idle"] = 0.1 * sum(content[quantity].values())
        changed.append(JournalEntry(entry.kind, entry.at_s, json.dumps(content)))
    return changed


def test_losses_of_a_run_that_never_waited_are_no_price_of_its_hours(vanilla_run):
    entries = add_losses(vanilla_run.entries)
    saved = savings.savings(entries)
    row = saved.row("at-once")
    assert saved.carbon_g == pytest.approx(1.1 * vanilla_run.summary.carbon_g["full"])
    assert saved.saved_share(row) == Interval(0.0, 0.0, 0.0)
    at, decision = next((at, entry) for at, entry in enumerate(entries) if entry.kind == "decided")
    content = decision.content
    content["allocation"] |= {"evaluating": 1, "released": 1}
    entries[at] = JournalEntry("decided", decision.at_s, json.dumps(content))
    waited = savings.savings(entries)
    assert waited.saved_share(waited.row("at-once")).median == pytest.approx(-0.1)


def test_a_pause_of_a_callers_own_loop_is_a_wait_though_no_decision_says_so(vanilla_run):
    allocated = {"sampling": 0, "evaluating": 0, "idle": 1, "released": 0}
    pause = JournalEntry("allocated", 1.0, json.dumps({"allocation": allocated}))
    engine = [*vanilla_run.entries[:2], pause, *vanilla_run.entries[2:]]
    assert not savings._has_waited(engine)  # a budget may release devices of a search without a choice of hours
    own_loop = [entry for entry in engine if entry is pause or entry.kind not in {"task_started", "allocated"}]
    assert savings._has_waited(own_loop)
    assert not savings._has_waited([entry for entry in own_loop if entry is not pause])


def test_run_is_never_compared_with_itself(vanilla_run, monkeypatch, tmp_path):
    header = vanilla_run.entries[0].content
    reached = vanilla_run.summary.hypervolume

    def record(*seeds):
        one = [
            Baseline("random", seed, (HOUR_S, 4 * HOUR_S), (1, 4), (reached / 2, reached)).to_dict() for seed in seeds
        ]
        (tmp_path / "baselines.json").write_text(json.dumps({key_of(header): one}))
        baselines._read_recorded.cache_clear()

    monkeypatch.setattr(baselines, "BASELINES_FILE", tmp_path / "baselines.json")
    record(3, 7, 8)  # the run's own seed is 3
    saved = savings.savings(vanilla_run.entries)
    assert saved.row("vanilla-random").count == 2
    simple = saved.row("simple-policy")
    assert simple.policy in {"suspend-resume", "hotcarbon"}  # not vanilla, the run's own
    record(3)
    saved = savings.savings(vanilla_run.entries)
    assert saved.row("vanilla-random").basis == "simulated"
    baselines._read_recorded.cache_clear()


def test_grams_at_all_hours_follow_from_the_device_time(vanilla_run, monkeypatch, tmp_path):
    """4 device-hours on two devices: two hours from the run's start, at the power of training devices."""
    header, reached = vanilla_run.entries[0].content, vanilla_run.summary.hypervolume
    one = Baseline("lamoo", 7, (4 * HOUR_S,), (9,), (reached,)).to_dict()
    (tmp_path / "baselines.json").write_text(json.dumps({key_of(header): [one]}))
    monkeypatch.setattr(baselines, "BASELINES_FILE", tmp_path / "baselines.json")
    baselines._read_recorded.cache_clear()
    row = savings.savings(vanilla_run.entries).row("vanilla-lamoo")
    baselines._read_recorded.cache_clear()
    periods = [entry.content for entry in vanilla_run.entries if entry.kind == "period"]
    watts = 2 * 287.0 * 1.56
    expected = sum(watts * HOUR_S / J_PER_KWH * period["intensity_g_per_kwh"] for period in periods[:2])
    assert row.carbon_g.median == pytest.approx(expected, rel=1e-6)
    assert (row.basis, row.count, row.reached_share) == ("recorded", 1, 1.0)


def test_baseline_keeps_its_gains_through_a_file():
    baseline = Baseline("random", 5, (10.0, 25.0), (1, 3), (0.123456789012, 0.5))
    kept = Baseline.from_dict(json.loads(json.dumps(baseline.to_dict())))
    assert kept.device_s_to(0.1) == 10.0
    assert kept.device_s_to(0.3) == 25.0
    assert kept.device_s_to(0.6) is None
    assert kept.device_s_to(baseline.hypervolume[0]) == 10.0  # rounded, but reached still


def test_random_search_on_a_table_finds_all_of_it_in_the_end():
    inputs = Search()._inputs
    baseline = random_baseline(inputs, 100)
    assert baseline == random_baseline(inputs, 100)
    assert baseline.hypervolume[-1] == pytest.approx(inputs.hypervolume_max)
    assert list(baseline.hypervolume) == sorted(baseline.hypervolume)
    assert baseline.trainings[0] == 1
    assert baseline.device_s[-1] <= inputs.table.train_s.sum() * (1 + 1e-9)


def test_other_objectives_have_no_recorded_baselines():
    run = Search(policy="vanilla", searcher="random", gpus=2, hours=2, objectives=["accuracy", "flops"]).run()
    assert recorded_baselines(run.entries[0].content) == ()


def test_a_run_without_a_result_claims_no_saving():
    entries = Search(policy="vanilla", searcher="random", gpus=1, hours=1).run().entries
    before = entries[: next(index for index, entry in enumerate(entries) if entry.kind == "evaluated")]
    saved = savings.savings(before)
    assert saved.headline is None
    assert set(saved.unavailable) == set(WAYS)
