"""What :mod:`ce_nas.gpu_check` measures: settings, images, networks, rates, and the GPU's meter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ce_nas.core.clock import monotonic_s
from ce_nas.core.rng import seeded_torch
from ce_nas.space.darts import DartsSpace, Genotype
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.data.images import ImageDataset, Images, build_image_dataset
from ce_nas.training.networks.darts_network import DartsNetwork
from ce_nas.training.networks.supernet import NasBench201Supernet
from ce_nas.training.recipe import Recipe
from ce_nas.training.supernet_trainer import SupernetTrainer
from ce_nas.training.trainer import NetworkTrainer

__all__ = [
    "CheckSettings",
    "build_darts_network",
    "build_darts_trainer",
    "build_supernet_trainer",
    "generate_images",
    "load_cifar",
    "measure_images_per_s",
    "measure_plain_loop",
    "open_gpu_meter",
    "wait",
]

#: the second cells of DARTS' paper
_DARTS_V2 = Genotype(
    [
        *(("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
        *(("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)),
    ],
    [2, 3, 4, 5],
    [
        *(("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1)),
        *(("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)),
    ],
    [2, 3, 4, 5],
)
_CLASSES = 10


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """How much is done."""

    device: str
    #: most that one step may take, and all together, s
    step_s: float = 45.0
    total_s: float = 460.0
    #: channels and cells of the network of DARTS' space, images per batch, and training images
    channels: int = 36
    cells: int = 20
    batch: int = 96
    images: int = 50_000
    #: CIFAR-10 in a layout that ce-nas reads; None: generated images
    data: str | None = None
    #: change the power limit, where the system permits it, and set it back
    power_limits: bool = False

    @property
    def is_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.startswith("cuda")

    @classmethod
    def for_cpu(cls, step_s: float = 12.0, total_s: float = 240.0) -> CheckSettings:
        """Small enough for a CPU."""
        return cls("cpu", step_s, total_s, channels=4, cells=3, batch=16, images=160)


def generate_images(settings: CheckSettings, count: int) -> ImageDataset:
    """Ten classes of noise around a pattern of their own, of CIFAR-10's size."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 256, (_CLASSES, 3, 8, 8)).repeat(4, axis=2).repeat(4, axis=3)

    def draw(number: int) -> Images:
        labels = np.arange(number) % _CLASSES
        noise = rng.integers(0, 256, (number, 3, 32, 32), dtype=np.int16)
        return Images(((patterns[labels] + 3 * noise) // 4).astype(np.uint8), labels.astype(np.int64))

    number = max(min(count, settings.images), 4 * _CLASSES)
    return build_image_dataset("generated images", "noise around ten patterns", draw(number), draw(number // 4))


def load_cifar(settings: CheckSettings) -> ImageDataset:
    """The images that the settings name.

    :raises DataError: if they cannot be read.
    """
    from ce_nas.training.data.sources import load_images

    return load_images(settings.data or "")


def build_darts_network(settings: CheckSettings, *, auxiliary: bool = True) -> DartsNetwork:
    """DARTS-V2 at the size of the settings, with weights of seed 0."""
    architecture = DartsSpace().architecture(_DARTS_V2)
    with seeded_torch(0):
        return DartsNetwork(architecture, channels=settings.channels, cells=settings.cells, auxiliary=auxiliary)


def build_darts_trainer(settings: CheckSettings, data: ImageDataset, recipe: Recipe) -> NetworkTrainer:
    """A trainer of that network."""
    network = build_darts_network(settings, auxiliary=recipe.auxiliary > 0)
    return NetworkTrainer(network, data, recipe, seed=0, device=settings.device)


def build_supernet_trainer(settings: CheckSettings, data: ImageDataset, epochs: int) -> SupernetTrainer:
    """A trainer of NAS-Bench-201's supernet along random paths."""
    width, cells = (16, 5) if settings.is_gpu else (4, 1)
    recipe = Recipe(epochs=epochs, batch=min(256, len(data.train)), precision="bf16", deterministic=False)
    with seeded_torch(0):
        network = NasBench201Supernet(channels=width, cells=cells)
    return SupernetTrainer(network, NasBench201Space(), data, recipe, device=settings.device)


def measure_images_per_s(trainer: NetworkTrainer, settings: CheckSettings, limit_s: float) -> float:
    """Images per second of a training over about ``limit_s``, after three steps."""
    trainer.advance(steps=3)
    wait(settings)
    start_s, first = monotonic_s(), trainer.step
    while monotonic_s() - start_s < limit_s:
        trainer.advance(steps=10 if settings.is_gpu else 1)
        wait(settings)
    return (trainer.step - first) * trainer.recipe.batch / (monotonic_s() - start_s)


def measure_plain_loop(network: torch.nn.Module, data: ImageDataset, settings: CheckSettings, limit_s: float) -> float:
    """A loop as in any tutorial: the same network, batch and precision, images on the device, no augmentation."""
    # on a CPU dilated convolutions in bf16 have no such order, see ce_nas.training.trainer
    order = torch.channels_last if settings.is_gpu else torch.contiguous_format
    network.to(settings.device, memory_format=order)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(network.parameters(), 0.025, 0.9, weight_decay=3e-4)
    pixels = torch.from_numpy(data.train.pixels[: settings.batch]).to(settings.device).float() / 255.0
    pixels = pixels.contiguous(memory_format=order)
    labels = torch.from_numpy(data.train.labels[: settings.batch]).to(settings.device)

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast(settings.device.partition(":")[0], torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(network(pixels), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    for _ in range(3):
        step()
    wait(settings)
    start_s, count = monotonic_s(), 0
    while monotonic_s() - start_s < limit_s:
        for _ in range(10 if settings.is_gpu else 1):
            step()
            count += 1
        wait(settings)
    return count * len(labels) / (monotonic_s() - start_s)


def open_gpu_meter(settings: CheckSettings) -> tuple[Any, Any, Any]:
    """The meter, NVML's bindings, and the GPU's handle, found by its UUID."""
    from ce_nas.energy.cuda_devices import resolve_cuda_device
    from ce_nas.energy.nvml import load_nvml, nvml_meter

    nvml = load_nvml()
    device = resolve_cuda_device(torch.device(settings.device).index or 0, nvml, os.environ)
    return nvml_meter(device, nvml=nvml), nvml, nvml.nvmlDeviceGetHandleByUUID(device.uuid)


def wait(settings: CheckSettings) -> None:
    """Wait until the GPU has done what it was given."""
    if settings.is_gpu:
        torch.cuda.synchronize(settings.device)
