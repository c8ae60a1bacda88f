"""Tasks carried out by training real networks: an executor of one device.

A supernet's final weights lie in the run's folder of checkpoints, where every device's executor finds them: those of
the whole space in ``supernet.pt``, those of a region in ``supernet-TASK.pt``, its members in ``supernet-TASK.json``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from ce_nas.benchmarks.base import Executor, Failure, TaskError
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import SettingsError, one_of
from ce_nas.core.records import Outcome, Task, TaskKind
from ce_nas.energy.base import between
from ce_nas.energy.meter_selection import best_meter
from ce_nas.store.run_dir import write_whole
from ce_nas.training.data.sources import load_images
from ce_nas.training.latency import measure_latency
from ce_nas.training.networks.build import build_network, build_supernet
from ce_nas.training.recipe import Recipe
from ce_nas.training.supernet_trainer import Paths, SupernetTraining, score_paths
from ce_nas.training.trainer import DivergedError, Training

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.core.records import Architecture, Objective
    from ce_nas.space.base import Space
    from ce_nas.training.data.images import DataSet, Images
    from ce_nas.training.networks.supernet import PathNetwork

__all__ = ["METRICS", "TrainingExecutor", "TrainingPlan"]

#: what can be measured of a network: unit, whether more is better, whether it takes a training
METRICS = {
    "accuracy": ("%", True, True),
    "parameters": ("M", False, False),
    "flops": ("M", False, False),
    "latency": ("ms", False, False),
}
#: time between two checkpoints of a training that is left alone: what a lost machine can cost at most, s
CHECKPOINT_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is trained, on what and how; it can be pickled, and every process makes its executor of it."""

    space: Space
    objectives: tuple[Objective, ...]
    #: name or path of the images, see :func:`~ce_nas.training.data.sources.load_images`
    data: str = "digits"
    #: share of the training images that accuracy is measured on
    validation: float = 0.25
    #: channels of a network's first stage, and cells a stage
    channels: int = 16
    cells: int = 5
    recipe: Recipe = field(default_factory=Recipe)
    supernet_recipe: Recipe = field(default_factory=Recipe)
    paths: Paths = "uniform"
    #: batches on which a path's normalisation is measured before it is scored
    recalibration_batches: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for item in self.objectives:
            if item.name not in METRICS:
                raise SettingsError(one_of("metric of a network", item.name, METRICS))


class TrainingExecutor(Executor):
    """Trains networks, trains a supernet, and scores by it, on one device.

    :param plan: what is trained and how.
    :param device: where, for instance ``cuda:0``.
    """

    def __init__(self, plan: TrainingPlan, device: str) -> None:
        self._plan = plan
        self._device = torch.device(device)
        if self._device.type == "cpu":
            torch.set_num_threads(max(torch.get_num_threads() // 2, 1))
        # for the checkpoint's own record of its cost; the run's books are kept by the cluster's meters
        self._meter = best_meter(device, os.getpid)
        self._supernets: dict[str, _Supernet] = {}

    def run(self, task: Task, folder: Path, leave: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`."""
        runs = {
            TaskKind.EVALUATION: self._evaluate,
            TaskKind.SUPERNET: self._train_supernet,
            TaskKind.SAMPLING: self._score,
        }
        try:
            return runs[task.kind](task, folder, leave)
        except DivergedError as error:
            raise TaskError(Failure.DIVERGED, str(error)) from error
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise TaskError(Failure.OUT_OF_MEMORY, str(error)) from error

    @cached_property
    def _data(self) -> DataSet:
        return load_images(self._plan.data).split(self._plan.validation, self._plan.seed)

    @property
    def _validation(self) -> Images:
        """What networks are chosen by; the test images are not touched."""
        assert self._data.validation is not None  # noqa: S101 - it was split off
        return self._data.validation

    def _evaluate(self, task: Task, folder: Path, leave: Callable[[], bool]) -> Outcome | None:
        plan, architecture = self._plan, task.architectures[0]
        torch.manual_seed(plan.seed)
        network = build_network(plan.space, architecture, plan.channels, plan.cells, self._data, plan.recipe)
        epochs = max(round(task.fidelity * plan.recipe.epochs), 1)
        training = Training(network, self._data, plan.recipe, seed=plan.seed, device=self._device, epochs=epochs)
        if not self._carry_on(training, folder / f"task-{task.id}.pt", leave):
            return None
        return Outcome(task.id, (self._values(architecture, self._accuracy(training)),))

    def _train_supernet(self, task: Task, folder: Path, leave: Callable[[], bool]) -> Outcome | None:
        """Train the supernet of the whole space, or of a region, begun with the weights of the whole space's."""
        members, checkpoint = task.architectures, folder / f"task-{task.id}.pt"
        supernet = self._new_supernet(members, task.fidelity)
        if members and not checkpoint.exists():
            supernet.training.inherit(self._held("supernet.pt", folder).network)
        if not self._carry_on(supernet.training, checkpoint, leave):
            return None
        if members:  # the weights come last: they say that all is there
            write_whole(folder / f"supernet-{task.id}.json", json.dumps([task.fidelity, members]))
        supernet.training.save(folder / (f"supernet-{task.id}.pt" if members else "supernet.pt"))
        return Outcome(task.id, ())

    def _score(self, task: Task, folder: Path, leave: Callable[[], bool]) -> Outcome | None:
        """Score by the supernets; what was scored before the task was left is scored again, alike."""
        names = ["supernet.pt", *sorted((path.name for path in folder.glob("supernet-*.pt")), key=_number)]
        supernets = [self._held(name, folder) for name in reversed(names)]
        scores: list[float] = []
        for architecture in task.architectures:
            if leave():
                return None
            supernet = next(one for one in supernets if not one.members or architecture in one.members)
            found = score_paths(
                supernet.training,
                supernet.network,
                [architecture],
                self._validation,
                recalibration_batches=self._plan.recalibration_batches,
                seed=self._plan.seed,
            )
            scores.append(float(found[0]))
        values = tuple(self._values(one, score) for one, score in zip(task.architectures, scores, strict=True))
        return Outcome(task.id, values, tuple((score,) for score in scores))

    def _held(self, name: str, folder: Path) -> _Supernet:
        """A trained supernet, read once."""
        if name not in self._supernets:
            described = (folder / name).with_suffix(".json")
            fidelity, members = json.loads(described.read_text()) if described.exists() else (1.0, ())
            supernet = self._new_supernet([tuple(member) for member in members], fidelity)
            supernet.training.load(folder / name)
            self._supernets[name] = supernet
        return self._supernets[name]

    def _new_supernet(self, members: Sequence[Architecture], fidelity: float) -> _Supernet:
        plan = self._plan
        torch.manual_seed(plan.seed)
        network = build_supernet(plan.space, plan.channels, plan.cells, self._data)
        training = SupernetTraining(
            network,
            plan.space,
            self._data,
            replace(plan.supernet_recipe, epochs=max(round(fidelity * plan.supernet_recipe.epochs), 1)),
            paths="uniform" if members else plan.paths,  # a region need not hold every operation
            within=members or None,
            seed=plan.seed,
            device=self._device,
        )
        return _Supernet(network, training, frozenset(members))

    def _carry_on(self, training: Training, checkpoint: Path, leave: Callable[[], bool]) -> bool:
        """Train from the checkpoint, if there is one, to the end or until told to leave; whether it is the end."""
        if checkpoint.exists():
            training.load(checkpoint)
        while not training.finished:
            began_s, energy = monotonic_s(), self._meter.mark() if self._meter else None
            due_s = began_s + CHECKPOINT_EVERY_S
            asked = _Asked(leave)
            training.advance(lambda: asked() or monotonic_s() >= due_s)  # noqa: B023 - asked within this turn alone
            training.spent.duration_s += monotonic_s() - began_s
            if self._meter and energy:
                training.spent.energy_j += between(energy, self._meter.mark()).energy_j
            training.save(checkpoint)
            if asked.answer and not training.finished:
                return False
        return True

    def _accuracy(self, training: Training) -> float:
        return training.score(self._validation).accuracy_pct

    def _values(self, architecture: Architecture, accuracy_pct: float) -> tuple[float, ...]:
        """The objectives, minimised; what needs no training is measured once an architecture."""
        return tuple(
            item.sign * (accuracy_pct if item.name == "accuracy" else self._cost(item.name, architecture))
            for item in self._plan.objectives
        )

    def _cost(self, name: str, architecture: Architecture) -> float:
        from ce_nas.training.networks.nasbench201 import count_flops, count_parameters

        plan = self._plan
        network = build_network(plan.space, architecture, plan.channels, plan.cells, self._data)
        if name == "parameters":
            return count_parameters(network) / 1e6
        if name == "flops":
            return count_flops(network, self._data.shape) / 1e6
        return 1e3 * measure_latency(network, self._data.shape, device=str(self._device), passes=30).median_s


@dataclass(frozen=True, slots=True)
class _Supernet:
    """Shared weights, their training, and whom they are for; nobody in particular: the whole space."""

    network: PathNetwork
    training: SupernetTraining
    members: frozenset[Architecture]


def _number(name: str) -> int:
    """Of ``supernet-TASK.pt``."""
    return int(name.removeprefix("supernet-").removesuffix(".pt"))


class _Asked:
    """Remembers that it was told to leave."""

    def __init__(self, leave: Callable[[], bool]) -> None:
        self._leave = leave
        self.answer = False

    def __call__(self) -> bool:
        self.answer = self.answer or self._leave()
        return self.answer
