"""The blocks of docs/integrations.md that need packages which not every environment has."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ce_nas.core.errors import MissingExtraError

PAGE = (Path(__file__).parents[2] / "docs/integrations.md").read_text()
BLOCKS = re.findall(r"```py\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_a_block_runs(index, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, names = compile(BLOCKS[index], "docs/integrations.md", "exec"), {"__name__": "__main__"}
    try:
        exec(code, names)
    except (ModuleNotFoundError, MissingExtraError) as error:
        pytest.skip(f"needs a package: {error}")
    finally:
        if "ray" in BLOCKS[index]:
            ray = pytest.importorskip("ray", reason="needs the extra ray")
            ray.shutdown()
    capsys.readouterr()


def test_there_are_blocks():
    assert len(BLOCKS) == 4


@pytest.mark.long
@pytest.mark.parametrize("name", ["carbon_budget", "optuna_budget"])
def test_an_example_stays_within_its_budget(name, tmp_path):
    if name == "optuna_budget":
        pytest.importorskip("optuna", reason="needs the extra optuna")
    script = Path(__file__).parents[2] / f"examples/{name}.py"
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 2
    assert re.fullmatch(r"\d+\.\d+ mg CO2eq of \d+\.\d+ mg, .* mWh", lines[-1])
