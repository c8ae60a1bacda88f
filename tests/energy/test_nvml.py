import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import Source
from ce_nas.energy.nvml import nvidia_meter, require_alone


def test_the_counter_comes_first(fake_nvml):
    nvml = fake_nvml()
    meter = nvidia_meter(0, nvml=nvml)
    first = meter.mark()
    nvml.energy_mj += 2500
    assert meter.source is Source.COUNTER
    assert meter.mark().energy_j - first.energy_j == pytest.approx(2.5)
    assert "Tesla" in meter.origin


def test_integrated_power_is_second_best(fake_nvml):
    with nvidia_meter(0, nvml=fake_nvml(counter=False), every_s=100.0) as meter:
        assert meter.source is Source.INTEGRATED
        assert meter._last[1] == 250.0


def test_a_gpu_that_tells_nothing_is_an_error_not_a_zero(fake_nvml):
    with pytest.raises(EnergyError, match="neither energy nor power"):
        nvidia_meter(0, nvml=fake_nvml(counter=False, power=False))


def test_a_counter_that_stops_answering_is_told(fake_nvml):
    nvml = fake_nvml()
    meter = nvidia_meter(0, nvml=nvml)
    nvml.counter = False
    with pytest.raises(EnergyError, match="Not Supported"):
        meter.mark()


def test_no_such_gpu(fake_nvml):
    with pytest.raises(EnergyError, match="GPU of number 3"):
        nvidia_meter(3, nvml=fake_nvml())


def test_a_shared_gpu_is_refused(fake_nvml):
    nvml = fake_nvml()
    require_alone(0, {7}, nvml=nvml)
    nvml.pids = [7, 99]
    with pytest.raises(EnergyError, match="99"):
        require_alone(0, {7}, nvml=nvml)
