import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.analysis.counterfactual import (
    compute_counterfactual,
    counterfactual_from_journal,
    extract_workload,
)
from ce_nas.analysis.policy_replay import REPLAY_POLICIES, DeferrableWorkload, replay_policy
from ce_nas.api import Search
from ce_nas.core.errors import DataError, TraceError
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.history import RecordedHistory
from ce_nas.forecast.simple_forecasters import SeasonalNaive
from ce_nas.grid.trace import Series
from ce_nas.store.journal import JournalEntry

HOUR = 3600.0
START = datetime(2024, 5, 1, tzinfo=UTC)


def series(*hours):
    return Series(START, HOUR, np.array(hours, dtype=float))


@pytest.fixture(scope="module")
def counterfactual(finished_run):
    return counterfactual_from_journal(finished_run.entries)


@pytest.mark.long
def test_workload_matches_the_accounted_work(finished_run, counterfactual):
    summary, work = finished_run.summary, counterfactual.workload
    assert work == extract_workload(finished_run.entries)
    hours = summary.device_hours_by_activity
    assert work.device_s / HOUR == pytest.approx(hours["training"] + hours["sampling"])
    energy = summary.energy_j_by_activity
    assert work.device_s * work.power_w == pytest.approx(energy["training"] + energy["sampling"])
    assert (work.devices, work.deadline_s) == (3, 9 * HOUR)


def test_oracle_is_a_lower_bound_and_run_row_matches_summary(finished_run, counterfactual):
    assert [row.policy for row in counterfactual.rows] == ["run", *REPLAY_POLICIES]
    assert counterfactual.row("run").carbon_g == pytest.approx(finished_run.summary.carbon_g["full"])
    oracle, immediate = counterfactual.row("oracle"), counterfactual.row("at-once")
    for row in map(counterfactual.row, REPLAY_POLICIES):
        assert oracle.carbon_g <= row.carbon_g
        assert row.saved_share == pytest.approx(1 - row.carbon_g / immediate.carbon_g)
        assert row.spread.low <= row.spread.median <= row.spread.high
        assert row.spread.low <= row.saved_share <= row.spread.high
    assert counterfactual.n_starts == 15
    assert (immediate.saved_share, immediate.spread.high) == (0.0, 0.0)


def test_saving_over_another_policy_is_a_share_of_its_carbon(counterfactual):
    ratio = counterfactual.row("run").carbon_g / counterfactual.row("threshold").carbon_g
    assert counterfactual.saving_over("threshold") == pytest.approx(1 - ratio)


class SpyForecaster(Forecaster):
    """A forecaster that records the ends of its inputs."""

    name = "spy"
    lookback_s = 24 * HOUR

    def __init__(self):
        self.ends = set()

    def predict(self, inputs, horizon_s):
        self.ends.add(inputs.end_s)
        return SeasonalNaive().predict(inputs, horizon_s)


def test_policies_see_no_future_intensity(finished_run):
    rng = np.random.default_rng(0)
    work, past = extract_workload(finished_run.entries), rng.uniform(100, 500, 40 * 24)
    zero = 20 * 24
    spy = SpyForecaster()
    trace = Series(START, HOUR, past)
    history = RecordedHistory("test", trace.relative_to(START + timedelta(hours=zero)))
    changed = past.copy()
    changed[zero + work.periods :] *= 3.0  # after the run's own deadline
    later = RecordedHistory("test", Series(START, HOUR, changed).relative_to(START + timedelta(hours=zero)))
    one, two = (
        compute_counterfactual(finished_run.entries, history, spy),
        compute_counterfactual(finished_run.entries, later, spy),
    )
    assert [row.carbon_g for row in one.rows] == [row.carbon_g for row in two.rows]
    assert min(spy.ends) >= -14 * 86400 - HOUR


def test_live_workload_uses_time_scale_and_measured_switching(finished_run):
    """With a time scale of 60, a minute of wall-clock time is an hour of the run."""
    header = finished_run.entries[0].content
    header["settings"]["live"] = {"enabled": True, "time_scale": 60.0}
    live = [JournalEntry("run_started", 0.0, json.dumps(header)), *finished_run.entries[1:]]
    plain, live_work = extract_workload(finished_run.entries), extract_workload(live)
    assert live_work.device_s == pytest.approx(60 * plain.device_s)
    assert live_work.device_s * live_work.power_w == pytest.approx(plain.device_s * plain.power_w)
    assert (live_work.resume_s, live_work.resume_j, live_work.suspend_j) == (0.0, 0.0, 0.0)  # it never suspended
    at, period = next((at, entry) for at, entry in enumerate(live) if entry.kind == "period")
    content = period.content
    content["energy_j"] |= {"checkpoint": 8.0, "restore": 20.0, "startup": 0.0}
    content["device_s"] |= {"checkpoint": 1.0, "restore": 2.0, "startup": 0.0}
    left = JournalEntry("task_suspended", period.at_s, '{"device":0,"task":1}')
    live[at : at + 1] = [left, left, JournalEntry("period", period.at_s, json.dumps(content))]
    periods = [entry.content for entry in live if entry.kind == "period"]
    startups_s = sum(one["device_s"].get("startup", 0.0) for one in periods)
    startups_j = sum(one["energy_j"].get("startup", 0.0) for one in periods)
    live_work = extract_workload(live)
    assert live_work.suspend_j == 4.0
    starts = live_work.devices + 2  # each device at the beginning, and one after each suspension
    assert live_work.resume_s == pytest.approx(60.0 * (2.0 / 2 + startups_s / starts))
    assert live_work.resume_j == pytest.approx(20.0 / 2 + startups_j / starts)
    assert live_work.startup_j == pytest.approx(live_work.devices * startups_j / starts)


def test_a_live_run_that_never_paused_is_replayed_with_its_start_ups():
    """A tiny run's start-ups are most of its energy: begun at once, it would have had them too."""
    work = DeferrableWorkload(3600.0, 100.0, 1, 3600.0, 7200.0, startup_j=720_000.0)
    at_once = replay_policy(work, series(100, 100), lambda *_: 1)
    assert at_once.energy_j == pytest.approx(360_000.0 + 720_000.0)
    assert at_once.carbon_g == pytest.approx(1_080_000.0 / 3.6e6 * 100.0)


def test_workload_needs_work(finished_run):
    with pytest.raises(TraceError, match="got one without any work"):
        extract_workload(finished_run.entries[:1])


def test_workload_of_a_run_that_moved_is_refused(finished_run):
    moved = JournalEntry(
        "moved", 60.0, json.dumps({"from_site": "a", "to_site": "b", "move_s": 1, "energy_j": 1, "carbon_g": 1})
    )
    with pytest.raises(TraceError, match="one with 1 moves: its work cannot be replayed"):
        extract_workload([*finished_run.entries, moved])


def run_short(**flags):
    return Search(**{"hours": 2, "gpus": 1, "searcher": "random", "policy": "fixed", **flags}).run()


@pytest.mark.long
def test_counterfactual_uses_the_forecaster_of_the_run():
    entries = run_short().entries
    assert counterfactual_from_journal(entries).forecaster == entries[0].content["forecaster"]


def test_changed_or_missing_grid_file_is_refused(tmp_path):
    trace = tmp_path / "grid.csv"
    hours = [f"2024-01-{1 + at // 24:02d}T{at % 24:02d}:00,{200 + at % 24}" for at in range(24 * 12)]
    trace.write_text("\n".join(["time,intensity", *hours]))
    entries = run_short(trace=trace).entries
    assert counterfactual_from_journal(entries).n_starts < 15  # the record is short
    trace.write_text(trace.read_text().replace(",210", ",211"))
    with pytest.raises(TraceError, match="have changed since"):
        counterfactual_from_journal(entries)
    trace.unlink()
    with pytest.raises(DataError):
        counterfactual_from_journal(entries)
