import json

import pytest
from typer.testing import CliRunner

pytest.importorskip("sb3_contrib", reason="needs the extra rl")

from ce_nas.apps.cli.main import app

RUN = CliRunner()


def test_the_built_in_policy_is_judged_beside_every_rule(tmp_path):
    found = RUN.invoke(app, ["policy", "evaluate", "--scenarios", "2", "--json", str(tmp_path / "verdicts.json")])
    assert found.exit_code == 0, found.output
    verdicts = json.loads((tmp_path / "verdicts.json").read_text())
    policies = [verdict["policy"] for verdict in verdicts]
    assert policies[0] == "learned"
    assert {"fixed", "threshold", "heuristic", "suspend-resume", "all-evaluation"} <= set(policies)
    assert all(policy in found.output for policy in policies)


def test_a_policy_is_trained_from_the_command_line_and_can_be_used(tmp_path):
    asked = ["policy", "train", "--out", str(tmp_path), "--seeds", "1", "--demonstrations", "2", "--steps", "0"]
    asked += ["--validation", "2", "-q"]
    found = RUN.invoke(app, asked)
    assert found.exit_code == 0, found.output
    assert (tmp_path / "training.png").exists()
    found = RUN.invoke(app, ["policy", "evaluate", "--policy", str(tmp_path / "policy.npz"), "--scenarios", "1", "-q"])
    assert found.exit_code == 0, found.output
