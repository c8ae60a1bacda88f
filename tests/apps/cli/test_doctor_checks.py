"""What ``ce-nas doctor`` tells of GPUs, meters, clusters and the clock."""

import socket
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ce_nas.apps.cli import doctor_checks
from ce_nas.core.errors import EnergyError, MissingExtraError


class FakeNvml:
    """Two GPUs, the second of which has no energy counter."""

    class NVMLError(Exception):
        pass

    def nvmlDeviceGetCount(self):  # noqa: N802 - NVML's names
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        return int(uuid[-1])

    def nvmlDeviceGetUUID(self, handle):  # noqa: N802
        return f"GPU-{handle}"

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return "A100"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        if handle == 1:
            raise self.NVMLError("Not Supported")  # noqa: EM101, TRY003
        return 5000

    def nvmlDeviceGetPowerUsage(self, handle):  # noqa: N802
        return 90_000

    def nvmlDeviceGetEnforcedPowerLimit(self, handle):  # noqa: N802
        return 400_000


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


def checks():
    return {check.name: check for check in doctor_checks.check_devices()}


def with_nvml(monkeypatch, answer):
    monkeypatch.setattr(doctor_checks, "load_nvml", answer)


def test_gpus_are_told_by_uuid_with_their_meter_and_limit(monkeypatch):
    with_nvml(monkeypatch, FakeNvml)
    found = checks()
    assert found["cuda:0"].details == "A100 GPU-0: energy by counter, power limit 400 W"
    assert found["cuda:1"].details == "A100 GPU-1: energy by integrated, power limit 400 W"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,MIG-5")
    found = checks()
    assert "GPU-1" in found["cuda:0"].details
    assert not found["cuda:1"].ok
    assert "without MIG" in found["cuda:1"].fix
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert checks()["GPUs"].fix == "unset CUDA_VISIBLE_DEVICES"


def test_no_driver_and_no_bindings_are_told(monkeypatch):
    def no_driver():
        raise EnergyError(*["Expected an NVIDIA driver, but Driver Not Loaded"])

    def no_bindings():
        raise MissingExtraError(*["nvidia-ml-py", "gpu", "Reading"])

    with_nvml(monkeypatch, no_driver)
    assert not checks()["GPUs"].ok
    with_nvml(monkeypatch, no_bindings)
    monkeypatch.setattr(doctor_checks, "Path", lambda _: SimpleNamespace(exists=lambda: True))
    (check,) = doctor_checks._check_gpus()
    assert (check.ok, check.fix) == (False, "pip install --upgrade 'ce-nas[gpu]'")


def test_unreadable_counters_come_with_the_command(monkeypatch):
    obstacle = "its RAPL counters cannot be read; as root, allow it with: chmod a+r /sys/energy_uj"
    monkeypatch.setattr(doctor_checks, "rapl_obstacle", lambda: obstacle)
    monkeypatch.setattr(doctor_checks, "has_rapl", lambda: False)
    check = checks()["CPU energy"]
    assert check.fix == "sudo chmod a+r /sys/energy_uj"
    assert "since its RAPL counters cannot be read; at most" in check.details


def test_an_unreachable_ray_cluster_is_told(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(doctor_checks, "_installed_version", lambda _: "2.60")
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{taken.getsockname()[1]}")
        check = checks()["Ray"]
    assert not check.ok
    assert "ray start --head" in check.fix


def test_slurm_is_told_by_its_partitions(monkeypatch):
    monkeypatch.setattr(doctor_checks.shutil, "which", lambda _: "/usr/bin/sinfo")
    monkeypatch.setattr(doctor_checks, "_output_of", lambda *_: "gpu* 4 gpu:a100:8\n")
    monkeypatch.setattr(doctor_checks, "_installed_version", lambda _: None)
    check = checks()["Slurm"]
    assert "gpu* 4 gpu:a100:8; submitit missing" in check.details
    assert check.fix.endswith("'ce-nas[slurm]'")


def test_a_clock_before_the_installation_is_wrong(monkeypatch):
    monkeypatch.setattr(doctor_checks, "utc_now", lambda: datetime(2001, 1, 1, tzinfo=UTC))
    check = checks()["clock"]
    assert (check.ok, check.fix) == (False, "sudo timedatectl set-ntp true")
