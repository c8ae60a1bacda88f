"""The executor that trains real networks on one device, and scores them by a supernet or measures their latency.

A supernet's final weights are stored in the run's folder of checkpoints, where every device's executor finds them:
those of the whole space in ``supernet.pt``, those of a region in ``supernet-TASK.pt``, its members in
``supernet-TASK.json``.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from ce_nas.benchmarks.base import Executor, Failure, TaskError
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.core.records import Outcome, Task, TaskKind
from ce_nas.core.rng import seeded_torch
from ce_nas.energy.base import usage_between
from ce_nas.energy.meter_selection import select_meter
from ce_nas.store.run_dir import write_atomic
from ce_nas.training.data.sources import load_images
from ce_nas.training.device_load import IDLE_SHARE, LONGEST_WAIT_S
from ce_nas.training.latency import Runtime, measure_latency
from ce_nas.training.networks.factory import build_network, build_supernet, network_image_shape
from ce_nas.training.networks.network_counts import NetworkCounter
from ce_nas.training.recipe import Recipe
from ce_nas.training.supernet_trainer import PathSampling, SupernetTrainer, score_paths
from ce_nas.training.trainer import DivergedError, NetworkTrainer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.core.records import Architecture, Objective
    from ce_nas.space.base import Space
    from ce_nas.training.data.images import ImageDataset, Images
    from ce_nas.training.networks.supernet import Supernet

__all__ = ["NETWORK_METRICS", "TrainingConfig", "TrainingExecutor"]

#: metrics of a network: unit, whether more is better, whether it requires training
NETWORK_METRICS = {
    "accuracy": ("%", True, True),
    "parameters": ("M", False, False),
    "flops": ("M", False, False),
    "latency": ("ms", False, False),
}
#: time between two checkpoints of an uninterrupted training, s: the most that a lost machine can cost
CHECKPOINT_INTERVAL_S = 60.0


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """What is trained, on which data and how; picklable, so that every process can build its executor from it."""

    space: Space
    objectives: tuple[Objective, ...]
    #: name or path of the images, see :func:`~ce_nas.training.data.sources.load_images`
    data: str = "digits"
    #: share of the training images on which accuracy is measured
    validation_share: float = 0.25
    #: channels of a network's first stage, and cells per stage
    channels: int = 16
    cells: int = 5
    recipe: Recipe = field(default_factory=Recipe)
    supernet_recipe: Recipe = field(default_factory=Recipe)
    path_sampling: PathSampling = "uniform"
    #: how the objective latency is measured
    latency_runtime: Runtime = "eager"
    #: whether sampling tasks score by a supernet; if not, they measure the latency alone
    has_supernet: bool = True
    #: batches that recalibrate a path's batch normalisation before it is scored
    recalibration_batches: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for objective in self.objectives:
            if objective.name not in NETWORK_METRICS:
                raise SettingsError(unknown_choice_message("metric of a network", objective.name, NETWORK_METRICS))


class TrainingExecutor(Executor):
    """Trains networks and supernets, and samples architectures, on one device.

    Without a supernet a sampling task measures the latency alone, and says nothing of the accuracy.

    :param config: what is trained and how.
    :param device: the device, for instance ``cuda:0``.
    """

    def __init__(self, config: TrainingConfig, device: str) -> None:
        self._config = config
        self._device = torch.device(device)
        if self._device.type == "cpu":
            torch.set_num_threads(max(torch.get_num_threads() // 2, 1))
        # for the usage recorded in the checkpoint; the run's energy is measured by the cluster's meters
        self._meter = select_meter(device, os.getpid)
        self._supernets: dict[str, _TrainedSupernet] = {}

    def run(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`."""
        self._folder = folder
        self._idle_wait_s = LONGEST_WAIT_S
        runs = {
            TaskKind.EVALUATION: self._evaluate,
            TaskKind.SUPERNET: self._train_supernet,
            TaskKind.SAMPLING: self._score_architectures if self._config.has_supernet else self._measure_costs,
        }
        try:
            return runs[task.kind](task, folder, should_stop)
        except DivergedError as error:
            raise TaskError(Failure.DIVERGED, str(error)) from error
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise TaskError(Failure.OUT_OF_MEMORY, str(error)) from error

    @cached_property
    def _data(self) -> ImageDataset:
        return load_images(self._config.data).split(self._config.validation_share, self._config.seed)

    @property
    def _validation_images(self) -> Images:
        """The images on which networks are compared; the test images are not used."""
        assert self._data.validation is not None  # noqa: S101 - `_data` is split
        return self._data.validation

    def _evaluate(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        config, architecture = self._config, task.architectures[0]
        if any(objective.name == "latency" for objective in config.objectives):
            self._measure_metric("latency", architecture)  # first, while nothing else of this task runs on the device
        with seeded_torch(config.seed):
            network = build_network(
                config.space, architecture, config.channels, config.cells, self._data, config.recipe
            )
        epochs = max(round(task.fidelity * config.recipe.epochs), 1)
        trainer = NetworkTrainer(
            network, self._data, config.recipe, seed=config.seed, device=self._device, epochs=epochs
        )
        if not self._train_with_checkpoints(trainer, folder / f"task-{task.id}.pt", should_stop):
            return None
        accuracy_pct = trainer.evaluate(self._validation_images).accuracy_pct
        return Outcome(task.id, (self._objective_values(architecture, accuracy_pct),))

    def _train_supernet(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """Train the supernet of the whole space, or of a region, initialised with the whole space's weights."""
        members, checkpoint = task.architectures, folder / f"task-{task.id}.pt"
        supernet = self._new_supernet(members, task.fidelity)
        if members and not checkpoint.exists():
            supernet.trainer.load_parent_weights(self._load_supernet("supernet.pt", folder).network)
        if not self._train_with_checkpoints(supernet.trainer, checkpoint, should_stop):
            return None
        if members:  # before the weights, whose file marks the supernet as complete
            write_atomic(folder / f"supernet-{task.id}.json", json.dumps([task.fidelity, members]))
        supernet.trainer.save(folder / (f"supernet-{task.id}.pt" if members else "supernet.pt"))
        return Outcome(task.id, ())

    def _score_architectures(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """Score by the newest supernet that contains each architecture; a resumed task scores all of them again."""
        names = ["supernet.pt", *sorted((path.name for path in folder.glob("supernet-*.pt")), key=_supernet_task_id)]
        supernets = [self._load_supernet(name, folder) for name in reversed(names)]
        scores: list[float] = []
        for architecture in task.architectures:
            if should_stop():
                return None
            supernet = next(each for each in supernets if not each.members or architecture in each.members)
            score = score_paths(
                supernet.trainer,
                supernet.network,
                [architecture],
                self._validation_images,
                recalibration_batches=self._config.recalibration_batches,
                seed=self._config.seed,
            )
            scores.append(float(score[0]))
        pairs = zip(task.architectures, scores, strict=True)
        values = tuple(self._objective_values(architecture, score) for architecture, score in pairs)
        return Outcome(task.id, values, tuple((score,) for score in scores))

    def _measure_costs(self, task: Task, _: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """Measure what needs no training; a resumed task reads the latencies in the folder."""
        values: list[tuple[float, ...]] = []
        for architecture in task.architectures:
            if should_stop():
                return None
            values.append(self._objective_values(architecture, math.nan))
        return Outcome(task.id, tuple(values), ((),) * len(values))

    def _load_supernet(self, name: str, folder: Path) -> _TrainedSupernet:
        """A trained supernet, loaded once."""
        if name not in self._supernets:
            metadata = (folder / name).with_suffix(".json")
            fidelity, members = json.loads(metadata.read_text()) if metadata.exists() else (1.0, ())
            supernet = self._new_supernet([tuple(member) for member in members], fidelity)
            supernet.trainer.load(folder / name)
            self._supernets[name] = supernet
        return self._supernets[name]

    def _new_supernet(self, members: Sequence[Architecture], fidelity: float) -> _TrainedSupernet:
        config = self._config
        with seeded_torch(config.seed):
            network = build_supernet(config.space, config.channels, config.cells, self._data, config.supernet_recipe)
        trainer = SupernetTrainer(
            network,
            config.space,
            self._data,
            replace(config.supernet_recipe, epochs=max(round(fidelity * config.supernet_recipe.epochs), 1)),
            path_sampling="uniform" if members else config.path_sampling,  # a region may lack operations
            region_members=members or None,
            seed=config.seed,
            device=self._device,
        )
        return _TrainedSupernet(network, trainer, frozenset(members))

    def _train_with_checkpoints(
        self, trainer: NetworkTrainer, checkpoint: Path, should_stop: Callable[[], bool]
    ) -> bool:
        """Train from the checkpoint, if there is one, to the end or until it should stop; whether it has finished."""
        if checkpoint.exists():
            trainer.load(checkpoint)
        while not trainer.is_finished:
            start_s, energy = monotonic_s(), self._meter.snapshot() if self._meter else None
            due_s = start_s + CHECKPOINT_INTERVAL_S
            stop = _StopLatch(should_stop)
            trainer.advance(lambda: stop() or monotonic_s() >= due_s)  # noqa: B023 - called in this iteration only
            trainer.usage.duration_s += monotonic_s() - start_s
            if self._meter and energy:
                trainer.usage.energy_j += usage_between(energy, self._meter.snapshot()).energy_j
            trainer.save(checkpoint)
            if stop.stop_requested and not trainer.is_finished:
                return False
        return True

    def _objective_values(self, architecture: Architecture, accuracy_pct: float) -> tuple[float, ...]:
        """The objectives, minimised.

        :param accuracy_pct: nan where it is not known.
        """
        return tuple(
            objective.sign
            * (accuracy_pct if objective.name == "accuracy" else self._measure_metric(objective.name, architecture))
            for objective in self._config.objectives
        )

    def _measure_metric(self, name: str, architecture: Architecture) -> float:
        config = self._config
        shape = network_image_shape(self._data, config.recipe)
        if name != "latency":
            counter = NetworkCounter(config.space, config.channels, config.cells, shape, self._data.classes)
            return float(counter.counts([architecture])[0, ("parameters", "flops").index(name)]) / 1e6
        return 1e3 * self._measure_latency(architecture, shape)

    def _measure_latency(self, architecture: Architecture, shape: tuple[int, int, int]) -> float:
        """The median latency, s: measured once per architecture, runtime and kind of device, and kept in the folder."""
        config = self._config
        runtime, device = config.latency_runtime, str(self._device)
        kind = f"{runtime} {self._device.type} {architecture}"
        file = self._folder / f"latency-{hashlib.sha256(kind.encode()).hexdigest()[:16]}.json"
        if file.exists():
            return float(json.loads(file.read_text())["median_s"])
        plain = replace(config.recipe, auxiliary=0.0, whitening=0)
        network = build_network(config.space, architecture, config.channels, config.cells, self._data, plain)
        wait_s = self._idle_wait_s
        latency = measure_latency(network, shape, runtime=runtime, device=device, passes=30, longest_wait_s=wait_s)
        if (latency.busy_share or 0.0) > IDLE_SHARE:
            self._idle_wait_s = 0.0  # others work on it: the rest of the task does not wait for it again
        write_atomic(file, json.dumps({"architecture": architecture, **asdict(latency)}))
        return latency.median_s


@dataclass(frozen=True, slots=True)
class _TrainedSupernet:
    """A supernet, its trainer and the members of its region; none for the whole space."""

    network: Supernet
    trainer: SupernetTrainer
    members: frozenset[Architecture]


def _supernet_task_id(name: str) -> int:
    """The task of ``supernet-TASK.pt``."""
    return int(name.removeprefix("supernet-").removesuffix(".pt"))


class _StopLatch:
    """Remembers that a stop was requested."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self.stop_requested = False

    def __call__(self) -> bool:
        self.stop_requested = self.stop_requested or self._should_stop()
        return self.stop_requested
