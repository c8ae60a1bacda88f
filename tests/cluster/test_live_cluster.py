import itertools

import pytest

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.assignment import Role
from ce_nas.cluster.live_cluster import LiveCluster
from ce_nas.cluster.replay_clock import LiveClock
from ce_nas.cluster.workers.base import Crew, Report, Said
from ce_nas.core.errors import ClusterError
from ce_nas.core.records import Activity, Allocation, EventKind, Outcome, Source, Task, TaskKind
from ce_nas.energy.base import Mark, Meter
from ce_nas.energy.power_model import PowerModel
from ce_nas.store.event_log import Recording

POWER = PowerModel(training_w=100.0, idle_w=10.0)
SCALE = 50_000.0  # half an hour of the run takes a thirtieth of a second


class Scripted(Crew):
    """A crew that says what the test tells it to."""

    origin = "a script"

    def __init__(self, devices=2):
        self.devices, self.asked, self.post = devices, [], None

    def open(self, post):
        self.post = post

    def start(self, device, task):
        self.asked.append(("start", device, task.id))

    def leave(self, device):
        self.asked.append(("leave", device))

    def close(self):
        self.asked.append("closed")


class Counting(Meter):
    """A meter that counts 5 J a reading."""

    source, origin = Source.COUNTER, "made up"

    def __init__(self):
        self.read = 0

    def mark(self):
        self.read += 1
        return Mark(float(self.read), 5.0 * self.read, float(self.read))


class Stage:
    """A cluster with its crew and clock, over a recording."""

    def __init__(self, path=None, *, meters=None):
        self.crew, self.recording = Scripted(), Recording(path)
        self.clock = LiveClock(self.recording, SCALE)
        self.cluster = LiveCluster(self.crew, self.clock, self.recording, POWER, meters)

    def say(self, *arguments, **stated):
        self.crew.post(Report(*arguments, **stated))

    def hear(self, until_s=1e6):
        return self.cluster.receive(self.clock.next(until_s))


def evaluation(number):
    return Task(number, TaskKind.EVALUATION, ((number,),))


FOUND = Outcome(0, ((1.0, 2.0),))


@pytest.fixture
def stage():
    stage = Stage()
    stage.cluster.assign(Allocation(0, 2))
    stage.cluster.submit(0, evaluation(0))
    stage.clock.next(100.0)  # real time begins, and nothing happens
    return stage


def test_work_given_before_real_time_passes_is_begun_when_it_does(stage):
    assert stage.crew.asked == [("start", 0, 0)]
    assert stage.cluster.free() == [(1, Role.EVALUATING)]


def test_time_stands_still_while_the_engine_thinks(stage):
    first_s = stage.clock.now_s
    assert stage.clock.now_s == first_s
    stage.say(0, Said.WORKING, 0)
    assert stage.hear() is None
    assert stage.clock.now_s > first_s


def test_a_task_is_booked_by_what_its_device_is_about(stage):
    stage.say(0, Said.WORKING, 0)
    stage.hear()
    stage.clock.next(stage.clock.now_s + 1000.0)
    stage.say(0, Said.FINISHED, 0, FOUND)
    event = stage.hear()
    assert (event.kind, event.outcome, event.task.id) == (EventKind.FINISHED, FOUND, 0)
    assert [reading.activity for reading in event.readings] == [Activity.STARTUP, Activity.TRAINING]
    for reading in event.readings:
        assert reading.energy_j == pytest.approx(
            POWER.power_w(reading.activity) * (reading.end_s - reading.start_s) / SCALE
        )
    assert stage.cluster.running() == []


def test_readings_leave_no_time_out(stage):
    readings = list(stage.cluster.read())
    stage.say(0, Said.WORKING, 0)
    stage.hear()
    stage.cluster.assign(Allocation(0, 0, 2))
    stage.say(0, Said.LEFT, 0)
    readings += stage.hear().readings
    stage.clock.next(stage.clock.now_s + 500.0)
    readings += stage.cluster.read()
    for device in range(2):
        mine = [reading for reading in readings if reading.device == device]
        assert mine[0].start_s == 0.0
        assert mine[-1].end_s == stage.clock.now_s
        assert all(one.end_s == other.start_s for one, other in itertools.pairwise(mine))


def test_meters_say_what_was_drawn_and_how_well():
    stage = Stage(meters=[Counting(), None])
    stage.clock.next(100.0)
    measured, modelled = stage.cluster.read()
    assert (measured.energy_j, measured.source, measured.coverage) == (5.0, Source.COUNTER, 1.0)
    assert modelled.source is POWER.source
    assert "made up" in stage.cluster.power_origin


def test_a_task_whose_device_is_taken_leaves_and_goes_on_later(stage):
    stage.say(0, Said.WORKING, 0)
    stage.hear()
    stage.cluster.assign(Allocation(2, 0))
    assert stage.crew.asked[-1] == ("leave", 0)
    assert stage.cluster.running() == []
    stage.say(0, Said.LEFT, 0)
    event = stage.hear()
    assert event.kind is EventKind.FREED
    assert Activity.CHECKPOINT in {reading.activity for reading in event.readings}
    stage.cluster.assign(Allocation(0, 2))
    stage.cluster.submit(1, event.task)
    stage.say(1, Said.WORKING, 0)
    stage.hear()
    assert Activity.RESTORE in {reading.activity for reading in stage.cluster.read()}


def test_a_failure_is_an_event_with_its_name(stage):
    stage.say(0, Said.FAILED, 0, failure=Failure.OUT_OF_MEMORY, words="no room")
    event = stage.hear()
    assert (event.kind, event.failure, event.words) == (EventKind.FAILED, "out of memory", "no room")
    assert len(stage.cluster.free()) == 2


def test_a_report_of_a_task_that_is_over_is_nothing(stage):
    stage.say(0, Said.FINISHED, 99, FOUND)
    assert stage.hear() is None
    assert len(stage.cluster.running()) == 1


def test_a_device_that_is_gone_is_off_the_books_until_it_is_back(stage):
    stage.say(1, Said.GONE, words="unplugged")
    stage.hear()
    stage.cluster.read()
    assert stage.cluster.free() == []
    stage.clock.next(stage.clock.now_s + 500.0)
    assert {reading.device for reading in stage.cluster.read()} == {0}
    stage.say(1, Said.BACK)
    stage.hear()
    assert stage.cluster.free() == [(1, Role.EVALUATING)]


def test_without_any_device_the_run_cannot_go_on(stage):
    stage.say(1, Said.GONE, words="unplugged")
    stage.hear()
    stage.say(0, Said.GONE, words="unplugged too")
    with pytest.raises(ClusterError, match="unplugged too"):
        stage.hear()


def test_a_released_device_is_off_the_books(stage):
    stage.cluster.read()
    stage.cluster.assign(Allocation(0, 1, released=1))
    stage.clock.next(stage.clock.now_s + 500.0)
    assert {reading.device for reading in stage.cluster.read()} == {0}


def lived(stage, reports):
    """What a short run saw: every event's time, kind and readings, and the readings at its end."""
    stage.cluster.assign(Allocation(0, 2))
    stage.cluster.submit(0, evaluation(0))
    stage.cluster.submit(1, evaluation(1))
    stage.clock.next(50.0)
    seen = []
    for report in reports:
        if stage.clock.live:
            stage.say(*report)
        event = stage.cluster.receive(stage.clock.next(1e6))
        seen.append((stage.clock.now_s, event))
        seen.append(stage.cluster.read())
    return seen


REPORTS = [(0, Said.WORKING, 0), (1, Said.WORKING, 1), (0, Said.FINISHED, 0, FOUND)]


def test_a_recording_brings_a_killed_run_back_and_what_was_under_way_goes_on(tmp_path):
    first = Stage(tmp_path / "one", meters=[Counting(), None])
    seen = lived(first, REPORTS)
    second = Stage(tmp_path / "one", meters=[Counting(), None])
    assert lived(second, REPORTS) == seen
    assert second.crew.asked == []  # the past asks nothing of anybody
    second.clock.next(second.clock.now_s + 10.0)
    assert second.crew.asked == [("start", 1, 1)]
    assert second.clock.now_s == pytest.approx(seen[-2][0] + 10.0)


def test_what_a_killed_run_left_unread_is_estimated_and_said_not_to_be_observed(tmp_path):
    first = Stage(tmp_path / "one", meters=[Counting(), Counting()])
    lived(first, REPORTS)
    lines = (tmp_path / "one").read_text().splitlines(keepends=True)
    (tmp_path / "one").write_text("".join(lines[:-2]))  # killed before it read its meters for the last time
    second = Stage(tmp_path / "one", meters=[Counting(), Counting()])
    last = lived(second, REPORTS)[-1]
    assert [reading.coverage for reading in last] == [0.0]
    assert all(reading.energy_j > 0 for reading in last)
    assert all(reading.source is POWER.source for reading in last)


def test_a_device_that_is_gone_is_given_no_other_task_when_its_own_is_told_to_have_failed(stage):
    stage.say(0, Said.GONE, words="unplugged")
    stage.hear()
    stage.say(0, Said.FAILED, 0, failure=Failure.LOST, words="unplugged")
    event = stage.hear()
    assert (event.kind, event.failure) == (EventKind.FAILED, "lost")
    assert [number for number, _ in stage.cluster.free()] == [1]
    gone_s = event.readings[-1].end_s
    stage.clock.next(stage.clock.now_s + 500.0)
    stage.say(0, Said.BACK)
    stage.hear()
    back_s = stage.clock.now_s
    stage.clock.next(back_s + 10.0)
    first = next(reading for reading in stage.cluster.read() if reading.device == 0)
    assert gone_s < first.start_s == back_s


def test_a_task_s_time_at_work_leaves_its_start_and_its_checkpoint_out(stage):
    stage.clock.next(stage.clock.now_s + 3000.0)  # it starts
    stage.say(0, Said.WORKING, 0)
    stage.hear()
    began_s = stage.clock.now_s
    stage.clock.next(began_s + 1000.0)
    stage.cluster.assign(Allocation(2, 0))
    left_s = stage.clock.now_s
    stage.clock.next(left_s + 2000.0)  # it writes
    stage.say(0, Said.LEFT, 0)
    assert stage.hear().worked_s == pytest.approx(left_s - began_s)
    stage.cluster.assign(Allocation(0, 2))
    stage.cluster.submit(1, evaluation(0))
    stage.say(1, Said.WORKING, 0)
    stage.hear()
    again_s = stage.clock.now_s
    stage.clock.next(again_s + 500.0)
    stage.say(1, Said.FINISHED, 0, FOUND)
    assert stage.hear().worked_s == pytest.approx(left_s - began_s + stage.clock.now_s - again_s)


def test_a_device_that_was_gone_is_back_with_every_life_of_a_run_also_when_that_is_lived_again(tmp_path):
    def begun(path):
        stage = Stage(path)
        stage.cluster.assign(Allocation(0, 2))
        stage.cluster.submit(0, evaluation(0))
        stage.clock.next(50.0)
        return stage

    first = begun(tmp_path / "one")
    first.say(1, Said.GONE, words="unplugged")
    first.hear()
    assert first.cluster.free() == []
    second = begun(tmp_path / "one")
    second.hear()  # gone, as it was
    assert second.cluster.free() == []
    second.clock.next(second.clock.now_s + 10.0)  # real time begins to pass anew
    assert second.cluster.free() == [(1, Role.EVALUATING)]
    second.say(0, Said.WORKING, 0)
    second.hear()
    third = begun(tmp_path / "one")
    third.hear()
    assert third.cluster.free() == []
    third.hear()  # the second life's only word: its beginning comes before it
    assert not third.clock.live
    assert third.cluster.free() == [(1, Role.EVALUATING)]
