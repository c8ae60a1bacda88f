"""Power limits of GPUs, restored at the end, on signals and after a crash; the stand-in for NVML keeps a file."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.energy.cuda_devices import CudaDevice
from ce_nas.energy.gpu_limits import GpuLimits
from ce_nas.energy.power_profile import PowerLimit, TypeLimit

NVML = '''
    """NVML's calls on power limits; the limits are in a file, as those of real GPUs outlive a process."""
    import json
    import os
    from pathlib import Path

    FILE = Path(os.environ["FAKE_NVML_FILE"])


    class NVMLError(Exception):
        pass


    def nvmlInit():
        pass


    def nvmlDeviceGetHandleByUUID(uuid):
        return uuid


    def nvmlDeviceGetPowerManagementLimit(handle):
        return json.loads(FILE.read_text())[handle]


    def nvmlDeviceGetPowerManagementDefaultLimit(handle):
        return 400_000


    def nvmlDeviceGetPowerManagementLimitConstraints(handle):
        return [200_000, 500_000]


    def nvmlDeviceSetPowerManagementLimit(handle, limit):
        if os.environ.get("FAKE_NVML_DENIES"):
            raise NVMLError("Insufficient Permissions")
        limits = json.loads(FILE.read_text())
        limits[handle] = limit
        part = FILE.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(limits))
        part.replace(FILE)
'''
RUN = """
    import os, sys, time
    from pathlib import Path
    from ce_nas.energy.cuda_devices import CudaDevice
    from ce_nas.energy.gpu_limits import GpuLimits
    from ce_nas.energy.power_profile import PowerLimit, TypeLimit

    gpus = [CudaDevice("GPU-0", "Tesla", 0), CudaDevice("GPU-1", "Tesla", 1)]
    limits = GpuLimits(gpus, 200.0, folder=Path(sys.argv[1]))
    limits.apply(PowerLimit(150.0, 1.04, 0.8))
    print("limited", flush=True)
    sys.stdin.read()
    if sys.argv[2] == "close":
        limits.close()
"""
BEFORE = {"GPU-0": 400_000, "GPU-1": 350_000}


class Machine:
    """Two GPUs of the stand-in, and processes that limit them."""

    def __init__(self, folder, monkeypatch):
        (folder / "pynvml.py").write_text(textwrap.dedent(NVML))
        self.file = folder / "limits.json"
        self.file.write_text(json.dumps(BEFORE))
        self.folder = folder
        monkeypatch.setenv("FAKE_NVML_FILE", str(self.file))
        monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    @property
    def limits(self):
        return json.loads(self.file.read_text())

    @property
    def records(self):
        return list(self.folder.glob("ce-nas-power-limit-*.json"))

    def start(self, end):
        command = [sys.executable, "-c", textwrap.dedent(RUN), str(self.folder), end]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "limited\n"
        process.stdout.close()
        return process

    def wait_until_restored(self):
        for _ in range(300):
            if self.limits == BEFORE and not self.records:
                return
            time.sleep(0.05)
        assert (self.limits, self.records) == (BEFORE, [])


@pytest.fixture
def machine(tmp_path, monkeypatch):
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize("end", ["close", "exit", signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_limits_are_restored_however_the_run_ends(machine, end):
    process = machine.start("close" if end == "close" else "exit")
    assert machine.limits == {"GPU-0": 300_000, "GPU-1": 300_000}  # the same share of each GPU's own default
    assert len(machine.records) == 2
    if isinstance(end, signal.Signals):
        process.send_signal(end)
    process.stdin.close()
    process.wait(30)
    machine.wait_until_restored()


def test_a_run_whose_guard_was_killed_too_is_set_right_by_the_next(machine):
    process = machine.start("exit")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [*map(int, children), process.pid]:
        os.kill(pid, signal.SIGKILL)
    process.stdin.close()
    process.wait(30)
    assert machine.limits["GPU-0"] == 300_000
    following = machine.start("close")
    following.stdin.close()
    following.wait(30)
    machine.wait_until_restored()


def load_fake(machine):
    import importlib.util

    spec = importlib.util.spec_from_file_location("fake_nvml", machine.folder / "pynvml.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_permission_nothing_is_set_and_the_reason_is_given(machine, monkeypatch):
    monkeypatch.setenv("FAKE_NVML_DENIES", "1")
    with pytest.raises(EnergyError, match=r"permission to set the power limit of Tesla \(GPU-0\).*run as root"):
        GpuLimits([CudaDevice("GPU-0", "Tesla", 0)], 200.0, nvml=load_fake(machine), folder=machine.folder)
    assert machine.limits == BEFORE
    with pytest.raises(EnergyError, match="MIG instance"):
        GpuLimits([CudaDevice("MIG-7", "MIG instance", None)], 200.0, nvml=load_fake(machine), folder=machine.folder)


def test_one_gpu_alone_is_limited_while_it_is_measured(machine):
    gpus = [CudaDevice("GPU-0", "Tesla", 0), CudaDevice("GPU-1", "Tesla", 1)]
    limits = GpuLimits(gpus, 200.0, nvml=load_fake(machine), folder=machine.folder)
    assert (limits.range_w("GPU-0"), limits.range_w("GPU-1")) == ((200.0, 400.0), (200.0, 350.0))
    limits.set_one("GPU-1", 250.0)
    assert machine.limits == {**BEFORE, "GPU-1": 250_000}
    assert len(machine.records) == 2
    limits.set_one("GPU-1", 10.0)
    assert machine.limits["GPU-1"] == 200_000
    limits.close()
    machine.wait_until_restored()


def test_a_limit_stays_within_what_the_gpu_takes_and_what_it_was_lowered_to(machine):
    gpus = [CudaDevice("GPU-0", "Tesla", 0), CudaDevice("GPU-1", "Tesla", 1)]
    limits = GpuLimits(gpus, 200.0, nvml=load_fake(machine), folder=machine.folder)
    limits.apply(PowerLimit(200.0, 1.0, 1.0))
    assert machine.limits == {"GPU-0": 400_000, "GPU-1": 350_000}
    limits.apply(PowerLimit(20.0, 9.0, 0.2))
    assert machine.limits == {"GPU-0": 200_000, "GPU-1": 200_000}
    limits.close()
    limits.close()
    assert machine.limits == BEFORE


def test_each_type_of_gpu_gets_its_own_share_of_its_default(machine):
    gpus = [CudaDevice("GPU-0", "Tesla", 0), CudaDevice("GPU-1", "Volta", 1)]
    limits = GpuLimits(gpus, 200.0, nvml=load_fake(machine), folder=machine.folder)
    types = (TypeLimit("Tesla", 300.0, 0.75, 0.9), TypeLimit("Volta", 120.0, 0.6, 0.8))
    limits.apply(PowerLimit(210.0, 1.04, 0.85, types))
    assert machine.limits == {"GPU-0": 300_000, "GPU-1": 240_000}
    limits.close()
    machine.wait_until_restored()
