"""The search moves to the site with the cheapest hours if that repays the move."""

from dataclasses import replace

import numpy as np

from ce_nas.core.records import Allocation, Forecast, Rates, SiteState
from ce_nas.policies.base import Decision, Policy
from ce_nas.policies.migration import MigratingPolicy
from ce_nas.testing import make_state, replace_state

RATES = Rates(450.0, 450.0, 90.0, 0.0, np.array([0.3]))


class StateLogging(Policy):
    """Uses all devices, and keeps the state."""

    name = "state-logging"

    def decide(self, state):
        self.state = state
        return Decision(Allocation(2, state.cluster.devices - 2), "Everything works.")


def site(name, g_per_kwh, **fields):
    forecast = None if g_per_kwh is None else Forecast("test", 0.0, 0.0, 3600.0, np.full(24, float(g_per_kwh)))
    known = {"is_current": False, "pue": 1.5, "devices": 8, "move_energy_j": 3.6e6, "rates": RATES}
    return SiteState(name, forecast=forecast, **known | fields)


def decide(*sites, cost_weight=0.0):
    """The decision, and the state that the inner policy saw."""
    inner = StateLogging()
    state = replace_state(make_state(), sites=sites, rates=RATES, forecast=sites[0].forecast if sites else None)
    return MigratingPolicy(inner, cost_weight).decide(state), inner.state


def test_moves_to_a_cleaner_site_and_plans_with_its_forecast():
    decision, seen = decide(site("home", 400, is_current=True), site("north", 100))
    assert decision.site == "north"
    assert seen.grid.forecast.mean_g_per_kwh[0] == 100.0
    assert decision.reason.endswith("600 at home and 150 at north, g/kWh with PUE: the search moves.")


def test_stays_if_the_move_costs_more_than_it_saves():
    for other in (site("north", 399), site("north", 100, move_energy_j=1e9), site("north", None), site("north", 400)):
        decision, seen = decide(site("home", 400, is_current=True), other)
        assert decision.site is None
        assert seen.grid.forecast.mean_g_per_kwh[0] == 400.0


def test_pue_counts_as_much_as_the_grid():
    decision, _ = decide(site("home", 300, is_current=True, pue=2.0), site("lean", 300, pue=1.0))
    assert decision.site == "lean"
    decision, _ = decide(site("home", 300, is_current=True, pue=1.0), site("cleaner", 200, pue=2.0))
    assert decision.site is None


def test_devices_are_limited_to_those_of_the_site():
    decision, _ = decide(site("home", 400, is_current=True), site("north", 10, devices=7))
    assert decision.allocation == Allocation(1, 6, released=1)
    decision, _ = decide(site("home", 400, is_current=True), site("north", 10, devices=3))
    assert decision.allocation == Allocation(0, 3, released=5)


def test_one_site_changes_nothing():
    decision, _ = decide()
    assert (decision.allocation, decision.site) == (Allocation(2, 6), None)


def test_cost_weight_trades_money_for_carbon():
    expensive = replace(RATES, price_per_device_hour=3.0)
    cheap = replace(RATES, price_per_device_hour=1.0)
    sites = (site("home", 100, is_current=True, rates=expensive), site("cheap", 150, rates=cheap))
    decision, seen = decide(*sites)
    assert (decision.site, seen.cluster.rates) == (None, expensive)
    decision, seen = decide(*sites, cost_weight=1.0)
    assert (decision.site, seen.cluster.rates) == ("cheap", cheap)
    assert "3.13 at home and 1.14 at cheap a GPU's hour" in decision.reason
    decision, _ = decide(*sites, cost_weight=0.8)
    assert "150 at home and 225 at cheap, g/kWh with PUE; 3.13" in decision.reason


def test_tariff_is_read_in_periods_of_the_run():
    by_night = replace(RATES, prices_per_kwh=np.array([2.0] * 12 + [0.1] * 12))
    decision, _ = decide(
        site("home", 100, is_current=True, rates=replace(RATES, prices_per_kwh=np.array([1.0]))),
        site("night", 100, rates=by_night),
        cost_weight=1.0,
    )
    assert decision.site == "night"
