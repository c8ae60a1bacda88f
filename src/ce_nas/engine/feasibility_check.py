"""Whether a search can finish a training at all, and when its first one begins: checked before anything runs.

The check is a rehearsal: the engine with the search's own policy, forecaster, budgets and grid, on simulated devices,
until one training has ended. It takes as long as the shortest of the table, or a second where durations are not
recorded, and nothing is sampled before it. So what the rehearsal cannot finish, the search cannot either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from ce_nas.benchmarks.base import Evaluator
from ce_nas.benchmarks.tabular import BenchmarkTable
from ce_nas.components.registry import POLICIES, SEARCHERS
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_duration, format_time
from ce_nas.core.records import Outcome, StopReason
from ce_nas.core.rng import random_stream
from ce_nas.engine.build import build_engine
from ce_nas.engine.inputs import RunInputs
from ce_nas.search.base import Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.store.journal import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Objective, Observation, Task
    from ce_nas.engine.engine import Engine
    from ce_nas.space.base import Space
    from ce_nas.store.journal import JournalEntry

__all__ = ["FirstTraining", "check_first_training"]

#: duration of the rehearsed training where none is recorded, s
_UNKNOWN_TRAINING_S = 1.0
#: the flag of each budget that a training may not fit into
_BUDGET_FLAGS = {
    StopReason.DEADLINE: "--hours",
    StopReason.CARBON: "--carbon-budget",
    StopReason.ENERGY: "--energy-budget",
    StopReason.COST: "--cost-budget",
    StopReason.DEVICE_TIME: "--gpu-hours",
}


@dataclass(frozen=True, slots=True)
class FirstTraining:
    """When the first training of a search can begin."""

    #: time after the start, s
    begins_s: float
    #: why not at once, in words with figures; empty if it does
    note: str


def check_first_training(inputs: RunInputs) -> FirstTraining | None:
    """Find out when the first training can begin; None on a live grid, whose coming hours are not on record.

    :raises SettingsError: if it is certain that no training can end within the budgets.
    """
    if inputs.provider is not None:
        return None
    rehearsed = _RehearsedInputs.of(inputs)
    entries = _rehearse(rehearsed)
    if not any(entry.kind == "evaluated" for entry in entries):
        raise SettingsError(_hindrance(rehearsed, entries))
    begins_s = next(entry.at_s for entry in entries if entry.kind == "task_started")
    return FirstTraining(begins_s, _wait_note(inputs, entries, begins_s))


@dataclass(frozen=True)
class _RehearsedInputs(RunInputs):
    """The inputs of a search whose trainings all have the shortest possible duration."""

    training_s: float = _UNKNOWN_TRAINING_S
    is_recorded: bool = False
    #: of the search's searcher, which policies plan with; see :class:`~ce_nas.search.base.Searcher`
    parallel_loss: float = Searcher.parallel_loss
    usual_trainings: float | None = Searcher.usual_trainings

    @classmethod
    def of(cls, inputs: RunInputs) -> _RehearsedInputs:
        """The rehearsal of a search."""
        settings, benchmark = inputs.settings, inputs.benchmark
        cluster, budget = settings.cluster, settings.budget
        recorded = isinstance(benchmark, BenchmarkTable) and not settings.live.enabled
        if not recorded:  # the start-up of a real device is not known either
            cluster = cluster.model_copy(update={"startup_s": 0.0, "startup_j": 0.0})
        update = {
            "cluster": cluster,
            "budget": budget.model_copy(update={"stop": "never", "target": None}),
            "live": settings.live.model_copy(update={"enabled": False}),
            "searcher": SEARCHERS.validate("random"),
            "problem": settings.problem.model_copy(update={"constraints": ()}),
        }
        training_s = float(benchmark.train_s.min()) if isinstance(benchmark, BenchmarkTable) else _UNKNOWN_TRAINING_S
        searcher = SEARCHERS.get(settings.searcher.name).factory
        return cls(
            settings.model_copy(update=update),
            benchmark,
            fixed_start=inputs.start,
            training_s=training_s,
            is_recorded=recorded,
            parallel_loss=getattr(searcher, "parallel_loss", Searcher.parallel_loss),
            usual_trainings=getattr(searcher, "usual_trainings", Searcher.usual_trainings),
        )

    @cached_property
    def evaluator(self) -> Evaluator:
        """Trainings of one duration."""
        return _ShortestTraining(
            self.benchmark.space, self.objectives, self.training_s, has_measured_durations=self.is_recorded
        )


class _ShortestTraining(Evaluator):
    """Trainings of one duration, with a constant result; nothing can be sampled.

    :param has_measured_durations: whether the duration is on record.
    """

    has_proxy_scores = False
    supernet_training_s = 0.0

    def __init__(
        self, space: Space, objectives: Sequence[Objective], training_s: float, *, has_measured_durations: bool
    ) -> None:
        self.space = space
        self.objectives = tuple(objectives)
        self.has_measured_durations = has_measured_durations
        self._training_s = training_s

    def duration_s(self, task: Task) -> float:  # noqa: ARG002 - the same for all
        """See :meth:`Evaluator.duration_s`."""
        return self._training_s

    def run(self, task: Task) -> Outcome:
        """See :meth:`Evaluator.run`."""
        worst = tuple(item.sign * item.reference for item in self.objectives)
        return Outcome(task.id, (worst,) * len(task.architectures))


class _FirstTrainingSearcher(RandomSearcher):
    """Ends the rehearsal with its first training."""

    engine: Engine

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        if observations:
            self.engine.stop_reason = StopReason.EVALUATIONS


def _rehearse(inputs: _RehearsedInputs) -> Sequence[JournalEntry]:
    """The journal of a rehearsal."""
    journal = MemoryJournal()
    searcher = _FirstTrainingSearcher(inputs.benchmark.space, random_stream(0, "start-check"))
    searcher.parallel_loss, searcher.usual_trainings = inputs.parallel_loss, inputs.usual_trainings
    searcher.engine = build_engine(inputs, journal, searcher=searcher)
    with threadpool_limits(limits=1):  # as the search: its forecasts are cached, and the same to the last bit
        searcher.engine.run()
    return journal.entries


def _hindrance(inputs: _RehearsedInputs, entries: Sequence[JournalEntry]) -> str:
    """Why no training ended in a rehearsal, and what to do."""
    settings = inputs.settings
    decisions = [entry.content for entry in entries if entry.kind == "decided"]
    at_all_hours = replace(inputs, settings=settings.model_copy(update={"policy": POLICIES.validate("vanilla")}))
    ends_at_all_hours = any(entry.kind == "evaluated" for entry in _rehearse(at_all_hours))
    other_policy = ", or train at all hours: --policy vanilla" if ends_at_all_hours else ""
    if not any(decision["allocation"]["evaluating"] for decision in decisions):
        return (
            f"Expected an hour in which policy {settings.policy.name} lets a GPU train, got none within "
            f"{format_duration(settings.budget.time_s)} from {format_time(inputs.start)} on. At the start: "
            f"{decisions[0]['reason']} Raise --hours{other_policy}."
        )
    stop = StopReason[entries[-1].content["stop_reason"].upper()]
    shortest = f"The shortest of {inputs.benchmark.name} takes {format_duration(inputs.training_s)}. "
    return (
        f"Expected budgets that one training fits into, got: {stop.value} {shortest if inputs.is_recorded else ''}"
        f"Raise {_BUDGET_FLAGS.get(stop, '--hours')}{other_policy}."
    )


def _wait_note(inputs: RunInputs, entries: Sequence[JournalEntry], begins_s: float) -> str:
    """Why the first training does not begin at once, and how it would; empty if it does."""
    if begins_s < inputs.settings.schedule.period:
        return ""
    reason = next(entry.content["reason"] for entry in entries if entry.kind == "decided")
    begins = inputs.start + timedelta(seconds=begins_s)
    wait_s = begins_s / inputs.settings.live.time_scale
    return (
        f"The first training begins about {format_time(begins)}, in {format_duration(wait_s)}: {reason} To begin at "
        "once: --policy vanilla."
    )
