"""A carbon-aware search for a training loop of the user's own.

The loop runs the whole engine in the background: searcher, policy, budgets, accounting and journal. With the folder of
an earlier run it resumes that run, and hands out unfinished trials again.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ce_nas.api import Search
from ce_nas.benchmarks.base import Failure, TaskError
from ce_nas.benchmarks.learning_curves import CurveJudge, curve_judge
from ce_nas.benchmarks.user_function import (
    NOTHING_RETURNED,
    Checkpoint,
    UserFunctions,
    describe_error,
    sampling_outcome,
)
from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage, WorkerPool
from ce_nas.config.live_schema import CALLER_DEVICE
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import CeNasError, ClusterError, SettingsError
from ce_nas.core.records import Outcome, TaskKind
from ce_nas.engine.build_live import WORK_DIRNAME
from ce_nas.engine.inputs import RunInputs
from ce_nas.store.journal import has_ended
from ce_nas.store.run_dir import RunDirectory, read_run_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from ce_nas.api import Result
    from ce_nas.core.records import Task

__all__ = ["TrainingLoop", "Trial"]

_log = logging.getLogger(__name__)

_LOOP_EXITED = "the training loop was exited"
#: real time without a trial after which the wait is announced, and after which the journal is read again, s
_FIRST_ANNOUNCEMENT_S, _ANNOUNCEMENT_INTERVAL_S = 2.0, 30.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One training."""

    #: number of the training in its run
    number: int
    #: index of the device
    device: int
    #: variable to its value
    architecture: Mapping[str, Any]
    #: share of a full training, above 0 and up to 1
    fidelity: float
    #: folder for checkpoints; the same one when the trial is handed out again
    folder: Path
    _codes: tuple[float, ...] = ()
    _stop_requested: threading.Event = field(default_factory=threading.Event, repr=False)
    _judge: CurveJudge | None = field(default=None, repr=False)

    def should_stop(self) -> bool:
        """Whether to save the training's state in :attr:`folder` and stop; then ``tell`` None."""
        return self._stop_requested.is_set() or (self._judge is not None and self._judge.ended is not None)

    def report(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Record an epoch of the learning curve, see :meth:`ce_nas.benchmarks.user_function.Checkpoint.report`."""
        Checkpoint(self.folder, self.should_stop, self._judge).report(epoch, metrics)


class TrainingLoop:
    """Iterates over the trainings of a search: waits while the policy keeps the devices idle, and ends with the budget.

    A wait is announced on standard error, with the time of the policy's next decision.

    Example:
        >>> import tempfile
        >>> space, objectives = {"width": [16, 32, 64]}, ["accuracy:max:0", "size:min:100"]
        >>> settings = {"hours": 2, "evaluations": 2, "policy": "vanilla", "time_scale": 2000.0}
        >>> with TrainingLoop(space, objectives, tempfile.mkdtemp() + "/run", **settings) as loop:
        ...     for trial in loop:
        ...         width = trial.architecture["width"]  # train it here; stop when trial.should_stop() is True
        ...         loop.tell(trial, {"accuracy": 90 - 100 / width, "size": width})
        >>> loop.result.summary.evaluations
        2

    :param space: variable to its domain, or to a list of choices, see :class:`~ce_nas.benchmarks.user_space.UserSpace`.
    :param objectives: 2 to 5 of ``NAME:max|min:REFERENCE``; the reference is the worst value that counts.
    :param out: folder of the run, new or to resume.
    :param costs: the objectives of an architecture that are known before it is trained.
    :param score: a cheap score of an architecture, larger is better; called in the thread that iterates.
    :param is_valid: whether an architecture can be trained.
    :param accept_changes: continue an earlier run with files, such as a trace, that have changed since.
    :param flags: settings, as the flags of ``ce-nas search``; ``gpus`` is the number of parallel trainings.
    :raises CeNasError: if a setting is invalid.
    """

    def __init__(  # noqa: PLR0913 - what a user may know of the architectures
        self,
        space: Mapping[str, Any],
        objectives: Sequence[str],
        out: str | Path,
        *,
        costs: Callable[[dict[str, Any]], Mapping[str, float]] | None = None,
        score: Callable[[dict[str, Any]], Any] | None = None,
        is_valid: Callable[[dict[str, Any]], bool] | None = None,
        accept_changes: bool = False,
        **flags: object,
    ) -> None:
        live = {"time_scale": 1.0, "devices": (CALLER_DEVICE,)}
        settings = settings_from_flags({"live": live}, **{"gpus": 1, "hours": 80, **flags, "live": True})
        gpus = settings.cluster.gpus
        self._settings = settings.model_copy(
            update={"live": settings.live.model_copy(update={"devices": (CALLER_DEVICE,) * gpus})}
        )
        self._user_space = UserSpace.parse(
            space, objectives, "the space", name="training-loop", costs=costs, is_valid=is_valid
        )
        self._functions = UserFunctions.collect(self.tell, score)
        self._run_path = Path(out)
        self._accept_changes = accept_changes
        self._workers = _CallerWorkerPool(
            gpus,
            self._user_space,
            self._run_path / WORK_DIRNAME,
            early_stopping=self._settings.live.early_stopping,
        )
        benchmark = UserBenchmark(
            self._user_space, "training-loop", "the caller's training loop", has_scores=score is not None
        )
        self._search = Search.from_settings(
            self._settings, workers=self._workers, inputs=RunInputs(self._settings, benchmark)
        )
        self._thread = threading.Thread(target=self._run_in_thread, name="ce-nas search", daemon=True)
        self._result: Result | None = None
        self._error: Exception | None = None
        self._announced: object = None

    @property
    def result(self) -> Result:
        """The result of the search, once it has ended.

        :raises SettingsError: if it has not ended.
        """
        if self._result is None:
            message = (
                f"Expected a search that has ended, got an unfinished one in {self._run_path}; iterate to its end."
            )
            raise SettingsError(message)
        return self._result

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.disconnect()
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def __iter__(self) -> Iterator[Trial]:
        """The trials, as the policy allows them; several threads may iterate at once.

        :raises SettingsError: if the loop was not entered by ``with``, or every device has a trial without a result.
        """
        if self._thread.ident is None:
            message = "Expected a loop that was entered, got one that does not run: with TrainingLoop(...) as loop: ..."
            raise SettingsError(message)
        while (item := self._next_item()) is not None:
            if isinstance(item, Trial):
                yield item
            else:
                self._score(*item)

    def tell(self, trial: Trial, metrics: Mapping[str, float] | Sequence[float] | None) -> None:
        """Report a trial's metrics; None if it stopped as asked.

        :param metrics: by name, or the trained objectives alone in their order.
        :raises TaskError: if an objective is missing in the metrics, or is no finite number, or if there are none and
            ``trial.should_stop()`` is not True; the trial stays open.
        :raises SettingsError: if the trial is not under way.
        """
        self._workers.require_active(trial)
        if metrics is None and not trial.should_stop():
            raise TaskError(Failure.ERROR, NOTHING_RETURNED)
        values = None if metrics is None else self._user_space.objective_values(metrics, trial._codes)  # type: ignore[arg-type]  # noqa: SLF001 - a trial of this loop
        self._workers.tell(trial, values)

    def fail(self, trial: Trial, why: object) -> None:
        """Report that a trial failed; it is handed out again up to ``live.retries`` times, from its folder.

        :param why: an exception, or a sentence for the journal.
        :raises SettingsError: if the trial is not under way.
        """
        self._workers.require_active(trial)
        detail = describe_error(why) if isinstance(why, BaseException) else str(why)
        self._workers.fail(trial, detail, why.failure if isinstance(why, TaskError) else Failure.ERROR)

    def _next_item(self) -> Trial | tuple[int, Task] | None:
        """The next trial, the next task of scoring with its device, or None at the end."""
        waiting = self._workers.trial_queue
        if waiting.empty() and len(open_trials := self._workers.open_trials) >= self._settings.cluster.gpus:
            numbers = ", ".join(str(trial.number) for trial in open_trials)
            message = f"Expected tell or fail for trial {numbers} before the next one: every device has an open trial."
            raise SettingsError(message)
        timeout_s = _FIRST_ANNOUNCEMENT_S
        while True:
            try:
                item = waiting.get(timeout=timeout_s)
            except queue.Empty:
                self._announce_wait()
                timeout_s = _ANNOUNCEMENT_INTERVAL_S
                continue
            if item is None:
                waiting.put(None)  # for other threads
            return item

    def _score(self, device: int, task: Task) -> None:
        """Score architectures in the caller's thread, in which its libraries work."""
        try:
            outcome = sampling_outcome(task.id, task.architectures, self._user_space, self._functions)
        except Exception as error:  # noqa: BLE001 - user code may raise anything, and the run continues
            self._workers.end_scoring(device, task, None, describe_error(error))
        else:
            self._workers.end_scoring(device, task, outcome)

    def _announce_wait(self) -> None:
        """Say why no trial comes, and when the policy decides again; each decision once."""
        try:
            entries = read_run_entries(self._run_path)
        except CeNasError:  # nothing is written yet
            return
        decided = next((entry for entry in reversed(entries) if entry.kind == "decided"), None)
        if decided is None or decided.content["allocation"]["evaluating"] or self._announced == decided.at_s:
            return
        self._announced = decided.at_s
        wait_s = self._settings.schedule.period
        ends = self._search.start + timedelta(seconds=decided.at_s + wait_s)
        _log.warning(
            "No training now: %s The policy decides again at %s UTC of the run's time.",
            decided.content["reason"],
            f"{ends:%Y-%m-%d %H:%M}",
        )

    def _run_in_thread(self) -> None:
        try:
            self._result = self._run_or_resume()
        except ClusterError as error:
            if _LOOP_EXITED not in str(error):
                self._error = error
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            self._error = error
        finally:
            self._workers.trial_queue.put(None)

    def _run_or_resume(self) -> Result:
        if not (self._run_path / "journal.sqlite").exists():
            return self._search.run(self._run_path, durable=True)  # a decision to wait is read while it holds
        with RunDirectory.open(self._run_path) as folder:
            ended = has_ended(read_run_entries(self._run_path))
            what = "holds a search that has ended: it is read" if ended else "holds a search: it is continued"
            _log.warning("%s %s, and what it trained is not trained again; state another out for a new one.",
                         self._run_path, what)  # fmt: skip
            return self._search.resume(folder, durable=True, accept_changes=self._accept_changes)


class _CallerWorkerPool(WorkerPool):
    """The caller's loop as a worker pool: tasks become trials, and reported metrics become messages.

    The trials run in this process, or in processes that it starts, and are metered with it.
    """

    is_local = True

    def __init__(self, devices: int, user_space: UserSpace, folder: Path, *, early_stopping: bool = False) -> None:
        self.devices = devices
        self.origin = "the caller's training loop"
        self.trial_queue: queue.Queue[Trial | tuple[int, Task] | None] = queue.Queue()
        self._user_space = user_space
        self._folder = folder
        self._early_stopping = early_stopping
        self._active_trials: dict[int, Trial] = {}
        self._on_message: Callable[[WorkerMessage], object] | None = None

    @property
    def open_trials(self) -> list[Trial]:
        """The trials without a result."""
        return list(self._active_trials.values())

    def require_active(self, trial: Trial) -> None:
        """Check that a trial is under way.

        :raises SettingsError: if it is not.
        """
        if self._active_trials.get(trial.device) is not trial:
            known = ", ".join(str(each.number) for each in self.open_trials) or "none"
            message = f"Expected a trial that is under way ({known}), got {trial.number}, which has ended."
            raise SettingsError(message)

    def open(self, on_message: Callable[[WorkerMessage], object]) -> None:
        """See :meth:`WorkerPool.open`."""
        self._on_message = on_message

    def start(self, device: int, task: Task) -> None:
        """See :meth:`WorkerPool.start`."""
        self._post_message(WorkerMessage(device, WorkerEvent.WORKING, task.id))
        if task.kind is TaskKind.SAMPLING:
            self.trial_queue.put((device, task))
            return
        folder = self._folder / f"task-{task.id}"
        folder.mkdir(parents=True, exist_ok=True)
        codes = task.architectures[0]
        judge = curve_judge(self._folder, self._user_space, codes, task.fidelity) if self._early_stopping else None
        architecture = self._user_space.decode(codes)
        trial = Trial(task.id, device, architecture, task.fidelity, folder, codes, _judge=judge)
        self._active_trials[device] = trial
        self.trial_queue.put(trial)

    def preempt(self, device: int) -> None:
        """See :meth:`WorkerPool.preempt`."""
        if trial := self._active_trials.get(device):
            trial._stop_requested.set()  # noqa: SLF001 - a trial of this pool

    def process_id(self, device: int) -> int:  # noqa: ARG002 - one process for all devices
        """See :meth:`WorkerPool.process_id`."""
        return os.getpid()

    def close(self) -> None:
        """See :meth:`WorkerPool.close`."""
        for device in list(self._active_trials):
            self.preempt(device)

    def tell(self, trial: Trial, values: tuple[float, ...] | None) -> None:
        """Report a trial's values, or that it was stopped."""
        self._active_trials.pop(trial.device, None)
        judge, note = trial._judge, ""  # noqa: SLF001 - a trial of this pool
        if values is None and judge is not None and judge.ended is not None:
            values, note = judge.ended[1], judge.note
        elif values is not None and judge is not None:
            judge.keep(trial.folder, values, trial.fidelity)
        if values is None:
            self._post_message(WorkerMessage(trial.device, WorkerEvent.PREEMPTED, trial.number))
            return
        outcome = Outcome(trial.number, (values,))
        self._post_message(WorkerMessage(trial.device, WorkerEvent.FINISHED, trial.number, outcome, detail=note))

    def fail(self, trial: Trial, detail: str, failure: Failure = Failure.ERROR) -> None:
        """Report that a trial failed."""
        self._active_trials.pop(trial.device, None)
        self._post_message(
            WorkerMessage(trial.device, WorkerEvent.FAILED, trial.number, failure=failure, detail=detail)
        )

    def end_scoring(self, device: int, task: Task, outcome: Outcome | None, detail: str = "") -> None:
        """Report the scores of a task, or its failure."""
        if outcome is None:
            self._post_message(WorkerMessage(device, WorkerEvent.FAILED, task.id, failure=Failure.ERROR, detail=detail))
        else:
            self._post_message(WorkerMessage(device, WorkerEvent.FINISHED, task.id, outcome))

    def disconnect(self) -> None:
        """Report all devices as lost: the run stops, and can be resumed."""
        for device in range(self.devices):
            self._post_message(WorkerMessage(device, WorkerEvent.DEVICE_LOST, detail=_LOOP_EXITED))

    def _post_message(self, message: WorkerMessage) -> None:
        if self._on_message is not None:
            self._on_message(message)
