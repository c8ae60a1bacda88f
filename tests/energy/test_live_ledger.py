from datetime import UTC, datetime, timedelta

import pytest

from ce_nas.core.records import Activity, EnergyReading, ReadingSource
from ce_nas.energy.ledger import Prices
from ce_nas.energy.live_ledger import LiveLedger, StepShare

START = datetime(2024, 5, 15, tzinfo=UTC)
KWH_J = 3.6e6


class FakeIntensity:
    """100 g CO2eq/kWh in every hour that is not published."""

    def __init__(self):
        self.published = {}

    def intensity_at(self, step_start):
        return self.published.get(step_start, 100.0)

    def is_published(self, step_start):
        return step_start in self.published

    def split_by_step(self, start_s, end_s):
        middle_s = 3600.0
        shares = [(START, max(middle_s - start_s, 0)), (START + timedelta(hours=1), max(end_s - middle_s, 0))]
        return [
            StepShare(step, within_s / (end_s - start_s), self.intensity_at(step))
            for step, within_s in shares
            if within_s
        ]

    def mean(self, start_s, end_s):
        return sum(part.share * part.g_per_kwh for part in self.split_by_step(start_s, end_s))


@pytest.fixture
def ledger():
    return LiveLedger(FakeIntensity(), 2.0, Prices(), time_scale=2.0)


def reading(activity=Activity.TRAINING, start_s=1800.0, end_s=5400.0):
    return EnergyReading(0, activity, start_s, end_s, KWH_J, ReadingSource.COUNTER)


def test_revision_of_step_by_its_energy(ledger):
    ledger.record([reading(), reading(Activity.IDLE)])
    assert ledger.totals.total_carbon_g == pytest.approx(2 * 2 * 100.0)
    ledger.intensity.published[START] = 160.0
    revision = ledger.revise()
    assert revision.steps == [(START.isoformat(), 100.0, 160.0)]
    assert revision.carbon_g == {Activity.TRAINING: pytest.approx(60.0), Activity.IDLE: pytest.approx(60.0)}
    assert ledger.totals.total_carbon_g == pytest.approx(520.0)
    # paper accounting: 1 kW per training device, for a quarter of an hour of real time in that step
    assert revision.paper_carbon_g == pytest.approx(0.25 * 60.0)
    assert ledger.totals.paper_carbon_g == pytest.approx(0.25 * 160.0 + 0.25 * 100.0)
    assert ledger.provisional_carbon_g == pytest.approx(200.0)


def test_revision_counts_in_current_period(ledger):
    ledger.record([reading()])
    ledger.close_period()
    ledger.intensity.published[START] = 90.0
    ledger.revise()
    assert ledger.period_totals.total_carbon_g == pytest.approx(-10.0)
    assert ledger.period_totals.total_energy_j == 0


def test_no_revision_without_change(ledger):
    ledger.record([reading()])
    ledger.intensity.published[START] = 100.0
    assert ledger.revise() is None
    ledger.intensity.published[START] = 110.0
    assert ledger.revise() is not None
    assert ledger.revise() is None


def test_revision_by_paper_accounting_counts_each_gpu_of_a_device():
    ledger = LiveLedger(FakeIntensity(), 2.0, Prices(), gpus_per_device=4)
    ledger.record([reading(), reading(Activity.IDLE)])
    assert ledger.totals.paper_carbon_g == pytest.approx(4 * 1.0 * 100.0)
    ledger.intensity.published[START] = 160.0
    assert ledger.revise().paper_carbon_g == pytest.approx(4 * 0.5 * 60.0)  # of the training alone
    assert ledger.totals.paper_carbon_g == pytest.approx(4 * (0.5 * 160.0 + 0.5 * 100.0))


def test_carbon_is_provisional_until_every_step_with_energy_is_published(ledger):
    assert not ledger.is_provisional
    ledger.record([reading(Activity.IDLE)])
    assert ledger.is_provisional
    assert ledger.provisional_carbon_g == pytest.approx(200.0)
    ledger.intensity.published[START] = 100.0
    assert ledger.is_provisional
    ledger.intensity.published[START + timedelta(hours=1)] = 100.0
    assert not ledger.is_provisional
    assert ledger.provisional_carbon_g == 0.0


def test_a_training_without_measured_energy_is_provisional_by_paper_accounting(ledger):
    empty = EnergyReading(0, Activity.IDLE, 0.0, 3600.0, 0.0, ReadingSource.COUNTER)
    ledger.record([empty])
    assert not ledger.is_provisional
    ledger.record([EnergyReading(0, Activity.TRAINING, 0.0, 0.001, 0.0, ReadingSource.COUNTER)])
    assert ledger.is_provisional


def test_readings_of_one_step_are_revised_together(ledger):
    for _ in range(3):
        ledger.record([reading(start_s=0.0, end_s=3600.0)])
    ledger.intensity.published[START] = 150.0
    assert ledger.revise().carbon_g == {Activity.TRAINING: pytest.approx(3 * 2 * 50.0)}
    assert ledger.totals.total_carbon_g == pytest.approx(3 * 2 * 150.0)
    assert ledger.provisional_carbon_g == 0.0


def test_revisions_of_several_steps_add_up(ledger):
    ledger.record([reading()])
    ledger.intensity.published = {START + timedelta(hours=1): 130.0, START: 160.0}
    revision = ledger.revise()
    assert [step for step, _, _ in revision.steps] == sorted(step for step, _, _ in revision.steps)
    assert revision.carbon_g == {Activity.TRAINING: pytest.approx(60.0 + 30.0)}
    assert revision.paper_carbon_g == pytest.approx(0.25 * 60.0 + 0.25 * 30.0)
    assert ledger.period_totals.total_carbon_g == pytest.approx(290.0)
