"""A trial in several processes: torchrun's environment, one result, failures, and a suspended DDP training."""

import functools
import os
from pathlib import Path

import pytest

from ce_nas.benchmarks.base import Executor, Failure, TaskError
from ce_nas.benchmarks.user_function import UserFunctionExecutor
from ce_nas.cluster.workers.distributed import DistributedExecutor
from ce_nas.core.records import Outcome, Task, TaskKind

TASK = Task(3, TaskKind.EVALUATION, ((1, 1),))
EXAMPLE = Path(__file__).parents[3] / "examples" / "distributed_training.py"


class Ranks(Executor):
    """Notes the environment of its process; rank 0 waits until it is asked to stop where the task says so."""

    def __init__(self, device):
        self.device = device

    def run(self, task, folder, should_stop):
        rank = int(os.environ["RANK"])
        names = ("LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
        (folder / f"rank-{rank}").write_text(" ".join([self.device, *(os.environ[name] for name in names)]))
        if task.id == 4 and rank == 1:
            os._exit(7)
        if task.id == 5 and rank == 0:
            raise MemoryError
        while task.id in {4, 6}:
            if should_stop():
                return None
        return Outcome(task.id, ((float(rank),),))


def run(number, folder, should_stop=lambda: False):
    return DistributedExecutor(Ranks, 2, "cpu+cpu").run(Task(number, TaskKind.EVALUATION, ((1,),)), folder, should_stop)


@pytest.mark.slow
def test_each_process_has_the_environment_of_torchrun_and_rank_0_tells_the_result(tmp_path):
    assert run(3, tmp_path).values == ((0.0,),)
    first, second = ((tmp_path / f"rank-{rank}").read_text().split() for rank in range(2))
    assert (first[:5], second[:5]) == (
        ["cpu+cpu", "0", "2", "2", "127.0.0.1"],
        ["cpu+cpu", "1", "2", "2", "127.0.0.1"],
    )
    assert first[5] == second[5]


@pytest.mark.slow
def test_a_trial_fails_and_stops_as_one(tmp_path):
    with pytest.raises(TaskError, match="process of rank 1 ended with code 7") as error:
        run(4, tmp_path)
    assert error.value.failure is Failure.LOST
    with pytest.raises(TaskError) as error:
        run(5, tmp_path)
    assert error.value.failure is Failure.OUT_OF_MEMORY
    questions = []
    assert run(6, tmp_path, lambda: questions.append(True) or len(questions) > 2) is None
    assert len(questions) >= 3


@pytest.mark.slow
def test_a_ddp_training_is_suspended_and_resumed_to_the_same_bits(tmp_path):
    pytest.importorskip("torch", reason="needs the extra torch")
    executor = DistributedExecutor(functools.partial(UserFunctionExecutor, EXAMPLE), 2, "cpu+cpu")
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = executor.run(TASK, tmp_path / "whole", lambda: False)
    saved = tmp_path / "parts" / "task-3" / "training.pt"
    questions = []
    assert executor.run(TASK, tmp_path / "parts", lambda: questions.append(True) or len(questions) == 8) is None
    assert saved.exists()
    assert executor.run(TASK, tmp_path / "parts", lambda: False) == whole
