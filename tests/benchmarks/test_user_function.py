from pathlib import Path

import pytest

from ce_nas.benchmarks.base import Failure, TaskError
from ce_nas.benchmarks.user_function import FunctionExecutor, OwnFile
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Task, TaskKind

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_training.py"
OWN = """
SPACE = {"width": [1, 2], "kind": ["a", "b", "c"]}
OBJECTIVES = ["good:max:0", "bad:min:10"]
def evaluate(architecture, fidelity, checkpoint):
    if checkpoint.leave():
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


def test_the_function_is_handed_choices_and_its_answer_is_minimised(written, tmp_path):
    executor = FunctionExecutor(written(OWN))
    assert executor.run(task((1, 2), 0.5), tmp_path, lambda: False).values == ((-1.0, 2.0),)
    assert executor.run(task((1, 2)), tmp_path, lambda: True) is None


def test_a_benchmark_of_it(written):
    benchmark = OwnFile.read(written(OWN)).benchmark
    assert benchmark.space.size == 6
    assert benchmark.space.text((1, 2)) == "width=2 kind=c"
    assert benchmark.default_objectives == ("good:max:0.0", "bad:min:10.0")
    assert benchmark.column("good") is None
    with pytest.raises(SettingsError, match="only a training tells"):
        benchmark.costs("good", [(0, 0)])


@pytest.mark.parametrize(
    ("old", "new", "said"),
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
def test_a_file_of_no_use_is_told_in_a_sentence(written, old, new, said):
    with pytest.raises(SettingsError, match=said):
        OwnFile.read(written(OWN, old, new))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="can be run"):
        OwnFile.read(tmp_path / "none.py")


@pytest.mark.parametrize(
    ("answer", "failure"), [('{"good": 1}', Failure.ERROR), ('{"good": float("nan"), "bad": 1}', Failure.DIVERGED)]
)
def test_an_answer_that_lacks_a_metric_is_a_failure_with_a_name(written, tmp_path, answer, failure):
    text = OWN.partition("    return {")[0] + f"    return {answer}\n"
    with pytest.raises(TaskError) as told:
        FunctionExecutor(written(text)).run(task((0, 0)), tmp_path, lambda: False)
    assert told.value.failure is failure


def test_the_example_is_suspended_and_ends_alike(tmp_path):
    executor = FunctionExecutor(EXAMPLE)
    whole = executor.run(task((1, 1, 0), 0.2), tmp_path, lambda: False)
    asked = []
    assert (
        executor.run(
            Task(1, TaskKind.EVALUATION, ((1, 1, 0),), 0.2), tmp_path, lambda: len(asked) == 5 or asked.append(1)
        )
        is None
    )
    again = executor.run(Task(1, TaskKind.EVALUATION, ((1, 1, 0),), 0.2), tmp_path, lambda: False)
    assert again.values == whole.values
    assert whole.values[0][0] < -60
