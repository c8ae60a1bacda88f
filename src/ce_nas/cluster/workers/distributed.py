"""A trial on several devices of one machine: a process per device, in the environment that ``torchrun`` sets.

Source
    PyTorch documentation, torchrun (Elastic Launch), Environment Variables: LOCAL_RANK, RANK, GROUP_RANK, WORLD_SIZE,
    LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
from contextlib import suppress
from multiprocessing import connection
from typing import TYPE_CHECKING

from ce_nas.benchmarks.base import Executor, Failure, TaskError
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.cluster.workers.process import execute_task, kill_process_tree
from ce_nas.core.clock import monotonic_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from pathlib import Path

    from ce_nas.core.records import Outcome, Task

__all__ = ["DistributedExecutor"]

#: longest wait for the other processes once rank 0 has ended, s
_END_TIMEOUT_S = 120.0


class DistributedExecutor(Executor):
    """Runs each task in several processes at once; that of rank 0 reports the result, and all stop and fail as one.

    All processes see all GPUs of the trial, and each is to use that of its ``LOCAL_RANK``. Once one of them is asked to
    stop, all are, but each may ask at another step: a training that has to agree asks in rank 0 and broadcasts.

    :param make_executor: creates the executor of a process from the name of the device.
    :param processes: number of processes.
    :param device: the trial's devices, for instance ``cuda:0+cuda:1``.
    """

    def __init__(self, make_executor: Callable[[str], Executor], processes: int, device: str) -> None:
        self._make_executor = make_executor
        self._processes = processes
        self._device = device

    def run(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`.

        :raises TaskError: also if one of the processes ends without a result.
        """
        context, environ = multiprocessing.get_context("spawn"), _common_environment(self._processes)
        pipes: dict[Connection, int] = {}
        processes: list[SpawnProcess] = []
        try:
            for rank in range(self._processes):
                ours, theirs = context.Pipe()
                pipes[ours] = rank
                own = {**environ, "RANK": str(rank), "LOCAL_RANK": str(rank)}
                arguments = (self._make_executor, self._device, own, task, folder, theirs)
                processes.append(context.Process(target=_run_rank, args=arguments))
                processes[-1].start()
                theirs.close()
            return _await_results(pipes, processes, should_stop)
        finally:
            for process in processes:
                if process.is_alive() and process.pid is not None:
                    kill_process_tree(process.pid)
                process.join()


def _await_results(
    pipes: Mapping[Connection, int], processes: list[SpawnProcess], should_stop: Callable[[], bool]
) -> Outcome | None:
    """Answer the processes' questions until each has ended; returns the outcome of rank 0.

    :raises TaskError: if one fails, or ends without its result or too late.
    """
    waiting, results, is_stopping, ended_s = dict(pipes), dict[int, WorkerMessage](), False, 0.0
    while waiting:
        for pipe in connection.wait(list(waiting), timeout=1.0):
            assert isinstance(pipe, connection.Connection)  # noqa: S101 - all of them are
            rank = waiting[pipe]
            try:
                said: WorkerMessage | None = pipe.recv()
            except (EOFError, OSError) as error:
                processes[rank].join(_END_TIMEOUT_S)
                message = f"the process of rank {rank} ended with code {processes[rank].exitcode}"
                raise TaskError(Failure.LOST, message) from error
            if said is None:  # whether to stop: asked of the run each time, as a sign of life
                is_stopping = should_stop() or is_stopping
                with suppress(OSError):  # it is gone: seen at the next look
                    pipe.send(is_stopping)
                continue
            if said.event is WorkerEvent.FAILED:
                raise TaskError(said.failure or Failure.ERROR, f"rank {rank}: {said.detail}")
            results[rank] = said
            ended_s = monotonic_s() if rank == 0 else ended_s
            del waiting[pipe]
        if 0 in results and waiting and monotonic_s() - ended_s > _END_TIMEOUT_S:
            late = ", ".join(map(str, waiting.values()))
            message = f"the processes of rank {late} did not end within {_END_TIMEOUT_S:g} s of rank 0"
            raise TaskError(Failure.HUNG, message)
    return results[0].outcome


def _run_rank(  # noqa: PLR0913, PLR0917 - what a process of a trial is given
    make_executor: Callable[[str], Executor],
    device: str,
    environ: Mapping[str, str],
    task: Task,
    folder: Path,
    pipe: Connection,
) -> None:
    """Run a task as one of the processes of a trial."""
    os.environ.update(environ)

    def should_stop() -> bool:
        pipe.send(None)
        return bool(pipe.recv())

    pipe.send(execute_task(make_executor(device), task, int(environ["RANK"]), folder, should_stop))


def _common_environment(processes: int) -> dict[str, str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    return {
        "GROUP_RANK": "0",
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
