"""The training of a chosen network on all training images, its one test, and what it used.

Every stop and crash can be resumed: the checkpoint is that of any training, and the energy of the work that a crash
lost stays on the record.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import StoreError
from ce_nas.core.records import Activity, EnergyReading, ReadingSource
from ce_nas.core.rng import seeded_torch
from ce_nas.core.units import DAY_S
from ce_nas.energy.base import usage_between
from ce_nas.energy.cpu_time import tree_cpu_time_s
from ce_nas.energy.meter_selection import select_meter
from ce_nas.store.run_dir import write_atomic
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.factory import build_network
from ce_nas.training.process_group import RankProcesses
from ce_nas.training.trainer import NetworkTrainer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ce_nas.core.records import Architecture
    from ce_nas.energy.power_model import PowerModel
    from ce_nas.space.base import Space
    from ce_nas.training.data.images import ImageDataset
    from ce_nas.training.data_parallel import BatchPart
    from ce_nas.training.recipe import Recipe
    from ce_nas.training.trainer import ClassificationMetrics

__all__ = ["FinalTraining", "FinalTrainingConfig", "TrainingTime", "build_trainer", "measure_training_time"]

READINGS_FILENAME, CHECKPOINT_FILENAME, WAIT_FILENAME = "readings.json", "training.pt", "waited.json"
#: time between two checkpoints, and between two records of the energy, s
CHECKPOINT_INTERVAL_S, RECORD_INTERVAL_S = 60.0, 5.0
#: steps before those that an estimate times, and how long it times them, s
_WARM_UP_STEPS, _MEASURED_S = 3, 5.0
#: time of the run between two looks at the grid, s
WAIT_INTERVAL_S = 300.0
#: after it has waited as long the training continues until the grid has been clean once, s of the run
LONGEST_WAIT_S = DAY_S


@dataclass(frozen=True, slots=True)
class FinalTrainingConfig:
    """What is trained, and how."""

    space: Space
    architecture: Architecture
    #: name or path of the images, see :func:`~ce_nas.training.data.sources.load_images`
    data: str
    channels: int
    cells: int
    recipe: Recipe
    seed: int
    #: several of the same kind: each batch is divided between a process per device
    devices: tuple[str, ...]


def build_trainer(
    config: FinalTrainingConfig, device: str | None = None, part: BatchPart | None = None
) -> NetworkTrainer:
    """The trainer of what ``config`` says, at its start.

    :param device: the first of its devices by default.
    :param part: that of a process of several.
    """
    data = load_images(config.data)
    with seeded_torch(config.seed):
        network = build_network(config.space, config.architecture, config.channels, config.cells, data, config.recipe)
    return NetworkTrainer(network, data, config.recipe, seed=config.seed, device=device or config.devices[0], part=part)


@dataclass(frozen=True, slots=True)
class TrainingTime:
    """What a whole training takes on its devices, from a few of its steps."""

    duration_s: float
    #: if every step were as quick as the quickest tenth, s: on a busy processor the rest waits for others
    undisturbed_s: float
    #: processor time per second of these steps; None on a GPU
    processor_share: float | None = None


def measure_training_time(config: FinalTrainingConfig) -> TrainingTime:
    """Time a few steps on the first device, after three more.

    Over several devices the work is taken to be shared without loss.
    """
    trainer = build_trainer(config)
    trainer.advance(steps=_WARM_UP_STEPS)
    _wait_for(trainer.device)
    first, start_processor_s, seen_s = trainer.step, tree_cpu_time_s(os.getpid()), [monotonic_s()]

    def is_enough() -> bool:
        seen_s.append(monotonic_s())
        return trainer.step > first and seen_s[-1] - seen_s[0] > _MEASURED_S

    trainer.advance(is_enough)
    _wait_for(trainer.device)
    elapsed_s, count = monotonic_s() - seen_s[0], trainer.steps / len(config.devices)
    mean_s = elapsed_s / max(trainer.step - first, 1)
    if trainer.device.type != "cpu":
        return TrainingTime(mean_s * count, mean_s * count)
    quick_s = min(float(np.quantile(np.diff(seen_s[1:]), 0.1)) if len(seen_s) > 2 else mean_s, mean_s)
    processor_s = tree_cpu_time_s(os.getpid())
    known = processor_s is not None and start_processor_s is not None
    share = (processor_s - start_processor_s) / elapsed_s if known else None  # type: ignore[operator]  # both are known
    return TrainingTime(mean_s * count, quick_s * count, share)


class FinalTraining:
    """Trains one network in a folder, from its checkpoint if there is one.

    :param config: what is trained.
    :param folder: holds the checkpoint and the record of the energy.
    :param power: the power of a device that has no meter.
    :param start_s: time of the run at which the training starts, s.
    :param time_scale: seconds of the run per real second.
    """

    def __init__(
        self,
        config: FinalTrainingConfig,
        folder: Path,
        power: PowerModel,
        *,
        start_s: float = 0.0,
        time_scale: float = 1.0,
    ) -> None:
        self._config, self._folder, self._power = config, folder, power
        self._start_s, self._time_scale = start_s, time_scale
        self.data: ImageDataset = load_images(config.data)
        self.trainer = build_trainer(config)
        self._meter = select_meter("+".join(config.devices), os.getpid)
        self._readings = _read_readings(folder / READINGS_FILENAME)
        #: since the last reading, s of the run
        self._waited_s, self._works_until_clean = _read_wait(folder / WAIT_FILENAME, self._worked_s)
        checkpoint = folder / CHECKPOINT_FILENAME
        if checkpoint.exists():
            self.trainer.load(checkpoint)

    @property
    def readings(self) -> list[EnergyReading]:
        """The energy of every stay, that of work lost to crashes included."""
        return list(self._readings)

    def run(
        self,
        on_step: Callable[[int, int], None] = lambda _done, _total: None,
        is_dirty: Callable[[float], bool] = lambda _now_s: False,
    ) -> ClassificationMetrics:
        """Train to the end, and test once.

        :param on_step: called with the completed and all steps.
        :param is_dirty: whether to wait at a time of the run, s; the training is then saved, and its devices are free.
        """
        is_dirty = partial(self._must_wait, is_dirty)
        self._wait_while(is_dirty)
        stay = _Stay(self)
        while not self.trainer.is_finished:
            if is_dirty(self.now_s):
                self._wait_while(is_dirty)
                stay = _Stay(self)
            train = self._train_in_processes if len(self._config.devices) > 1 else self._train
            try:
                train(stay, on_step, is_dirty)
            finally:
                stay.record(force=True)
        on_step(self.trainer.steps, self.trainer.steps)
        metrics = self.trainer.evaluate(self.data.test)
        stay.record(force=True)
        return metrics

    def _train(self, stay: _Stay, on_step: Callable[[int, int], None], is_dirty: Callable[[float], bool]) -> None:
        """Train in this process up to the next checkpoint."""
        due_s = monotonic_s() + CHECKPOINT_INTERVAL_S
        watch = _Watch(stay, is_dirty)

        def should_pause() -> bool:
            stay.record()
            on_step(self.trainer.step, self.trainer.steps)
            return monotonic_s() >= due_s or watch.is_dirty()

        try:
            self.trainer.advance(should_pause)
        finally:  # also where a key or SIGTERM interrupts it
            self.trainer.save(self._folder / CHECKPOINT_FILENAME)

    def _train_in_processes(
        self, stay: _Stay, on_step: Callable[[int, int], None], is_dirty: Callable[[float], bool]
    ) -> None:
        """Train in a process per device, to the end or until the grid is dirty."""
        checkpoint, watch = self._folder / CHECKPOINT_FILENAME, _Watch(stay, is_dirty)
        make_trainer = partial(build_trainer, self._config)
        with RankProcesses(make_trainer, self._config.devices, checkpoint, CHECKPOINT_INTERVAL_S) as processes:
            while not (processes.has_ended(timeout_s=0.5) or watch.is_dirty()):
                stay.record()
                on_step(max(processes.completed_steps, self.trainer.step), self.trainer.steps)
        if checkpoint.exists():
            self.trainer.load(checkpoint)

    def _wait_while(self, is_dirty: Callable[[float], bool]) -> None:
        """Wait while the grid is dirty, without a device."""
        while not self.trainer.is_finished and is_dirty(self.now_s):
            wait_s = WAIT_INTERVAL_S / self._time_scale
            threading.Event().wait(wait_s)
            self._waited_s += WAIT_INTERVAL_S
            self._write_wait()

    def _must_wait(self, is_dirty: Callable[[float], bool], now_s: float) -> bool:
        """Whether the grid is dirty, and the longest wait is not over."""
        dirty = is_dirty(now_s)
        works_until_clean = dirty and (self._works_until_clean or self._waited_s >= LONGEST_WAIT_S)
        if works_until_clean != self._works_until_clean:
            self._works_until_clean = works_until_clean
            self._write_wait()
        return dirty and not works_until_clean

    def _write_wait(self) -> None:
        content = {
            "after_s": self._worked_s,
            "waited_s": self._waited_s,
            "works_until_clean": self._works_until_clean,
        }
        write_atomic(self._folder / WAIT_FILENAME, json.dumps(content))

    @property
    def now_s(self) -> float:
        """The time of the run up to which the training has worked and waited, s."""
        return self._worked_s + self._waited_s

    @property
    def _worked_s(self) -> float:
        """The time of the run at the end of the last reading, s."""
        return max((reading.end_s for reading in self._readings), default=self._start_s)

    def _write(self, begin_s: float, end_s: float, energy_j: float, source: ReadingSource, coverage: float) -> None:
        """Put the readings of the present stay, one per device, in the place of its former ones."""
        others = [each for each in self._readings if each.start_s != begin_s]
        count = len(self._config.devices)
        stay = [
            EnergyReading(device, Activity.TRAINING, begin_s, end_s, energy_j / count, source, coverage)
            for device in range(count)
        ]
        self._readings, self._waited_s = [*others, *stay], 0.0
        write_atomic(self._folder / READINGS_FILENAME, json.dumps([asdict(each) for each in self._readings]))


class _Stay:
    """The energy since the process began to work."""

    def __init__(self, training: FinalTraining) -> None:
        self._training = training
        self._begin_s = self._last_s = monotonic_s()
        self._start_s = training.now_s
        meter = training._meter  # noqa: SLF001 - a part of it
        self._first = meter.snapshot() if meter else None

    @property
    def now_s(self) -> float:
        """The time of the run, s."""
        training = self._training
        return self._start_s + (monotonic_s() - self._begin_s) * training._time_scale  # noqa: SLF001

    def record(self, *, force: bool = False) -> None:
        """Write the energy so far, at most every few seconds unless it is forced."""
        now_s = monotonic_s()
        if not force and now_s - self._last_s < RECORD_INTERVAL_S:
            return
        self._last_s, training = now_s, self._training
        duration_s, scale = now_s - self._begin_s, training._time_scale  # noqa: SLF001
        meter, power = training._meter, training._power  # noqa: SLF001
        if meter and self._first:
            usage = usage_between(self._first, meter.snapshot())
            energy_j, source, coverage = usage.energy_j, meter.source, usage.coverage
        else:
            devices = len(training._config.devices)  # noqa: SLF001
            energy_j, source, coverage = devices * power.training_w * duration_s, ReadingSource.MODELLED, 0.0
        end_s = self._start_s + max(duration_s, 1e-3) * scale
        training._write(self._start_s, end_s, energy_j, source, coverage)  # noqa: SLF001


class _Watch:
    """Asks at intervals whether the grid has become dirty."""

    def __init__(self, stay: _Stay, is_dirty: Callable[[float], bool]) -> None:
        self._stay, self._is_dirty = stay, is_dirty
        self._asked_s = stay.now_s

    def is_dirty(self) -> bool:
        """Whether it was dirty at the last look."""
        now_s = self._stay.now_s
        if now_s - self._asked_s < WAIT_INTERVAL_S:
            return False
        self._asked_s = now_s
        return self._is_dirty(now_s)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _read_wait(path: Path, after_s: float) -> tuple[float, bool]:
    """How long an interrupted training had waited, s, and whether it continues until the grid is clean.

    :param after_s: end of the last reading; the time waited before it is a part of it.
    :raises StoreError: if the file is damaged.
    """
    if not path.exists():
        return 0.0, False
    try:
        content = json.loads(path.read_text())
        waited_s = float(content["waited_s"]) if content["after_s"] == after_s else 0.0
        return waited_s, bool(content["works_until_clean"])
    except (ValueError, TypeError, KeyError) as error:
        message = f"Expected the time waited by a training at {path}, but {error}; remove the file to wait again."
        raise StoreError(message) from error


def _read_readings(path: Path) -> list[EnergyReading]:
    """The readings on record.

    :raises StoreError: if the file is damaged.
    """
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text())
        return [
            EnergyReading(**{**each, "activity": Activity(each["activity"]), "source": ReadingSource(each["source"])})
            for each in content
        ]
    except (ValueError, TypeError, KeyError) as error:
        message = f"Expected the energy readings of a training at {path}, but {error}; restore the file."
        raise StoreError(message) from error
