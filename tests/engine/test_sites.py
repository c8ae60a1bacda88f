"""A search that moves between sites: what it is weighed by, and what the way takes."""

from dataclasses import replace

import pytest

from ce_nas.api import Study
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import CeNasError
from ce_nas.core.records import Activity, Allocation
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.engine.build import build
from ce_nas.engine.engine import Engine
from ce_nas.policies.base import Allocator, Decision
from ce_nas.store.journal import MemoryJournal

NORTH = {"name": "north", "zone": "hydro", "pue": 1.1, "gpus": 2, "gpu_hour": 5.0}
SITE = {"others": [NORTH], "move": "15min", "move_j": 7.2e6}


class GoesNorth(Allocator):
    """Trains on everything; goes north in the third hour."""

    name = "goes-north"

    def __init__(self):
        self.views = []

    def decide(self, view):
        self.views.append(view)
        site = "north" if len(self.views) == 3 else None
        return Decision(Allocation(0, view.devices), "Everything trains.", site=site)


@pytest.fixture(scope="module")
def moved():
    stated = settings_from_flags(
        {"site": SITE, "prices": {"gpu_hour": 1.0}}, hours=6, gpus=2, searcher="uniform", zone="coal", seed=1
    )
    allocator, study = GoesNorth(), Study(stated)
    built = build(study._materials, MemoryJournal())
    engine = Engine(replace(built.parts, allocator=allocator), built.plan)  # the allocator alone chooses the place
    engine.run()
    return study, engine, allocator


def entries(engine, kind):
    return [entry for entry in engine.parts.journal.entries if entry.kind == kind]


def test_on_the_way_everything_is_suspended_and_given_back(moved):
    _, engine, _ = moved
    (entry,) = entries(engine, "moved")
    assert (entry.content["left"], entry.content["site"], entry.content["move_s"]) == ("home", "north", 900.0)
    books = engine.parts.ledger.total
    assert (entry.content["energy_j"], entry.content["carbon_g"]) == books.of(Activity.MOVE)
    assert entry.at_s == 2 * HOUR_S + 900.0
    began = [item.at_s for item in entries(engine, "started")]
    assert not [at_s for at_s in began if 2 * HOUR_S <= at_s < entry.at_s]
    assert len(entries(engine, "suspended")) == 2


def test_each_joule_is_weighed_where_it_was_drawn(moved):
    study, engine, _ = moved
    periods = [entry.content for entry in entries(engine, "period")]
    coal, hydro = study._materials.intensity, study._materials.others[0].intensity
    first, last = periods[0], periods[4]
    for period, series, pue, hour in ((first, coal, 1.56, 0), (last, hydro, 1.1, 4)):
        by_hand_j = 2 * 287.0 * HOUR_S * pue
        assert sum(period["energy_j"].values()) == pytest.approx(by_hand_j)
        grams = by_hand_j / J_PER_KWH * series.mean(hour * HOUR_S, (hour + 1) * HOUR_S)
        assert sum(period["carbon_g"].values()) == pytest.approx(grams)
    assert first["cost"] == pytest.approx(2.0)
    assert last["cost"] == pytest.approx(10.0)


def test_the_move_is_an_activity_of_its_own_weighed_by_the_grid_it_leaves(moved):
    study, engine, _ = moved
    move = entries(engine, "period")[2].content
    assert move["energy_j"]["move"] == pytest.approx(7.2e6 * 1.56)
    coal = study._materials.intensity.mean(2 * HOUR_S, 2 * HOUR_S + 900.0)
    assert move["carbon_g"]["move"] == pytest.approx(7.2e6 * 1.56 / J_PER_KWH * coal)
    assert move["energy_j"]["startup"] > 0


def test_the_view_tells_of_every_place_and_nothing_of_their_future(moved):
    study, _, allocator = moved
    before, after = allocator.views[1], allocator.views[4]
    assert [(site.name, site.here) for site in before.sites] == [("home", True), ("north", False)]
    assert [(site.name, site.here) for site in after.sites] == [("home", False), ("north", True)]
    assert after.sites[1].forecast.issued_s <= after.now_s
    assert after.past_g_per_kwh[-1] == study._materials.others[0].intensity.mean(3 * HOUR_S, 4 * HOUR_S)


def test_a_search_finds_its_way_to_the_cleaner_place_by_itself():
    near = {"site": SITE | {"move_j": 3.6e5}}
    stated = settings_from_flags(near, hours=5, gpus=2, searcher="uniform", zone="coal", policy="vanilla")
    result = Study(stated).run()
    moves = [entry for entry in result.entries if entry.kind == "moved"]
    assert [entry.content["site"] for entry in moves] == ["north"]
    alone = Study(settings_from_flags(hours=5, gpus=2, searcher="uniform", zone="coal", policy="vanilla")).run()
    assert result.summary.carbon_g["full"] < 0.5 * alone.summary.carbon_g["full"]


@pytest.mark.parametrize(
    ("site", "message"),
    [
        ({"others": [NORTH, NORTH]}, "different names"),
        ({"others": [NORTH], "move": "5s"}, "site.move of 20 s or more"),
        ({"others": [NORTH | {"zone": "nowhere"}]}, "nowhere"),
    ],
)
def test_sites_that_make_no_sense_are_refused(site, message):
    with pytest.raises(CeNasError, match=message):
        Study(settings_from_flags({"site": site}, hours=2, searcher="uniform")).run()
