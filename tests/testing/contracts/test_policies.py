"""Contract of every policy."""

from functools import partial

import numpy as np
import pytest

from ce_nas.components.registry import POLICIES
from ce_nas.policies.baselines import FixedSharePolicy, OneShotPolicy, SuspendResumePolicy, ThresholdPolicy
from ce_nas.policies.learned.learned_policy import LearnedPolicy
from ce_nas.policies.learned.observation import FEATURE_NAMES
from ce_nas.policies.learned.policy_network import PolicyNetwork
from ce_nas.policies.lookahead import LookAheadPolicy
from ce_nas.testing.contracts import PolicyContract


def continuous():
    """An untrained network that outputs shares."""
    rng = np.random.default_rng(0)
    return PolicyNetwork([rng.normal(size=(len(FEATURE_NAMES), 2))], [np.zeros(2)], discrete=False)


POLICIES_BY_CASE = {name: partial(POLICIES.build, POLICIES.validate(name)) for name in POLICIES.names()} | {
    "one-shot-no-trainings": lambda: OneShotPolicy(final_trainings=0),
    "fixed-0": lambda: FixedSharePolicy(0.0),
    "fixed-1": lambda: FixedSharePolicy(1.0),
    "fixed-third": lambda: FixedSharePolicy(1 / 3),
    "learned-continuous": lambda: LearnedPolicy(continuous()),
    "look-ahead-by-cost": lambda: LookAheadPolicy(cost_weight=0.5, warmup_scores=0),
    "suspend-resume-0": lambda: SuspendResumePolicy(0.0),
    "threshold-1": lambda: ThresholdPolicy(1.0),
}


class TestPolicies(PolicyContract):
    releases_on_flat_grid = ("carbonscaler",)

    @pytest.fixture(params=POLICIES_BY_CASE)
    def make_policy(self, request):
        return POLICIES_BY_CASE[request.param]

    def test_name_is_the_registered_one(self, make_policy):
        assert make_policy().name in POLICIES.names()
