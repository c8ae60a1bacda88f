import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation, StopReason
from ce_nas.rl.scenarios import (
    TEST_ZONES,
    TRAINING_ZONES,
    VALIDATION_ZONES,
    RlScenario,
    ScenarioDistribution,
    ScenarioSampler,
    build_scenario_engine,
    prepare_inputs,
)


def test_zones_of_training_validation_and_test_are_disjoint():
    zones = [*TRAINING_ZONES, *VALIDATION_ZONES, *TEST_ZONES]
    assert len(zones) == len(set(zones)) == 13


def test_same_seed_stream_and_index_give_the_same_scenario(recordings):
    first, second = (ScenarioSampler(0, "training", recordings) for _ in range(2))
    assert [first[index] for index in range(5)] == [second[index] for index in range(5)]
    assert first[0] != ScenarioSampler(1, "training", recordings)[0]
    assert first[0] != ScenarioSampler(0, "test", recordings)[0]


def test_scenarios_vary(recordings):
    drawn = [ScenarioSampler(0, "training", recordings)[index] for index in range(60)]
    assert {scenario.zone for scenario in drawn} == set(TRAINING_ZONES)
    assert {scenario.gpus for scenario in drawn} == {4, 8, 16}
    assert {scenario.hours for scenario in drawn} == {80.0, 120.0, 168.0}
    assert len({scenario.start.month for scenario in drawn}) >= 9
    assert len({scenario.target for scenario in drawn}) >= 3


def test_target_is_from_a_vanilla_search_of_another_seed(recordings):
    for index in range(20):
        scenario = ScenarioSampler(0, "training", recordings)[index]
        without_scores, replayed = scenario.recordings
        others = [search for search in recordings if not search.with_proxy_scores and search.seed != replayed.seed]
        assert any(scenario.target in search.hypervolumes for search in others)
        assert not without_scores.with_proxy_scores
        assert replayed.with_proxy_scores or without_scores is replayed


def test_unscored_share_of_the_scenarios(recordings):
    for unscored, kinds in ((0.0, {True}), (0.5, {True, False}), (1.0, {False})):
        drawn = ScenarioSampler(0, "training", recordings, ScenarioDistribution(unscored_share=unscored))
        assert {drawn[index].recordings[1].with_proxy_scores for index in range(20)} == kinds


def test_trainings_to_target_are_those_of_the_recording(recordings):
    for index in range(20):
        scenario = ScenarioSampler(0, "training", recordings)[index]
        if scenario.trainings_to_target:
            hypervolumes = scenario.recordings[1].hypervolumes
            assert hypervolumes[scenario.trainings_to_target - 1] >= scenario.target
            assert (hypervolumes[: scenario.trainings_to_target - 1] < scenario.target).all()


def test_baseline_is_the_carbon_of_the_trainings_in_average_hours(scenarios):
    scenario = scenarios[0]
    share = scenario.trainings_to_target / scenario.max_trainings
    assert scenario.baseline_g == pytest.approx(scenario.full_use_g * share)
    assert RlScenario().baseline_g == RlScenario().full_use_g


def test_vanilla_search_keeps_its_final_hypervolume(recordings):
    final = {search.hypervolumes[-1] for search in recordings if not search.with_proxy_scores}
    drawn = ScenarioSampler(
        0, "training", recordings, ScenarioDistribution(target_time_share_range=(1.0, 1.0), hours=(400.0,))
    )
    assert {drawn[index].target for index in range(10)} <= final


def test_without_recordings_there_is_no_target():
    scenario = ScenarioSampler(0, "speed")[0]
    assert (scenario.target, scenario.recordings) == (None, None)
    engine = build_scenario_engine(scenario, None)
    assert engine.components.searcher.name == "lamoo"


def test_recording_without_another_seed_is_refused(recordings):
    with pytest.raises(SettingsError, match="recording without scores on cifar10 of another seed than 1"):
        ScenarioSampler(0, "training", [search for search in recordings if search.seed == 1])


def test_tables_and_years_are_shared(recordings):
    first, second = (prepare_inputs(RlScenario(zone="wind", seed=seed)) for seed in (1, 2))
    assert first.table is second.table
    assert first.trace is second.trace
    assert first.settings.seed != second.settings.seed


def test_full_use_is_all_devices_training_to_the_deadline():
    engine = build_scenario_engine(RlScenario(gpus=2, hours=5.0, searcher="random"), None)
    while engine.stop_reason is None:
        engine.step(Allocation(0, 2))
    assert engine.components.ledger.totals.total_carbon_g == pytest.approx(
        RlScenario(gpus=2, hours=5.0).full_use_g, rel=0.05
    )


def test_a_quarter_of_the_scenarios_have_a_budget(recordings):
    sampler = ScenarioSampler(0, "training", recordings)
    drawn = [sampler[index] for index in range(80)]
    assert 10 <= sum(scenario.budget is not None for scenario in drawn) <= 30
    assert {scenario.budget for scenario in drawn} == {None, "carbon", "energy", "cost"}
    assert all(0.05 <= scenario.budget_share <= 0.4 for scenario in drawn if scenario.budget)
    unbudgeted = ScenarioSampler(0, "training", recordings, ScenarioDistribution(budgeted_share=0.0))
    for index, budgeted in enumerate(drawn):
        without = unbudgeted[index]
        assert (budgeted.zone, budgeted.start, budgeted.seed) == (without.zone, without.start, without.seed)


@pytest.mark.parametrize("budget", ["carbon", "energy", "cost"])
def test_budget_is_a_share_of_full_use(budget):
    scenario = RlScenario(gpus=2, hours=20.0, searcher="random", budget=budget, budget_share=0.25)
    engine = build_scenario_engine(scenario, None)
    while engine.stop_reason is None:
        engine.step(Allocation(0, 2))
    assert engine.stop_reason is StopReason[budget.upper()]
    totals = engine.components.ledger.totals
    assert 0.1 * scenario.full_use_g < totals.total_carbon_g < 0.3 * scenario.full_use_g
    assert (totals.cost > 0) == (budget == "cost")
