"""Ends trainings whose learning curve cannot reach the front: by what earlier trainings of the run still gained.

A training that has reached its end shows, for each epoch, how much every objective still improved from there on. The
largest such gain bounds what another training may still gain: where the trainings are exchangeable, one of n + 1
exceeds the largest of n others with a probability of 1 / (n + 1), for curves of any form [CP]. A training
whose present values, improved by the largest gains, are still dominated by the front is ended; its present values,
which are worse than what it would have reached, are its result. No model of the curve [LC] has to be fitted, and few
trainings, or curves that rise late, end nothing.

Sources
    [CP] Vovk, Gammerman, Shafer. Algorithmic Learning in a Random World. Springer 2005, chapter 2.
    [LC] Domhan, Springenberg, Hutter. Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by
        Extrapolation of Learning Curves. IJCAI 2015.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.base import TaskError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.user_space import UserSpace
    from ce_nas.core.records import Architecture

__all__ = [
    "CURVE_FILENAME",
    "MIN_TRAININGS",
    "CurveJudge",
    "FullTraining",
    "cannot_reach",
    "curve_judge",
    "read_full_trainings",
]

#: a task's learning curve in its folder: a line of JSON for each reported epoch
CURVE_FILENAME = "curve.jsonl"
#: a task's objectives in its folder, once it was trained in full
RESULT_FILENAME = "result.json"
#: trainings in full before the first one may be ended: one more exceeds the gains of ten with a probability of 9 %
MIN_TRAININGS = 10


@dataclass(frozen=True, slots=True)
class FullTraining:
    """A training that reached its end."""

    #: its objectives, minimised
    values: tuple[float, ...]
    #: the objectives after each reported epoch
    curve: Mapping[int, tuple[float, ...]]


def cannot_reach(epoch: int, values: Sequence[float], trainings: Iterable[FullTraining]) -> bool:
    """Whether a training whose objectives are ``values`` after an epoch will be dominated by the front.

    Example:
        >>> done = [FullTraining((5.0, 1.0), {1: (20.0 + number, 1.0), 2: (5.0, 1.0)}) for number in range(10)]
        >>> cannot_reach(1, (30.0, 2.0), done), cannot_reach(1, (28.0, 2.0), done), cannot_reach(2, (28.0, 2.0), done)
        (True, False, True)

    :param values: minimised; one that is known before training is exact.
    :param trainings: of the same length, trained in full; those that did not report this epoch say nothing.
    """
    compared = [training for training in trainings if epoch in training.curve]
    if len(compared) < MIN_TRAININGS:
        return False
    ends = np.array([training.values for training in compared])
    gains = np.array([training.curve[epoch] for training in compared]) - ends
    best = np.asarray(values, dtype=float) - np.maximum(gains.max(axis=0), 0.0)
    return bool((ends <= best).all(axis=1).any())


@dataclass
class CurveJudge:
    """Follows the curve of one training, and says when to end it.

    :param trainings: reads the trainings of the same run and length that reached their end.
    :param objectives: the objectives of an epoch's metrics, minimised; None where one was not reported.
    """

    trainings: Callable[[], Iterable[FullTraining]]
    objectives: Callable[[Mapping[str, float]], tuple[float, ...] | None]
    #: the epoch after which it was ended, and the objectives then; None while it may reach the front
    ended: tuple[int, tuple[float, ...]] | None = None
    curve: dict[int, tuple[float, ...]] = field(default_factory=dict)

    def follow(self, curve: Iterable[Mapping[str, float]]) -> None:
        """Judge what was reported so far, an entry an epoch."""
        self.curve = {}
        for entry in curve:
            epoch = int(entry["epoch"])
            if (values := self.objectives({name: value for name, value in entry.items() if name != "epoch"})) is None:
                return
            self.curve[epoch] = values
        if self.ended is None and self.curve:
            last = max(self.curve)
            if cannot_reach(last, self.curve[last], self.trainings()):
                self.ended = last, self.curve[last]

    def or_ended(self, should_stop: Callable[[], bool]) -> Callable[[], bool]:
        """A question whether to stop that is also answered by this judge; the given one is always asked."""
        return lambda: should_stop() or self.ended is not None

    @property
    def note(self) -> str:
        """What happened, a sentence; empty while it may reach the front."""
        if self.ended is None:
            return ""
        return f"Ended after epoch {self.ended[0]}: by its learning curve it cannot reach the front."

    def keep(self, folder: Path, values: Sequence[float], fidelity: float) -> None:
        """Write the curve and the end of a training in full into its folder, for the judges of others."""
        content = {"fidelity": fidelity, "values": list(values), "curve": list(self.curve.items())}
        draft = folder / f"{RESULT_FILENAME}.part"
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(folder / RESULT_FILENAME)


def curve_judge(folder: Path, user_space: UserSpace, architecture: Architecture, fidelity: float) -> CurveJudge:
    """The judge of a training of own code.

    :param folder: the run's folder of tasks.
    """

    def objectives(metrics: Mapping[str, float]) -> tuple[float, ...] | None:
        trained = {name: value for name, value in metrics.items() if name not in user_space.known_names}
        try:
            return user_space.objective_values(trained, architecture)
        except TaskError:  # an objective that is measured at the end alone
            return None

    return CurveJudge(partial(read_full_trainings, folder, fidelity), objectives)


def read_full_trainings(folder: Path, fidelity: float) -> list[FullTraining]:
    """The trainings of one length that reached their end, from the folders ``task-N`` of their run."""
    found = []
    for path in sorted(folder.glob(f"task-*/{RESULT_FILENAME}")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError:  # removed for the quota of checkpoints
            continue
        if content["fidelity"] == fidelity:
            curve = {int(epoch): tuple(values) for epoch, values in content["curve"]}
            found.append(FullTraining(tuple(content["values"]), curve))
    return found
