import pytest

from ce_nas.components.registry import METERS
from ce_nas.core.errors import EnergyError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import usage_between
from ce_nas.energy.reported_meter import MAX_REPORT_AGE_S, MeterReport, ReportedMeters, WorkerMeter
from ce_nas.testing.contracts import MeterContract


class Clock:
    def __init__(self):
        self.s = 100.0

    def __call__(self):
        return self.s


class Setup:
    """Meters of ``devices`` devices, and reports of theirs."""

    def __init__(self, devices=1):
        self.clock = Clock()
        self.meters = ReportedMeters(devices, self.clock)

    def report(self, energy_j, device=0, *, process="a", host="node", host_j=0.0, observed_s=0.0):  # noqa: PLR0913
        self.meters.update(
            device, MeterReport(process, host, energy_j, host_j, observed_s, ReadingSource.COUNTER, "counter")
        )

    def read(self, device=0):
        return self.meters[device].snapshot()


class TestReportedMeter(MeterContract):
    @pytest.fixture
    def meter(self):
        setup = Setup()
        setup.report(1.0)
        return setup.meters[0]


def test_energy_between_reports_is_carried_on_and_set_right():
    setup = Setup()
    setup.report(10.0)
    first = setup.read()
    setup.clock.s += 2.0
    setup.report(30.0, observed_s=2.0)  # 10 W
    setup.clock.s += 1.0
    assert usage_between(first, setup.read()).energy_j == pytest.approx(30.0)  # 20 J reported, 10 J carried on
    setup.clock.s += 1.0
    setup.report(36.0, observed_s=4.0)  # less than was carried on: nothing is taken back, and the sum is right
    assert usage_between(first, setup.read()).energy_j == pytest.approx(30.0)
    setup.clock.s += 2.0
    setup.report(60.0, observed_s=6.0)
    used = usage_between(first, setup.read())
    assert (used.energy_j, used.coverage) == (pytest.approx(50.0), pytest.approx(1.0))


def test_another_process_counts_from_zero():
    setup = Setup()
    setup.report(10.0)
    setup.report(4.0, process="b")
    setup.report(5.0, process="b")
    assert setup.read().energy_j == pytest.approx(15.0)


def test_a_machine_is_divided_between_its_held_devices():
    setup = Setup(devices=3)
    for device in range(3):
        setup.report(0.0, device, process=str(device), host="far" if device == 2 else "near")
    for device in range(3):
        setup.report(0.0, device, process=str(device), host="far" if device == 2 else "near", host_j=60.0)
    assert [setup.read(device).energy_j for device in range(3)] == [30.0, 30.0, 60.0]
    setup.meters[1].set_held(held=False)
    setup.report(0.0, 0, process="0", host="near", host_j=80.0)
    assert setup.read(0).energy_j == pytest.approx(50.0)


def test_silence_and_failed_readings_are_unknown_never_zero():
    setup = Setup()
    with pytest.raises(EnergyError, match="none yet"):
        setup.read()
    setup.report(1.0)
    setup.clock.s += MAX_REPORT_AGE_S + 1.0
    with pytest.raises(EnergyError, match="got none for 11 s"):
        setup.read()
    setup.meters.update(0, MeterReport("a", "node", error="no NVIDIA driver"))
    with pytest.raises(EnergyError, match="no NVIDIA driver"):
        setup.read()


def test_a_device_that_holds_nothing_draws_nothing():
    setup = Setup()
    setup.report(5.0)
    before = setup.read()
    setup.meters.set_absent(0)
    setup.clock.s += 3600.0
    waited = usage_between(before, setup.read())
    assert (waited.energy_j, waited.coverage, setup.meters.age_s(0)) == (0.0, 1.0, 0.0)
    setup.clock.s += 60.0
    setup.meters.set_absent(0)
    setup.clock.s += 60.0
    setup.report(2.0, process="b")
    used = usage_between(before, setup.read())
    assert (used.energy_j, used.coverage) == (pytest.approx(2.0), pytest.approx(1.0))


def test_a_worker_reports_its_own_meter_and_its_machine_apart(monkeypatch, tmp_path):
    for name, content in (("name", "package-0"), ("max_energy_range_uj", "10000000"), ("energy_uj", "5")):
        (tmp_path / "intel-rapl:0").mkdir(exist_ok=True)
        (tmp_path / "intel-rapl:0" / name).write_text(content)
    monkeypatch.setattr("ce_nas.energy.reported_meter.has_rapl", lambda: True)
    monkeypatch.setattr("ce_nas.energy.rapl.RaplMeter.__init__.__defaults__", (tmp_path, 60.0, lambda: 0.0))
    meter = WorkerMeter(METERS.validate("auto"), "cpu")
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("2000005")
    report = meter.report()
    assert (report.energy_j, report.host_energy_j, report.source) == (0.0, 2.0, ReadingSource.COUNTER)
    meter.close()


def test_a_worker_without_a_meter_says_why():
    assert "no meter of the device cuda:0" in WorkerMeter(METERS.validate("modelled"), "cuda:0").report().error


def test_half_a_gpu_reports_half(monkeypatch, fake_nvml):
    nvml = fake_nvml()
    nvml.pids = [1, 2]
    monkeypatch.setattr("ce_nas.energy.meter_selection.load_nvml", lambda: nvml)
    meter = WorkerMeter(METERS.validate("auto"), "cuda:0", share=0.5)
    before = meter.report().energy_j
    nvml.energy_mj += 400_000
    assert meter.report().energy_j - before == pytest.approx(200.0, rel=0.2)  # and the CPU time of this process
    meter.close()


def test_a_worker_declares_its_device_s_own_limit_before_anything_is_read():
    report = WorkerMeter(METERS.validate("modelled"), "cpu").report()
    assert 0 < report.idle_w < report.working_w < 287.0
    meters = ReportedMeters(1)
    assert meters.declared_w(0) is None
    meters.update(0, report)
    assert meters.declared_w(0) == (report.working_w, report.idle_w)
    unknown = WorkerMeter(METERS.validate("modelled"), "tpu:0").report()
    assert (unknown.working_w, unknown.idle_w) == (None, None)  # nothing is known: never 0
