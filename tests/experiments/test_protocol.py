from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.experiments.protocol import (
    HALVES,
    SuiteProblem,
    choose_problems,
    choose_starts,
    get_half,
    most_valuable_cells,
)

DAY_S = 86_400.0


def test_halves_share_nothing():
    tuning, test = HALVES["tuning"], HALVES["test"]
    assert tuning.dataset != test.dataset
    assert tuning.year != test.year
    assert not set(tuning.zones + tuning.builtin_zones) & set(test.zones + test.builtin_zones)
    assert tuning.first_seed >= 1000 > test.first_seed + 100
    with pytest.raises(SettingsError, match="half of the protocol"):
        get_half("both")


def test_every_cost_is_a_problem_as_functions_and_as_cells(tmp_path):
    problems = choose_problems(HALVES["test"], tmp_path / "t.parquet", ["edgegpu_energy"])
    assert [(problem.functions, problem.settings["measured_only"]) for problem in problems] == [
        (True, True),
        (False, True),
    ]
    assert {problem.settings["dataset"] for problem in problems} == {"cifar100"}
    assert "measured_only" not in choose_problems(HALVES["test"], None, ["params"])[0].settings
    with pytest.raises(SettingsError, match="cost of the suite"):
        choose_problems(HALVES["test"], None, ["raspi4_latency"])


def test_starts_take_turns_in_zones_and_seasons_at_random_hours():
    half, year = HALVES["test"], 2021
    starts = choose_starts(half, range(12), half.zones, 7 * DAY_S, year)
    assert starts == choose_starts(half, range(12), half.zones, 7 * DAY_S, year)
    assert {(start.zone, start.season) for start in starts} == {
        (zone, season) for zone in half.zones for season in range(4)
    }
    for start in starts:
        assert (start.start.month - 1) // 3 == start.season
        assert start.start + timedelta(days=7) <= datetime(year + 1, 1, 1, tzinfo=UTC)
        assert start.start >= datetime(year, 1, 29, tzinfo=UTC)
    assert len({start.start.hour for start in starts}) > 4
    assert choose_starts(half, [5], half.zones[:1], DAY_S, year)[0].start != starts[5].start
    with pytest.raises(SettingsError, match="--hours"):
        choose_starts(half, [0], half.zones, 100 * DAY_S, year)


def test_most_valuable_members_of_the_front():
    values = np.array([[0.0, 3.0], [1.0, 1.0], [3.0, 0.0], [3.0, 3.0]])
    assert most_valuable_cells(values, [4.0, 4.0], ["a", "b", "c", "d"], 1) == ["b"]
    with pytest.raises(TableError, match="at least 4"):
        most_valuable_cells(values, [4.0, 4.0], ["a", "b", "c", "d"], 4)


def test_name_says_what_is_left_out():
    assert SuiteProblem("cifar10", "params", functions=True, leave_out=("x",)).name == (
        "cifar10, params, functions, less 1"
    )
