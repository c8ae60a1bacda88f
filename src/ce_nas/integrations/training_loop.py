"""A carbon-aware search inside a training loop that stays the caller's own.

::

    with OwnLoop({"width": [16, 32, 64]}, ["accuracy:max:0", "megabytes:min:50"], "my-run", zone="wind") as loop:
        for trial in loop:                      # waits while the policy lets the devices rest; ends with the budget
            metrics = train(**trial.architecture, keep=trial.folder, leave=trial.leave)
            loop.tell(trial, metrics)           # None: the trial was left when trial.leave() said so

The whole engine is behind it: searcher, policy, budgets, books and journal. Given a folder that holds a run already,
the loop goes on with it, and hands out again what was under way.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ce_nas.api import Study
from ce_nas.benchmarks.user_space import OwnBenchmark, OwnSpace
from ce_nas.cluster.workers.base import Crew, Report, Said
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import ClusterError, SettingsError
from ce_nas.core.records import Outcome
from ce_nas.engine.build_live import WORK
from ce_nas.engine.inputs import Materials
from ce_nas.store.run_dir import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from ce_nas.api import Result
    from ce_nas.core.records import Task

__all__ = ["OwnLoop", "Trial"]

_LEFT = "the loop was left"


@dataclass(frozen=True, slots=True)
class Trial:
    """One training to do."""

    #: number of the training in its run
    number: int
    #: which of the devices, counted from 0
    device: int
    #: variable to the choice made
    architecture: Mapping[str, Any]
    #: share of a full training to do, above 0 and up to 1
    fidelity: float
    #: where to keep what is needed to go on; found again when the trial is handed out again
    folder: Path
    _told_to_leave: threading.Event = field(default_factory=threading.Event, repr=False)

    def leave(self) -> bool:
        """Whether to keep the training's state in :attr:`folder` and leave it: ``tell`` None then."""
        return self._told_to_leave.is_set()


class OwnLoop:
    """Iterates over trainings to do; everything else of a search goes on behind it.

    :param space: variable to a list of choices, of any type.
    :param objectives: ``NAME:max|min:REFERENCE`` each, 2 to 5 of them; the reference is the worst that still counts.
    :param out: folder of the run, new or one to go on with.
    :param flags: settings, as the flags of ``ce-nas search``: ``gpus`` says how many trainings may go on at once.
    :raises CeNasError: if a setting is of no use.
    """

    def __init__(
        self, space: Mapping[str, Sequence[Any]], objectives: Sequence[str], out: str | Path, **flags: object
    ) -> None:
        settings = settings_from_flags({"live": {"time_scale": 1.0}}, **{"gpus": 1, "hours": 80, **flags, "live": True})
        gpus = settings.cluster.gpus
        self._settings = settings.model_copy(
            update={"live": settings.live.model_copy(update={"devices": ("own",) * gpus})}
        )
        self._own = OwnSpace.of(space, objectives, "the space")
        self._out = Path(out)
        self._crew = _Caller(gpus, self._own, self._out / WORK)
        benchmark = OwnBenchmark(self._own, "own-loop", "a loop of the caller's own")
        self._study = Study(self._settings, crew=self._crew, materials=Materials(self._settings, benchmark))
        self._thread = threading.Thread(target=self._search, name="ce-nas search", daemon=True)
        self._result: Result | None = None
        self._error: Exception | None = None

    @property
    def result(self) -> Result:
        """What came of the search, once it has ended.

        :raises SettingsError: if it has not.
        """
        if self._result is None:
            message = f"Expected a search that has ended, but the one in {self._out} has not: iterate to its end."
            raise SettingsError(message)
        return self._result

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crew.send_home()
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def __iter__(self) -> Iterator[Trial]:
        while (trial := self._crew.trials.get()) is not None:
            yield trial

    def tell(self, trial: Trial, metrics: Mapping[str, float] | None) -> None:
        """What a trial found; None if it was left.

        :raises TaskError: if an objective is missing among the metrics, or is no finite number.
        """
        self._crew.tell(trial, None if metrics is None else self._own.values(metrics))

    def _search(self) -> None:
        try:
            self._result = self._run()
        except ClusterError as error:
            if _LEFT not in str(error):
                self._error = error
        except Exception as error:  # noqa: BLE001 - raised again in the caller's own thread
            self._error = error
        finally:
            self._crew.trials.put(None)

    def _run(self) -> Result:
        if not (self._out / "journal.sqlite").exists():
            return self._study.run(self._out)
        with RunFolder.open(self._out) as folder:
            return self._study.resume(folder)


class _Caller(Crew):
    """The caller's loop as a crew: tasks are handed out as trials, and what it tells is reported."""

    def __init__(self, devices: int, own: OwnSpace, folder: Path) -> None:
        self.devices = devices
        self.origin = "a loop of the caller's own"
        self.trials: queue.Queue[Trial | None] = queue.Queue()
        self._own = own
        self._folder = folder
        self._under_way: dict[int, Trial] = {}
        self._post: Callable[[Report], object] | None = None

    def open(self, post: Callable[[Report], object]) -> None:
        """See :meth:`Crew.open`."""
        self._post = post

    def start(self, device: int, task: Task) -> None:
        """See :meth:`Crew.start`."""
        folder = self._folder / f"task-{task.id}"
        folder.mkdir(parents=True, exist_ok=True)
        trial = Trial(task.id, device, self._own.named(task.architectures[0]), task.fidelity, folder)
        self._under_way[device] = trial
        self._report(Report(device, Said.WORKING, task.id))
        self.trials.put(trial)

    def leave(self, device: int) -> None:
        """See :meth:`Crew.leave`."""
        if trial := self._under_way.get(device):
            trial._told_to_leave.set()  # noqa: SLF001 - handed out by this very crew

    def close(self) -> None:
        """See :meth:`Crew.close`."""
        for device in list(self._under_way):
            self.leave(device)

    def tell(self, trial: Trial, values: tuple[float, ...] | None) -> None:
        """Report what a trial found, or that it was left."""
        self._under_way.pop(trial.device, None)
        if values is None:
            self._report(Report(trial.device, Said.LEFT, trial.number))
        else:
            self._report(Report(trial.device, Said.FINISHED, trial.number, Outcome(trial.number, (values,))))

    def send_home(self) -> None:
        """There will be nobody to do the trials: the run stops, and can be gone on with."""
        for device in range(self.devices):
            self._report(Report(device, Said.GONE, words=_LEFT))

    def _report(self, report: Report) -> None:
        if self._post is not None:
            self._post(report)
