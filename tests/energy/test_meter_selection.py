import os
import subprocess
import sys

import pytest

from ce_nas.core.errors import EnergyError, SettingsError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.energy.meter_selection import DividedMeter, ExclusiveMeter, SharedMeter, SummedMeter, select_meter


class FakeMeter(EnergyMeter):
    source, origin, closed = ReadingSource.COUNTER, "simulated", False

    def snapshot(self):
        return MeterSnapshot(2.0, 10.0, 1.5)

    def close(self):
        self.closed = True


def test_shared_meter_keeps_time_and_source():
    meter = FakeMeter()
    with SharedMeter(meter, 0.25) as shared:
        assert shared.snapshot() == MeterSnapshot(2.0, 2.5, 1.5)
        assert (shared.source, shared.origin) == (ReadingSource.COUNTER, "0.25 of: simulated")
    assert meter.closed
    with pytest.raises(SettingsError, match="share of a meter"):
        SharedMeter(meter, 0.0)


class CountingMeter(FakeMeter):
    """A meter that the test advances, one second a reading."""

    def __init__(self):
        self.energy_j, self.time_s, self.error = 0.0, 0.0, None

    def snapshot(self):
        if self.error:
            raise self.error
        self.time_s += 1.0
        return MeterSnapshot(self.time_s, self.energy_j, self.time_s)


def test_hardware_of_several_devices_is_booked_once():
    hardware = CountingMeter()
    group = DividedMeter(hardware)
    members = [group.member() for _ in range(4)]
    hardware.energy_j += 40.0
    assert [member.snapshot().energy_j for member in members] == [10.0] * 4
    members[3].set_held(held=False)
    hardware.energy_j += 30.0
    members[2].set_held(held=False)
    hardware.energy_j += 8.0
    assert [member.snapshot().energy_j for member in members] == [24.0, 24.0, 20.0, 10.0]
    assert sum(member.snapshot().energy_j for member in members) == hardware.energy_j
    for member in members:
        member.set_held(held=False)
    hardware.energy_j += 100.0  # nobody holds it: not the run's
    assert sum(member.snapshot().energy_j for member in members) == 78.0
    for member in members:
        assert not hardware.closed
        member.close()
        member.close()
    assert hardware.closed


def test_a_failed_reading_of_shared_hardware_concerns_every_device_once():
    hardware = CountingMeter()
    group = DividedMeter(hardware)
    members = [group.member() for _ in range(2)]
    hardware.error = EnergyError("was reset")
    with pytest.raises(EnergyError, match="was reset"):
        members[0].snapshot()
    hardware.error = None
    members[0].snapshot()
    with pytest.raises(EnergyError, match="was reset"):
        members[1].snapshot()
    members[1].snapshot()


def test_gpus_of_one_host_divide_its_counters(monkeypatch, fake_nvml):
    nvml, hardware = fake_nvml(gpus=2), CountingMeter()
    nvml.pids = []
    monkeypatch.setattr("ce_nas.energy.meter_selection.load_nvml", lambda: nvml)
    host = DividedMeter(hardware)
    with select_meter("cuda:0", os.getpid, host=host) as first, select_meter("cuda:1", os.getpid, host=host) as second:
        before = first.snapshot().energy_j + second.snapshot().energy_j
        hardware.energy_j += 50.0
        nvml.energy_mj += 3000  # each of the two cards
        assert first.snapshot().energy_j + second.snapshot().energy_j - before == pytest.approx(50.0 + 2 * 3.0)


def test_a_trial_on_two_gpus_is_charged_for_both(monkeypatch, fake_nvml):
    nvml, hardware = fake_nvml(gpus=3), CountingMeter()
    nvml.pids = []
    monkeypatch.setattr("ce_nas.energy.meter_selection.load_nvml", lambda: nvml)
    with select_meter("cuda:0+cuda:2", os.getpid, host=DividedMeter(hardware)) as meter:
        before = meter.snapshot().energy_j
        nvml.energy_mj += 3000
        hardware.energy_j += 1.0
        assert meter.snapshot().energy_j - before == pytest.approx(7.0)
        assert "GPU-0" in meter.origin
        assert "GPU-2" in meter.origin


def test_half_a_gpu_is_metered_though_another_process_has_the_rest(monkeypatch, fake_nvml):
    nvml = fake_nvml()
    nvml.pids = [1]
    monkeypatch.setattr("ce_nas.energy.meter_selection.load_nvml", lambda: nvml)
    with select_meter("cuda:0", os.getpid, host=DividedMeter(CountingMeter()), share=0.5) as meter:
        before = meter.snapshot().energy_j
        nvml.energy_mj += 3000
        assert meter.snapshot().energy_j - before == pytest.approx(1.5)


def test_modelled_cpu_uses_cpu_time():
    with select_meter("cpu", os.getpid, mode="modelled") as meter:
        assert meter.source is ReadingSource.MODELLED


def test_gpu_used_by_another_process_is_refused(monkeypatch, fake_nvml):
    nvml = fake_nvml()
    monkeypatch.setattr("ce_nas.energy.meter_selection.load_nvml", lambda: nvml)
    nvml.pids = [os.getpid()]
    with select_meter("cuda:0", os.getpid) as meter:
        assert "energy counter of Tesla (GPU-0)" in meter.origin
    nvml.pids = [os.getpid(), 1]
    with pytest.raises(EnergyError, match="cannot be divided"):
        select_meter("cuda:0", os.getpid)


def test_own_children_on_the_gpu_are_no_strangers(monkeypatch, fake_nvml):
    nvml = fake_nvml()
    monkeypatch.setattr("ce_nas.energy.meter_selection.load_nvml", lambda: nvml)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        nvml.pids = [child.pid]
        select_meter("cuda:0", os.getpid).close()
        child.communicate(b"\n")


def test_processes_of_the_same_training_on_the_gpu_are_no_strangers(monkeypatch, fake_nvml):
    nvml = fake_nvml()
    monkeypatch.setattr("ce_nas.energy.meter_selection.load_nvml", lambda: nvml)
    nvml.pids = [os.getpid(), os.getppid()]
    with pytest.raises(EnergyError, match="cannot be divided"):
        select_meter("cuda:0", os.getpid)
    select_meter("cuda:0", os.getpid, also=[os.getppid()]).close()


def test_a_masked_gpu_is_metered_by_uuid(monkeypatch, fake_nvml):
    nvml = fake_nvml(gpus=4)
    monkeypatch.setattr("ce_nas.energy.meter_selection.load_nvml", lambda: nvml)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    nvml.pids = []
    with select_meter("cuda:1", os.getpid) as meter:
        assert "GPU-3" in meter.origin


def test_exclusive_use_is_checked_again():
    now_s, strangers = [0.0], []

    def check():
        if strangers:
            raise EnergyError(strangers[0])

    meter = ExclusiveMeter(FakeMeter(), check, interval_s=60.0, now_s=lambda: now_s[0])
    strangers.append("process 99 uses it too")
    meter.snapshot()
    now_s[0] = 61.0
    with pytest.raises(EnergyError, match="99"):
        meter.snapshot()


def test_a_sum_is_as_good_as_its_worst_part():
    modelled = FakeMeter()
    modelled.source = ReadingSource.MODELLED
    with SummedMeter([FakeMeter(), modelled]) as meter:
        assert meter.snapshot() == MeterSnapshot(2.0, 20.0, 1.5)
        assert meter.source is ReadingSource.PARTLY_MODELLED
    with SummedMeter([modelled, FakeMeter()]) as meter:  # the device itself is modelled
        assert meter.source is ReadingSource.MODELLED
    with SummedMeter([FakeMeter(), FakeMeter()]) as meter:
        assert meter.source is FakeMeter.source


def test_no_meter_for_modelled_gpu_or_unknown_device():
    assert select_meter("cuda:0", os.getpid, mode="modelled") is None
    assert select_meter("abacus", os.getpid) is None
