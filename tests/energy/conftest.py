from types import SimpleNamespace

import pytest


class FakeNvml:
    """The NVML calls used by the package, for simulated GPUs."""

    class NVMLError(Exception):
        pass

    def __init__(self, counter=True, power=True, gpus=1):
        self.counter, self.power, self.gpus, self.energy_mj, self.pids = counter, power, gpus, 5000, [7]

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        if index >= self.gpus:
            raise self.NVMLError("Invalid Argument")  # noqa: TRY003, EM101
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        return self.nvmlDeviceGetHandleByIndex(int(uuid.removeprefix("GPU-")))

    def nvmlDeviceGetUUID(self, handle):  # noqa: N802
        return f"GPU-{handle}"

    def nvmlDeviceGetCount(self):  # noqa: N802
        return self.gpus

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

    def nvmlDeviceGetEnforcedPowerLimit(self, handle):  # noqa: N802
        return 300_000

    def nvmlDeviceGetComputeRunningProcesses(self, handle):  # noqa: N802
        return [SimpleNamespace(pid=pid) for pid in self.pids]


@pytest.fixture
def fake_nvml():
    return FakeNvml
