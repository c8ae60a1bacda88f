from types import SimpleNamespace

import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import Source
from ce_nas.energy.nvidia import nvidia_meter, require_alone


class FakeNvml:
    """The few calls of the bindings that are used, over made-up GPUs."""

    class NVMLError(Exception):
        pass

    def __init__(self, counter=True, power=True, gpus=1):
        self.counter, self.power, self.gpus, self.energy_mj, self.pids = counter, power, gpus, 5000, [7]

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        if index >= self.gpus:
            raise self.NVMLError("Invalid Argument")  # noqa: TRY003, EM101
        return index

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return b"Tesla"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        if not self.counter:
            raise self.NVMLError("Not Supported")  # noqa: TRY003, EM101
        return self.energy_mj

    def nvmlDeviceGetPowerUsage(self, handle):  # noqa: N802
        if not self.power:
            raise self.NVMLError("Not Supported")  # noqa: TRY003, EM101
        return 250_000

    def nvmlDeviceGetComputeRunningProcesses(self, handle):  # noqa: N802
        return [SimpleNamespace(pid=pid) for pid in self.pids]


def test_the_counter_comes_first():
    nvml = FakeNvml()
    meter = nvidia_meter(0, nvml=nvml)
    first = meter.mark()
    nvml.energy_mj += 2500
    assert meter.source is Source.COUNTER
    assert meter.mark().energy_j - first.energy_j == pytest.approx(2.5)
    assert "Tesla" in meter.origin


def test_integrated_power_is_second_best():
    with nvidia_meter(0, nvml=FakeNvml(counter=False), every_s=100.0) as meter:
        assert meter.source is Source.INTEGRATED
        assert meter._last[1] == 250.0


def test_a_gpu_that_tells_nothing_is_an_error_not_a_zero():
    with pytest.raises(EnergyError, match="neither energy nor power"):
        nvidia_meter(0, nvml=FakeNvml(counter=False, power=False))


def test_a_counter_that_stops_answering_is_told():
    nvml = FakeNvml()
    meter = nvidia_meter(0, nvml=nvml)
    nvml.counter = False
    with pytest.raises(EnergyError, match="Not Supported"):
        meter.mark()


def test_no_such_gpu():
    with pytest.raises(EnergyError, match="GPU of number 3"):
        nvidia_meter(3, nvml=FakeNvml())


def test_a_shared_gpu_is_refused():
    nvml = FakeNvml()
    require_alone(0, {7}, nvml=nvml)
    nvml.pids = [7, 99]
    with pytest.raises(EnergyError, match="99"):
        require_alone(0, {7}, nvml=nvml)
