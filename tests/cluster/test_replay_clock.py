"""The clock of a live run replays its messages and the starts of real time."""

import math
from datetime import UTC, datetime, timedelta

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.replay_clock import ReplayableClock
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.core.records import Outcome
from ce_nas.store.event_log import EventLog

SCALE = 50_000.0
NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
MESSAGES = [
    WorkerMessage(0, WorkerEvent.FINISHED, 3, Outcome(3, ((1.0, 2.0),), ((4.0,),))),
    WorkerMessage(1, WorkerEvent.FAILED, 4, failure=Failure.HUNG, detail="it sent no heartbeat"),
    WorkerMessage(1, WorkerEvent.DEVICE_LOST),
]


def run_clock(path, utc_time, messages):
    """Start or resume a run: its clock, the delivered messages with their times, and the starts of real time."""
    clock, starts = ReplayableClock(EventLog(path), SCALE, lambda: utc_time), []
    clock.on_live(lambda: starts.append((clock.is_live, clock.live_since)))
    clock.next(50.0)
    delivered = []
    for message in messages:
        if clock.is_live:
            clock.post(message)
        delivered.append((clock.next(1e6), clock.now_s))
    return clock, delivered, starts


def test_replay_delivers_same_messages_at_same_times(tmp_path):
    _, first, _ = run_clock(tmp_path / "events.jsonl", NOON, MESSAGES)
    assert [message for message, _ in first] == MESSAGES
    clock, second, _ = run_clock(tmp_path / "events.jsonl", NOON + timedelta(hours=5), MESSAGES)
    assert second == first
    assert not clock.is_live


def test_starts_of_real_time_are_logged(tmp_path):
    later = NOON + timedelta(hours=5)
    _, delivered, starts = run_clock(tmp_path / "events.jsonl", NOON, MESSAGES)
    assert starts == [(True, (0.0, NOON))]
    second, _, _ = run_clock(tmp_path / "events.jsonl", later, MESSAGES)
    second.next(second.now_s + 100.0)
    assert second.live_since == (delivered[-1][1], later)
    third, replayed, starts = run_clock(tmp_path / "events.jsonl", later + timedelta(hours=1), MESSAGES)
    assert replayed == delivered
    third.next(third.now_s + 10.0)
    assert starts[:2] == [(False, (0.0, NOON)), (False, (delivered[-1][1], later))]
    assert starts[2] == (True, (delivered[-1][1], later + timedelta(hours=1)))


def test_live_clock_cancels_signal(tmp_path):
    clock, _, _ = run_clock(tmp_path / "events.jsonl", NOON, [])
    signal_id = clock.post(MESSAGES[0], delay_s=1e9)
    clock.cancel(signal_id)
    assert clock.next(clock.now_s + 100.0) is None


def test_an_objective_of_which_nothing_is_known_is_replayed_as_such(tmp_path):
    measured = WorkerMessage(0, WorkerEvent.FINISHED, 3, Outcome(3, ((math.nan, 2.0),), ((),)))
    run_clock(tmp_path / "events.jsonl", NOON, [measured])
    _, ((replayed, _),), _ = run_clock(tmp_path / "events.jsonl", NOON, [measured])
    assert replayed.outcome.values_or_none() == [[None, 2.0]]
    assert math.isnan(replayed.outcome.values[0][0])
    assert "NaN" not in (tmp_path / "events.jsonl").read_text()
