import subprocess
import sys
from pathlib import Path

import pytest

from ce_nas.benchmarks.user_check import check_user_file

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(("name", "left"), [("own_training", "state.npz"), ("own_networks", "state.pt")])
def test_a_file_is_trained_paused_and_resumed(name, left):
    if name == "own_networks":
        pytest.importorskip("torch", reason="the example needs torch")
    said = []
    check_user_file(EXAMPLES / f"{name}.py", said.append, fidelity=0.4)
    text = " ".join(said)
    assert f"left curve.jsonl, {left}" in text
    assert "costs: {" in text
    assert ("score: [[" in text) == (name == "own_networks")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own_function", "own_loop"])
def test_a_script_searches(tmp_path, name):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), "3"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "=" in done.stdout
    assert next((tmp_path / "runs").iterdir()).joinpath("report.md").exists()
