"""A live run's time: it is what came last, and a recording brings it to the same place again."""

import pytest

from ce_nas.cluster.crew import Report, Said
from ce_nas.cluster.live_clock import LiveClock
from ce_nas.core.records import Outcome
from ce_nas.evaluate.executor import Failure
from ce_nas.store.recording import Recording

#: a run's second lasts this many real ones
SCALE = 1000.0
REPORTS = (
    Report(0, Said.WORKING, 3),
    Report(0, Said.FINISHED, 3, Outcome(3, ((0.25, 7.0),), ((0.5,),))),
    Report(1, Said.FAILED, 4, failure=Failure.OUT_OF_MEMORY, words="too large"),
)


def lived(clock, until_s=50.0):
    """What the clock hands out up to a moment, with the moments."""
    seen = []
    while (report := clock.next(until_s)) is not None:
        seen.append((report, clock.now_s))
    return seen


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recording.jsonl"


@pytest.fixture
def first(path):
    """A run that was told three things."""
    clock = LiveClock(Recording(path), SCALE)
    for report in REPORTS:
        clock.post(report)
    return lived(clock)


def test_reports_are_handed_out_in_order_and_time_never_goes_back(first):
    assert [report for report, _ in first] == list(REPORTS)
    moments = [moment for _, moment in first]
    assert moments == sorted(moments)
    assert moments[-1] <= 50.0


def test_a_recording_is_lived_through_again_to_the_letter(path, first):
    again = LiveClock(Recording(path), SCALE)
    begun = []
    again.when_live(lambda: begun.append(again.now_s))
    handed = [(again.next(50.0), again.now_s) for _ in first]
    assert handed == first
    assert not again.live
    assert not begun
    again.post(REPORTS[0], 0.0)
    assert again.live
    assert begun == [first[-1][1]]


def test_what_was_recorded_later_waits_for_its_moment(path, first):
    again = LiveClock(Recording(path), SCALE)
    before_s = first[0][1] / 2
    assert again.next(before_s) is None
    assert again.now_s == before_s
    assert again.next(50.0) == REPORTS[0]


def test_time_stands_still_until_something_is_handed_out(path):
    clock = LiveClock(Recording(path), SCALE)
    clock.post(REPORTS[0])
    assert clock.now_s == 0.0
    clock.next(50.0)
    moment_s = clock.now_s
    assert clock.now_s == moment_s


def test_a_call_that_was_taken_back_does_not_come(path):
    clock = LiveClock(Recording(path), SCALE)
    ticket = clock.post(REPORTS[0], 5.0)
    clock.cancel(ticket)
    assert clock.next(20.0) is None
    assert clock.now_s == 20.0
