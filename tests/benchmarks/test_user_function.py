import pickle
import re
import shutil
from pathlib import Path

import pytest

from ce_nas.benchmarks.base import Failure, TaskError, parse_objective
from ce_nas.benchmarks.user_check import check_user_file
from ce_nas.benchmarks.user_function import (
    Checkpoint,
    UserFunctionCopy,
    UserFunctionExecutor,
    UserFunctionFile,
    UserFunctions,
    describe_error,
    find_local_sources,
)
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Task, TaskKind

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_training.py"
OWN = """
SPACE = {"width": [1, 2], "kind": ["a", "b", "c"]}
OBJECTIVES = ["good:max:0", "bad:min:10"]
def evaluate(architecture, fidelity, checkpoint):
    if checkpoint.should_stop():
        return None
    return {"good": fidelity * architecture["width"], "bad": ["a", "b", "c"].index(architecture["kind"])}
"""


@pytest.fixture
def written(tmp_path):
    def write(text, old="", new=""):
        file = tmp_path / "own.py"
        file.write_text(text.replace(old, new) if old else text)
        return file

    return write


def task(architecture, fidelity=1.0):
    return Task(0, TaskKind.EVALUATION, (architecture,), fidelity)


def test_evaluate_receives_choices_and_metrics_are_minimised(written, tmp_path):
    executor = UserFunctionExecutor(written(OWN))
    assert executor.run(task((1, 2), 0.5), tmp_path, lambda: False).values == ((-1.0, 2.0),)
    assert executor.run(task((1, 2)), tmp_path, lambda: True) is None


def test_benchmark_of_a_user_function(written):
    benchmark = UserFunctionFile.read(written(OWN)).benchmark
    assert benchmark.space.size == 6
    assert benchmark.space.text((1, 2)) == "width=2 kind=c"
    assert benchmark.default_objectives == ("good:max:0.0", "bad:min:10.0")
    assert benchmark.all_values("good") is None
    with pytest.raises(SettingsError, match="requires training"):
        benchmark.training_free_values("good", [(0, 0)])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("def evaluate", "def other", "evaluate"),
        ("SPACE =", "OTHER =", "SPACE"),
        ("[1, 2]", "[1, 1]", "different choices"),
        ('{"width": [1, 2], "kind": ["a", "b", "c"]}', "[1, 2]", "dict"),
        ("good:max:0", "good", "objective such as"),
        ("good:max:0", "good:more:0", "objective such as"),
        ("good:max:0", "good:max:much", "objective such as"),
        ("SPACE =", "SPACE ==", "own.py"),
        ("SPACE =", "raise ValueError('mine')\nSPACE =", "mine"),
    ],
)
def test_an_invalid_file_is_refused(written, old, new, reason):
    with pytest.raises(SettingsError, match=reason):
        UserFunctionFile.read(written(OWN, old, new))


def test_sys_exit_at_the_top_is_refused_with_its_line(written):
    with pytest.raises(SettingsError, match=r"sys.exit: 3 \(.*own.py, line 4\).*__main__"):
        UserFunctionFile.read(written(OWN, "def evaluate", "import sys; sys.exit(3)\ndef evaluate"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="can be run"):
        UserFunctionFile.read(tmp_path / "none.py")


@pytest.mark.parametrize(
    ("metrics", "failure"), [('{"good": 1}', Failure.ERROR), ('{"good": float("nan"), "bad": 1}', Failure.DIVERGED)]
)
def test_a_missing_or_nan_metric_fails_the_task(written, tmp_path, metrics, failure):
    text = OWN.partition("    return {")[0] + f"    return {metrics}\n"
    with pytest.raises(TaskError) as caught:
        UserFunctionExecutor(written(text)).run(task((0, 0)), tmp_path, lambda: False)
    assert caught.value.failure is failure


def test_the_example_resumes_to_the_same_result(tmp_path):
    executor = UserFunctionExecutor(EXAMPLE)
    chosen = (16, 0.1, 1, 0.5, 0)
    whole = executor.run(task(chosen, 0.2), tmp_path, lambda: False)
    polls = []
    assert (
        executor.run(Task(1, TaskKind.EVALUATION, (chosen,), 0.2), tmp_path, lambda: len(polls) == 5 or polls.append(1))
        is None
    )
    resumed = executor.run(Task(1, TaskKind.EVALUATION, (chosen,), 0.2), tmp_path, lambda: False)
    assert resumed.values == whole.values
    assert whole.values[0][0] < -60


def test_the_fingerprint_covers_what_is_imported_from_the_folder(written, tmp_path):
    package = tmp_path / "own_layers"
    package.mkdir()
    for name, text in {"__init__": "from . import conv", "conv": "import own_deep", "unused": ""}.items():
        (package / f"{name}.py").write_text(text)
    (tmp_path / "own_deep.py").write_text("WIDTH = 1\n")
    (tmp_path / "broken.py").write_text("def (")
    late = OWN.replace("    if checkpoint", "    import own_layers, json, nowhere\n    if checkpoint")
    file = written("from own_layers.conv import own_deep\ntry:\n    import broken\nexcept SyntaxError: pass\n" + late)
    assert list(find_local_sources(file)) == [
        *("own.py", "broken.py", "own_deep.py", "own_layers/__init__.py", "own_layers/conv.py")
    ]
    before = UserFunctionFile.read(file).benchmark.fingerprint
    (package / "unused.py").write_text("changed = True\n")
    assert UserFunctionFile.read(file).benchmark.fingerprint == before
    (tmp_path / "own_deep.py").write_text("WIDTH = 2\n")
    assert UserFunctionFile.read(file).benchmark.fingerprint != before


WHOLE = (
    OWN.replace(""", "bad": ["a", "b", "c"].index(architecture["kind"])""", "")
    + """
calls = []
def setup():
    calls.append("setup")
def costs(architecture):
    return {"bad": float(architecture["width"])}
def score(architecture):
    return [len(calls), architecture["width"]]
"""
)


def test_the_whole_method_for_own_code(written, tmp_path):
    file = written(WHOLE)
    benchmark = UserFunctionFile.read(file).benchmark
    assert benchmark.has_scores
    assert [spec.requires_training for spec in benchmark.metric_specs.values()] == [True, False]
    executor = UserFunctionExecutor(file)
    scored = executor.run(Task(0, TaskKind.SAMPLING, ((0, 0), (1, 2))), tmp_path, lambda: False)
    assert scored.scores == ((1.0, 1.0), (1.0, 2.0))
    assert scored.values == ((-1.0, 1.0), (-1.0, 2.0))
    trained = executor.run(task((1, 2)), tmp_path, lambda: False)
    assert trained.values == ((-2.0, 2.0),)
    again = executor.run(Task(2, TaskKind.SAMPLING, ((0, 0),)), tmp_path, lambda: False)
    assert again.scores == ((1.0, 1.0),)  # setup is called once


def test_an_error_names_file_and_line_and_prints_its_traceback(written, tmp_path, capfd):
    executor = UserFunctionExecutor(written(OWN, "    if checkpoint", "    architecture['none']\n    if checkpoint"))
    with pytest.raises(TaskError, match=r"KeyError: 'none' \(.*own.py, line 5\)") as caught:
        executor.run(task((0, 0)), tmp_path, lambda: False)
    assert caught.value.failure is Failure.ERROR
    assert "Traceback (most recent call last)" in capfd.readouterr().err


@pytest.mark.parametrize("end", ["sys.exit(7)", "raise SystemExit(7)"])
def test_sys_exit_is_a_failure_with_its_code(written, tmp_path, end):
    executor = UserFunctionExecutor(written("import sys\n" + OWN, "    if checkpoint", f"    {end}\n    if checkpoint"))
    with pytest.raises(TaskError, match=r"sys.exit: 7 \(.*own.py, line 6\)"):
        executor.run(task((0, 0)), tmp_path, lambda: False)


@pytest.mark.parametrize(
    ("evaluate", "expected"),
    [
        (lambda architecture: {"width": architecture["width"]}, {"width": 1}),
        (lambda architecture, fidelity: {"width": fidelity}, {"width": 0.5}),
        (lambda *arguments: {"width": len(arguments)}, {"width": 3}),
    ],
)
def test_evaluate_may_take_fewer_arguments(evaluate, expected):
    assert UserFunctions.collect(evaluate).call_evaluate({"width": 1}, 0.5, None) == expected


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (lambda _: [1.0], "Expected 2 scores"),
        (lambda _: [1.0, None], "finite score"),
        (lambda _: [[], 1], "finite score"),
    ],
)
def test_scores_that_cannot_be_used_fail_the_task(scores, reason):
    with pytest.raises(TaskError, match=reason):
        UserFunctions.collect(len, score_many=scores).scores([{}, {}])


def test_functions_that_cannot_be_called_or_are_stated_twice_are_refused():
    with pytest.raises(SettingsError, match="to be a function"):
        UserFunctions.collect(len, setup=3)
    with pytest.raises(SettingsError, match="got both"):
        UserFunctions.collect(len, score=len, score_many=len)


def test_a_training_that_returns_a_known_cost_otherwise_fails(written, tmp_path):
    costs = """
def costs(architecture):
    return {"bad": ["a", "b", "c"].index(architecture["kind"]) * FACTOR}
"""
    same = UserFunctionExecutor(written(OWN + costs, "FACTOR", "(1 + 1e-7)"))
    assert same.run(task((1, 2)), tmp_path, lambda: False).values == ((-2.0, 2.0 * (1 + 1e-7)),)
    assert same.run(task((1, 0)), tmp_path, lambda: False).values == ((-2.0, 0.0),)
    file = written(OWN + costs, "FACTOR", "1.5 + 1")
    with pytest.raises(TaskError, match=r"^Expected a training to return bad as costs does, 4, got 2; ") as caught:
        UserFunctionExecutor(file).run(task((1, 2)), tmp_path, lambda: False)
    assert caught.value.failure is Failure.ERROR
    with pytest.raises(SettingsError, match=r"to work for .*: Expected a training to return bad as costs does"):
        check_user_file(file, [].append)


def test_a_learning_curve_is_kept_and_repeated_epochs_replace_it(tmp_path):
    checkpoint = Checkpoint(tmp_path, lambda: False)
    for epoch, loss in [(1, 0.9), (2, 0.7), (3, 0.6), (2, 0.71)]:
        checkpoint.report(epoch, {"loss": loss})
    assert checkpoint.curve == [{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.71}]
    with pytest.raises(TaskError, match="finite metrics at epoch 3") as caught:
        checkpoint.report(3, {"loss": float("nan")})
    assert caught.value.failure is Failure.DIVERGED


def test_check_calls_each_function_once_and_resumes_a_stopped_training(written):
    said = []
    check_user_file(EXAMPLE, said.append, fidelity=0.1)
    assert "left curve.jsonl, state.npz" in " ".join(said)
    said.clear()
    check_user_file(written(WHOLE), said.append)
    text = " ".join(said)
    assert "costs: {'bad': 1.0}" in text or "costs: {'bad': 2.0}" in text
    assert "score: [[1.0" in text
    assert "ended before it was asked to" in text
    with pytest.raises(SettingsError, match=r"KeyError: 'good' \(.*line 5"):
        check_user_file(written(OWN, "    if checkpoint", "    architecture['good']\n    if checkpoint"), said.append)


def test_a_search_may_state_other_objectives_of_the_same_metrics(written, tmp_path):
    benchmark = UserFunctionFile.read(written(OWN)).benchmark
    chosen = tuple(parse_objective(benchmark, text) for text in ("bad:min:5", "good:max:1"))
    executor = UserFunctionExecutor(written(OWN), objectives=chosen)
    assert executor.run(task((1, 2)), tmp_path, lambda: False).values == ((2.0, -2.0),)


def test_a_file_that_is_elsewhere_travels_with_its_imports(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    (here / "sizes.py").write_text("WIDTHS = [1, 2]\n")
    (here / "own.py").write_text(
        "from sizes import WIDTHS\n\nSPACE = {'width': WIDTHS}\nOBJECTIVES = ['quality:max:0', 'size:min:9']\n\n\n"
        "def evaluate(architecture):\n    return {'quality': architecture['width'], 'size': 1}\n"
    )
    copied = pickle.loads(pickle.dumps(UserFunctionCopy.read(here / "own.py")))
    assert copied("cpu").function_file.path == here / "own.py"
    for change in ("edited", "gone"):
        if change == "edited":
            (here / "own.py").write_text("raise RuntimeError\n")
        else:
            shutil.rmtree(here)
        executor = copied("cpu")
        assert executor.function_file.path.name == "own.py"
        assert executor.function_file.path.parent != here
        outcome = executor.run(Task(1, TaskKind.EVALUATION, ((1,),)), tmp_path, lambda: False)
        assert outcome.values == ((-2.0, 1.0),)


def test_none_without_having_been_asked_to_stop_fails_the_task(written, tmp_path, monkeypatch):
    executor = UserFunctionExecutor(written(OWN, "    if checkpoint", "    return None\n    if checkpoint"))
    with pytest.raises(TaskError, match="got None") as raised:
        executor.run(task((0, 0)), tmp_path, lambda: False)
    assert raised.value.failure is Failure.ERROR
    assert executor.run(task((0, 0)), tmp_path, lambda: True) is None
    monkeypatch.setenv("RANK", "1")  # the other processes of a trial on several GPUs return nothing
    assert executor.run(task((0, 0)), tmp_path, lambda: False) is None


def test_an_error_of_a_call_names_the_line_outside_this_package():
    def fail(_):
        message = "mine"
        raise ValueError(message)

    functions = UserFunctions.collect(fail)
    with pytest.raises(ValueError, match="mine") as raised:
        functions.call_evaluate({}, 1.0, None)
    assert re.search(rf"^ValueError: mine \({re.escape(__file__)}, line \d+\)$", describe_error(raised.value))
    assert describe_error(TaskError(Failure.DIVERGED, "Expected x.")) == "Expected x."
