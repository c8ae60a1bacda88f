import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.analysis.counterfactual import RULES, Work, counterfactual, replay, work_of
from ce_nas.core.errors import TraceError
from ce_nas.core.units import J_PER_KWH
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.baselines import SeasonalNaive
from ce_nas.forecast.history import History
from ce_nas.grid.trace import Series
from ce_nas.store.journal import Entry

HOUR = 3600.0
START = datetime(2024, 5, 1, tzinfo=UTC)


def series(*hours):
    return Series(START, HOUR, np.array(hours, dtype=float))


def grams(kw, hours, g_per_kwh):
    return kw * hours * g_per_kwh


def test_at_once_by_hand():
    work = Work(3 * HOUR, 1000.0, 2, HOUR, 4 * HOUR)
    found = replay(work, series(100, 200, 300, 400), lambda *_: 2)
    # two devices for an hour at 100, and one device-hour by both in half an hour at 200
    assert found.carbon_g == pytest.approx(grams(1, 2, 100) + grams(1, 1, 200))
    assert (found.energy_j, found.end_s, found.levels) == (pytest.approx(3 * J_PER_KWH), 1.5 * HOUR, (2, 2))


def test_leaving_and_coming_back_are_paid_at_their_own_hours_intensity():
    work = Work(2 * HOUR, 1000.0, 1, HOUR, 9 * HOUR, enter_s=360.0, enter_j=0.5 * J_PER_KWH, leave_j=0.25 * J_PER_KWH)
    plan = [1, 0, 1, 1]
    found = replay(work, series(100, 200, 300, 400, 500, 500, 500, 500, 500), lambda at, *_: plan[at])
    # an hour's work, a checkpoint, a start-up of 0.1 h with 0.9 h of work, and 0.1 h of work that is left
    wanted = 100 + 0.25 * 200 + (0.5 + 0.9) * 300 + 0.1 * 400
    assert found.carbon_g == pytest.approx(wanted)
    assert found.end_s == pytest.approx(3.1 * HOUR)


def test_who_would_miss_the_deadline_is_made_to_work():
    work = Work(2 * HOUR, 1000.0, 1, HOUR, 3 * HOUR)
    found = replay(work, series(1, 2, 3, 4), lambda *_: 0)
    assert found.levels == (0, 1, 1)
    assert found.carbon_g == pytest.approx(2 + 3)


def test_a_record_that_ends_before_the_work_is_an_error():
    with pytest.raises(TraceError, match="covers"):
        replay(Work(3 * HOUR, 1.0, 1, HOUR, 2 * HOUR), series(1, 2), lambda *_: 1)


@pytest.fixture(scope="module")
def found(result):
    from ce_nas.analysis.replay_inputs import counterfactual_of

    return counterfactual_of(result.entries)


def test_the_work_is_that_of_the_books(result, found):
    summary, work = result.summary, found.work
    assert work == work_of(result.entries)
    hours = summary.device_hours_by_activity
    assert work.device_s / HOUR == pytest.approx(hours["training"] + hours["sampling"])
    energy = summary.energy_j_by_activity
    assert work.device_s * work.power_w == pytest.approx(energy["training"] + energy["sampling"])
    assert (work.devices, work.deadline_s) == (3, 9 * HOUR)


def test_the_oracle_is_beaten_by_no_rule_and_the_run_is_its_own_summary(result, found):
    assert [row.rule for row in found.rows] == ["run", *RULES]
    assert found.row("run").carbon_g == pytest.approx(result.summary.carbon_g["full"])
    oracle = found.row("oracle")
    for rule in RULES:
        assert oracle.carbon_g <= found.row(rule).carbon_g
        assert found.row(rule).saved == pytest.approx(1 - found.row(rule).carbon_g / found.row("at-once").carbon_g)
        spread = found.row(rule).spread
        assert spread.low <= spread.median <= spread.high
        assert spread.low <= found.row(rule).saved <= spread.high
    assert found.starts == 15
    assert (found.row("at-once").saved, found.row("at-once").spread.high) == (0.0, 0.0)


class Teller(Forecaster):
    """A forecaster that remembers the last moment it was handed."""

    name = "teller"
    lookback_s = 24 * HOUR

    def __init__(self):
        self.ends = set()

    def predict(self, past, horizon_s):
        self.ends.add(past.end_s)
        return SeasonalNaive().predict(past, horizon_s)


def test_rules_see_nothing_of_the_future(result):
    rng = np.random.default_rng(0)
    work, past = work_of(result.entries), rng.uniform(100, 500, 40 * 24)
    zero = 20 * 24
    teller = Teller()
    trace = Series(START, HOUR, past)
    history = History("made", trace.since(START + timedelta(hours=zero)))
    changed = past.copy()
    changed[zero + work.periods :] *= 3.0  # after the run's own deadline
    later = History("made", Series(START, HOUR, changed).since(START + timedelta(hours=zero)))
    one, two = counterfactual(result.entries, history, teller), counterfactual(result.entries, later, teller)
    assert [row.carbon_g for row in one.rows] == [row.carbon_g for row in two.rows]
    assert min(teller.ends) >= -14 * 86400 - HOUR


def test_a_live_run_is_weighed_in_its_own_hours_and_by_its_own_checkpoints(result):
    """An hour a minute: a minute on the books is an hour of the run."""
    begun = result.entries[0].content
    begun["settings"]["live"] = {"on": True, "time_scale": 60.0}
    live = [Entry("begun", 0.0, json.dumps(begun)), *result.entries[1:]]
    plain, found = work_of(result.entries), work_of(live)
    assert found.device_s == pytest.approx(60 * plain.device_s)
    assert found.device_s * found.power_w == pytest.approx(plain.device_s * plain.power_w)
    assert (found.enter_s, found.enter_j, found.leave_j) == (0.0, 0.0, 0.0)  # it never left a device
    at, period = next((at, entry) for at, entry in enumerate(live) if entry.kind == "period")
    content = period.content
    content["energy_j"] |= {"checkpoint": 8.0, "restore": 20.0, "startup": 0.0}
    content["device_s"] |= {"checkpoint": 1.0, "restore": 2.0, "startup": 0.0}
    left = Entry("suspended", period.at_s, '{"device":0,"task":1}')
    live[at : at + 1] = [left, left, Entry("period", period.at_s, json.dumps(content))]
    periods = [entry.content for entry in live if entry.kind == "period"]
    startups_s = sum(one["device_s"].get("startup", 0.0) for one in periods)
    startups_j = sum(one["energy_j"].get("startup", 0.0) for one in periods)
    found = work_of(live)
    assert found.leave_j == 4.0
    assert found.enter_s == pytest.approx(60.0 * (2.0 + startups_s) / 2)
    assert found.enter_j == pytest.approx((20.0 + startups_j) / 2)


def test_where_nothing_was_done_nothing_can_be_said(result):
    with pytest.raises(TraceError, match="no work to weigh"):
        work_of(result.entries[:1])
