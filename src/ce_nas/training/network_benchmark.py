"""Networks that are trained for real, as something to search: no table knows what they will find."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from ce_nas.benchmarks.base import Benchmark, Quantity
from ce_nas.core.errors import SettingsError
from ce_nas.space.nasbench201 import NasBench201Space
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.build import build_network, require_recipe, space_of
from ce_nas.training.networks.counts import nb201_flops, nb201_parameters
from ce_nas.training.networks.nasbench201 import count_flops, count_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.training.recipe import Recipe

__all__ = ["NetworkBenchmark"]

#: a latency that no small network reaches on any device: the bound of what counts, ms
_SLOWEST_MS = 1000.0
#: the smallest and the largest that a layer or operation of a space can be
_EXTREMES = {"darts": ("max_pool_3x3", "sep_conv_5x5"), "fbnet": ("skip", "k5_e6")}


class NetworkBenchmark(Benchmark):
    """A space's networks of a stated size, to be trained on stated images.

    Accuracy is measured on images set apart from the training set; the test images are not touched. Parameters and
    FLOPs of NAS-Bench-201's networks are known of all before any is built; those of the other spaces, which are too
    large to list, are told with each training.

    :param data: name or path of the images.
    :param channels: channels of a network's first stage; FBNet's space has its own.
    :param cells: cells a stage, or of the whole network in the DARTS space.
    :param recipe: how each is trained.
    :param space: nb201, darts or fbnet.
    :raises SettingsError: if there is no such space, or its networks have not what the recipe asks for.
    """

    def __init__(self, data: str, channels: int, cells: int, recipe: Recipe, space: str = "nb201") -> None:
        images = load_images(data)
        self.name = f"networks on {images.name}"
        self.space = space_of(space)
        require_recipe(self.space, recipe, images)
        self.origin = (
            f"real trainings of {recipe.epochs} epochs on {images.origin} ({len(images.train)} images of "
            f"{images.shape[2]}x{images.shape[1]}); networks of {self.space.name}, {_measures(space, channels, cells)}"
        )
        self.notes = (
            "Accuracy is measured on images set apart from the training set; the test images were not touched.",
        )
        self._images = replace(images, train=images.train.rows(np.arange(1)), test=images.test.rows(np.arange(1)))
        self._listed = isinstance(self.space, NasBench201Space)
        self._stated = [images.name, len(images.train), channels, cells, sorted(asdict(recipe).items())]
        self._stated += [space] if space != "nb201" else []
        self._channels, self._cells = channels, cells

    @property
    def default_objectives(self) -> Sequence[str]:
        """See :attr:`Benchmark.default_objectives`."""
        return ("accuracy", "parameters")

    @cached_property
    def quantities(self) -> Mapping[str, Quantity]:
        """See :attr:`Benchmark.quantities`."""
        sizes = {}
        for name in ("parameters", "flops"):
            low, high = self._range(name)
            sizes[name] = Quantity(name, "M", maximise=False, trained=not self._listed, low=low, high=high)
        return {
            "accuracy": Quantity("accuracy", "%", maximise=True, trained=True, low=0.0, high=100.0),
            **sizes,
            "latency": Quantity("latency", "ms", maximise=False, trained=True, low=0.0, high=_SLOWEST_MS),
        }

    @property
    def fingerprint(self) -> str:
        """See :attr:`Benchmark.fingerprint`."""
        return hashlib.sha256(repr(self._stated).encode()).hexdigest()

    @property
    def mean_epoch_s(self) -> float:
        """See :attr:`Benchmark.mean_epoch_s`: nobody knows before one was trained.

        :raises SettingsError: always.
        """
        message = f"Expected a benchmark whose trainings are on record, but {self.name} are trained for real."
        raise SettingsError(message)

    def costs(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:
        """See :meth:`Benchmark.costs`; in millions."""
        if not self._listed:
            return np.array([self._counted(name, tuple(map(int, architecture))) for architecture in architectures])
        shape, classes = self._images.shape, self._images.classes
        measures = {"channels": self._channels, "cells": self._cells, "classes": classes}
        if name == "parameters":
            return 1e-6 * nb201_parameters(architectures, in_channels=shape[0], **measures)
        return 1e-6 * nb201_flops(architectures, image=shape, **measures)

    def column(self, name: str) -> np.ndarray | None:
        """See :meth:`Benchmark.column`."""
        if not self._listed or name not in {"parameters", "flops"}:
            return None
        return self.costs(name, self.space.members)  # type: ignore[arg-type]

    def require_share(self, share: float) -> None:
        """See :meth:`Benchmark.require_share`: a real training can be stopped at any share."""

    def _range(self, name: str) -> tuple[float, float]:
        """The least and the most that a network of the space has, in millions."""
        if self._listed:
            every = self.costs(name, self.space.members)  # type: ignore[arg-type]
            return float(every.min()), float(every.max())
        first = (0,) * len(self.space.variables)
        found = [self._counted(name, self._alike(first, word)) for word in _EXTREMES[self.space.name]]
        return min(found), max(found)

    def _alike(self, first: Architecture, word: str) -> Architecture:
        """The architecture whose every layer or operation is the one called ``word``."""
        choices = zip(self.space.choices, first, strict=True)
        return tuple(names.index(word) if word in names else choice for names, choice in choices)

    def _counted(self, name: str, architecture: Architecture) -> float:
        """Counted of the network itself, without any numbers in it; in millions."""
        with torch.device("meta"):
            network = build_network(self.space, architecture, self._channels, self._cells, self._images)
            count = count_parameters(network) if name == "parameters" else count_flops(network, self._images.shape)
        return 1e-6 * count


def _measures(space: str, channels: int, cells: int) -> str:
    """How large its networks are, in words."""
    if space == "fbnet":
        return "as large as the space has them"
    return f"{channels} channels and {cells} cells" + (" a stage" if space == "nb201" else "")
