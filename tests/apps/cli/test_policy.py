import json

import pytest
from typer.testing import CliRunner

pytest.importorskip("sb3_contrib", reason="needs the extra rl")

from ce_nas.apps.cli.main import app

pytestmark = pytest.mark.slow

RUN = CliRunner()


def test_the_built_in_policy_is_compared_with_every_baseline(tmp_path):
    result = RUN.invoke(app, ["policy", "evaluate", "--scenarios", "2", "--json", str(tmp_path / "results.json")])
    assert result.exit_code == 0, result.output
    results = json.loads((tmp_path / "results.json").read_text())
    policies = [evaluation["policy"] for evaluation in results]
    assert policies[0] == "learned"
    assert {"fixed", "threshold", "hotcarbon", "suspend-resume", "vanilla"} <= set(policies)
    assert all(policy in result.output for policy in policies)


def test_a_trained_policy_can_be_evaluated(tmp_path):
    arguments = ["policy", "train", "--out", str(tmp_path), "--seeds", "1", "--demonstrations", "2", "--steps", "0"]
    arguments += ["--validation", "2", "-q"]
    result = RUN.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "training.png").exists()
    result = RUN.invoke(app, ["policy", "evaluate", "--policy", str(tmp_path / "policy.npz"), "--scenarios", "1", "-q"])
    assert result.exit_code == 0, result.output
