"""The search goes where the cleanest hours are, if that repays the way."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.core.records import Allocation, Forecast, Rates, SiteView
from ce_nas.policies.base import Allocator, Decision
from ce_nas.policies.migration import Roaming

RATES = Rates(450.0, 450.0, 90.0, 0.0, np.array([0.3]))


class Listens(Allocator):
    """Uses everything, and remembers the forecast that it saw."""

    name = "listens"

    def decide(self, view):
        self.seen, self.rates = view.forecast, view.rates
        return Decision(Allocation(2, view.devices - 2), "Everything works.")


def site(name, g_per_kwh, **rest):
    forecast = None if g_per_kwh is None else Forecast("test", 0.0, 0.0, 3600.0, np.full(24, float(g_per_kwh)))
    known = {"here": False, "pue": 1.5, "devices": 8, "move_j": 3.6e6, "rates": RATES}
    return SiteView(name, forecast=forecast, **known | rest)


@pytest.fixture
def decide(view_of):
    def make(*sites, money=0.0):
        inner = Listens()
        view = replace(view_of(), sites=sites, rates=RATES, forecast=sites[0].forecast if sites else None)
        return Roaming(inner, money).decide(view), inner

    return make


def test_a_cleaner_place_is_gone_to_and_its_forecast_is_what_the_policy_sees(decide):
    decision, inner = decide(site("home", 400, here=True), site("north", 100))
    assert decision.site == "north"
    assert inner.seen.mean_g_per_kwh[0] == 100.0
    assert decision.reason.endswith("600 at home and 150 at north, g/kWh with PUE: the search moves.")


def test_the_search_stays_where_it_is_if_the_way_costs_more_than_it_saves(decide):
    for other in (site("north", 399), site("north", 100, move_j=1e9), site("north", None), site("north", 400)):
        decision, inner = decide(site("home", 400, here=True), other)
        assert decision.site is None
        assert inner.seen.mean_g_per_kwh[0] == 400.0


def test_the_building_counts_as_much_as_the_grid(decide):
    decision, _ = decide(site("home", 300, here=True, pue=2.0), site("lean", 300, pue=1.0))
    assert decision.site == "lean"
    decision, _ = decide(site("home", 300, here=True, pue=1.0), site("cleaner", 200, pue=2.0))
    assert decision.site is None


def test_no_more_devices_work_than_there_are_at_the_place(decide):
    decision, _ = decide(site("home", 400, here=True), site("north", 10, devices=7))
    assert decision.allocation == Allocation(1, 6, released=1)
    decision, _ = decide(site("home", 400, here=True), site("north", 10, devices=3))
    assert decision.allocation == Allocation(0, 3, released=5)


def test_with_one_place_nothing_changes(decide):
    decision, _ = decide()
    assert (decision.allocation, decision.site) == (Allocation(2, 6), None)


def test_money_chooses_the_place_as_far_as_it_is_asked_to(decide):
    dear = replace(RATES, device_hour=3.0)
    cheap = replace(RATES, device_hour=1.0)
    places = (site("home", 100, here=True, rates=dear), site("cheap", 150, rates=cheap))
    decision, inner = decide(*places)
    assert (decision.site, inner.rates) == (None, dear)
    decision, inner = decide(*places, money=1.0)
    assert (decision.site, inner.rates) == ("cheap", cheap)
    assert "3.13 at home and 1.14 at cheap a GPU's hour" in decision.reason
    decision, _ = decide(*places, money=0.8)
    assert "150 at home and 225 at cheap, g/kWh with PUE; 3.13" in decision.reason


def test_a_tariff_is_read_in_the_runs_own_periods(decide):
    by_night = replace(RATES, prices_per_kwh=np.array([2.0] * 12 + [0.1] * 12))
    decision, _ = decide(
        site("home", 100, here=True, rates=replace(RATES, prices_per_kwh=np.array([1.0]))),
        site("night", 100, rates=by_night),
        money=1.0,
    )
    assert decision.site == "night"
