import os

import pytest

from ce_nas.core.errors import EnergyError, SettingsError
from ce_nas.core.records import Source
from ce_nas.energy.base import Mark, Meter
from ce_nas.energy.meter_selection import SharedMeter, best_meter


class Whole(Meter):
    source, origin, closed = Source.COUNTER, "the whole", False

    def mark(self):
        return Mark(2.0, 10.0, 1.5)

    def close(self):
        self.closed = True


def test_a_share_of_a_meter_keeps_its_time_and_its_source():
    whole = Whole()
    with SharedMeter(whole, 0.25) as meter:
        assert meter.mark() == Mark(2.0, 2.5, 1.5)
        assert (meter.source, meter.origin) == (Source.COUNTER, "0.25 of: the whole")
    assert whole.closed
    with pytest.raises(SettingsError, match="share of a meter"):
        SharedMeter(whole, 0.0)


def test_a_modelled_cpu_is_read_by_its_processor_time():
    with best_meter("cpu", os.getpid, choice="modelled") as meter:
        assert meter.source is Source.MODELLED


def test_a_gpu_that_others_compute_on_is_refused(monkeypatch, fake_nvml):
    nvml = fake_nvml()
    monkeypatch.setattr("ce_nas.energy.meter_selection.load_nvml", lambda: nvml)
    nvml.pids = [os.getpid()]
    assert best_meter("cuda:0", os.getpid).source is Source.COUNTER
    nvml.pids = [os.getpid(), 1]
    with pytest.raises(EnergyError, match="cannot be divided"):
        best_meter("cuda:0", os.getpid)


def test_of_a_modelled_gpu_and_of_the_unknown_there_is_none():
    assert best_meter("cuda:0", os.getpid, choice="modelled") is None
    assert best_meter("abacus", os.getpid) is None
