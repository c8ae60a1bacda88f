import pytest

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.experiments.compare import Strategy, compare

SHARED = {"hours": 4, "gpus": 2}
STRATEGIES = [Strategy("all-evaluation", "uniform"), Strategy("suspend-resume", "uniform")]


def test_rows_are_medians_over_the_seeds_and_refer_to_the_first_strategy():
    runs = []
    comparison = compare(STRATEGIES, ["solar", "gas"], range(3), SHARED, processes=1, observe=runs.append)
    assert len(runs) == 2 * 2 * 3
    assert comparison.reference == "all-evaluation + uniform"
    assert [(row.zone, row.strategy) for row in comparison.rows] == [
        (zone, str(strategy)) for zone in ("solar", "gas") for strategy in STRATEGIES
    ]
    first = comparison.rows[0]
    mine = sorted(run.summary.carbon_g["full"] / 1000 for run in runs[:3])
    assert first.carbon_kg.median == pytest.approx(mine[1])
    assert (first.carbon_ratio.median, first.reached) == (1.0, 1.0)  # against itself


def test_processes_change_nothing_but_the_time():
    alone = compare(STRATEGIES, ["solar"], range(2), SHARED, processes=1)
    together = compare(STRATEGIES, ["solar"], range(2), SHARED, processes=2)
    assert alone == together


def test_a_strategy_that_falls_short_of_the_reference_has_ratio_zero():
    runs = []
    comparison = compare(
        [Strategy("all-evaluation", "uniform"), Strategy("fixed", "uniform")],
        ["solar"], [0], {**SHARED, "cheap_scores": "none", "hours": 2}, processes=1, observe=runs.append,
    )  # fmt: skip
    vanilla, half = runs
    assert half.summary.hypervolume < vanilla.summary.hypervolume
    assert (comparison.rows[1].carbon_ratio.median, comparison.rows[1].reached) == (0.0, 0.0)


def test_a_slip_is_said_before_anything_runs():
    runs = []
    with pytest.raises(SettingsError, match="policy 'vanila'"):
        compare([*STRATEGIES, Strategy("vanila", "uniform")], [None], [0], SHARED, processes=1, observe=runs.append)
    with pytest.raises(TraceError):
        compare(STRATEGIES, ["solar", "lunar"], [0], SHARED, processes=1, observe=runs.append)
    with pytest.raises(SettingsError):
        compare([], ["solar"], [0], SHARED, processes=1)
    assert runs == []
