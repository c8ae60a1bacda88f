"""How busy a device is before something is timed on it."""

from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

from ce_nas.energy.cuda_devices import CudaDevice
from ce_nas.training import device_load
from ce_nas.training.device_load import read_busy_share, wait_until_idle


def write_stat(path, *jiffies):
    path.write_text(f"cpu  {' '.join(map(str, jiffies))} 0 0\ncpu0 1 2 3\n")


@pytest.fixture
def stat(tmp_path, monkeypatch):
    """A file of jiffies: user, nice, system, idle, iowait, irq, softirq, steal; the rest changes it."""
    path = tmp_path / "stat"
    monkeypatch.setattr(device_load, "STAT_FILE", path)
    write_stat(path, 100, 0, 0, 900, 0, 0, 0, 0)
    return path


def test_the_busy_share_of_a_cpu_is_that_of_its_jiffies(stat, monkeypatch):
    """Of 40 further jiffies 10 are of users, 2 of the kernel, 20 idle and 8 waiting for a disk."""
    monkeypatch.setattr(device_load, "_rest", lambda _: write_stat(stat, 110, 0, 2, 920, 8, 0, 0, 0))
    assert read_busy_share("cpu") == pytest.approx(12 / 40)


def test_no_file_of_jiffies_is_unknown_and_not_idle(tmp_path, monkeypatch):
    monkeypatch.setattr(device_load, "STAT_FILE", tmp_path / "none")
    assert read_busy_share("cpu") is None
    assert wait_until_idle("cpu") is None


def make_nvml(share):
    class NVMLError(Exception):
        pass

    def rates(handle):
        if share is None:
            raise NVMLError
        return SimpleNamespace(gpu={"GPU-1": share}[handle])

    return SimpleNamespace(
        NVMLError=NVMLError, nvmlDeviceGetHandleByUUID=lambda uuid: uuid, nvmlDeviceGetUtilizationRates=rates
    )


@pytest.mark.parametrize(("percent", "share"), [(35, 0.35), (None, None)])
def test_the_busy_share_of_a_gpu_is_nvmls_after_a_rest(monkeypatch, percent, share):
    rests = []
    monkeypatch.setattr(device_load, "_rest", rests.append)
    monkeypatch.setattr(device_load, "resolve_cuda_device", lambda number, *_: CudaDevice(f"GPU-{number}", "x", 0))
    assert read_busy_share("cuda:1", nvml=make_nvml(percent)) == share
    assert rests == [1.0]


def test_it_looks_until_the_device_is_idle_or_the_time_is_over(monkeypatch):
    shares = iter([0.9, 0.5, 0.05, 0.7])
    monkeypatch.setattr(device_load, "read_busy_share", lambda _: next(shares))
    monkeypatch.setattr(device_load, "monotonic_s", iter(range(10)).__next__)
    assert wait_until_idle("cpu", longest_s=3.0) == 0.05
    assert wait_until_idle("cpu", longest_s=0.5) == 0.7
