"""The contract of clusters."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from ce_nas.cluster.assignment import DeviceRole
from ce_nas.core.records import Allocation, Task, TaskEventKind, TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ce_nas.cluster.base import Cluster
    from ce_nas.core.clock import Clock
    from ce_nas.core.records import EnergyReading, TaskEvent

__all__ = ["ClusterContract"]


class ClusterContract:
    """Devices take tasks by their role, preempted tasks come back, and readings cover the time devices are held.

    Fixtures to override: ``clock``, the clock of the run, and ``cluster``, a new cluster of two devices on it whose
    trainings take seconds or longer of the run's time. Devices are held from the start.
    """

    #: seconds of the run's time to wait for an event
    timeout_s = 1e6

    @pytest.fixture
    def clock(self) -> Clock:
        raise NotImplementedError

    @pytest.fixture
    def cluster(self, clock: Clock) -> Cluster:
        raise NotImplementedError

    def test_cluster_states_power_and_its_origin(self, cluster: Cluster) -> None:
        assert cluster.devices == 2
        assert cluster.peak_w > 0
        assert cluster.power_origin

    def test_free_devices_have_the_assigned_roles(self, cluster: Cluster) -> None:
        roles_of = {
            Allocation(1, 1): [DeviceRole.EVALUATING, DeviceRole.SAMPLING],
            Allocation(0, 2): [DeviceRole.EVALUATING, DeviceRole.EVALUATING],
            Allocation(1, 0, idle=1): [DeviceRole.SAMPLING],
            Allocation(0, 1, released=1): [DeviceRole.EVALUATING],
            Allocation(0, 0, released=2): [],
        }
        for allocation, roles in roles_of.items():
            cluster.assign(allocation)
            assert sorted(role for _, role in cluster.free_devices()) == sorted(roles)

    def test_submitted_task_finishes_and_frees_its_device(self, cluster: Cluster, clock: Clock) -> None:
        cluster.assign(Allocation(0, 2))
        task = _training(7)
        cluster.submit(1, task)
        assert list(cluster.running_tasks()) == [task]
        assert [device for device, _ in cluster.free_devices()] == [0]
        event = self.wait(cluster, clock)
        assert (event.kind, event.device, event.task) == (TaskEventKind.FINISHED, 1, task)
        assert event.outcome is not None
        assert event.outcome.task_id == 7
        assert list(cluster.running_tasks()) == []
        assert [device for device, _ in cluster.free_devices()] == [0, 1]

    def test_preempted_task_comes_back_and_finishes_later(self, cluster: Cluster, clock: Clock) -> None:
        cluster.assign(Allocation(0, 2))
        task = _training(7)
        cluster.submit(0, task)
        self.advance(cluster, clock, 1.0)
        cluster.assign(Allocation(0, 0, idle=2))
        event = self.wait(cluster, clock)
        assert (event.kind, event.device, event.task, event.outcome) == (TaskEventKind.SUSPENDED, 0, task, None)
        cluster.assign(Allocation(0, 2))
        cluster.submit(1, task)
        assert self.wait(cluster, clock).kind is TaskEventKind.FINISHED

    def test_suspend_all_returns_every_task(self, cluster: Cluster, clock: Clock) -> None:
        cluster.assign(Allocation(0, 2))
        for device in range(2):
            cluster.submit(device, _training(device))
        self.advance(cluster, clock, 1.0)
        cluster.suspend_all()
        events = [self.wait(cluster, clock) for _ in range(2)]
        assert {event.kind for event in events} == {TaskEventKind.SUSPENDED}
        assert sorted(event.task.id for event in events) == [0, 1]
        assert list(cluster.running_tasks()) == []

    def test_readings_cover_the_time_devices_are_held(self, cluster: Cluster, clock: Clock) -> None:
        start_s = clock.now_s
        cluster.assign(Allocation(0, 2))
        cluster.submit(0, _training(0))
        readings = list(self.wait(cluster, clock).readings)
        self.advance(cluster, clock, 100.0)
        readings += cluster.read_energy()
        end_s = clock.now_s
        by_device = _by_device(readings)
        assert set(by_device) == {0, 1}
        for device_readings in by_device.values():
            assert device_readings[0].start_s <= start_s + 1.0
            assert device_readings[-1].end_s == pytest.approx(end_s, abs=1.0)
            for first, second in itertools.pairwise(device_readings):
                assert first.end_s == pytest.approx(second.start_s)
        assert all(reading.energy_j >= 0.0 and 0.0 <= reading.coverage <= 1.0 for reading in readings)

    def test_released_devices_are_not_accounted_for(self, cluster: Cluster, clock: Clock) -> None:
        cluster.assign(Allocation(0, 0, released=2))
        self.advance(cluster, clock, 1.0)
        cluster.read_energy()
        self.advance(cluster, clock, 1000.0)
        assert sum(reading.end_s - reading.start_s for reading in cluster.read_energy()) == 0.0

    def advance(self, cluster: Cluster, clock: Clock, duration_s: float) -> None:
        """Handle the signals of ``duration_s`` seconds, in which no task ends."""
        until_s = clock.now_s + duration_s
        while (signal := clock.next(until_s)) is not None:
            assert cluster.handle_signal(signal) is None

    def wait(self, cluster: Cluster, clock: Clock) -> TaskEvent:
        """The next event of a task."""
        until_s = clock.now_s + self.timeout_s
        while (signal := clock.next(until_s)) is not None:
            if (event := cluster.handle_signal(signal)) is not None:
                return event
        pytest.fail(f"no event within {self.timeout_s:g} s")


def _training(number: int) -> Task:
    return Task(number, TaskKind.EVALUATION, ((number, 1),))


def _by_device(readings: Iterable[EnergyReading]) -> Mapping[int, list[EnergyReading]]:
    """The readings of each device, in the order of time."""
    by_device: dict[int, list[EnergyReading]] = {}
    for reading in sorted(readings, key=lambda reading: (reading.start_s, reading.end_s)):
        by_device.setdefault(reading.device, []).append(reading)
    return by_device
