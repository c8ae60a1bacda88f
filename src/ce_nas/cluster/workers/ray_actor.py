"""The actor of one device of a Ray cluster: it runs tasks, and reports its state."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ce_nas.cluster.workers.process import (
    PreemptionCheck,
    end_forked_by_signals,
    execute_task,
    log_output,
    task_log_path,
)
from ce_nas.energy.cuda_devices import show_only_device
from ce_nas.energy.nvml import load_nvml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.cluster.workers.base import WorkerMessage
    from ce_nas.core.records import Task
    from ce_nas.energy.reported_meter import MeterReport, WorkerMeter

__all__ = ["DeviceActor", "Pulse"]


@dataclass(frozen=True, slots=True)
class Pulse:
    """The state that an actor reports."""

    #: whether its task asked whether to stop, or computed, since the last pulse
    is_alive: bool
    #: id of its running task; None if there is none
    task_id: int | None
    report: MeterReport | None


class DeviceActor:
    """The actor of one device: runs a task in one thread, and answers in others.

    It sees the GPU that Ray assigned to it alone.
    """

    def __init__(
        self,
        make_executor: Callable[[str], Executor],
        make_meter: Callable[[str], WorkerMeter] | None,
        number: int,
        name: str,
        folder: Path,
    ) -> None:
        self._make_executor = make_executor
        self._make_meter = make_meter
        self._number = number
        self._name = name
        self._folder = folder
        self._preempted_attempt = 0
        self._check: PreemptionCheck | None = None
        self._task_id: int | None = None
        self._meter: WorkerMeter | None = None

    def start(self) -> str:
        """Build the executor; returns why it cannot be built, empty if it is."""
        end_forked_by_signals(signal.SIGTERM)  # which Ray handles
        try:
            name = show_only_device(self._name, load_nvml)
            self._meter = self._make_meter(name) if self._make_meter else None
            self._executor = self._make_executor(name)
        except Exception as error:  # noqa: BLE001 - reported to the run, which continues without this device
            return f"{type(error).__name__}: {error}"
        return ""

    def run_task(self, task: Task, attempt: int) -> tuple[WorkerMessage, MeterReport | None]:
        """Run a task; returns its last message, and the reading of the meter at its end.

        :param attempt: number of the attempt, from 1, which :meth:`preempt` names.
        """
        self._check = PreemptionCheck(lambda: self._preempted_attempt == attempt)
        self._task_id = task.id
        with log_output(task_log_path(self._folder, task.id)):
            message = execute_task(self._executor, task, self._number, self._folder, self._check)
        self._check = self._task_id = None
        return replace(message, places=(_place(),)), self._report()

    def preempt(self, attempt: int) -> None:
        """Preempt an attempt of a task, also one that has not started yet; one that has ended is none of the next's."""
        self._preempted_attempt = attempt

    def pulse(self) -> Pulse:
        """Tell how it is."""
        check = self._check
        return Pulse(check is None or check.life_signs(), self._task_id, self._report())

    def _report(self) -> MeterReport | None:
        return self._meter.report() if self._meter is not None else None


def _place() -> dict[str, str]:
    """Where this actor runs: its machine, and the node and the job by Ray's ids."""
    import ray

    place = {"host": socket.gethostname(), "process": str(os.getpid())}
    if ray.is_initialized():
        context = ray.get_runtime_context()
        place |= {"node": context.get_node_id(), "job": context.get_job_id()}
    return place
