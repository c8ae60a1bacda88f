import os

import pytest

from ce_nas.energy.cpu_time import BASELINE_W, BUSY_CORE_W
from ce_nas.energy.device_power import device_power
from ce_nas.energy.power_model import PowerModel

STATED = PowerModel()


def make_package(root, number, **limits):
    folder = root / f"intel-rapl:{number}"
    folder.mkdir()
    for name, microwatts in limits.items():
        (folder / f"constraint_0_{name}_uw").write_text(f"{microwatts}\n")


def test_a_cpu_is_bounded_by_its_cores_without_a_limit(tmp_path):
    power = device_power("cpu", 2, STATED, tmp_path)
    assert power.limit_w == pytest.approx(os.cpu_count() / 2 * BUSY_CORE_W + BASELINE_W)
    assert power.model.peak_w == power.limit_w
    assert power.model.idle_w == BASELINE_W
    assert (power.model.restore_s, "cores" in power.origin) == (STATED.restore_s, True)


def test_a_cpu_is_bounded_by_the_limits_of_its_packages(tmp_path):
    make_package(tmp_path, 0, power_limit=150_000_000, max_power=200_000_000)
    make_package(tmp_path, 1, max_power=150_000_000)
    assert device_power("cpu", 3, STATED, tmp_path).limit_w == pytest.approx(100.0)
    make_package(tmp_path, 2)  # a package that does not say
    assert "cores" in device_power("cpu", 3, STATED, tmp_path).origin


def test_a_gpu_is_bounded_by_its_own_limit(monkeypatch, fake_nvml, tmp_path):
    make_package(tmp_path, 0, power_limit=200_000_000)
    monkeypatch.setattr("ce_nas.energy.device_power.load_nvml", lambda: fake_nvml(gpus=2))
    power = device_power("cuda:1", 2, STATED, tmp_path)
    assert power.limit_w == pytest.approx(300.0 + 100.0)
    assert power.model.training_w == pytest.approx(300.0 * 172 / 260 + 100.0)
    assert "power limit of Tesla (GPU-1) 300 W" in power.origin
    assert device_power("cuda:0+cuda:1", 1, STATED, tmp_path).limit_w == pytest.approx(2 * 300.0 + 200.0)


def test_of_another_device_only_what_is_stated_is_known(monkeypatch, fake_nvml, tmp_path):
    monkeypatch.setattr("ce_nas.energy.device_power.load_nvml", lambda: fake_nvml(gpus=1))
    assert device_power("cuda:5", 1, STATED, tmp_path).model == STATED
    assert device_power("abacus", 1, STATED, tmp_path).limit_w == STATED.peak_w
