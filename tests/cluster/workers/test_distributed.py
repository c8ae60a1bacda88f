"""A trial in several processes: torchrun's environment, one result, failures, and a suspended DDP training."""

import functools
from pathlib import Path

import pytest

from ce_nas.benchmarks.base import Failure, TaskError
from ce_nas.benchmarks.user_function import UserFunctionExecutor
from ce_nas.cluster.workers.distributed import DistributedExecutor
from ce_nas.core.records import Task, TaskKind

TASK = Task(3, TaskKind.EVALUATION, ((1,),))
EXAMPLE = Path(__file__).parents[3] / "examples" / "distributed_training.py"


OWN = """
import os

SPACE = {"how": ["end", "exit", "raise", "wait"]}
OBJECTIVES = ["rank:min:9", "size:min:9"]


def evaluate(architecture, fidelity, checkpoint):
    rank, how = int(os.environ["RANK"]), architecture["how"]
    names = ("LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    (checkpoint.folder / f"rank-{rank}").write_text(" ".join(os.environ[name] for name in names))
    if how == "exit" and rank == 1:
        os._exit(7)
    if how == "raise" and rank == 0:
        raise MemoryError
    while how in ("exit", "wait"):
        if checkpoint.should_stop():
            return None
    return {"rank": rank, "size": 1}
"""


def run(how, folder, should_stop=lambda: False):
    (folder / "own.py").write_text(OWN)
    make_executor = functools.partial(UserFunctionExecutor, folder / "own.py")
    task = Task(0, TaskKind.EVALUATION, ((["end", "exit", "raise", "wait"].index(how),),))
    return DistributedExecutor(make_executor, 2, "cpu+cpu").run(task, folder, should_stop)


@pytest.mark.slow
def test_each_process_has_the_environment_of_torchrun_and_rank_0_tells_the_result(tmp_path):
    assert run("end", tmp_path).values == ((0.0, 1.0),)
    first, second = ((tmp_path / "task-0" / f"rank-{rank}").read_text().split() for rank in range(2))
    assert (first[:4], second[:4]) == (["0", "2", "2", "127.0.0.1"], ["1", "2", "2", "127.0.0.1"])
    assert first[4] == second[4]


@pytest.mark.slow
def test_a_trial_fails_and_stops_as_one(tmp_path):
    with pytest.raises(TaskError, match="process of rank 1 ended with code 7") as error:
        run("exit", tmp_path)
    assert error.value.failure is Failure.LOST
    with pytest.raises(TaskError) as error:
        run("raise", tmp_path)
    assert error.value.failure is Failure.OUT_OF_MEMORY
    questions = []
    assert run("wait", tmp_path, lambda: questions.append(True) or len(questions) > 2) is None
    assert len(questions) >= 3


DDP = """
import itertools
import os
import runpy

from ce_nas.benchmarks.user_function import Checkpoint

SPACE = {{"unused": [1, 2]}}
OBJECTIVES = ["loss:min:9", "difference:min:9"]
EXAMPLE = {example!r}


def evaluate(architecture, fidelity, checkpoint):
    train, architecture = runpy.run_path(EXAMPLE)["evaluate"], {{"width": 8, "activation": "tanh"}}
    for name in ("whole", "parts"):
        (checkpoint.folder / name).mkdir(exist_ok=True)
    asked, results = itertools.count(1), []
    for name, should_stop in (
        ("whole", lambda: False), ("parts", lambda: next(asked) == 8), ("parts", lambda: False)
    ):
        results.append(train(architecture, 1.0, Checkpoint(checkpoint.folder / name, should_stop)))
        os.environ["MASTER_PORT"] = str(int(os.environ["MASTER_PORT"]) - 1)  # the last store may still be open
    whole, stopped, resumed = results
    assert stopped is None
    return {{"loss": whole["loss"], "difference": abs(whole["loss"] - resumed["loss"])}}
"""


@pytest.mark.long
def test_a_ddp_training_is_suspended_and_resumed_to_the_same_bits(tmp_path):
    """In one pair of processes, since starting one takes longer than all of the trainings."""
    pytest.importorskip("torch", reason="needs the extra torch")
    (tmp_path / "ddp.py").write_text(DDP.format(example=str(EXAMPLE)))
    make_executor = functools.partial(UserFunctionExecutor, tmp_path / "ddp.py")
    outcome = DistributedExecutor(make_executor, 2, "cpu+cpu").run(TASK, tmp_path, lambda: False)
    loss, difference = outcome.values[0]
    assert 0 < loss < 9
    assert difference == 0.0
    assert (tmp_path / "task-3" / "parts" / "training.pt").exists()
