"""Contract suites find violations."""

import numpy as np
import pytest

from ce_nas.core.clock import VirtualClock
from ce_nas.core.records import Allocation, Forecast, ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.forecast.base import Forecaster
from ce_nas.policies.base import Decision, Policy
from ce_nas.search.base import Searcher
from ce_nas.testing.contracts import (
    ClockContract,
    ForecasterContract,
    MeterContract,
    PolicyContract,
    SearcherContract,
)


class LazyPolicy(Policy):
    """Holds all devices idle."""

    name = "lazy"

    def decide(self, state):
        return Decision(Allocation(0, 0, idle=state.cluster.devices), "No reason.")


class RepeatingSearcher(Searcher):
    """Proposes the same architecture forever."""

    name = "repeating"

    def __init__(self, space):
        self.first = space.sample(np.random.default_rng(0), 1)[0]

    def ask(self, n, exclude):
        return [self.first] * n

    def tell(self, observations):
        pass


class ShortForecaster(Forecaster):
    """Forecasts one step, whatever the horizon."""

    name, lookback_s = "short", 3600.0

    def predict(self, inputs, horizon_s):
        return Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, np.zeros(1))


class DecreasingMeter(EnergyMeter):
    """Counts backwards."""

    source, origin = ReadingSource.COUNTER, "synthetic"
    readings = 0

    def snapshot(self):
        self.readings += 1
        return MeterSnapshot(self.readings, -self.readings, self.readings)


class EarlyClock(VirtualClock):
    """Delivers signals at once."""

    def post(self, signal, delay_s=0.0):
        return super().post(signal, 0.0)


@pytest.mark.parametrize(
    "check",
    [
        lambda: PolicyContract().test_flat_grid_never_stops_the_search(LazyPolicy),
        lambda: SearcherContract().test_exhausted_space_ends_the_search(lambda space, *_: RepeatingSearcher(space)),
        lambda: ForecasterContract().test_whole_hours_give_as_many_steps(ShortForecaster()),
        lambda: MeterContract().test_counts_never_decrease(DecreasingMeter()),
        lambda: ClockContract().test_signals_arrive_in_order_and_never_early(EarlyClock()),
    ],
    ids=["policy", "searcher", "forecaster", "meter", "clock"],
)
def test_contracts_fail_on_violations(check):
    with pytest.raises(AssertionError):
        check()
