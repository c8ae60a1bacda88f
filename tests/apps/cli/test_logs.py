from pathlib import Path

import pytest

from ce_nas.integrations.optimize import optimize

OWN = """
SPACE = {"width": [1, 2, 4, 8]}
OBJECTIVES = ["quality:max:0", "size:min:20"]
def evaluate(architecture):
    print("training", architecture["width"])
    architecture["none"]
"""


@pytest.mark.slow
def test_a_function_that_always_raises_ends_with_status_1_and_its_logs_are_shown(ce_nas, caplog):
    Path("own.py").write_text(OWN)
    flags = ("--policy", "vanilla", "--searcher", "random", "--gpus", "1", "--time-scale", "1000", "--hours", "300")
    ended = ce_nas("search", "--live", "--evaluate", "own.py", *flags, "--out", "run", "--no-progress")
    assert ended.status == 1
    assert "the first 3 architectures all failed" in ended.stderr
    assert caplog.text.count("Traceback (most recent call last)") == 1
    assert "own.py, line 6" in ended.stderr
    listed = ce_nas("logs", "run")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["0", "1", "2"]
    assert "KeyError: 'none'" in listed.stdout
    shown = ce_nas("logs", "run", 0)
    assert shown.stdout.startswith("training ")
    missing = ce_nas("logs", "run", 9)
    assert missing.status == 2
    assert "tasks that printed something: 0, 1, 2" in missing.stderr


def test_the_learning_curve_of_a_task_is_shown(ce_nas):
    def objective(architecture, fidelity, trial):
        trial.report(1, {"quality": 2.0})
        return {"quality": 3.0, "size": architecture["width"]}

    settings = {"policy": "vanilla", "searcher": "random", "time_scale": 2000.0, "hours": 100}
    optimize(objective, {"width": [1, 2, 4]}, ["quality:max:0", "size:min:20"], trainings=1, out="run", **settings)
    assert ce_nas("logs", "run", 0).stdout == '{"epoch": 1, "quality": 2.0}\n'
    assert "No task of this run has printed anything" in ce_nas("logs", "run").stdout


def test_a_folder_without_a_run_is_refused(ce_nas):
    assert ce_nas("logs", ".").status == 2


def test_check_calls_the_functions_and_starts_no_run(ce_nas):
    Path("own.py").write_text(OWN.replace('    architecture["none"]', '    return {"quality": 1.0, "size": 2.0}'))
    ended = ce_nas("search", "--live", "--evaluate", "own.py", "--check")
    assert ended.status == 0
    assert "Space: 4 architectures" in ended.stdout
    assert "never asks whether to stop" in ended.stdout
    assert "'quality': 1.0" in ended.stdout
    assert not Path("runs").exists()
    refused = ce_nas("search", "--check", "--hours", "3")
    assert refused.status == 2
    assert "--evaluate FILE with --check" in refused.stderr
