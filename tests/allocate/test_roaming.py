"""The search goes where the cleanest hours are, if that repays the way."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.allocate.allocator import Allocator, Decision
from ce_nas.allocate.roaming import Roaming
from ce_nas.core.records import Allocation, Forecast, Rates, SiteView

RATES = Rates(450.0, 450.0, 90.0, 0.0, np.array([0.3]))


class Listens(Allocator):
    """Uses everything, and remembers the forecast that it saw."""

    name = "listens"

    def decide(self, view):
        self.seen = view.forecast
        return Decision(Allocation(2, view.devices - 2), "Everything works.")


def site(name, g_per_kwh, **rest):
    forecast = None if g_per_kwh is None else Forecast("test", 0.0, 0.0, 3600.0, np.full(24, float(g_per_kwh)))
    known = {"here": False, "pue": 1.5, "devices": 8, "move_j": 3.6e6}
    return SiteView(name, forecast=forecast, **known | rest)


@pytest.fixture
def decide(view_of):
    def make(*sites):
        inner = Listens()
        view = replace(view_of(), sites=sites, rates=RATES, forecast=sites[0].forecast if sites else None)
        return Roaming(inner).decide(view), inner

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
