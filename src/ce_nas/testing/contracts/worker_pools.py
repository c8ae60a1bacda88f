"""The contract of worker pools."""

from __future__ import annotations

import collections
import functools
import queue
from typing import TYPE_CHECKING

import pytest

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.core.records import Task, TaskKind
from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload, InjectedFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.cluster.workers.base import WorkerPool

__all__ = ["OpenPool", "WorkerPoolContract"]

_FAULTS = {
    2: InjectedFault.OUT_OF_MEMORY,
    3: InjectedFault.NAN,
    4: InjectedFault.RAISE,
    5: InjectedFault.CRASH,
    6: InjectedFault.HANG,
    7: InjectedFault.IGNORE_STOP,
}
_STEPS = 8


class OpenPool:
    """An open worker pool with a queue of its messages."""

    def __init__(self, workers: WorkerPool, folder: Path) -> None:
        self.workers, self.folder = workers, folder
        self.messages: queue.Queue[WorkerMessage] = queue.Queue()
        workers.open(self.messages.put)

    def receive(self, *events: WorkerEvent, timeout_s: float = 150.0) -> WorkerMessage:
        """The next message with one of these events."""
        while True:
            message = self.messages.get(timeout=timeout_s)
            if message.event in events:
                return message

    def step_counts(self, task_id: int) -> set[int]:
        """How often the steps of a task were run."""
        lines = (self.folder / "steps").read_text().split("\n")[:-1]
        counts = collections.Counter(tuple(map(int, line.split())) for line in lines)
        return {counts[task_id, step] for step in range(_STEPS)}


class WorkerPoolContract:
    """Each task is started, resumed and reported once, under every injected fault.

    Fixtures to override: ``make_pool``, class-scoped and a class method: a function of a folder that returns a new pool
    of two devices with the executors of :meth:`executor_factory`.
    """

    #: faults that the pool leaves to the limits of its scheduler
    unhandled_faults: frozenset[InjectedFault] = frozenset()
    #: whether a crash makes the device unavailable for a while
    loses_devices = False

    @staticmethod
    def executor_factory(step_s: float = 0.05) -> Callable[[str], Executor]:
        """Builds the executor of a device, with injected faults; picklable.

        :param step_s: duration of one of a task's eight steps: longer than the pool needs to signal a preemption.
        """
        return functools.partial(FakeExecutor, FakeWorkload(steps=_STEPS, step_s=step_s, injected_faults=_FAULTS))

    @pytest.fixture(scope="class")
    @classmethod
    def make_pool(cls) -> Callable[[Path], WorkerPool]:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def pool(
        cls, make_pool: Callable[[Path], WorkerPool], tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[OpenPool]:
        folder = tmp_path_factory.mktemp("workers")
        workers = make_pool(folder)
        yield OpenPool(workers, folder)
        workers.close()

    def test_messages_of_finished_task(self, pool: OpenPool) -> None:
        pool.workers.start(0, _evaluation(0))
        assert pool.receive(*WorkerEvent).event is WorkerEvent.WORKING
        message = pool.receive(*WorkerEvent)
        assert (message.event, message.device, message.task_id) == (WorkerEvent.FINISHED, 0, 0)
        assert message.outcome is not None
        assert message.outcome.values == ((1.0, 2.0),)

    def test_preempted_task_resumes_on_other_device(self, pool: OpenPool) -> None:
        pool.workers.start(0, _evaluation(1))
        pool.receive(WorkerEvent.WORKING)
        pool.workers.preempt(0)
        assert pool.receive(WorkerEvent.PREEMPTED, WorkerEvent.FINISHED).event is WorkerEvent.PREEMPTED
        pool.workers.start(1, _evaluation(1))
        assert pool.receive(WorkerEvent.FINISHED).device == 1
        assert pool.step_counts(1) == {1}

    @pytest.mark.parametrize(
        ("number", "failure"),
        [(2, Failure.OUT_OF_MEMORY), (3, Failure.DIVERGED), (4, Failure.ERROR), (5, Failure.LOST), (6, Failure.HUNG)],
    )
    def test_failed_task_resumes_from_checkpoint(self, pool: OpenPool, number: int, failure: Failure) -> None:
        self._skip_if_unhandled(_FAULTS[number])
        pool.workers.start(1, _evaluation(number))
        assert pool.receive(WorkerEvent.FAILED, WorkerEvent.FINISHED).failure is failure
        if failure is Failure.LOST and self.loses_devices:
            pool.receive(WorkerEvent.DEVICE_READY)
        pool.workers.start(1, _evaluation(number))
        assert pool.receive(WorkerEvent.FAILED, WorkerEvent.FINISHED).event is WorkerEvent.FINISHED
        assert pool.step_counts(number) == {1}

    def test_worker_is_killed_after_shutdown_timeout(self, pool: OpenPool) -> None:
        self._skip_if_unhandled(InjectedFault.IGNORE_STOP)
        pool.workers.start(0, _evaluation(7))
        pool.receive(WorkerEvent.WORKING)
        pool.workers.preempt(0)
        assert "shutdown timeout" in pool.receive(WorkerEvent.PREEMPTED).detail
        pool.workers.start(0, _evaluation(7))
        assert pool.receive(WorkerEvent.FINISHED).task_id == 7

    def test_late_preemption_is_ignored(self, pool: OpenPool) -> None:
        pool.workers.start(0, _evaluation(8))
        pool.receive(WorkerEvent.FINISHED)
        pool.workers.preempt(0)
        pool.workers.start(0, _evaluation(9))
        assert pool.receive(WorkerEvent.FINISHED, WorkerEvent.PREEMPTED, WorkerEvent.FAILED).task_id == 9

    def test_unopened_pool_closes(self, make_pool: Callable[[Path], WorkerPool], tmp_path: Path) -> None:
        make_pool(tmp_path).close()

    def _skip_if_unhandled(self, fault: InjectedFault) -> None:
        if fault in self.unhandled_faults:
            pytest.skip("left to the limits of the pool's scheduler")


def _evaluation(number: int) -> Task:
    return Task(number, TaskKind.EVALUATION, ((number, 1),))
