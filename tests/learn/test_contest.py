"""A policy against the rules: all of them on the same scenarios, ratios by the policy."""

import pytest

from ce_nas.core.errors import CeNasError
from ce_nas.engine.names import POLICIES
from ce_nas.learn.contest import contest


@pytest.fixture(scope="module")
def verdicts():
    return {verdict.policy: verdict for verdict in contest(None, None, 1, 0, truth=False)}


def test_every_rule_is_judged_beside_the_policy(verdicts):
    assert set(verdicts) == {"learned", *POLICIES} - {"all-sampling"}
    assert next(iter(verdicts)) == "learned"
    assert verdicts["learned"].ratio.median == 1.0
    assert {verdict.scenarios for verdict in verdicts.values()} == {1}


def test_no_rule_looks_at_the_truth_and_so_those_without_a_forecast_do_as_before(verdicts):
    seeing = {verdict.policy: verdict for verdict in contest(None, None, 1, 0, truth=True)}
    assert seeing["all-evaluation"].cost == verdicts["all-evaluation"].cost


def test_a_file_that_is_no_policy_is_refused(tmp_path):
    (tmp_path / "policy.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(CeNasError, match=r"policy\.npz"):
        contest(tmp_path / "policy.npz", None, 1, 0, truth=False)
