"""The training of a chosen network on all training images, its one test, and what it used.

Every stop and crash can be resumed: the checkpoint is that of any training, and the energy of the work that a crash
lost stays on the record.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import StoreError
from ce_nas.core.records import Activity, EnergyReading, ReadingSource
from ce_nas.energy.base import usage_between
from ce_nas.energy.meter_selection import select_meter
from ce_nas.store.run_dir import write_atomic
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.factory import build_network
from ce_nas.training.trainer import NetworkTrainer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ce_nas.core.records import Architecture
    from ce_nas.energy.power_model import PowerModel
    from ce_nas.space.base import Space
    from ce_nas.training.data.images import ImageDataset
    from ce_nas.training.recipe import Recipe
    from ce_nas.training.trainer import ClassificationMetrics

__all__ = ["FinalTraining", "FinalTrainingConfig"]

READINGS_FILENAME, CHECKPOINT_FILENAME = "readings.json", "training.pt"
#: time between two checkpoints, and between two records of the energy, s
CHECKPOINT_INTERVAL_S, RECORD_INTERVAL_S = 60.0, 5.0


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
    device: str


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
        torch.manual_seed(config.seed)
        network = build_network(
            config.space, config.architecture, config.channels, config.cells, self.data, config.recipe
        )
        self.trainer = NetworkTrainer(network, self.data, config.recipe, seed=config.seed, device=config.device)
        self._meter = select_meter(config.device, os.getpid)
        self._readings = _read_readings(folder / READINGS_FILENAME)
        checkpoint = folder / CHECKPOINT_FILENAME
        if checkpoint.exists():
            self.trainer.load(checkpoint)

    @property
    def readings(self) -> list[EnergyReading]:
        """The energy of every stay, that of work lost to crashes included."""
        return list(self._readings)

    def run(self, on_step: Callable[[int, int], None] = lambda _done, _total: None) -> ClassificationMetrics:
        """Train to the end, and test once.

        :param on_step: called with the completed and all steps.
        """
        since = _Stay(self)
        while not self.trainer.is_finished:
            due_s = monotonic_s() + CHECKPOINT_INTERVAL_S

            def should_pause(due_s: float = due_s) -> bool:
                since.record()
                on_step(self.trainer.step, self.trainer.steps)
                return monotonic_s() >= due_s

            try:
                self.trainer.advance(should_pause)
            finally:  # also where a key or SIGTERM interrupts it
                self.trainer.save(self._folder / CHECKPOINT_FILENAME)
                since.record(force=True)
        on_step(self.trainer.steps, self.trainer.steps)
        metrics = self.trainer.evaluate(self.data.test)
        since.record(force=True)
        return metrics

    def _write(self, open_reading: EnergyReading) -> None:
        """Put the reading of the present stay in the place of its former state."""
        readings = [each for each in self._readings if each.start_s != open_reading.start_s]
        self._readings = [*readings, open_reading]
        write_atomic(self._folder / READINGS_FILENAME, json.dumps([asdict(each) for each in self._readings]))

    def _next_start_s(self) -> float:
        return max((reading.end_s for reading in self._readings), default=self._start_s)


class _Stay:
    """The energy since the process began to work."""

    def __init__(self, training: FinalTraining) -> None:
        self._training = training
        self._begin_s = self._last_s = monotonic_s()
        self._start_s = training._next_start_s()  # noqa: SLF001 - a part of it
        meter = training._meter  # noqa: SLF001
        self._first = meter.snapshot() if meter else None

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
            energy_j, source, coverage = power.training_w * duration_s, ReadingSource.MODELLED, 0.0
        end_s = self._start_s + max(duration_s, 1e-3) * scale
        training._write(  # noqa: SLF001
            EnergyReading(0, Activity.TRAINING, self._start_s, end_s, energy_j, source, coverage)
        )


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
