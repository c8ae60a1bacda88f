"""Simulated devices: energy readings, preemption, release and start-up."""

import itertools

import pytest

from ce_nas.benchmarks.base import Evaluator
from ce_nas.cluster.assignment import DeviceRole
from ce_nas.cluster.simulated import SimulatedCluster
from ce_nas.core.clock import VirtualClock
from ce_nas.core.records import Activity, Allocation, Outcome, Task, TaskEventKind, TaskKind
from ce_nas.energy.power_model import PowerModel
from ce_nas.energy.power_profile import PowerLimit


class ConstantEvaluator(Evaluator):
    """Every task takes 1000 s; its objective is its id."""

    objectives = ()
    supernet_training_s = 0.0
    has_proxy_scores = True

    def duration_s(self, task):
        return 1000.0

    def run(self, task):
        return Outcome(task.id, ((float(task.id),),))


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def cluster(clock):
    power_model = PowerModel(checkpoint_s=20, checkpoint_j=2000, restore_s=40, startup_s=90, startup_j=4500)
    return SimulatedCluster(2, clock, ConstantEvaluator(), power_model)


def training(number):
    return Task(number, TaskKind.EVALUATION, ((number,),))


def time_spent(readings, activity):
    return sum(reading.end_s - reading.start_s for reading in readings if reading.activity is activity)


def test_task_takes_duration_of_evaluator(cluster, clock):
    cluster.assign(Allocation(0, 2))
    assert cluster.free_devices() == [(0, DeviceRole.EVALUATING), (1, DeviceRole.EVALUATING)]
    cluster.submit(1, training(7))
    event = cluster.handle_signal(clock.next(5000.0))
    assert (event.kind, event.device, event.at_s) == (TaskEventKind.FINISHED, 1, 1000.0)
    assert event.outcome.values == ((7.0,),)
    assert time_spent(event.readings, Activity.TRAINING) == 1000.0
    assert time_spent(cluster.read_energy(), Activity.IDLE) == 1000.0  # the other device is held idle


def test_preempted_training_resumes_from_checkpoint(cluster, clock):
    cluster.assign(Allocation(0, 1, 1))
    cluster.submit(0, training(0))
    clock.next(300.0)
    cluster.assign(Allocation(0, 0, 2))
    suspended = cluster.handle_signal(clock.next(5000.0))
    assert (suspended.kind, suspended.at_s, suspended.task.id) == (TaskEventKind.SUSPENDED, 320.0, 0)
    assert time_spent(suspended.readings, Activity.CHECKPOINT) == 20.0
    assert sum(r.energy_j for r in suspended.readings if r.activity is Activity.CHECKPOINT) == pytest.approx(2000.0)
    cluster.assign(Allocation(0, 2))
    cluster.submit(1, suspended.task)
    finished = cluster.handle_signal(clock.next(5000.0))
    assert finished.at_s == pytest.approx(320.0 + 40.0 + 700.0)
    assert time_spent(finished.readings, Activity.RESTORE) == pytest.approx(40.0)
    assert time_spent(finished.readings, Activity.TRAINING) == pytest.approx(700.0)


def test_preemption_during_restore_writes_no_checkpoint(cluster, clock):
    cluster.assign(Allocation(0, 1, 1))
    cluster.submit(0, training(0))
    clock.next(300.0)
    cluster.assign(Allocation(0, 0, 2))
    suspended = cluster.handle_signal(clock.next(5000.0))
    cluster.assign(Allocation(0, 1, 1))
    cluster.submit(0, suspended.task)
    clock.next(330.0)  # ten seconds into the restore
    cluster.assign(Allocation(0, 0, 2))
    second = cluster.handle_signal(clock.next(5000.0))
    assert second.at_s == 330.0
    assert time_spent(second.readings, Activity.RESTORE) == 10.0
    assert time_spent(second.readings, Activity.CHECKPOINT) == 0.0


def test_preempted_sampling_writes_no_checkpoint(cluster, clock):
    cluster.assign(Allocation(1, 0, 1))
    cluster.submit(0, Task(0, TaskKind.SAMPLING, ((0,),)))
    clock.next(400.0)
    cluster.assign(Allocation(0, 0, 2))
    suspended = cluster.handle_signal(clock.next(5000.0))
    assert suspended.at_s == 400.0
    cluster.assign(Allocation(1, 0, 1))
    cluster.submit(0, suspended.task)
    assert cluster.handle_signal(clock.next(5000.0)).at_s == 1000.0


def test_task_nearest_its_end_keeps_device(cluster, clock):
    cluster.assign(Allocation(0, 2))
    cluster.submit(0, training(0))
    clock.next(100.0)
    cluster.submit(1, training(1))
    clock.next(200.0)
    cluster.assign(Allocation(1, 1))
    assert [task.id for task in cluster.running_tasks()] == [0]


def test_task_with_needed_role_keeps_device(cluster, clock):
    cluster.assign(Allocation(1, 1))
    (evaluating, _), (sampling, _) = sorted(cluster.free_devices(), key=lambda pair: pair[1])
    cluster.submit(evaluating, training(0))
    cluster.submit(sampling, Task(1, TaskKind.SAMPLING, ((1,),)))
    clock.next(500.0)
    cluster.assign(Allocation(1, 1))
    finished = [cluster.handle_signal(clock.next(5000.0)) for _ in range(2)]
    assert {event.kind for event in finished} == {TaskEventKind.FINISHED}
    assert {event.at_s for event in finished} == {1000.0}


def test_readings_cover_all_time_once(cluster, clock):
    readings = []
    for now_s, allocation in [(0, (1, 1, 0)), (130, (0, 2, 0)), (777, (0, 0, 2)), (1500, (2, 0, 0)), (2600, (0, 1, 1))]:
        while (signal := clock.next(float(now_s))) is not None:
            readings += cluster.handle_signal(signal).readings
        cluster.assign(Allocation(*allocation))
        for number, (device, role) in enumerate(cluster.free_devices()):
            kind = TaskKind.EVALUATION if role is DeviceRole.EVALUATING else TaskKind.SAMPLING
            cluster.submit(device, Task(now_s * 10 + number, kind, ((0,),)))
        readings += cluster.read_energy()
    for device in range(2):
        intervals = sorted((r.start_s, r.end_s) for r in readings if r.device == device)
        assert intervals[0][0] == 0.0
        assert intervals[-1][1] == 2600.0
        assert all(before[1] == after[0] for before, after in itertools.pairwise(intervals))


def test_suspend_all_tasks(cluster, clock):
    cluster.assign(Allocation(0, 2))
    cluster.submit(0, training(0))
    clock.next(10.0)
    cluster.suspend_all()
    assert cluster.running_tasks() == []
    assert cluster.handle_signal(clock.next(100.0)).kind is TaskEventKind.SUSPENDED
    assert cluster.free_devices() == []


def run_until(cluster, clock, now_s):
    """Advance to a time and read: seconds by activity."""
    readings = []
    while (signal := clock.next(now_s)) is not None:
        readings += cluster.handle_signal(signal).readings
    readings += cluster.read_energy()
    return {activity: time_spent(readings, activity) for activity in Activity if time_spent(readings, activity)}


def test_released_device_draws_no_energy(cluster, clock):
    cluster.assign(Allocation(0, 1, released=1))
    assert cluster.free_devices() == [(0, DeviceRole.EVALUATING)]
    cluster.submit(0, training(0))
    assert run_until(cluster, clock, 600.0) == {Activity.TRAINING: 600.0}


def test_device_is_released_after_checkpoint(cluster, clock):
    cluster.assign(Allocation(0, 2))
    cluster.submit(0, training(0))
    assert run_until(cluster, clock, 300.0) == {Activity.TRAINING: 300.0, Activity.IDLE: 300.0}
    clock.next(400.0)
    cluster.assign(Allocation(0, 0, released=2))
    assert cluster.running_tasks() == []
    # unread energy from before the release is kept
    assert run_until(cluster, clock, 1000.0) == {
        Activity.TRAINING: 100.0,
        Activity.CHECKPOINT: 20.0,
        Activity.IDLE: 100.0,
    }


def test_reacquired_device_starts_up(cluster, clock):
    cluster.assign(Allocation(0, 0, released=2))
    clock.next(500.0)
    cluster.assign(Allocation(0, 1, 1))
    ((number, _),) = cluster.free_devices()
    clock.next(510.0)
    cluster.submit(number, training(0))
    finished = cluster.handle_signal(clock.next(5000.0))
    assert finished.at_s == 500.0 + 90.0 + 1000.0
    assert time_spent(finished.readings, Activity.STARTUP) == 90.0
    assert sum(r.energy_j for r in finished.readings if r.activity is Activity.STARTUP) == pytest.approx(4500.0)
    assert {r.activity: r.end_s for r in cluster.read_energy()} == {Activity.STARTUP: 590.0, Activity.IDLE: 1590.0}


def test_preemption_during_start_up(cluster, clock):
    cluster.assign(Allocation(0, 0, released=2))
    clock.next(500.0)
    cluster.assign(Allocation(0, 2))
    cluster.submit(0, training(0))
    cluster.submit(1, training(1))
    clock.next(530.0)
    cluster.assign(Allocation(0, 0, 1, 1))  # neither training has started, so neither writes a checkpoint
    assert run_until(cluster, clock, 700.0) == {Activity.STARTUP: 90.0 + 30.0, Activity.IDLE: 110.0}


def test_held_devices_are_used_before_released_devices(cluster, clock):
    cluster.assign(Allocation(0, 0, 1, 1))
    clock.next(100.0)
    cluster.assign(Allocation(0, 1, released=1))
    assert cluster.free_devices() == [(0, DeviceRole.EVALUATING)]
    assert run_until(cluster, clock, 200.0) == {Activity.IDLE: 200.0}


def test_a_power_limit_slows_what_runs_and_draws_less(cluster, clock):
    cluster.assign(Allocation(0, 1, 1))
    cluster.submit(0, training(0))
    clock.next(300.0)
    cluster.limit_power(PowerLimit(100.0, time_factor=1.5, power_factor=0.6))
    clock.next(600.0)  # 200 s of work in 300 s
    cluster.limit_power(PowerLimit(200.0, time_factor=1.0, power_factor=1.0))
    finished = cluster.handle_signal(clock.next(5000.0))
    assert finished.at_s == pytest.approx(600.0 + 500.0)
    powers = [(r.start_s, r.end_s, r.energy_j / (r.end_s - r.start_s)) for r in finished.readings]
    assert powers == [
        (0.0, 300.0, pytest.approx(287.0)),
        (300.0, 600.0, pytest.approx(0.6 * 287.0)),
        (600.0, pytest.approx(1100.0), pytest.approx(287.0)),
    ]


def test_work_under_a_power_limit_is_kept_when_it_is_suspended(cluster, clock):
    cluster.assign(Allocation(0, 1, 1))
    cluster.limit_power(PowerLimit(100.0, time_factor=2.0, power_factor=0.6))
    cluster.submit(0, training(0))
    clock.next(300.0)  # 150 s of work
    cluster.assign(Allocation(0, 0, 2))
    suspended = cluster.handle_signal(clock.next(5000.0))
    assert suspended.at_s == 320.0
    assert sum(r.energy_j for r in suspended.readings if r.activity is Activity.CHECKPOINT) == pytest.approx(1200.0)
    cluster.assign(Allocation(0, 1, 1))
    cluster.submit(0, suspended.task)
    clock.next(340.0)  # a limit changed during the restore changes no work
    cluster.limit_power(PowerLimit(200.0, time_factor=1.0, power_factor=1.0))
    assert cluster.handle_signal(clock.next(5000.0)).at_s == pytest.approx(360.0 + 850.0)
