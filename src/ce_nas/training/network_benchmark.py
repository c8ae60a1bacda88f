"""A benchmark of networks that are trained for real on images."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING

from ce_nas.benchmarks.base import Benchmark, MetricSpec
from ce_nas.core.errors import SettingsError
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.factory import build_space, network_image_shape, require_recipe
from ce_nas.training.networks.network_counts import NetworkCounter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from ce_nas.core.records import Architecture
    from ce_nas.training.recipe import Recipe

__all__ = ["NetworkBenchmark"]

#: upper bound of a small network's latency on any device, and so its reference, ms
_MAX_LATENCY_MS = 1000.0
#: counted metrics, in the order of the counter's columns
_COUNTS = ("parameters", "flops")


class NetworkBenchmark(Benchmark):
    """A space's networks of a given size, trained on given images.

    Accuracy is measured on a validation split of the training images; the test images are not used. Parameters and
    multiply-accumulates (``flops``) of every network are known before it is trained.

    :param data: name or path of the images.
    :param channels: channels of a network's first stage; the spaces of FBNet and EfficientNet have their own.
    :param cells: cells per stage, or of the whole network in the spaces of DARTS and NASNet.
    :param recipe: how each is trained.
    :param space: nb201, darts, nasnet, fbnet or efficientnet.
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
        shape = network_image_shape(images, recipe)
        self._counter = NetworkCounter(self.space, channels, cells, shape, images.classes)
        self._is_enumerable = isinstance(self.space, NasBench201Space)
        self._fingerprint_fields = [images.name, len(images.train), channels, cells, sorted(asdict(recipe).items())]
        self._fingerprint_fields += [space] if space != "nb201" else []

    @property
    def default_objectives(self) -> Sequence[str]:
        """See :attr:`Benchmark.default_objectives`."""
        return ("accuracy", "parameters")

    @cached_property
    def metric_specs(self) -> Mapping[str, MetricSpec]:
        """See :attr:`Benchmark.metric_specs`."""
        counts = {}
        for name in _COUNTS:
            low, high = self._count_range(name)
            counts[name] = MetricSpec(name, "M", maximise=False, requires_training=False, min_value=low, max_value=high)
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
        return 1e-6 * self._counter.counts(architectures)[:, _COUNTS.index(name)]

    def all_values(self, name: str) -> np.ndarray | None:
        """See :meth:`Benchmark.all_values`."""
        if not self._is_enumerable or name not in _COUNTS:
            return None
        return self.training_free_values(name, self.space.members)  # type: ignore[arg-type]

    def require_fidelity(self, fidelity: float) -> None:
        """See :meth:`Benchmark.require_fidelity`: real trainings can stop at any fidelity."""

    def _count_range(self, name: str) -> tuple[float, float]:
        """Bounds of the count of a network of the space, in millions."""
        low, high = self._counter.bounds[:, _COUNTS.index(name)] * 1e-6
        return float(low), float(high)


def _describe_size(space: str, channels: int, cells: int) -> str:
    """The networks' size in words."""
    if space in {"fbnet", "efficientnet"}:
        return "of the space's own size"
    return f"{channels} channels and {cells} cells" + (" per stage" if space == "nb201" else "")
