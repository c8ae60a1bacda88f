import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.cuda_devices import CudaDevice
from ce_nas.energy.nvml import nvml_meter, require_exclusive_gpu

GPU_0 = CudaDevice("GPU-0", "Tesla", 0)


def test_nvml_uses_energy_counter(fake_nvml):
    nvml = fake_nvml()
    meter = nvml_meter(GPU_0, nvml=nvml)
    first = meter.snapshot()
    nvml.energy_mj += 2500
    assert meter.source is ReadingSource.COUNTER
    assert meter.snapshot().energy_j - first.energy_j == pytest.approx(2.5)
    assert "Tesla" in meter.origin


def test_nvml_integrates_power_without_counter(fake_nvml):
    with nvml_meter(GPU_0, nvml=fake_nvml(counter=False), interval_s=100.0) as meter:
        assert meter.source is ReadingSource.INTEGRATED
        assert meter._last_sample[1] == 250.0


def test_nvml_refuses_gpu_without_energy_and_power(fake_nvml):
    with pytest.raises(EnergyError, match="neither energy nor power"):
        nvml_meter(GPU_0, nvml=fake_nvml(counter=False, power=False))


def test_nvml_raises_if_counter_fails(fake_nvml):
    nvml = fake_nvml()
    meter = nvml_meter(GPU_0, nvml=nvml)
    nvml.counter = False
    with pytest.raises(EnergyError, match="Not Supported"):
        meter.snapshot()


def test_nvml_refuses_unknown_gpu(fake_nvml):
    with pytest.raises(EnergyError, match="GPU-3"):
        nvml_meter(CudaDevice("GPU-3", "Tesla", 3), nvml=fake_nvml())


def test_mig_instance_has_no_counter_of_its_own(fake_nvml):
    with pytest.raises(EnergyError, match="MIG instance"):
        nvml_meter(CudaDevice("MIG-1", "MIG instance", None), nvml=fake_nvml())


def test_nvml_requires_exclusive_gpu(fake_nvml):
    nvml = fake_nvml()
    require_exclusive_gpu(GPU_0, {7}, nvml=nvml)
    nvml.pids = [7, 99]
    with pytest.raises(EnergyError, match="99"):
        require_exclusive_gpu(GPU_0, {7}, nvml=nvml)


def test_a_gpu_divided_by_mig_is_refused(fake_nvml):
    nvml = fake_nvml()
    nvml.nvmlDeviceGetMigMode = lambda handle: (1, 1)
    with pytest.raises(EnergyError, match=r"Tesla \(GPU-0\) is divided by MIG.*set live.meter = 'modelled'"):
        nvml_meter(GPU_0, nvml=nvml)
    nvml.nvmlDeviceGetMigMode = lambda handle: (0, 1)
    assert nvml_meter(GPU_0, nvml=nvml).source is ReadingSource.COUNTER


def test_processes_that_cannot_be_listed_are_an_error_in_words(fake_nvml):
    nvml = fake_nvml()

    def fail(handle):
        raise nvml.NVMLError

    nvml.nvmlDeviceGetComputeRunningProcesses = fail
    with pytest.raises(EnergyError, match="Expected the list of processes on the GPU GPU-0"):
        require_exclusive_gpu(GPU_0, [7], nvml=nvml)
