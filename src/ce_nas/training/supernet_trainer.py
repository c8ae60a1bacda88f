"""Training a supernet and scoring architectures by the weights they share in it.

Sources
    [FairNAS] Chu, Zhang, Xu. FairNAS: Rethinking Evaluation Fairness of Weight Sharing NAS. ICCV 2021.
    [FewShot] Zhao, Wang, Tian, Fonseca, Guo. Few-Shot Neural Architecture Search. ICML 2021.
    [SPOS] Guo et al. Single Path One-Shot Neural Architecture Search with Uniform Sampling. ECCV 2020: a path's
        batch normalisation has to be measured anew before it is scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ce_nas.core.errors import SettingsError, one_of
from ce_nas.core.rng import stream
from ce_nas.training.trainer import Training, derived_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from torch import Tensor, nn

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space
    from ce_nas.training.data.images import DataSet, Images
    from ce_nas.training.networks.supernet import PathNetwork
    from ce_nas.training.recipe import Recipe

__all__ = ["Paths", "SupernetTraining", "score_paths"]

Paths = Literal["uniform", "fair"]
_PATHS = ("uniform", "fair")


class SupernetTraining(Training):
    """A training whose every step goes along other paths.

    ``uniform`` draws one path a step [SPOS]. ``fair`` draws as many as an edge has operations, each of which is used
    exactly once on every edge, and sums their gradients [FairNAS].

    :param within: the architectures that the paths are drawn from: a supernet of one region of a partition learns
        that region alone, beginning with the weights of the region's parent (:meth:`inherit`) [FewShot]. None for all.
    """

    def __init__(  # noqa: PLR0913 - a training, and where its paths come from
        self,
        network: PathNetwork,
        space: Space,
        data: DataSet,
        recipe: Recipe,
        *,
        paths: Paths = "uniform",
        within: Sequence[Architecture] | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        if paths not in _PATHS:
            raise SettingsError(one_of("way to draw paths", paths, _PATHS))
        if paths == "fair" and within is not None:
            message = "Expected uniform paths inside a region, got fair ones: a region need not hold every operation."
            raise SettingsError(message)
        if paths == "fair" and len({len(names) for names in space.choices}) > 1:
            message = (
                f"Expected uniform paths in {space.name}, got fair ones: its variables have different numbers of "
                "choices, so that no few paths use each exactly once."
            )
            raise SettingsError(message)
        super().__init__(network, data, recipe, seed=seed, device=device)
        self._shared = network
        self._space = space
        self._paths = paths
        self._within = None if within is None else list(within)
        self._path_seed = seed

    def inherit(self, parent: nn.Module) -> None:
        """Begin with the weights of a supernet of the same shape [FewShot]."""
        self._shared.load_state_dict(parent.state_dict())

    def paths_of(self, step: int) -> list[Architecture]:
        """The paths of one step; the same step always has the same ones."""
        rng = stream(derived_seed(self._path_seed, "supernet", step), "paths")
        if self._paths == "fair":
            orders = [rng.permutation(len(names)) for names in self._space.choices]
            return [tuple(int(order[turn]) for order in orders) for turn in range(len(self._space.choices[0]))]
        if self._within is not None:
            return [self._within[int(rng.integers(len(self._within)))]]
        return self._space.sample(rng, 1)

    def _losses(self, images: Tensor, labels: Tensor, draws: torch.Generator) -> Iterator[Tensor]:
        paths = self.paths_of(self.step)
        for path in paths:
            self._shared.path = path
            yield self._loss(images, labels, draws) / len(paths)


def score_paths(  # noqa: PLR0913 - a supernet, what to score, on what, and how thoroughly
    training: Training,
    network: PathNetwork,
    architectures: Sequence[Architecture],
    images: Images,
    *,
    recalibration_batches: int = 8,
    seed: int = 0,
) -> np.ndarray:
    """The accuracy of each architecture by the supernet's weights, %, shape ``(n,)``, larger is better.

    A path's batch normalisation is measured anew on training images, since the running figures are those of all paths
    mixed. Which images is the same for every architecture, so that scores can be compared.

    :param training: the supernet's training, whose network it is.
    :param images: what is scored on.
    :param recalibration_batches: batches that the normalisation is measured on.
    """
    found = []
    for architecture in architectures:
        network.path = architecture
        training.recalibrate(recalibration_batches, seed)
        found.append(training.score(images).accuracy_pct)
    return np.array(found)
