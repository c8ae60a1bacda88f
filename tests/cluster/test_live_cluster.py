import itertools
from dataclasses import replace

import pytest

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster import live_cluster
from ce_nas.cluster.assignment import DeviceRole
from ce_nas.cluster.live_cluster import LiveCluster
from ce_nas.cluster.replay_clock import ReplayableClock
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage, WorkerPool
from ce_nas.core.errors import ClusterError, EnergyError
from ce_nas.core.records import Activity, Allocation, Outcome, ReadingSource, Task, TaskEventKind, TaskKind
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.energy.device_power import DevicePower
from ce_nas.energy.mixed_lever import MeasuredTypes
from ce_nas.energy.power_model import PowerModel
from ce_nas.energy.power_profile import PowerLimit, PowerProfile
from ce_nas.energy.reported_meter import MeterReport, ReportedMeters
from ce_nas.store.event_log import EventLog

POWER = PowerModel(training_w=100.0, idle_w=10.0)
SCALE = 50_000.0  # half an hour of the run takes 36 ms


class ScriptedWorkerPool(WorkerPool):
    """A worker pool that sends the messages of the test, and records its calls."""

    origin = "scripted"

    def __init__(self, devices=2):
        self.devices, self.calls, self.post = devices, [], None

    def open(self, on_message):
        self.post = on_message

    def start(self, device, task):
        self.calls.append(("start", device, task.id))

    def preempt(self, device):
        self.calls.append(("preempt", device))

    def release(self, device):
        self.calls.append(("release", device))

    def acquire(self, device):
        self.calls.append(("acquire", device))

    def close(self):
        self.calls.append("close")


class CountingMeter(EnergyMeter):
    """A meter that counts 5 J a reading."""

    source, origin = ReadingSource.COUNTER, "simulated counter"

    def __init__(self):
        self.readings, self.held = 0, []

    error = None

    def set_held(self, *, held):
        self.held.append(held)

    def snapshot(self):
        if self.error:
            raise self.error
        self.readings += 1
        return MeterSnapshot(float(self.readings), 5.0 * self.readings, float(self.readings))


class LiveSetup:
    """A cluster with its worker pool and clock, over an event log."""

    def __init__(self, path=None, *, meters=None, device_power=None):
        self.workers, self.event_log = ScriptedWorkerPool(), EventLog(path)
        self.clock = ReplayableClock(self.event_log, SCALE)
        self.cluster = LiveCluster(self.workers, self.clock, self.event_log, POWER, meters, device_power=device_power)

    def send(self, *arguments, **fields):
        self.workers.post(WorkerMessage(*arguments, **fields))

    def receive(self, until_s=1e6):
        return self.cluster.handle_signal(self.clock.next(until_s))


def evaluation(number):
    return Task(number, TaskKind.EVALUATION, ((number,),))


OUTCOME = Outcome(0, ((1.0, 2.0),))


@pytest.fixture
def live():
    live = LiveSetup()
    live.cluster.assign(Allocation(0, 2))
    live.cluster.submit(0, evaluation(0))
    live.clock.next(100.0)  # real time starts, and nothing happens
    return live


def test_submitted_task_starts_with_real_time(live):
    assert live.workers.calls == [("start", 0, 0)]
    assert live.cluster.free_devices() == [(1, DeviceRole.EVALUATING)]


def test_time_advances_with_messages_only(live):
    first_s = live.clock.now_s
    assert live.clock.now_s == first_s
    live.send(0, WorkerEvent.WORKING, 0)
    assert live.receive() is None
    assert live.clock.now_s > first_s


def test_energy_readings_by_activity(live):
    live.send(0, WorkerEvent.WORKING, 0)
    live.receive()
    live.clock.next(live.clock.now_s + 1000.0)
    live.send(0, WorkerEvent.FINISHED, 0, OUTCOME)
    event = live.receive()
    assert (event.kind, event.outcome, event.task.id) == (TaskEventKind.FINISHED, OUTCOME, 0)
    assert [reading.activity for reading in event.readings] == [Activity.STARTUP, Activity.TRAINING]
    for reading in event.readings:
        assert reading.energy_j == pytest.approx(
            POWER.power_w(reading.activity) * (reading.end_s - reading.start_s) / SCALE
        )
    assert live.cluster.running_tasks() == []


def test_readings_cover_all_time(live):
    readings = list(live.cluster.read_energy())
    live.send(0, WorkerEvent.WORKING, 0)
    live.receive()
    live.cluster.assign(Allocation(0, 0, 2))
    live.send(0, WorkerEvent.PREEMPTED, 0)
    readings += live.receive().readings
    live.clock.next(live.clock.now_s + 500.0)
    readings += live.cluster.read_energy()
    for device in range(2):
        own_readings = [reading for reading in readings if reading.device == device]
        assert own_readings[0].start_s == 0.0
        assert own_readings[-1].end_s == live.clock.now_s
        assert all(before.end_s == after.start_s for before, after in itertools.pairwise(own_readings))


def test_energy_readings_of_meters():
    live = LiveSetup(meters=[CountingMeter(), None])
    live.clock.next(100.0)
    measured, modelled = live.cluster.read_energy()
    assert (measured.energy_j, measured.source, measured.coverage) == (5.0, ReadingSource.COUNTER, 1.0)
    assert modelled.source is POWER.source
    assert "simulated counter" in live.cluster.power_origin


def test_a_failed_reading_is_modelled_and_unobserved():
    meter = CountingMeter()
    live = LiveSetup(meters=[meter, None])
    live.clock.next(100.0)
    live.cluster.read_energy()
    meter.error = EnergyError("the counter was reset")
    live.clock.next(200.0)
    failed, _ = live.cluster.read_energy()
    assert (failed.source, failed.coverage) == (POWER.source, 0.0)
    meter.error = None
    live.clock.next(300.0)
    assert live.cluster.read_energy()[0].coverage == 0.0  # no snapshot at its start
    live.clock.next(400.0)
    again, _ = live.cluster.read_energy()
    assert (again.energy_j, again.source, again.coverage) == (5.0, ReadingSource.COUNTER, 1.0)


def test_preempted_task_resumes(live):
    live.send(0, WorkerEvent.WORKING, 0)
    live.receive()
    live.cluster.assign(Allocation(2, 0))
    assert live.workers.calls[-1] == ("preempt", 0)
    assert live.cluster.running_tasks() == []
    live.send(0, WorkerEvent.PREEMPTED, 0)
    event = live.receive()
    assert event.kind is TaskEventKind.SUSPENDED
    assert Activity.CHECKPOINT in {reading.activity for reading in event.readings}
    live.cluster.assign(Allocation(0, 2))
    live.cluster.submit(1, event.task)
    live.send(1, WorkerEvent.WORKING, 0)
    live.receive()
    assert Activity.RESTORE in {reading.activity for reading in live.cluster.read_energy()}


def test_failure_event(live):
    live.send(0, WorkerEvent.FAILED, 0, failure=Failure.OUT_OF_MEMORY, detail="no memory")
    event = live.receive()
    assert (event.kind, event.failure, event.detail) == (TaskEventKind.FAILED, "out of memory", "no memory")
    assert len(live.cluster.free_devices()) == 2


def test_message_of_ended_task_is_ignored(live):
    live.send(0, WorkerEvent.FINISHED, 99, OUTCOME)
    assert live.receive() is None
    assert len(live.cluster.running_tasks()) == 1


def test_lost_device_draws_no_energy_until_ready(live):
    live.send(1, WorkerEvent.DEVICE_LOST, detail="unplugged")
    live.receive()
    live.cluster.read_energy()
    assert live.cluster.free_devices() == []
    live.clock.next(live.clock.now_s + 500.0)
    assert {reading.device for reading in live.cluster.read_energy()} == {0}
    live.send(1, WorkerEvent.DEVICE_READY)
    live.receive()
    assert live.cluster.free_devices() == [(1, DeviceRole.EVALUATING)]


def test_loss_of_all_devices_is_an_error(live):
    live.send(1, WorkerEvent.DEVICE_LOST, detail="unplugged")
    live.receive()
    live.send(0, WorkerEvent.DEVICE_LOST, detail="unplugged too")
    with pytest.raises(ClusterError, match="unplugged too"):
        live.receive()


def test_released_device_is_given_back_and_taken_again():
    meter = CountingMeter()
    live = LiveSetup(meters=[None, meter])
    live.cluster.assign(Allocation(0, 2))
    live.cluster.submit(0, evaluation(0))
    live.clock.next(100.0)
    live.cluster.assign(Allocation(0, 1, released=1))
    live.clock.next(200.0)
    live.cluster.assign(Allocation(0, 2))
    assert [call for call in live.workers.calls if call[0] in {"release", "acquire"}] == [
        ("release", 1),
        ("acquire", 1),
    ]
    assert meter.held == [False, True]


def test_lost_device_is_not_given_back_by_hand(live):
    live.send(1, WorkerEvent.DEVICE_LOST, detail="unplugged")
    live.receive()
    assert ("release", 1) not in live.workers.calls
    live.cluster.assign(Allocation(0, 1, released=1))
    live.send(1, WorkerEvent.DEVICE_READY)
    live.receive()
    assert live.workers.calls[-1] == ("release", 1)  # not wanted any more when it came back


def test_limits_of_the_devices_are_kept_by_a_resumed_run(tmp_path):
    limits = [DevicePower(watts, POWER, f"its limit of {watts:g} W") for watts in (300.0, 400.0)]
    first = LiveSetup(tmp_path / "events.jsonl", device_power=limits).cluster
    assert first.peak_w == 800.0
    assert "at most 300 W (its limit of 300 W), 400 W" in first.power_origin
    second = LiveSetup(tmp_path / "events.jsonl", device_power=limits[:1] * 2).cluster  # another limit by now
    assert (second.peak_w, second.power_origin) == (first.peak_w, first.power_origin)


def test_released_device_draws_no_energy(live):
    live.cluster.read_energy()
    live.cluster.assign(Allocation(0, 1, released=1))
    live.clock.next(live.clock.now_s + 500.0)
    assert {reading.device for reading in live.cluster.read_energy()} == {0}


def run_messages(live, messages):
    """Run the cluster with these messages: time and event of each, and the readings after it."""
    live.cluster.assign(Allocation(0, 2))
    live.cluster.submit(0, evaluation(0))
    live.cluster.submit(1, evaluation(1))
    live.clock.next(50.0)
    results = []
    for message in messages:
        if live.clock.is_live:
            live.send(*message)
        event = live.cluster.handle_signal(live.clock.next(1e6))
        results.append((live.clock.now_s, event))
        results.append(live.cluster.read_energy())
    return results


MESSAGES = [(0, WorkerEvent.WORKING, 0), (1, WorkerEvent.WORKING, 1), (0, WorkerEvent.FINISHED, 0, OUTCOME)]


def test_replay_restores_killed_run(tmp_path):
    first = LiveSetup(tmp_path / "events.jsonl", meters=[CountingMeter(), None])
    results = run_messages(first, MESSAGES)
    second = LiveSetup(tmp_path / "events.jsonl", meters=[CountingMeter(), None])
    assert run_messages(second, MESSAGES) == results
    assert second.workers.calls == []  # a replay does not use the workers
    second.clock.next(second.clock.now_s + 10.0)
    assert second.workers.calls == [("start", 1, 1)]
    assert second.clock.now_s == pytest.approx(results[-2][0] + 10.0)


def test_unread_energy_of_killed_run_is_modelled(tmp_path):
    first = LiveSetup(tmp_path / "events.jsonl", meters=[CountingMeter(), CountingMeter()])
    run_messages(first, MESSAGES)
    lines = (tmp_path / "events.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "events.jsonl").write_text("".join(lines[:-2]))  # killed before the last reading of its meters
    second = LiveSetup(tmp_path / "events.jsonl", meters=[CountingMeter(), CountingMeter()])
    last = run_messages(second, MESSAGES)[-1]
    assert [reading.coverage for reading in last] == [0.0]
    assert all(reading.energy_j > 0 for reading in last)
    assert all(reading.source is POWER.source for reading in last)


def test_lost_device_gets_no_task_after_failure(live):
    live.send(0, WorkerEvent.DEVICE_LOST, detail="unplugged")
    live.receive()
    live.send(0, WorkerEvent.FAILED, 0, failure=Failure.LOST, detail="unplugged")
    event = live.receive()
    assert (event.kind, event.failure) == (TaskEventKind.FAILED, "lost")
    assert [number for number, _ in live.cluster.free_devices()] == [1]
    lost_s = event.readings[-1].end_s
    live.clock.next(live.clock.now_s + 500.0)
    live.send(0, WorkerEvent.DEVICE_READY)
    live.receive()
    ready_s = live.clock.now_s
    live.clock.next(ready_s + 10.0)
    first = next(reading for reading in live.cluster.read_energy() if reading.device == 0)
    assert lost_s < first.start_s == ready_s


def test_active_time_excludes_start_up_and_checkpoint(live):
    live.clock.next(live.clock.now_s + 3000.0)  # start-up
    live.send(0, WorkerEvent.WORKING, 0)
    live.receive()
    work_start_s = live.clock.now_s
    live.clock.next(work_start_s + 1000.0)
    live.cluster.assign(Allocation(2, 0))
    preempted_s = live.clock.now_s
    live.clock.next(preempted_s + 2000.0)  # checkpoint
    live.send(0, WorkerEvent.PREEMPTED, 0)
    assert live.receive().active_s == pytest.approx(preempted_s - work_start_s)
    live.cluster.assign(Allocation(0, 2))
    live.cluster.submit(1, evaluation(0))
    live.send(1, WorkerEvent.WORKING, 0)
    live.receive()
    resumed_s = live.clock.now_s
    live.clock.next(resumed_s + 500.0)
    live.send(1, WorkerEvent.FINISHED, 0, OUTCOME)
    assert live.receive().active_s == pytest.approx(preempted_s - work_start_s + live.clock.now_s - resumed_s)


def test_lost_device_is_ready_after_resume_and_replay(tmp_path):
    def start_run(path):
        live = LiveSetup(path)
        live.cluster.assign(Allocation(0, 2))
        live.cluster.submit(0, evaluation(0))
        live.clock.next(50.0)
        return live

    first = start_run(tmp_path / "events.jsonl")
    first.send(1, WorkerEvent.DEVICE_LOST, detail="unplugged")
    first.receive()
    assert first.cluster.free_devices() == []
    second = start_run(tmp_path / "events.jsonl")
    second.receive()  # lost, as before
    assert second.cluster.free_devices() == []
    second.clock.next(second.clock.now_s + 10.0)  # real time starts again
    assert second.cluster.free_devices() == [(1, DeviceRole.EVALUATING)]
    second.send(0, WorkerEvent.WORKING, 0)
    second.receive()
    third = start_run(tmp_path / "events.jsonl")
    third.receive()
    assert third.cluster.free_devices() == []
    third.receive()  # the replayed start of real time precedes the message
    assert not third.clock.is_live
    assert third.cluster.free_devices() == [(1, DeviceRole.EVALUATING)]


class RecordingLimits:
    """What a live cluster sets as power limits."""

    def __init__(self, error=None):
        self.applied, self.closed, self.error = [], 0, error

    def apply(self, limit):
        if self.error:
            raise EnergyError(self.error)
        self.applied.append(limit.limit_w)

    def close(self):
        self.closed += 1


def limited_cluster(log, limits):
    clock = ReplayableClock(EventLog(log) if not isinstance(log, EventLog) else log, SCALE)
    return LiveCluster(ScriptedWorkerPool(), clock, clock._event_log, POWER, gpu_limits=limits), clock


def test_power_limits_are_set_once_real_time_starts_and_restored_at_the_end(tmp_path):
    limits = RecordingLimits()
    cluster, clock = limited_cluster(tmp_path / "events", limits)
    cluster.limit_power(PowerLimit(180.0, 1.04, 0.86))
    assert limits.applied == []
    clock.next(100.0)
    cluster.limit_power(PowerLimit(200.0, 1.03, 0.9))
    assert limits.applied == [180.0, 200.0]
    cluster.close()
    assert limits.closed == 1


@pytest.fixture
def said(monkeypatch):
    """The warnings of live clusters."""
    warnings = []
    monkeypatch.setattr(live_cluster._log, "warning", lambda text, *parts: warnings.append(text % parts))
    return warnings


def test_a_limit_that_cannot_be_set_any_more_is_restored_and_said_once(tmp_path, said):
    limits = RecordingLimits(error="Expected to set 180 W.")
    cluster, clock = limited_cluster(tmp_path / "events", limits)
    clock.next(100.0)
    for _ in range(2):
        cluster.limit_power(PowerLimit(180.0, 1.04, 0.86))
    assert limits.closed == 1
    assert [text for text in said if "Expected to set 180 W." in text] == said[-1:] != []


def test_whether_limits_can_be_set_is_logged_since_decisions_depend_on_it(tmp_path, said):
    cluster, _ = limited_cluster(tmp_path / "events", "no permission.")
    assert cluster.no_power_limit == "no permission."
    assert said == ["The GPUs' power limits are left alone: no permission."]
    resumed, _ = limited_cluster(tmp_path / "events", RecordingLimits())
    assert resumed.no_power_limit == "no permission."
    assert limited_cluster(tmp_path / "others", RecordingLimits())[0].no_power_limit == ""


def test_where_a_task_ran_is_logged_and_part_of_its_event(tmp_path):
    places = ({"job": "77", "node": "node-3"}, {"job": "77", "node": "node-4", "restart": "1"})
    message = WorkerMessage(0, WorkerEvent.FINISHED, 5, Outcome(5, ((1.0,),)), places=places)
    for _ in range(2):  # live, and replayed
        log = EventLog(tmp_path / "events")
        clock = ReplayableClock(log, SCALE)
        cluster = LiveCluster(ScriptedWorkerPool(), clock, log, POWER)
        cluster.assign(Allocation(0, 1, 1))
        cluster.submit(0, Task(5, TaskKind.EVALUATION, ((0,),)))
        if log.peek is None:
            clock.post(message)
        assert cluster.handle_signal(clock.next(SCALE)).places == places


@pytest.mark.parametrize(("stated", "watts"), [(False, 40.0), (True, 100.0)])
def test_a_remote_device_without_a_meter_is_booked_by_its_own_limit_unless_wattages_are_stated(tmp_path, stated, watts):
    workers = ScriptedWorkerPool()
    workers.reported_meters = ReportedMeters(2)
    report = MeterReport("node-1:7", "node-1", error="no meter", working_w=40.0, idle_w=4.0)
    workers.reported_meters.update(0, report)
    log = EventLog(tmp_path / "events")
    clock = ReplayableClock(log, SCALE)
    power = replace(POWER, origin="stated in the settings") if stated else POWER
    cluster = LiveCluster(workers, clock, log, power, workers.reported_meters.meters)
    cluster.assign(Allocation(0, 1, 1))
    cluster.submit(0, Task(5, TaskKind.EVALUATION, ((0,),)))
    clock.next(1.0)
    workers.post(WorkerMessage(0, WorkerEvent.WORKING, 5))
    cluster.handle_signal(clock.next(SCALE))
    clock.next(2 * SCALE)
    reading = [reading for reading in cluster.read_energy() if reading.device == 0][-1]
    assert reading.activity is Activity.TRAINING
    assert reading.energy_j == pytest.approx(watts * (reading.end_s - reading.start_s) / SCALE)


class Measurement:
    """A measurement that has ended."""

    def __init__(self, result):
        self.result, self.calls = result, []

    def start(self):
        self.calls.append("start")

    def hold(self, apply, *, is_limited):
        self.calls.append(is_limited)
        apply()

    def close(self):
        self.calls.append("close")


class Limits:
    """GPUs whose limits are only noted."""

    def __init__(self, default_w):
        self.default_w, self.applied, self.closed = default_w, [], False

    def apply(self, limit):
        self.applied.append(limit.limit_w / self.default_w)

    def close(self):
        self.closed = True


def measuring_cluster(path, result):
    event_log = EventLog(path)
    clock = ReplayableClock(event_log, SCALE)
    limits, measurement = Limits(260.0), Measurement(result)
    cluster = LiveCluster(
        ScriptedWorkerPool(), clock, event_log, POWER, gpu_limits=limits, power_measurement=measurement
    )
    return cluster, clock, limits, measurement


def test_a_measured_profile_is_logged_and_found_again_when_the_run_is_resumed(tmp_path):
    profile = PowerProfile([PowerLimit(400.0, 1.0, 1.0), PowerLimit(200.0, 1.1, 0.6)], "Tesla", "measured")
    cluster, clock, limits, measurement = measuring_cluster(tmp_path / "events", None)
    clock.next(1.0)  # real time starts
    assert cluster.measured_profile() is None
    cluster.limit_power(PowerLimit(260.0, 1.0, 1.0))
    cluster.limit_power(PowerLimit(130.0, 1.2, 0.6))
    measurement.result = profile
    assert cluster.measured_profile().points == profile.points
    cluster.limit_power(PowerLimit(200.0, 1.1, 0.6))
    assert limits.applied == [1.0, 0.5, 0.5]  # the last one of the measured default
    assert measurement.calls == ["start", False, True, "close"]
    cluster.close()
    assert limits.closed
    resumed, clock, limits, measurement = measuring_cluster(tmp_path / "events", None)
    clock.next(1.0)
    assert resumed.measured_profile() is None
    assert resumed.measured_profile().points == profile.points
    assert limits.default_w == 400.0
    resumed.close()
    assert "start" not in measurement.calls


def test_how_long_taking_a_released_device_back_takes_is_measured(live):
    live.cluster.assign(Allocation(0, 1, released=1))
    released_s = live.clock.now_s
    live.clock.next(released_s + 500.0)
    assert live.cluster.startup_s == 0.0
    live.cluster.assign(Allocation(0, 2))
    live.cluster.submit(1, evaluation(1))
    since_s = live.clock.now_s
    live.clock.next(since_s + 700.0)
    live.send(1, WorkerEvent.WORKING, 1)
    live.receive()
    (taken,) = live.cluster.take_backs()
    assert (taken.device, taken.task_id) == (1, 1)
    assert taken.took_s == pytest.approx((live.clock.now_s - since_s) / SCALE)
    assert live.cluster.startup_s == live.clock.now_s - since_s >= 700.0
    assert live.cluster.take_backs() == []


def test_a_device_that_waited_for_its_task_or_was_lost_is_not_measured(live):
    live.cluster.assign(Allocation(0, 1, released=1))
    live.clock.next(live.clock.now_s + 500.0)
    live.cluster.assign(Allocation(0, 2))
    live.clock.next(live.clock.now_s + 100.0)
    live.cluster.submit(1, evaluation(1))
    live.send(1, WorkerEvent.WORKING, 1)
    live.receive()
    live.send(0, WorkerEvent.DEVICE_LOST)
    live.send(0, WorkerEvent.DEVICE_READY)
    live.receive()
    live.receive()
    assert live.cluster.take_backs() == []
    assert live.cluster.startup_s == 0.0


def test_the_profiles_of_several_types_are_found_again_when_the_run_is_resumed(tmp_path):
    profiles = [
        PowerProfile([PowerLimit(watts, 1.0, 1.0), PowerLimit(watts / 2, 1.1, 0.6)], name, f"{name}: measured")
        for name, watts in (("Tesla", 400.0), ("Volta", 300.0))
    ]
    cluster, clock, limits, measurement = measuring_cluster(tmp_path / "events", None)
    clock.next(1.0)
    measurement.result = MeasuredTypes(tuple(zip(profiles, (3, 1), strict=True)))
    found = cluster.measured_profile()
    cluster.close()
    assert measurement.calls == ["start", "close"]
    assert limits.default_w == 260.0  # each type has its own
    resumed, clock, *_ = measuring_cluster(tmp_path / "events", None)
    clock.next(1.0)
    again = resumed.measured_profile()
    resumed.close()
    for one in (found, again):
        assert [(each.name, each.points, count) for each, count in one.profiles] == [
            (each.name, each.points, count) for each, count in zip(profiles, (3, 1), strict=True)
        ]
