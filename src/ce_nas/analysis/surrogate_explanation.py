"""What the surrogate expected of an architecture when it chose another: its model, fitted to the journal again.

The journal holds every observation; the searcher is given those up to the choice, and its model predicts the
architecture and what was chosen in its place. Kernels are fitted again, so figures may differ from those of the run
in their last digits; two calls on one journal give the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.summary import run_header
from ce_nas.benchmarks.user_space_record import benchmark_of_record
from ce_nas.config.recorded_settings import read_recorded_settings
from ce_nas.core.errors import CeNasError
from ce_nas.core.records import Observation, Task, TaskKind
from ce_nas.core.rng import random_stream
from ce_nas.engine.build import build_searcher
from ce_nas.engine.inputs import RunInputs
from ce_nas.pareto.dominance import is_nondominated
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.surrogate.posterior import CandidatePosterior
    from ce_nas.space.base import Space
    from ce_nas.store.journal import JournalEntry

__all__ = ["Prediction", "SurrogateExplanation", "TrainedResult", "explain_choice_of_surrogate"]

#: standard deviations to either side of the mean that hold a normal variable with a probability of 80 %
_Z_80 = 1.2815515655446004
#: draws of the predicted objectives
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model expects of an architecture."""

    architecture: str
    #: objectives, all minimised, shape (m,): expected, and the bounds of an 80 % interval, equal where it is known
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    #: probability that its training enlarges the hypervolume
    chance: float
    #: expected gain of the hypervolume, a share of the present one, as the searcher counts it
    gain: float
    #: 1 for the largest gain of those that no training had started of
    rank: int


@dataclass(frozen=True, slots=True)
class TrainedResult:
    """A trained architecture and its objectives, all minimised."""

    architecture: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SurrogateExplanation:
    """Why the surrogate chose another architecture, or this one."""

    #: when the choice was made, seconds since the start
    at_s: float
    #: full trainings that the model had seen
    trainings: int
    #: architectures of which no training had started
    candidates: int
    subject: Prediction
    #: what was chosen; equal to the subject if it was trained
    chosen: Prediction
    #: trained before, and in every objective at least as good as is expected of the subject; None if there is none
    better: TrainedResult | None
    #: trained before, and the same function as the subject; None if there is none
    same_function: TrainedResult | None


def explain_choice_of_surrogate(
    entries: Sequence[JournalEntry], space: Space, architecture: Architecture
) -> SurrogateExplanation | None:
    """Explain by the model why an architecture was trained, or why another was when the last training was chosen.

    None if the run's searcher has no such model, or had too few trainings for one.

    :raises CeNasError: if the run's inputs cannot be read any more.
    """
    header = run_header(entries)
    if header["settings"]["searcher"]["name"] != "surrogate":
        return None
    inputs = _read_inputs(header)
    if inputs is None:
        return None
    searcher = build_searcher(inputs)
    if not isinstance(searcher, SurrogateSearcher):
        return None
    choice = _find_choice(entries, architecture)
    if choice is None:
        return None
    known, started = entries[:choice], _started_trainings(entries[:choice])
    searcher.tell(list(_observations(known, inputs)))
    chosen = tuple(entries[choice].content["architectures"][0])
    scored = {tuple(one) for entry in known if entry.kind == "task_started" for one in entry.content["architectures"]}
    appraised = searcher.appraise(list(dict.fromkeys([architecture, chosen, *sorted(scored)])))
    if appraised is None:
        return None
    model = _ModelAtChoice(*appraised, _trained(known), started, space, np.asarray(_reference(inputs)))
    subject = model.predict(architecture)
    return SurrogateExplanation(
        entries[choice].at_s,
        len(model.trained),
        model.candidates,
        subject,
        subject if chosen == architecture else model.predict(chosen),
        model.find_better(subject),
        model.find_same_function(architecture),
    )


def _read_inputs(header: dict[str, Any]) -> RunInputs | None:
    """The run's inputs; None of a caller's loop with costs, which are in no journal."""
    settings, record = read_recorded_settings(header), header["benchmark"].get("own_space")
    if record is None or settings.live.evaluate:
        return RunInputs(settings)
    return (
        None if record["known_objectives"] else RunInputs(settings, benchmark_of_record(record, header["objectives"]))
    )


def _reference(inputs: RunInputs) -> list[float]:
    """The reference point of the hypervolume, minimised."""
    return [objective.sign * objective.reference for objective in inputs.objectives]


class _ModelAtChoice:
    """A posterior and the trainings that it has seen."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a prediction is made of
        self,
        posterior: CandidatePosterior,
        worth: np.ndarray,
        trained: dict[Architecture, tuple[float, ...]],
        started: set[Architecture],
        space: Space,
        reference: np.ndarray,
    ) -> None:
        self.trained = trained
        self._posterior, self._space, self._reference = posterior, space, reference
        values = np.array(list(trained.values()))
        inside = values[(values < reference).all(axis=1)]
        self._front = inside[is_nondominated(inside)]
        self._hypervolume = _hypervolume(self._front, reference)
        gains = posterior.expected_improvements() * worth
        gains[[posterior.index[one] for one in started if one in posterior.index]] = -1.0
        self._gains, self.candidates = gains, int((gains >= 0).sum())
        self._nodes = random_stream(0, "explanation").standard_normal((_DRAWS, len(posterior.modelled)))

    def predict(self, architecture: Architecture) -> Prediction:
        """What is expected of an architecture."""
        index, modelled = self._posterior.index[architecture], len(self._posterior.modelled)
        middle, one, other = self._posterior.values_at(
            index, np.array([[0.0] * modelled, [-_Z_80] * modelled, [_Z_80] * modelled])
        )
        draws = self._posterior.values_at(index, self._nodes) if modelled else middle[None]
        beaten = (self._front[None] <= draws[:, None]).all(axis=2).any(axis=1)
        improves = (draws < self._reference).all(axis=1) & ~beaten
        return Prediction(
            self._space.text(architecture),
            tuple(middle.tolist()),
            tuple(np.minimum(one, other).tolist()),
            tuple(np.maximum(one, other).tolist()),
            float(improves.mean()),
            float(max(self._gains[index], 0.0) / self._hypervolume) if self._hypervolume else 0.0,
            int((self._gains > self._gains[index]).sum()) + 1,
        )

    def find_better(self, prediction: Prediction) -> TrainedResult | None:
        """The first trained architecture of the front that is at least as good as is expected of another."""
        for architecture, values in self.trained.items():
            on_front = (np.array(values) == self._front).all(axis=1).any()
            if on_front and (np.array(values) <= prediction.values).all():
                text = self._space.text(architecture)
                return None if text == prediction.architecture else TrainedResult(text, values)
        return None

    def find_same_function(self, architecture: Architecture) -> TrainedResult | None:
        """The first trained architecture that computes the same function as another."""
        from ce_nas.space.isomorphism import canonical_key
        from ce_nas.space.nasbench201_cell import NasBench201Space

        if not isinstance(self._space, NasBench201Space):
            return None
        wanted = canonical_key(architecture)
        for other, values in self.trained.items():
            if other != architecture and canonical_key(other) == wanted:
                return TrainedResult(self._space.text(other), values)
        return None


def _hypervolume(front: np.ndarray, reference: np.ndarray) -> float:
    from ce_nas.pareto.hypervolume import hypervolume

    return hypervolume(front, reference.tolist()) if len(front) else 0.0


def _find_choice(entries: Sequence[JournalEntry], architecture: Architecture) -> int | None:
    """The index of the entry in which the architecture's training began, else that of the last training started."""
    choices: dict[Architecture, int] = {}
    for index, entry in enumerate(entries):
        if entry.kind == "task_started" and entry.content["kind"] == "evaluation":
            choices.setdefault(tuple(entry.content["architectures"][0]), index)
    return choices.get(architecture, max(choices.values(), default=None))


def _started_trainings(entries: Sequence[JournalEntry]) -> set[Architecture]:
    return {
        tuple(entry.content["architectures"][0])
        for entry in entries
        if entry.kind == "task_started" and entry.content["kind"] == "evaluation"
    }


def _trained(entries: Sequence[JournalEntry]) -> dict[Architecture, tuple[float, ...]]:
    """The full trainings that have ended, in order."""
    return {
        tuple(entry.content["architecture"]): tuple(entry.content["values"])
        for entry in entries
        if entry.kind == "evaluated" and entry.content["fidelity"] == 1.0
    }


def _observations(entries: Sequence[JournalEntry], inputs: RunInputs) -> Iterator[Observation]:
    """What the searcher was given, in order; proxy scores, which no journal repeats, are looked up again."""
    tasks: dict[int, list[Architecture]] = {}
    for entry in entries:
        content = entry.content
        if entry.kind == "task_started":
            tasks[content["task"]] = list(map(tuple, content["architectures"]))
        elif entry.kind == "evaluated":
            yield Observation(tuple(content["architecture"]), tuple(content["values"]), content["fidelity"])
        elif entry.kind == "sampled":
            architectures = tasks[content["task"]]
            scores = _look_up_scores(inputs, architectures)
            for architecture, values, its_scores in zip(architectures, content["values"], scores, strict=True):
                known = tuple(math.nan if value is None else value for value in values)
                yield Observation(architecture, known, 0.0, its_scores)


def _look_up_scores(inputs: RunInputs, architectures: list[Architecture]) -> Sequence[tuple[float, ...]]:
    """The proxy scores of a table; a live search's are not kept, and its values take their place."""
    if inputs.settings.live.enabled:
        return [()] * len(architectures)
    try:
        outcome = inputs.evaluator.run(Task(0, TaskKind.SAMPLING, tuple(architectures)))
    except CeNasError:
        return [()] * len(architectures)
    return outcome.scores
