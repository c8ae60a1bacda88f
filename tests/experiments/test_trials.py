import json

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.strategies import CE_NAS, strategy
from ce_nas.experiments.trials import Finding, cell, run_cell

FLAGS = {"hours": 2, "gpus": 1, "zone": "gas"}


def test_the_users_policy_and_searcher_are_those_of_ce_nas_alone():
    flags = {**FLAGS, "policy": "fixed", "searcher": "nsga2", "cheap_scores": "scores.npz"}
    ours, theirs = cell(CE_NAS, flags, 3), cell(strategy("vanilla-surrogate"), flags, 3)
    assert (ours.settings.policy.name, ours.settings.searcher.name) == ("fixed", "nsga2")
    assert (theirs.settings.policy.name, theirs.settings.searcher.name) == ("all-evaluation", "surrogate")
    assert (ours.settings.benchmark.cheap_scores, theirs.settings.benchmark.cheap_scores) == ("scores.npz", "none")
    assert ours.settings.seed == theirs.settings.seed == 3
    assert ours.labels == {"strategy": "ce-nas", "seed": 3}


def test_a_key_tells_what_a_run_is_told_and_nothing_else():
    one = cell(CE_NAS, FLAGS, 0)
    assert one.key == cell(CE_NAS, FLAGS, 0, {"window": "spring"}).key
    others = [cell(CE_NAS, FLAGS, 1), cell(CE_NAS, {**FLAGS, "gpus": 2}, 0), cell(strategy("vanilla-lamoo"), FLAGS, 0)]
    others.append(cell(CE_NAS, FLAGS, 0, judges={"latency": ("accuracy", "latency")}))
    assert len({one.key, *(other.key for other in others)}) == 5


def test_a_flag_that_is_none_is_said():
    with pytest.raises(SettingsError, match="hour"):
        cell(CE_NAS, {"hour": 2}, 0)


def test_what_a_cell_finds_survives_a_file():
    one = cell(strategy("vanilla-random"), FLAGS, 5, {"zone": "gas"}, {"params": ("accuracy", "params")})
    same, found = run_cell(one)
    assert same is one
    assert found.labels == {"strategy": "vanilla-random", "seed": 5, "zone": "gas"}
    assert found.stop == "deadline"
    assert found.track.final <= found.hypervolume_max
    assert len(found.judged["params"]) == len(found.track.hours)
    assert 0 < max(found.judged["params"]) <= found.judged_max["params"]
    assert Finding.from_dict(json.loads(json.dumps(found.to_dict()))) == found
