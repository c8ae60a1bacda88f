"""Devices that are not there: what they draw, and what becomes of a task whose device is taken away."""

import itertools

import pytest

from ce_nas.benchmarks.base import Evaluator
from ce_nas.cluster.assignment import Role
from ce_nas.cluster.simulated import SimulatedCluster
from ce_nas.core.clock import VirtualClock
from ce_nas.core.records import Activity, Allocation, EventKind, Outcome, Task, TaskKind
from ce_nas.energy.power_model import PowerModel


class Steady(Evaluator):
    """Every task takes 1000 s and finds its own number."""

    objectives = ()
    supernet_training_s = 0.0
    can_score = True

    def duration_s(self, task):
        return 1000.0

    def run(self, task):
        return Outcome(task.id, ((float(task.id),),))


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def cluster(clock):
    return SimulatedCluster(
        2, clock, Steady(), PowerModel(checkpoint_s=20, checkpoint_j=2000, restore_s=40, startup_s=90, startup_j=4500)
    )


def training(number):
    return Task(number, TaskKind.EVALUATION, ((number,),))


def spent(readings, activity):
    return sum(reading.end_s - reading.start_s for reading in readings if reading.activity is activity)


def test_a_task_ends_when_its_evaluator_says(cluster, clock):
    cluster.assign(Allocation(0, 2))
    assert cluster.free() == [(0, Role.EVALUATING), (1, Role.EVALUATING)]
    cluster.submit(1, training(7))
    event = cluster.receive(clock.next(5000.0))
    assert (event.kind, event.device, event.at_s) == (EventKind.FINISHED, 1, 1000.0)
    assert event.outcome.values == ((7.0,),)
    assert spent(event.readings, Activity.TRAINING) == 1000.0
    assert spent(cluster.read(), Activity.IDLE) == 1000.0  # the other device was held, and that is not free


def test_a_training_whose_device_is_taken_is_checkpointed_and_goes_on_where_it_was(cluster, clock):
    cluster.assign(Allocation(0, 1, 1))
    cluster.submit(0, training(0))
    clock.next(300.0)
    cluster.assign(Allocation(0, 0, 2))
    freed = cluster.receive(clock.next(5000.0))
    assert (freed.kind, freed.at_s, freed.task.id) == (EventKind.FREED, 320.0, 0)
    assert spent(freed.readings, Activity.CHECKPOINT) == 20.0
    assert sum(r.energy_j for r in freed.readings if r.activity is Activity.CHECKPOINT) == pytest.approx(2000.0)
    cluster.assign(Allocation(0, 2))
    cluster.submit(1, freed.task)
    ended = cluster.receive(clock.next(5000.0))
    assert ended.at_s == pytest.approx(320.0 + 40.0 + 700.0)
    assert spent(ended.readings, Activity.RESTORE) == pytest.approx(40.0)
    assert spent(ended.readings, Activity.TRAINING) == pytest.approx(700.0)


def test_a_training_taken_while_it_loads_its_checkpoint_needs_no_new_one(cluster, clock):
    cluster.assign(Allocation(0, 1, 1))
    cluster.submit(0, training(0))
    clock.next(300.0)
    cluster.assign(Allocation(0, 0, 2))
    freed = cluster.receive(clock.next(5000.0))
    cluster.assign(Allocation(0, 1, 1))
    cluster.submit(0, freed.task)
    clock.next(330.0)  # ten seconds into the restore
    cluster.assign(Allocation(0, 0, 2))
    again = cluster.receive(clock.next(5000.0))
    assert again.at_s == 330.0
    assert spent(again.readings, Activity.RESTORE) == 10.0
    assert spent(again.readings, Activity.CHECKPOINT) == 0.0


def test_sampling_is_suspended_for_nothing_and_keeps_what_it_scored(cluster, clock):
    cluster.assign(Allocation(1, 0, 1))
    cluster.submit(0, Task(0, TaskKind.SAMPLING, ((0,),)))
    clock.next(400.0)
    cluster.assign(Allocation(0, 0, 2))
    freed = cluster.receive(clock.next(5000.0))
    assert freed.at_s == 400.0
    cluster.assign(Allocation(1, 0, 1))
    cluster.submit(0, freed.task)
    assert cluster.receive(clock.next(5000.0)).at_s == 1000.0


def test_the_task_nearest_its_end_keeps_its_device(cluster, clock):
    cluster.assign(Allocation(0, 2))
    cluster.submit(0, training(0))
    clock.next(100.0)
    cluster.submit(1, training(1))
    clock.next(200.0)
    cluster.assign(Allocation(1, 1))
    assert [task.id for task in cluster.running()] == [0]


def test_a_task_of_the_right_kind_is_left_alone(cluster, clock):
    cluster.assign(Allocation(1, 1))
    (evaluating, _), (sampling, _) = sorted(cluster.free(), key=lambda pair: pair[1])
    cluster.submit(evaluating, training(0))
    cluster.submit(sampling, Task(1, TaskKind.SAMPLING, ((1,),)))
    clock.next(500.0)
    cluster.assign(Allocation(1, 1))
    ended = [cluster.receive(clock.next(5000.0)) for _ in range(2)]
    assert {event.kind for event in ended} == {EventKind.FINISHED}
    assert {event.at_s for event in ended} == {1000.0}


def test_readings_leave_no_time_out_and_count_none_twice(cluster, clock):
    readings = []
    for now_s, allocation in [(0, (1, 1, 0)), (130, (0, 2, 0)), (777, (0, 0, 2)), (1500, (2, 0, 0)), (2600, (0, 1, 1))]:
        while (signal := clock.next(float(now_s))) is not None:
            readings += cluster.receive(signal).readings
        cluster.assign(Allocation(*allocation))
        for number, (device, role) in enumerate(cluster.free()):
            kind = TaskKind.EVALUATION if role is Role.EVALUATING else TaskKind.SAMPLING
            cluster.submit(device, Task(now_s * 10 + number, kind, ((0,),)))
        readings += cluster.read()
    for device in range(2):
        mine = sorted((r.start_s, r.end_s) for r in readings if r.device == device)
        assert mine[0][0] == 0.0
        assert mine[-1][1] == 2600.0
        assert all(before[1] == after[0] for before, after in itertools.pairwise(mine))


def test_suspend_all_leaves_nothing_running(cluster, clock):
    cluster.assign(Allocation(0, 2))
    cluster.submit(0, training(0))
    clock.next(10.0)
    cluster.suspend_all()
    assert cluster.running() == []
    assert cluster.receive(clock.next(100.0)).kind is EventKind.FREED
    assert cluster.free() == []


def read_to(cluster, clock, now_s):
    """Live up to a moment and read: seconds by activity."""
    readings = []
    while (signal := clock.next(now_s)) is not None:
        readings += cluster.receive(signal).readings
    readings += cluster.read()
    return {activity: spent(readings, activity) for activity in Activity if spent(readings, activity)}


def test_a_released_device_is_off_the_books(cluster, clock):
    cluster.assign(Allocation(0, 1, released=1))
    assert cluster.free() == [(0, Role.EVALUATING)]
    cluster.submit(0, training(0))
    assert read_to(cluster, clock, 600.0) == {Activity.TRAINING: 600.0}


def test_a_device_is_released_once_its_checkpoint_is_written(cluster, clock):
    cluster.assign(Allocation(0, 2))
    cluster.submit(0, training(0))
    assert read_to(cluster, clock, 300.0) == {Activity.TRAINING: 300.0, Activity.IDLE: 300.0}
    clock.next(400.0)
    cluster.assign(Allocation(0, 0, released=2))
    assert cluster.running() == []
    # what was drawn before it was released, and not read yet, is not lost
    assert read_to(cluster, clock, 1000.0) == {
        Activity.TRAINING: 100.0,
        Activity.CHECKPOINT: 20.0,
        Activity.IDLE: 100.0,
    }


def test_a_device_taken_back_starts_up_and_then_works(cluster, clock):
    cluster.assign(Allocation(0, 0, released=2))
    clock.next(500.0)
    cluster.assign(Allocation(0, 1, 1))
    ((number, _),) = cluster.free()
    clock.next(510.0)
    cluster.submit(number, training(0))
    ended = cluster.receive(clock.next(5000.0))
    assert ended.at_s == 500.0 + 90.0 + 1000.0
    assert spent(ended.readings, Activity.STARTUP) == 90.0
    assert sum(r.energy_j for r in ended.readings if r.activity is Activity.STARTUP) == pytest.approx(4500.0)
    assert {r.activity: r.end_s for r in cluster.read()} == {Activity.STARTUP: 590.0, Activity.IDLE: 1590.0}


def test_a_start_up_cut_short_goes_on_if_the_device_is_kept_and_ends_if_it_is_not(cluster, clock):
    cluster.assign(Allocation(0, 0, released=2))
    clock.next(500.0)
    cluster.assign(Allocation(0, 2))
    cluster.submit(0, training(0))
    cluster.submit(1, training(1))
    clock.next(530.0)
    cluster.assign(Allocation(0, 0, 1, 1))  # neither has begun to train, so neither needs a checkpoint
    assert read_to(cluster, clock, 700.0) == {Activity.STARTUP: 90.0 + 30.0, Activity.IDLE: 110.0}


def test_devices_held_are_taken_before_those_released(cluster, clock):
    cluster.assign(Allocation(0, 0, 1, 1))
    clock.next(100.0)
    cluster.assign(Allocation(0, 1, released=1))
    assert cluster.free() == [(0, Role.EVALUATING)]
    assert read_to(cluster, clock, 200.0) == {Activity.IDLE: 200.0}
