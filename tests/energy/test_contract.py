"""The contract of energy meters, on simulated hardware."""

import os
import sys

import pytest

from ce_nas.energy.cpu_time import CpuTimeMeter
from ce_nas.energy.cuda_devices import CudaDevice
from ce_nas.energy.nvml import nvml_meter
from ce_nas.energy.rapl import RaplMeter
from ce_nas.testing.contracts import MeterContract


class TestNvml(MeterContract):
    @pytest.fixture(params=["counter", "power"])
    def meter(self, request, fake_nvml):
        nvml = fake_nvml(counter=request.param == "counter")
        with nvml_meter(CudaDevice("GPU-0", "Tesla", 0), nvml=nvml, interval_s=0.01) as meter:
            yield meter


class TestRapl(MeterContract):
    @pytest.fixture
    def meter(self, tmp_path):
        folder = tmp_path / "intel-rapl:0"
        folder.mkdir()
        for name, content in (("name", "package-0"), ("max_energy_range_uj", "1000000"), ("energy_uj", "5")):
            (folder / name).write_text(f"{content}\n")
        with RaplMeter(tmp_path) as meter:
            yield meter


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
class TestCpuTime(MeterContract):
    @pytest.fixture
    def meter(self):
        with CpuTimeMeter(os.getpid, 10.0, 2.0, interval_s=0.01) as meter:
            yield meter
