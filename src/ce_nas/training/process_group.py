"""A training in several processes at once, one per device, which stop and fail as one; rank 0 saves.

Interface::

    with RankProcesses(make_trainer, devices, checkpoint) as processes:
        while not processes.has_ended(1.0):
            processes.completed_steps, ...

Rank 0 asks before each step whether to stop, by request, because the process that started it is gone, or to save; the
others hear of it by a broadcast on the CPU, so that all stop at the same step.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import warnings
from typing import TYPE_CHECKING, Self

import torch
from torch import distributed

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import CeNasError
from ce_nas.training.data_parallel import BatchPart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from pathlib import Path

    from ce_nas.training.trainer import NetworkTrainer

    #: creates the trainer of a process, from its device and its part of each batch
    MakeTrainer = Callable[[str, BatchPart], NetworkTrainer]

__all__ = ["RankFailedError", "RankProcesses"]

#: time between two messages of rank 0, s
_REPORT_INTERVAL_S = 0.5
#: longest wait for all processes to save and end once they were asked to, s
_END_TIMEOUT_S = 120.0


class RankFailedError(CeNasError):
    """A process of a data-parallel training that ended with an error."""


class RankProcesses:
    """The processes of one training; leaving the context asks them to save and end.

    :param make_trainer: picklable.
    :param devices: the device of each process.
    :param checkpoint: loaded if it exists, and written by rank 0 at intervals, on a request to stop and at the end.
    :param checkpoint_interval_s: time between two checkpoints, s.
    """

    def __init__(
        self, make_trainer: MakeTrainer, devices: Sequence[str], checkpoint: Path, checkpoint_interval_s: float
    ) -> None:
        context, port = multiprocessing.get_context("spawn"), _free_port()
        os.environ.setdefault(
            "TORCH_CPP_LOG_LEVEL", "ERROR"
        )  # of the processes: that every parameter is used is no news
        self.completed_steps = 0
        self._pipes: list[Connection] = []
        self._processes: list[SpawnProcess] = []
        for rank, device in enumerate(devices):
            ours, theirs = context.Pipe()
            part = BatchPart(rank, len(devices))
            arguments = (make_trainer, device, part, port, checkpoint, checkpoint_interval_s, theirs)
            self._processes.append(context.Process(target=_run_rank, args=arguments, daemon=True))
            self._processes[-1].start()
            theirs.close()
            self._pipes.append(ours)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def has_ended(self, timeout_s: float) -> bool:
        """Wait for news up to ``timeout_s``; returns whether every process has ended.

        :raises RankFailedError: if one of them failed; the others are then ended too.
        """
        for pipe in multiprocessing.connection.wait(self._open_pipes(), timeout_s):
            assert isinstance(pipe, multiprocessing.connection.Connection)  # noqa: S101 - all of them are
            self._receive(pipe)
        return not self._open_pipes()

    def stop(self) -> None:
        """Ask the processes to save and end, and end those that do not within two minutes."""
        for pipe in self._open_pipes():
            pipe.close()  # which rank 0 takes as the request
        deadline_s = monotonic_s() + _END_TIMEOUT_S
        for process in self._processes:
            process.join(max(deadline_s - monotonic_s(), 0.0))
        self._kill()

    def _receive(self, pipe: Connection) -> None:
        rank = self._pipes.index(pipe)
        try:
            said: int | str = pipe.recv()
        except (EOFError, OSError):
            pipe.close()
            self._processes[rank].join(_END_TIMEOUT_S)
            if self._processes[rank].exitcode:
                self._kill()
                code = self._processes[rank].exitcode
                message = (
                    f"Expected the training's process {rank} to end with code 0, got {code}; see its output above."
                )
                raise RankFailedError(message) from None
            return
        if isinstance(said, str):
            self._kill()
            message = f"Process {rank} of the training failed: {said}"
            raise RankFailedError(message)
        self.completed_steps = said

    def _open_pipes(self) -> list[Connection]:
        return [pipe for pipe in self._pipes if not pipe.closed]

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()


def _run_rank(  # noqa: PLR0913, PLR0917 - what a process is given
    make_trainer: MakeTrainer,
    device: str,
    part: BatchPart,
    port: int,
    checkpoint: Path,
    checkpoint_interval_s: float,
    pipe: Connection,
) -> None:
    """Train as one of the processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one decides
    warnings.filterwarnings(
        "ignore", category=FutureWarning, message=".*is deprecated"
    )  # its successor is not in every torch
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    on_gpus = device.startswith("cuda")
    if on_gpus:
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(max((os.cpu_count() or 1) // part.processes, 1))
    distributed.init_process_group(
        "nccl" if on_gpus else "gloo",
        init_method=f"tcp://127.0.0.1:{port}",
        rank=part.rank,
        world_size=part.processes,
    )
    try:
        _train(make_trainer, device, part, checkpoint, checkpoint_interval_s, pipe)
    except CeNasError as error:
        pipe.send(str(error))
        threading.Event().wait(_END_TIMEOUT_S)  # until it is ended, like the others
    finally:
        distributed.destroy_process_group()  # after the model is gone, whose end would wait for gloo's threads


def _train(  # noqa: PLR0913, PLR0917 - as above
    make_trainer: MakeTrainer,
    device: str,
    part: BatchPart,
    checkpoint: Path,
    checkpoint_interval_s: float,
    pipe: Connection,
) -> None:
    trainer = make_trainer(device, part)
    agreement = _Agreement(part, pipe)
    if checkpoint.exists():
        trainer.load(checkpoint)
    while not (trainer.is_finished or agreement.stops):
        due_s = monotonic_s() + checkpoint_interval_s
        trainer.advance(lambda: agreement.should_pause(trainer.step, due_s))  # noqa: B023 - called in this iteration
        if part.rank == 0:
            trainer.save(checkpoint)
    if part.rank == 0 and not agreement.stops:
        pipe.send(trainer.step)


class _Agreement:
    """What rank 0 decides before a step, known to all."""

    def __init__(self, part: BatchPart, pipe: Connection) -> None:
        #: whether the training is to stop
        self.stops = False
        self._rank, self._pipe = part.rank, pipe
        self._group = distributed.new_group(backend="gloo")
        self._reported_s = -_REPORT_INTERVAL_S

    def should_pause(self, step: int, due_s: float) -> bool:
        """Whether to stop, or to save: the same in every process."""
        decision = torch.zeros(1, dtype=torch.int32)
        if self._rank == 0:
            decision[0] = 2 if self._is_asked_to_stop(step) else int(monotonic_s() >= due_s)
        distributed.broadcast(decision, src=0, group=self._group)
        self.stops = int(decision) == 2
        return bool(decision)

    def _is_asked_to_stop(self, step: int) -> bool:
        """Whether the starting process asks to stop or is gone; reports the steps to it at intervals."""
        try:
            if monotonic_s() - self._reported_s >= _REPORT_INTERVAL_S:
                self._reported_s = monotonic_s()
                self._pipe.send(step)
            if self._pipe.poll():
                self._pipe.recv()
        except (EOFError, OSError):
            return True
        return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
