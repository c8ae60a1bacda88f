import pytest

from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.integrations.budget_books import RealClock
from ce_nas.integrations.budget_limits import Limits, settings_of_budget
from ce_nas.integrations.carbon_budget import CarbonBudget


class FakeTime:
    """A time that passes by hand, and a meter of constant power in it."""

    def __init__(self, power_w=1000.0):
        self.now_s, self.power_w, self.energy_j, self.fails = 5000.0, power_w, 0.0, False

    def advance(self, seconds):
        self.now_s += seconds
        self.energy_j += seconds * self.power_w

    def meter(self):
        return FakeMeter(self)


class FakeMeter(EnergyMeter):
    source = ReadingSource.COUNTER
    origin = "a meter made up for a test"

    def __init__(self, fake_time):
        self.time = fake_time

    def snapshot(self):
        if self.time.fails:
            from ce_nas.core.errors import EnergyError

            message = "the meter does not answer"
            raise EnergyError(message)
        return MeterSnapshot(self.time.now_s, self.time.energy_j, self.time.now_s)


@pytest.fixture
def fake_time():
    return FakeTime()


@pytest.fixture
def make_budget(fake_time):
    """Build a budget in made-up time: an hour takes no time."""

    def make(budget="5kg", grid="solar", out=None, energy=None, cost=None, **flags):
        limits = Limits.parse(budget, energy, cost)
        defaults = {"start": "2023-07-03", "forecaster": "damped-profile"}
        settings = settings_of_budget(limits, grid, "auto", defaults | flags)
        return CarbonBudget(
            limits,
            settings,
            out=out,
            meter=fake_time.meter(),
            reading_interval_s=600.0,
            clock=RealClock(monotonic=lambda: fake_time.now_s),
            wait=fake_time.advance,
        )

    return make
