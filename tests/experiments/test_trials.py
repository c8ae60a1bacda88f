import json

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.strategies import CE_NAS, get_strategy
from ce_nas.experiments.trials import TrialResult, build_trial, run_trial

FLAGS = {"hours": 2, "gpus": 1, "zone": "gas"}


def test_user_policy_and_searcher_apply_to_ce_nas_only():
    flags = {**FLAGS, "policy": "fixed", "searcher": "nsga2", "proxy_scores": "scores.npz"}
    ours, theirs = build_trial(CE_NAS, flags, 3), build_trial(get_strategy("vanilla-surrogate"), flags, 3)
    assert (ours.settings.policy.name, ours.settings.searcher.name) == ("fixed", "nsga2")
    assert (theirs.settings.policy.name, theirs.settings.searcher.name) == ("vanilla", "surrogate")
    assert (ours.settings.problem.proxy_scores, theirs.settings.problem.proxy_scores) == ("scores.npz", "none")
    assert ours.settings.seed == theirs.settings.seed == 3
    assert ours.labels == {"strategy": "ce-nas", "seed": 3}


def test_key_depends_on_inputs_only():
    trial = build_trial(CE_NAS, FLAGS, 0)
    assert trial.key == build_trial(CE_NAS, FLAGS, 0, {"window": "spring"}).key
    others = [
        build_trial(CE_NAS, FLAGS, 1),
        build_trial(CE_NAS, {**FLAGS, "gpus": 2}, 0),
        build_trial(get_strategy("vanilla-lamoo"), FLAGS, 0),
    ]
    others.append(build_trial(CE_NAS, FLAGS, 0, reevaluations={"latency": ("accuracy", "latency")}))
    assert len({trial.key, *(other.key for other in others)}) == 5


def test_unknown_flag_is_refused():
    with pytest.raises(SettingsError, match="hour"):
        build_trial(CE_NAS, {"hour": 2}, 0)


def test_result_survives_json():
    trial = build_trial(get_strategy("vanilla-random"), FLAGS, 5, {"zone": "gas"}, {"params": ("accuracy", "params")})
    same, result = run_trial(trial)
    assert same is trial
    assert result.labels == {"strategy": "vanilla-random", "seed": 5, "zone": "gas"}
    assert result.stop == "deadline"
    assert result.trajectory.final_hypervolume <= result.hypervolume_max
    assert len(result.reevaluated_hypervolume["params"]) == len(result.trajectory.hours)
    assert 0 < max(result.reevaluated_hypervolume["params"]) <= result.reevaluated_hypervolume_max["params"]
    assert TrialResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result
