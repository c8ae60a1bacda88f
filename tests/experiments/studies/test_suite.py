import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import ExperimentConfig
from ce_nas.experiments.protocol import HALVES, LEVELS
from ce_nas.experiments.studies.suite import SuiteExperiment, SuiteOptions

STRATEGIES = ("vanilla-lamoo", "vanilla-surrogate", "look-ahead-surrogate")


@pytest.fixture(scope="module")
def suite():
    options = SuiteOptions(HALVES["tuning"], ("params",), STRATEGIES)
    return SuiteExperiment(ExperimentConfig({"hours": 24, "gpus": 8}, (1000, 1001)), options)


@pytest.fixture(scope="module")
def trials(suite):
    return suite.trials()


def result_of(trial, make_result, kwh_at_levels):
    """A result whose run used that many kWh to each level; fewer levels: it did not reach the others."""
    largest = trial.settings.budget.target / LEVELS[-1]
    points = [
        (level * largest * (1 + 1e-6), kwh, 100, index)
        for index, (level, kwh) in enumerate(zip(LEVELS, kwh_at_levels, strict=False), 1)
    ]
    labels = dict(trial.labels)
    return make_result(labels.pop("strategy"), labels.pop("seed"), points, largest, **labels)


def test_cases_are_paired(trials):
    assert len(trials) == 2 * 2 * len(STRATEGIES)
    of_problem = {}
    for trial in trials:
        key = (trial.labels["problem"], trial.labels["seed"])
        grid, budget = trial.settings.grid, trial.settings.budget
        of_problem.setdefault(key, set()).add((grid.zone, grid.start, budget.target, budget.stop == "never"))
    assert [len(starts) for starts in of_problem.values()] == [1] * 4
    assert {zone for starts in of_problem.values() for zone, *_ in starts} == {"solar", "coal"}
    assert all(stops for starts in of_problem.values() for *_, stops in starts)


def test_report_has_arrival_ratios_and_the_limit(suite, trials, make_result):
    kwh = {"vanilla-lamoo": (10, 20, 40, 80), "vanilla-surrogate": (2, 4, 5, 8), "look-ahead-surrogate": (1, 2, 4)}
    results = [result_of(trial, make_result, kwh[trial.labels["strategy"]]) for trial in trials]
    content = suite.build_report(results).content
    rows = {(row["strategy"], row["level"]): row for row in content["overall"]}
    assert rows["vanilla-surrogate", 0.998]["ratio_vs_vanilla_lamoo"]["ratio"]["median"] == pytest.approx(8.0)
    assert rows["look-ahead-surrogate", 0.998]["ratio_vs_own_searcher"]["ratio"]["median"] == pytest.approx(1.25)
    assert rows["look-ahead-surrogate", 0.998]["trainings"]["median"] == 3
    missed = rows["look-ahead-surrogate", 0.999]
    assert (missed["arrival"], missed["ratio_vs_vanilla_lamoo"]["ratio"]["median"]) == (0.0, 0.0)
    assert 0 < rows["vanilla-lamoo", 0.99]["share_of_limit"] < 1
    factors = {row["factor"]: row["ratio"]["ratio"]["median"] for row in content["factors"]}
    assert factors["searcher"] == pytest.approx(8.0)


def test_hours_at_best_moves_the_same_energy_to_the_cleanest_hours(make_result):
    options = SuiteOptions(HALVES["tuning"], ("params",), ("scored-surrogate", "threshold-surrogate"))
    suite = SuiteExperiment(ExperimentConfig({"hours": 24, "gpus": 8}, (1000, 1001)), options)
    kwh = {"scored-surrogate": (1, 2, 4, 8), "threshold-surrogate": (1, 1, 2, 4)}
    results = [result_of(trial, make_result, kwh[trial.labels["strategy"]]) for trial in suite.trials()]
    report = suite.build_report(results)
    *_, factor = report.content["factors"]
    assert (factor["factor"], factor["ratio"]["pair_count"]) == ("hours-at-best", 4)
    used_g = results[0].trajectory.usage_at_hypervolume(0.0).carbon_g * 4  # a kWh to the first level, four to 0.998
    best_g = [case.cleanest_g(4 * 3.6e6 / case.power_w) for case in suite._all_cases()]
    assert factor["ratio"]["ratio"]["median"] == pytest.approx(used_g / sorted(best_g)[2])
    by_zone = report.content["hours_by_zone"]
    assert list(by_zone) == ["solar", "coal"]
    assert by_zone["solar"]["threshold-surrogate"]["ratio"]["median"] == pytest.approx(2.0)
    assert by_zone["solar"]["hours-at-best"]["pair_count"] == 2
    assert "Hours, by zone" in " ".join(table.caption for table in report.tables)


def test_unknown_strategies_and_costs_are_refused():
    config = ExperimentConfig({}, (1000,))
    with pytest.raises(SettingsError, match="strategy of the suite"):
        SuiteExperiment(config, SuiteOptions(HALVES["tuning"], strategies=("luck",)))
    with pytest.raises(SettingsError, match="cost of the suite"):
        SuiteExperiment(config, SuiteOptions(HALVES["tuning"], costs=("luck",))).trials()
