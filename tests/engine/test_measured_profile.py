"""The power profile that a whole search measures in its first trainings, on two types of GPU of a stand-in for NVML."""

import json
import os
import sys
import textwrap

import pytest

from ce_nas.api import Search, resume
from ce_nas.config.schema import settings_from_flags
from ce_nas.energy.power_profile import read_power_profile
from ce_nas.engine.build_live import POWER_PROFILE_FILENAME

pytestmark = [pytest.mark.slow, pytest.mark.long]

#: GPUs that draw what their limit allows; what they drew until the last change of the limit is in a file
NVML = '''
    """NVML's calls on GPUs, energy and power limits, for two GPUs of two types."""
    import json
    import os
    import threading
    import time
    from pathlib import Path

    #: the profiles of both types are measured at the same time, each in a thread
    SET = threading.Lock()
    FILE = Path(os.environ["FAKE_NVML_FILE"])
    NAMES = {"GPU-0": "Alpha", "GPU-1": "Beta"}
    RANGES = {"GPU-0": (200_000, 400_000), "GPU-1": (100_000, 300_000)}


    class NVMLError(Exception):
        pass


    def read():
        return json.loads(FILE.read_text())


    def nvmlInit():
        pass


    def nvmlDeviceGetCount():
        return len(NAMES)


    def nvmlDeviceGetHandleByIndex(index):
        return f"GPU-{index}"


    def nvmlDeviceGetHandleByUUID(uuid):
        return uuid


    def nvmlDeviceGetUUID(handle):
        return handle


    def nvmlDeviceGetName(handle):
        return NAMES[handle]


    def nvmlDeviceGetComputeRunningProcesses(handle):
        return []


    def nvmlDeviceGetTotalEnergyConsumption(handle):
        state = read()[handle]
        return round(state["mj"] + state["limit_mw"] * (time.time() - state["since"]))


    def nvmlDeviceGetPowerManagementLimit(handle):
        return read()[handle]["limit_mw"]


    nvmlDeviceGetEnforcedPowerLimit = nvmlDeviceGetPowerManagementLimit


    def nvmlDeviceGetPowerManagementDefaultLimit(handle):
        return RANGES[handle][1]


    def nvmlDeviceGetPowerManagementLimitConstraints(handle):
        return RANGES[handle]


    def nvmlDeviceSetPowerManagementLimit(handle, limit):
        if os.environ.get("FAKE_NVML_DENIES"):
            raise NVMLError("Insufficient Permissions")
        with SET:
            state = read()
            drawn = nvmlDeviceGetTotalEnergyConsumption(handle)
            state[handle] = {"limit_mw": limit, "mj": drawn, "since": time.time()}
            part = FILE.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(state))
            part.replace(FILE)
'''
#: steps of 40 ms, twice as long below a limit that differs by type
OWN = """
import json
import os
import time
from pathlib import Path

SPACE = {"width": list(range(100))}
OBJECTIVES = ["quality:max:0", "size:min:200"]
KNEE_MW = {"GPU-0": 300_000, "GPU-1": 160_000}


def evaluate(architecture, fidelity, checkpoint):
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    for _ in range(400):
        if checkpoint.should_stop():
            return None
        limit = json.loads(Path(os.environ["FAKE_NVML_FILE"]).read_text())[gpu]["limit_mw"]
        time.sleep(0.04 if limit >= KNEE_MW[gpu] else 0.08)
    return {"quality": 1, "size": architecture["width"]}
"""
BEFORE_MW = {"GPU-0": 400_000, "GPU-1": 300_000}


class Machine:
    """Two GPUs of the stand-in, and searches on them."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "gpus.json"
        (folder / "pynvml.py").write_text(textwrap.dedent(NVML))
        (folder / "own.py").write_text(OWN)
        state = {uuid: {"limit_mw": limit, "mj": 0, "since": 0.0} for uuid, limit in BEFORE_MW.items()}
        self.file.write_text(json.dumps(state))

    @property
    def limits_mw(self):
        return {uuid: state["limit_mw"] for uuid, state in json.loads(self.file.read_text()).items()}

    def search(self, devices, out, observer=None):
        settings = {
            "live": {"devices": devices, "initial_duration": "20min", "meter": "auto"},
            "power": {"profile_slice": "2s", "max_slowdown": 0.2},
            "schedule": {"period": "20min"},
            "problem": {"proxy_scores": "none"},
        }
        flags = settings_from_flags(
            settings, live=True, evaluate=self.folder / "own.py", gpus=len(devices), hours=3, time_scale=100.0, seed=0,
            searcher="random", policy="vanilla", stop="never", power_lever=True, power_profile="measured",
        )  # fmt: skip
        return Search.from_settings(flags).run(self.folder / out, observer=observer)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    monkeypatch.setenv("FAKE_NVML_FILE", str(machine.file))
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    monkeypatch.setattr("ce_nas.energy.power_measurement._SETTLE_S", 0.3)
    yield machine
    sys.modules.pop("pynvml", None)


def limits_of(result):
    return [entry.content for entry in result.entries if entry.kind == "power_limited"]


def test_each_type_of_gpu_has_its_own_profile_and_its_own_limit(machine):
    result = machine.search(["cuda:0", "cuda:1"], "run")
    first, *_, last = limits_of(result)
    assert "is being measured" in first["reason"]
    assert "limits_w" not in first
    assert 300 <= last["limits_w"]["Alpha"] < 345
    assert 160 <= last["limits_w"]["Beta"] < 245
    assert last["time_factor"] <= 1.2
    assert "Alpha: measured in" in last["reason"]
    assert "Beta: measured in" in last["reason"]
    for name, default_w in (("alpha", 400.0), ("beta", 300.0)):
        profile = read_power_profile(str(result.path / f"power-profile-{name}.json"))
        assert profile.default_limit_w == default_w
        assert profile.points[-1].time_factor > 1.5
    assert machine.limits_mw == BEFORE_MW  # restored
    assert result.summary.energy_coverage > 0.9


def test_a_measured_profile_is_found_used_kept_and_resumed(machine):
    class Stop(Exception):  # noqa: N818 - no error
        pass

    seen = []

    def interrupt(_):
        seen.append(machine.limits_mw["GPU-0"])
        if (machine.folder / "run" / POWER_PROFILE_FILENAME).exists() and seen[-1] < 400_000 and len(seen) > 3:
            raise Stop

    with pytest.raises(Stop):
        machine.search(["cuda:0"], "run", interrupt)
    assert machine.limits_mw == BEFORE_MW
    result = resume(machine.folder / "run")
    measured = [content for content in limits_of(result) if "Alpha: measured in" in content["reason"]]
    assert len(measured) >= 1
    assert all(300 <= content["limit_w"] < 345 for content in measured)
    assert machine.limits_mw == BEFORE_MW
