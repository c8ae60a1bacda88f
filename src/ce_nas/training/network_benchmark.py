"""A benchmark of networks that are trained for real on images."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from ce_nas.benchmarks.base import Benchmark, MetricSpec
from ce_nas.core.errors import SettingsError
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.counts import nb201_flops, nb201_parameters
from ce_nas.training.networks.factory import build_network, build_space, require_recipe
from ce_nas.training.networks.nasbench201_network import count_flops, count_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.training.recipe import Recipe

__all__ = ["NetworkBenchmark"]

#: upper bound of a small network's latency on any device, and so its reference, ms
_MAX_LATENCY_MS = 1000.0
#: the smallest and the largest operation of a space's layers
_EXTREME_CHOICES = {"darts": ("max_pool_3x3", "sep_conv_5x5"), "fbnet": ("skip", "k5_e6")}


class NetworkBenchmark(Benchmark):
    """A space's networks of a given size, trained on given images.

    Accuracy is measured on a validation split of the training images; the test images are not used. Parameters and
    FLOPs of NAS-Bench-201's networks are counted for all cells beforehand; those of the other spaces, which are too
    large to list, come with each training.

    :param data: name or path of the images.
    :param channels: channels of a network's first stage; FBNet's space has its own.
    :param cells: cells per stage, or of the whole network in the DARTS space.
    :param recipe: how each is trained.
    :param space: nb201, darts or fbnet.
    :raises SettingsError: if the space is unknown, or its networks do not support the recipe.
    """

    def __init__(self, data: str, channels: int, cells: int, recipe: Recipe, space: str = "nb201") -> None:
        images = load_images(data)
        self.name = f"networks on {images.name}"
        self.space = build_space(space)
        require_recipe(self.space, recipe, images)
        self.origin = (
            f"real trainings of {recipe.epochs} epochs on {images.origin} ({len(images.train)} images of "
            f"{images.image_shape[2]}x{images.image_shape[1]}); networks of {self.space.name}, "
            f"{_describe_size(space, channels, cells)}"
        )
        self.notes = (
            "Accuracy is measured on a validation split of the training images; the test images were not used.",
        )
        self._images = replace(images, train=images.train.subset(np.arange(1)), test=images.test.subset(np.arange(1)))
        self._is_enumerable = isinstance(self.space, NasBench201Space)
        self._fingerprint_fields = [images.name, len(images.train), channels, cells, sorted(asdict(recipe).items())]
        self._fingerprint_fields += [space] if space != "nb201" else []
        self._channels, self._cells = channels, cells

    @property
    def default_objectives(self) -> Sequence[str]:
        """See :attr:`Benchmark.default_objectives`."""
        return ("accuracy", "parameters")

    @cached_property
    def metric_specs(self) -> Mapping[str, MetricSpec]:
        """See :attr:`Benchmark.metric_specs`."""
        counts = {}
        for name in ("parameters", "flops"):
            low, high = self._count_range(name)
            counts[name] = MetricSpec(
                name, "M", maximise=False, requires_training=not self._is_enumerable, min_value=low, max_value=high
            )
        return {
            "accuracy": MetricSpec(
                "accuracy", "%", maximise=True, requires_training=True, min_value=0.0, max_value=100.0
            ),
            **counts,
            "latency": MetricSpec(
                "latency", "ms", maximise=False, requires_training=True, min_value=0.0, max_value=_MAX_LATENCY_MS
            ),
        }

    @property
    def fingerprint(self) -> str:
        """See :attr:`Benchmark.fingerprint`."""
        return hashlib.sha256(repr(self._fingerprint_fields).encode()).hexdigest()

    @property
    def mean_epoch_s(self) -> float:
        """See :attr:`Benchmark.mean_epoch_s`: unknown before training.

        :raises SettingsError: always.
        """
        message = f"Expected a benchmark with recorded trainings, but {self.name} are trained for real."
        raise SettingsError(message)

    def training_free_values(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:
        """See :meth:`Benchmark.training_free_values`; in millions."""
        if not self._is_enumerable:
            return np.array([self._count(name, tuple(map(int, architecture))) for architecture in architectures])
        shape, classes = self._images.image_shape, self._images.classes
        measures = {"channels": self._channels, "cells": self._cells, "classes": classes}
        if name == "parameters":
            return 1e-6 * nb201_parameters(architectures, in_channels=shape[0], **measures)
        return 1e-6 * nb201_flops(architectures, image_shape=shape, **measures)

    def all_values(self, name: str) -> np.ndarray | None:
        """See :meth:`Benchmark.all_values`."""
        if not self._is_enumerable or name not in {"parameters", "flops"}:
            return None
        return self.training_free_values(name, self.space.members)  # type: ignore[arg-type]

    def require_fidelity(self, fidelity: float) -> None:
        """See :meth:`Benchmark.require_fidelity`: real trainings can stop at any fidelity."""

    def _count_range(self, name: str) -> tuple[float, float]:
        """The smallest and the largest count of a network of the space, in millions."""
        if self._is_enumerable:
            counts = self.training_free_values(name, self.space.members)  # type: ignore[arg-type]
            return float(counts.min()), float(counts.max())
        first = (0,) * len(self.space.variables)
        extremes = [
            self._count(name, self._uniform_architecture(first, option)) for option in _EXTREME_CHOICES[self.space.name]
        ]
        return min(extremes), max(extremes)

    def _uniform_architecture(self, default: Architecture, option: str) -> Architecture:
        """The architecture with ``option`` in every layer or operation that has it."""
        choices = zip(self.space.choices, default, strict=True)
        return tuple(names.index(option) if option in names else choice for names, choice in choices)

    def _count(self, name: str, architecture: Architecture) -> float:
        """The count of a network built on the meta device, in millions."""
        with torch.device("meta"):
            network = build_network(self.space, architecture, self._channels, self._cells, self._images)
            count = (
                count_parameters(network) if name == "parameters" else count_flops(network, self._images.image_shape)
            )
        return 1e-6 * count


def _describe_size(space: str, channels: int, cells: int) -> str:
    """The networks' size in words."""
    if space == "fbnet":
        return "of the space's own size"
    return f"{channels} channels and {cells} cells" + (" per stage" if space == "nb201" else "")
