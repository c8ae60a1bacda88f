from pathlib import Path

import pytest

from ce_nas.benchmarks.base import Failure, TaskError
from ce_nas.benchmarks.user_function import UserFunctionExecutor, UserFunctionFile, find_local_sources
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
    whole = executor.run(task((1, 1, 0), 0.2), tmp_path, lambda: False)
    polls = []
    assert (
        executor.run(
            Task(1, TaskKind.EVALUATION, ((1, 1, 0),), 0.2), tmp_path, lambda: len(polls) == 5 or polls.append(1)
        )
        is None
    )
    resumed = executor.run(Task(1, TaskKind.EVALUATION, ((1, 1, 0),), 0.2), tmp_path, lambda: False)
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
