import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ce_nas
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


def run(name, folder, *arguments):
    """Run an example as its reader does, in an empty folder; returns what it printed."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.parametrize(("name", "chosen"), [("own_function", "="), ("own_loop", "'degree': ")])
def test_a_script_searches(tmp_path, name, chosen):
    assert chosen in run(name, tmp_path, "3")
    assert next((tmp_path / "runs").iterdir()).joinpath("report.md").exists()


OPTUNA = """
import optuna

def objective(trial):
    architecture = {
        "degree": trial.suggest_int("degree", 1, 6),
        "smoothing": trial.suggest_float("smoothing", 1e-3, 1.0, log=True),
    }
    return tuple(fit(architecture).values())

if __name__ == "__main__":
    study = optuna.create_study(directions=["minimize", "minimize"])
    study.optimize(objective, n_trials=3)
    for trial in study.best_trials:
        print(trial.params, trial.values)
"""


def count_statements(nodes, training, package):
    """The statements of a script about the search, not about the training."""
    count = 0
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            name = node.names[0].name if isinstance(node, ast.Import) else node.module
            count += name.partition(".")[0] == package
        elif isinstance(node, ast.FunctionDef) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            assert getattr(node, "name", "") in {"", *training}
        else:
            inner = [child for part in ("body", "orelse", "finalbody") for child in getattr(node, part, [])]
            handlers = getattr(node, "handlers", [])
            inner += [child for handler in handlers for child in handler.body]
            count += 1 + len(handlers) + count_statements(inner, training, package)
    return count


def test_the_page_counts_the_statements_of_each_way():
    page = (EXAMPLES.parent / "docs/own-training.md").read_text()
    own_training = {"costs", "evaluate", "accuracy", "begin", "forward", "train", "read", "write"}
    ways = {"a call": ("own_function", {"objective", "costs"}), "a file": ("own_training", own_training)}
    ways |= {"a loop": ("own_loop", {"fit"})}
    counted = {
        way: count_statements(ast.parse((EXAMPLES / f"{name}.py").read_text()).body, training, "ce_nas")
        for way, (name, training) in ways.items()
    }
    counted["for comparison: an Optuna study"] = count_statements(ast.parse(OPTUNA).body, {"objective"}, "optuna")
    stated = re.findall(
        r"^\| \[?(a call|a file|a loop|for comparison: an Optuna study)\b.*\| (\d+) \|$", page, re.MULTILINE
    )
    assert {way: int(count) for way, count in stated} == counted


@pytest.mark.slow
def test_the_study_of_the_comparison_runs(tmp_path):
    pytest.importorskip("optuna", reason="needs the extra optuna")
    fit = next(
        node for node in ast.parse((EXAMPLES / "own_loop.py").read_text()).body if getattr(node, "name", "") == "fit"
    )
    (tmp_path / "study.py").write_text(f"{ast.unparse(fit)}\n{OPTUNA}")
    done = subprocess.run([sys.executable, "study.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "degree" in done.stdout


@pytest.mark.long
def test_a_space_has_its_condition_and_its_constraint(tmp_path):
    lines = run("own_space", tmp_path, "12").splitlines()
    assert (tmp_path / "runs" / "own-space" / "report.md").exists()
    assert all(("gate_bias" in line) == ("block=gated" in line) for line in lines)
    assert not [line for line in lines if "block=residual" in line and "depth=1 " in line]


@pytest.mark.long
def test_a_grid_file_is_followed(tmp_path):
    hours = [line.split() for line in run("own_grid_file", tmp_path).splitlines() if "g/kWh" in line]
    working = [float(hour[0]) for hour in hours if int(hour[2]) > 0]
    resting = [float(hour[0]) for hour in hours if int(hour[2]) == 0]
    assert working
    assert max(working) <= min(resting)


@pytest.mark.long
def test_sites_save_carbon(tmp_path):
    home, moved, *moves = run("several_sites", tmp_path).splitlines()
    assert float(moved.split()[-3]) < float(home.split()[-3])
    assert "coal to " in moves[0]


@pytest.mark.long
def test_an_own_policy_and_an_own_searcher_run(tmp_path):
    own, vanilla = run("own_policy", tmp_path).splitlines()
    assert own.startswith("cleaner-than-yesterday: 60 trainings")
    assert vanilla.startswith("vanilla: 60 trainings")
    neighbours, random = (line.split()[1].rstrip("%") for line in run("own_searcher", tmp_path).splitlines())
    assert float(neighbours) > float(random)


@pytest.mark.long
def test_policies_are_compared(tmp_path):
    header, *rows = run("compare_policies", tmp_path, "1").splitlines()
    assert header.split()[0] == "zone"
    assert [row.split()[:2] for row in rows] == [
        [zone, policy] for zone in ("solar", "wind") for policy in ("vanilla", "threshold", "hotcarbon")
    ]


@pytest.mark.long
def test_a_run_is_read_with_pandas(tmp_path):
    text = run("read_with_pandas", tmp_path)
    assert "g_per_kwh" in text
    folder = ce_nas.Search(gpus=2, hours=3, policy="vanilla", searcher="random").run(tmp_path / "run").path
    assert "carbon_g" in run("read_with_pandas", tmp_path, str(folder))


@pytest.mark.long
def test_a_carbon_budget_goes_on_where_it_ended(tmp_path):
    first, second = (run("carbon_budget", tmp_path).splitlines() for _ in range(2))
    assert len(first) > len(second)
    assert (tmp_path / "carbon-books" / "report.md").exists()


@pytest.mark.long
def test_an_optuna_study_keeps_its_budget(tmp_path):
    pytest.importorskip("optuna", reason="needs the extra optuna")
    lines = run("optuna_budget", tmp_path).splitlines()
    assert lines[0].startswith("trial 0: ")
    assert sum(float(line.split()[-4]) for line in lines if line.startswith("trial")) <= 50


@pytest.mark.long
def test_a_lightning_training_has_its_grams(tmp_path):
    pytest.importorskip("lightning.pytorch", reason="needs the extra lightning")
    assert "12 steps, " in run("lightning_budget", tmp_path)
    assert (tmp_path / "lightning-books" / "report.md").exists()


@pytest.mark.long
@pytest.mark.ray
def test_a_ray_experiment_has_its_grams(tmp_path):
    pytest.importorskip("ray.tune", reason="needs the extra tune")
    lines = run("ray_tune_budget", tmp_path).splitlines()
    assert sum(line.startswith("rate ") and line.endswith("mg of CO2eq") for line in lines) == 3


@pytest.mark.slow
def test_the_notebook_shows_its_figures(tmp_path, monkeypatch):
    """Its cells run from the first to the last, as nbclient runs them; the last value of a cell is what it shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    cells = json.loads((EXAMPLES / "run_figures.ipynb").read_text())["cells"]
    names, shown, drawn = {}, [], 0
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "run_figures.ipynb", "exec"), names)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), "run_figures.ipynb", "eval"), names))
        if "plt" in names:
            drawn += len(names["plt"].get_fignums())
            names["plt"].close("all")
    assert drawn == 2
    assert [hasattr(value, "_repr_html_") for value in shown[:2]] == [True, True]
    assert "<svg" in shown[0]._repr_html_()
    assert not any(cell.get("outputs") for cell in cells)


def test_every_example_is_in_the_index_and_in_a_test():
    names = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".ipynb", ".yaml"}}
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text()
    assert {name for name in names if f"examples/{name}" not in page} == set()
    tests = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    assert {name for name in names if Path(name).stem not in tests} == set()
