"""Networks that are trained for real, as something to search: no table knows what they will find."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError
from ce_nas.evaluate.benchmark import Benchmark, Quantity
from ce_nas.space.cells import NasBench201Space
from ce_nas.space.network.sizes import nb201_flops, nb201_parameters
from ce_nas.training.sources import load_images

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from ce_nas.core.records import Architecture
    from ce_nas.training.recipe import Recipe

__all__ = ["NetworkBenchmark"]

#: a latency that no small network reaches on any device: the bound of what counts, ms
_SLOWEST_MS = 1000.0


class NetworkBenchmark(Benchmark):
    """NAS-Bench-201's cells in networks of a stated size, to be trained on stated images.

    Accuracy is measured on images set apart from the training set; the test images are not touched.

    :param data: name or path of the images.
    :param channels: channels of a network's first stage.
    :param cells: cells a stage.
    :param recipe: how each is trained.
    """

    def __init__(self, data: str, channels: int, cells: int, recipe: Recipe) -> None:
        images = load_images(data)
        self.name = f"networks on {images.name}"
        self.space = NasBench201Space()
        self.origin = (
            f"real trainings of {recipe.epochs} epochs on {images.origin} ({len(images.train)} images of "
            f"{images.shape[2]}x{images.shape[1]}); networks of {channels} channels and {cells} cells a stage"
        )
        self.notes = (
            "Accuracy is measured on images set apart from the training set; the test images were not touched.",
        )
        self._shape, self._classes = images.shape, images.classes
        self._stated = [images.name, len(images.train), channels, cells, sorted(asdict(recipe).items())]
        self._channels, self._cells = channels, cells

    @cached_property
    def quantities(self) -> Mapping[str, Quantity]:
        """See :attr:`Benchmark.quantities`."""
        sizes = {name: self.column(name) for name in ("parameters", "flops")}
        return {
            "accuracy": Quantity("accuracy", "%", maximise=True, trained=True, low=0.0, high=100.0),
            **{
                name: Quantity(name, "M", maximise=False, trained=False, low=float(one.min()), high=float(one.max()))
                for name, one in sizes.items()
                if one is not None
            },
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
        """See :meth:`Benchmark.costs`."""
        if name == "parameters":
            return 1e-6 * nb201_parameters(
                architectures,
                channels=self._channels,
                cells=self._cells,
                classes=self._classes,
                in_channels=self._shape[0],
            )
        return 1e-6 * nb201_flops(
            architectures, channels=self._channels, cells=self._cells, classes=self._classes, image=self._shape
        )

    def column(self, name: str) -> np.ndarray | None:
        """See :meth:`Benchmark.column`."""
        return self.costs(name, self.space.members) if name in {"parameters", "flops"} else None  # type: ignore[arg-type]

    def require_share(self, share: float) -> None:
        """See :meth:`Benchmark.require_share`: a real training can be stopped at any share."""
