import subprocess
import sys

import numpy as np
import pytest

from ce_nas.core.records import Allocation, Forecast
from ce_nas.policies.learned.actions import ACTIONS, action_mask, allocation_from_action
from ce_nas.policies.learned.learned_policy import LearnedPolicy
from ce_nas.policies.learned.observation import FEATURE_NAMES
from ce_nas.policies.learned.policy_network import PolicyNetwork
from ce_nas.testing import make_state

HOUR_S = 3600.0
CLEANER_LATER = Forecast("test", 0.0, 0.0, HOUR_S, np.array([300.0, 200.0, 250.0]))


def constant_network(*outputs, discrete=True):
    """A network with constant outputs."""
    return PolicyNetwork([np.zeros((len(FEATURE_NAMES), len(outputs)))], [np.array(outputs, dtype=float)], discrete)


@pytest.mark.parametrize("action", range(len(ACTIONS)))
def test_preferred_action_is_taken(action):
    outputs = np.eye(len(ACTIONS))[action]
    decision = LearnedPolicy(constant_network(*outputs)).decide(make_state(forecast=CLEANER_LATER))
    assert decision.allocation == allocation_from_action(action, 8)
    assert not decision.done


def test_masked_action_gives_way_to_the_next():
    sampling, half = ACTIONS.index((0.0, 1.0)), ACTIONS.index((0.5, 0.0))
    outputs = np.zeros(len(ACTIONS))
    outputs[sampling], outputs[half] = 2.0, 1.0
    state = make_state(forecast=CLEANER_LATER, can_sample=False)
    assert not action_mask(state)[sampling]
    assert LearnedPolicy(constant_network(*outputs)).decide(state).allocation == Allocation(0, 4, 0, 4)


def test_continuous_network_outputs_shares():
    state = make_state(forecast=CLEANER_LATER)
    assert LearnedPolicy(constant_network(0.0, -0.5, discrete=False)).decide(state).allocation == Allocation(2, 4, 0, 2)
    assert LearnedPolicy(constant_network(9.0, 9.0, discrete=False)).decide(state).allocation == Allocation(0, 8)


def test_reason_gives_the_deciding_figures():
    reason = LearnedPolicy(constant_network(*np.eye(len(ACTIONS))[0])).decide(make_state(forecast=CLEANER_LATER)).reason
    assert "8 are released" in reason
    assert "Forecast 300 g/kWh; 2 of the 2 periods that follow are forecast cleaner." in reason


def test_inference_needs_neither_torch_nor_the_rl_extra():
    code = """
import sys


class Absent:
    def find_spec(self, name, path=None, target_hypervolume=None):
        if name.partition(".")[0] in {"torch", "stable_baselines3", "sb3_contrib", "gymnasium"}:
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Absent())
import ce_nas
summary = ce_nas.run(policy="learned", searcher="random", hours=3, gpus=2).summary
assert summary.policy == "learned" and summary.evaluations
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
