import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation, Stop
from ce_nas.rl.scenarios import (
    TEST_ZONES,
    TRAINING_ZONES,
    VALIDATION_ZONES,
    Range,
    Scenario,
    Scenarios,
    engine_of,
    prepared,
)


def test_zones_of_training_validation_and_test_are_different_ones():
    together = [*TRAINING_ZONES, *VALIDATION_ZONES, *TEST_ZONES]
    assert len(together) == len(set(together)) == 13


def test_the_same_seed_name_and_number_give_the_same_scenario(records):
    one, other = Scenarios(0, "training", records), Scenarios(0, "training", records)
    assert [one[at] for at in range(5)] == [other[at] for at in range(5)]
    assert one[0] != Scenarios(1, "training", records)[0]
    assert one[0] != Scenarios(0, "test", records)[0]


def test_scenarios_are_of_many_kinds(records):
    drawn = [Scenarios(0, "training", records)[at] for at in range(60)]
    assert {one.zone for one in drawn} == set(TRAINING_ZONES)
    assert {one.gpus for one in drawn} == {4, 8, 16}
    assert {one.hours for one in drawn} == {80.0, 120.0, 168.0}
    assert len({one.start.month for one in drawn}) >= 9
    assert len({one.target for one in drawn}) >= 3


def test_the_target_is_what_a_vanilla_search_of_another_seed_reached(records):
    for at in range(20):
        one = Scenarios(0, "training", records)[at]
        own, player = one.replay
        others = [item for item in records if not item.informed and item.seed != player.seed]
        assert any(one.target in item.hypervolumes for item in others)
        assert not own.informed
        assert player.informed or own is player


def test_a_part_of_the_searches_never_see_a_score(records):
    for unscored, kinds in ((0.0, {True}), (0.5, {True, False}), (1.0, {False})):
        drawn = Scenarios(0, "training", records, Range(unscored=unscored))
        assert {drawn[at].replay[1].informed for at in range(20)} == kinds


def test_what_a_target_takes_is_known_of_the_record(records):
    for at in range(20):
        one = Scenarios(0, "training", records)[at]
        if one.trainings:
            found = one.replay[1].hypervolumes
            assert found[one.trainings - 1] >= one.target
            assert (found[: one.trainings - 1] < one.target).all()


def test_the_measure_is_what_the_trainings_emit_in_average_hours(scenarios):
    one = scenarios[0]
    assert one.work_g == pytest.approx(one.usual_g * one.trainings / one.most_trainings)
    assert Scenario().work_g == Scenario().usual_g


def test_past_its_record_the_vanilla_search_stays_where_it_ended(records):
    ends = {item.hypervolumes[-1] for item in records if not item.informed}
    drawn = Scenarios(0, "training", records, Range(part=(1.0, 1.0), hours=(400.0,)))
    assert {drawn[at].target for at in range(10)} <= ends


def test_without_records_there_is_no_target_and_the_searcher_searches():
    one = Scenarios(0, "speed")[0]
    assert (one.target, one.replay) == (None, None)
    engine = engine_of(one, None)
    assert engine.parts.searcher.name == "lamoo"


def test_a_record_without_another_seed_to_set_its_target_is_refused(records):
    with pytest.raises(SettingsError, match="blind recording on cifar10 of another seed than 1"):
        Scenarios(0, "training", [item for item in records if item.seed == 1])


def test_tables_and_years_are_shared(records):
    one, other = (prepared(Scenario(zone="wind", seed=seed)) for seed in (1, 2))
    assert one.table is other.table
    assert one.trace is other.trace
    assert one.settings.seed != other.settings.seed


def test_the_usual_grams_are_those_of_all_devices_training_to_the_deadline():
    engine = engine_of(Scenario(gpus=2, hours=5.0, searcher="uniform"), None)
    while engine.stop is None:
        engine.step(Allocation(0, 2))
    assert engine.parts.ledger.total.total_carbon_g == pytest.approx(Scenario(gpus=2, hours=5.0).usual_g, rel=0.05)


def test_a_quarter_of_the_scenarios_have_a_budget_of_their_own_at_the_same_place(records):
    one = Scenarios(0, "training", records)
    drawn = [one[at] for at in range(80)]
    assert 10 <= sum(item.budget is not None for item in drawn) <= 30
    assert {item.budget for item in drawn} == {None, "carbon", "energy", "cost"}
    assert all(0.05 <= item.budget_share <= 0.4 for item in drawn if item.budget)
    other = [Scenarios(0, "training", records, Range(budgeted=0.0))[at] for at in range(80)]
    for budgeted, without in zip(drawn, other, strict=True):
        assert (budgeted.zone, budgeted.start, budgeted.seed) == (without.zone, without.start, without.seed)


@pytest.mark.parametrize("budget", ["carbon", "energy", "cost"])
def test_a_budget_is_a_share_of_what_all_devices_would_use(budget):
    one = Scenario(gpus=2, hours=20.0, searcher="uniform", budget=budget, budget_share=0.25)
    engine = engine_of(one, None)
    while engine.stop is None:
        engine.step(Allocation(0, 2))
    assert engine.stop is {"carbon": Stop.CARBON, "energy": Stop.ENERGY, "cost": Stop.COST}[budget]
    books = engine.parts.ledger.total
    assert 0.1 * one.usual_g < books.total_carbon_g < 0.3 * one.usual_g
    assert (books.cost > 0) == (budget == "cost")
