"""Moves of a search between sites: suspension, energy, carbon and cost."""

from dataclasses import replace

import pytest

from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import CeNasError
from ce_nas.core.records import Activity, Allocation
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.engine.build import build_engine
from ce_nas.engine.engine import Engine
from ce_nas.engine.inputs import RunInputs
from ce_nas.policies.base import Decision, Policy
from ce_nas.store.journal import MemoryJournal

NORTH = {"name": "north", "zone": "hydro", "pue": 1.1, "gpus": 2, "gpu_hour_price": 5.0}
SITE = {"others": [NORTH], "move_time": "15min", "move_energy_j": 7.2e6}


class MoveNorth(Policy):
    """Trains on all devices; moves to the site north in the third hour."""

    name = "move-north"

    def __init__(self):
        self.states = []

    def decide(self, state):
        self.states.append(state)
        site = "north" if len(self.states) == 3 else None
        return Decision(Allocation(0, state.cluster.devices), "all devices train", site=site)


@pytest.fixture(scope="module")
def moved():
    run_settings = settings_from_flags(
        {"site": SITE, "prices": {"gpu_hour_price": 1.0}}, hours=6, gpus=2, searcher="random", zone="coal", seed=1
    )
    policy, search = MoveNorth(), Search.from_settings(run_settings)
    built = build_engine(search._inputs, MemoryJournal())
    engine = Engine(replace(built.components, policy=policy), built.config)  # the policy alone selects the site
    engine.run()
    return search, engine, policy


def entries(engine, kind):
    return [entry for entry in engine.components.journal.entries if entry.kind == kind]


def test_move_suspends_tasks_and_releases_devices(moved):
    _, engine, _ = moved
    (entry,) = entries(engine, "moved")
    assert (entry.content["from_site"], entry.content["to_site"], entry.content["move_s"]) == ("home", "north", 900.0)
    totals = engine.components.ledger.totals
    assert (entry.content["energy_j"], entry.content["carbon_g"]) == totals.for_activity(Activity.MOVE)
    assert entry.at_s == 2 * HOUR_S + 900.0
    starts_s = [start.at_s for start in entries(engine, "task_started")]
    assert not [at_s for at_s in starts_s if 2 * HOUR_S <= at_s < entry.at_s]
    assert len(entries(engine, "task_suspended")) == 2


def test_energy_is_charged_to_site_of_its_time(moved):
    search, engine, _ = moved
    periods = [entry.content for entry in entries(engine, "period")]
    coal, hydro = search._inputs.intensity, search._inputs.other_sites[0].intensity
    first, last = periods[0], periods[4]
    for period, series, pue, hour in ((first, coal, 1.56, 0), (last, hydro, 1.1, 4)):
        expected_j = 2 * 287.0 * HOUR_S * pue
        assert sum(period["energy_j"].values()) == pytest.approx(expected_j)
        expected_g = expected_j / J_PER_KWH * series.mean(hour * HOUR_S, (hour + 1) * HOUR_S)
        assert sum(period["carbon_g"].values()) == pytest.approx(expected_g)
    assert first["cost"] == pytest.approx(2.0)
    assert last["cost"] == pytest.approx(10.0)


def test_move_energy_is_charged_to_site_left(moved):
    search, engine, _ = moved
    move = entries(engine, "period")[2].content
    assert move["energy_j"]["move"] == pytest.approx(7.2e6 * 1.56)
    coal = search._inputs.intensity.mean(2 * HOUR_S, 2 * HOUR_S + 900.0)
    assert move["carbon_g"]["move"] == pytest.approx(7.2e6 * 1.56 / J_PER_KWH * coal)
    assert move["energy_j"]["startup"] > 0


def test_state_has_all_sites_without_future(moved):
    search, _, policy = moved
    before, after = policy.states[1], policy.states[4]
    assert [(site.name, site.is_current) for site in before.sites] == [("home", True), ("north", False)]
    assert [(site.name, site.is_current) for site in after.sites] == [("home", False), ("north", True)]
    assert after.sites[1].forecast.issued_s <= after.now_s
    assert after.grid.past_g_per_kwh[-1] == search._inputs.other_sites[0].intensity.mean(3 * HOUR_S, 4 * HOUR_S)


def test_search_moves_to_cleaner_site():
    cheap_move = {"site": SITE | {"move_energy_j": 3.6e5}}
    run_settings = settings_from_flags(cheap_move, hours=5, gpus=2, searcher="random", zone="coal", policy="vanilla")
    result = Search.from_settings(run_settings).run()
    moves = [entry for entry in result.entries if entry.kind == "moved"]
    assert [entry.content["to_site"] for entry in moves] == ["north"]
    alone = Search.from_settings(
        settings_from_flags(hours=5, gpus=2, searcher="random", zone="coal", policy="vanilla")
    ).run()
    assert result.summary.carbon_g["full"] < 0.5 * alone.summary.carbon_g["full"]


def test_a_message_on_a_file_of_another_site_names_its_keys(tmp_path):
    path = tmp_path / "north.csv"
    path.write_text("time,a,b\n2023-07-01T00:00Z,0.1,1\n2023-07-01T01:00Z,0.2,1\n")
    other = {"name": "north", "trace": str(path)}
    for keys, expected in (
        ({}, r"with intensity_column\. This is a key of \[\[site.others\]\] 'north'"),
        ({"intensity_column": "a"}, "State the unit with unit, such as kg/kWh"),
    ):
        with pytest.raises(CeNasError, match=expected):
            Search.from_settings(settings_from_flags({"site": {"others": [other | keys]}}, hours=2)).run()
    read = RunInputs(settings_from_flags({"site": {"others": [other | {"intensity_column": "a", "unit": "kg/kWh"}]}}))
    assert read.other_sites[0].trace.g_per_kwh.tolist() == [100.0, 200.0]


@pytest.mark.parametrize(
    ("site", "message"),
    [
        ({"others": [NORTH, NORTH]}, "different names"),
        ({"others": [NORTH], "move_time": "5s"}, "site.move_time of 20 s or more"),
        ({"others": [NORTH | {"zone": "nowhere"}]}, "nowhere"),
    ],
)
def test_invalid_sites_are_refused(site, message):
    with pytest.raises(CeNasError, match=message):
        Search.from_settings(settings_from_flags({"site": site}, hours=2, searcher="random")).run()
