"""The clock of a live run: what it hands out is on record, and so is when real time began to pass."""

from datetime import UTC, datetime, timedelta

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.replay_clock import LiveClock
from ce_nas.cluster.workers.base import Report, Said
from ce_nas.core.records import Outcome
from ce_nas.store.event_log import Recording

SCALE = 50_000.0
NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
REPORTS = [
    Report(0, Said.FINISHED, 3, Outcome(3, ((1.0, 2.0),), ((4.0,),))),
    Report(1, Said.FAILED, 4, failure=Failure.HUNG, words="it gave no sign of life"),
    Report(1, Said.GONE),
]


def life(path, calendar, reports):
    """One life of a run: what it is handed out up to the end of its reports, and the clock."""
    clock, begun = LiveClock(Recording(path), SCALE, lambda: calendar), []
    clock.when_live(lambda: begun.append((clock.live, clock.began)))
    clock.next(50.0)
    handed = []
    for report in reports:
        if clock.live:
            clock.post(report)
        handed.append((clock.next(1e6), clock.now_s))
    return clock, handed, begun


def test_another_life_is_handed_out_the_same_at_the_same_times(tmp_path):
    _, first, _ = life(tmp_path / "recording", NOON, REPORTS)
    assert [report for report, _ in first] == REPORTS
    clock, second, _ = life(tmp_path / "recording", NOON + timedelta(hours=5), REPORTS)
    assert second == first
    assert not clock.live


def test_every_beginning_of_real_time_is_on_record_by_run_and_calendar(tmp_path):
    later = NOON + timedelta(hours=5)
    _, handed, begun = life(tmp_path / "recording", NOON, REPORTS)
    assert begun == [(True, (0.0, NOON))]
    second, _, _ = life(tmp_path / "recording", later, REPORTS)
    second.next(second.now_s + 100.0)
    assert second.began == (handed[-1][1], later)
    third, again, begun = life(tmp_path / "recording", later + timedelta(hours=1), REPORTS)
    assert again == handed
    third.next(third.now_s + 10.0)
    assert begun[:2] == [(False, (0.0, NOON)), (False, (handed[-1][1], later))]
    assert begun[2] == (True, (handed[-1][1], later + timedelta(hours=1)))


def test_only_time_that_passes_takes_signals_back(tmp_path):
    clock, _, _ = life(tmp_path / "recording", NOON, [])
    ticket = clock.post(REPORTS[0], in_s=1e9)
    clock.cancel(ticket)
    assert clock.next(clock.now_s + 100.0) is None
