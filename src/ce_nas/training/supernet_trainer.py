"""Train a supernet and score architectures by its shared weights.

Sources
    [FairNAS] Chu, Zhang, Xu. FairNAS: Rethinking Evaluation Fairness of Weight Sharing NAS. ICCV 2021.
    [FewShot] Zhao, Wang, Tian, Fonseca, Guo. Few-Shot Neural Architecture Search. ICML 2021.
    [OFA] Cai, Gan, Wang, Zhang, Han. Once-for-All. ICLR 2020; the sandwich rule is that of Yu, Huang. Universally
        Slimmable Networks. ICCV 2019.
    [SPOS] Guo et al. Single Path One-Shot Neural Architecture Search with Uniform Sampling. ECCV 2020: a path's
        batch normalisation is recalibrated before it is scored.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.core.rng import random_stream
from ce_nas.training.data.batches import derive_seed
from ce_nas.training.trainer import NetworkTrainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from torch import Tensor, nn

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space
    from ce_nas.training.data.images import ImageDataset, Images
    from ce_nas.training.networks.supernet import Supernet
    from ce_nas.training.recipe import Recipe

__all__ = ["PathSampling", "SupernetTrainer", "require_path_sampling", "score_paths"]

PathSampling = Literal["uniform", "fair", "sandwich"]
_PATH_SAMPLINGS = ("uniform", "fair", "sandwich")
#: random paths of a sandwich, besides the largest and the smallest [OFA]
_RANDOM_PATHS = 2


class SupernetTrainer(NetworkTrainer):
    """Trains a supernet, each step along newly sampled paths.

    ``uniform`` samples one path per step [SPOS]. ``fair`` samples as many as an edge has operations, so that each
    operation is used exactly once on every edge, and sums their gradients [FairNAS]. ``sandwich`` samples the largest,
    the smallest and two random paths, in EfficientNet's space, whose choices are ordered by size [OFA].

    :param region_members: the architectures from which paths are sampled: the supernet of a region of a partition
        trains on that region alone, from the parent's weights (:meth:`load_parent_weights`) [FewShot]. None for all.
    """

    def __init__(  # noqa: PLR0913 - the trainer's parameters and the path sampling
        self,
        network: Supernet,
        space: Space,
        data: ImageDataset,
        recipe: Recipe,
        *,
        path_sampling: PathSampling = "uniform",
        region_members: Sequence[Architecture] | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        require_path_sampling(space, path_sampling)
        if path_sampling != "uniform" and region_members is not None:
            message = f"Expected uniform paths inside a region, got {path_sampling} ones: a region may lack operations."
            raise SettingsError(message)
        if recipe.compile:  # a new path at every step would be recompiled
            recipe = replace(recipe, compile=False)
        super().__init__(network, data, recipe, seed=seed, device=device)
        self._supernet = network
        self._space = space
        self._path_sampling = path_sampling
        self._region_members = None if region_members is None else list(region_members)
        self._path_seed = seed

    def load_parent_weights(self, parent: nn.Module) -> None:
        """Initialise with the weights of a supernet of the same shape [FewShot]."""
        self._supernet.load_state_dict(parent.state_dict())

    def sample_paths(self, step: int) -> list[Architecture]:
        """The paths of a step, a function of the seed and the step alone."""
        rng = random_stream(derive_seed(self._path_seed, "supernet", step), "paths")
        if self._path_sampling == "fair":
            orders = [rng.permutation(len(names)) for names in self._space.choices]
            return [tuple(int(order[turn]) for order in orders) for turn in range(len(self._space.choices[0]))]
        if self._path_sampling == "sandwich":
            largest = tuple(len(names) - 1 for names in self._space.choices)
            return [largest, (0,) * len(largest), *self._space.sample(rng, _RANDOM_PATHS)]
        if self._region_members is not None:
            return [self._region_members[int(rng.integers(len(self._region_members)))]]
        return self._space.sample(rng, 1)

    def _losses(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
        paths = self.sample_paths(self.step)
        for path in paths:
            self._supernet.path = path
            yield self._loss(images, labels, generator) / len(paths)


def require_path_sampling(space: Space, path_sampling: str) -> None:
    """Check that paths of a space can be sampled in a way.

    :raises SettingsError: if not.
    """
    if path_sampling not in _PATH_SAMPLINGS:
        raise SettingsError(unknown_choice_message("path sampling", path_sampling, _PATH_SAMPLINGS))
    if path_sampling == "fair" and len({len(names) for names in space.choices}) > 1:
        message = (
            f"Expected uniform paths in {space.name}, got fair ones: its variables differ in the number of choices, so "
            "that paths cannot use each exactly once; remove live.path_sampling."
        )
        raise SettingsError(message)
    if path_sampling == "sandwich" and space.name != "efficientnet":
        message = (
            f"Expected uniform paths in {space.name}, got a sandwich: only efficientnet's choices are ordered by size; "
            "remove live.path_sampling."
        )
        raise SettingsError(message)


def score_paths(  # noqa: PLR0913 - the keywords are optional
    trainer: NetworkTrainer,
    network: Supernet,
    architectures: Sequence[Architecture],
    images: Images,
    *,
    recalibration_batches: int = 8,
    seed: int = 0,
) -> np.ndarray:
    """The accuracy of each architecture by the supernet's weights, %, shape ``(n,)``, larger is better.

    A path's batch normalisation is recalibrated on training images, since the running statistics mix all paths. The
    images are the same for every architecture, so that scores are comparable.

    :param trainer: the trainer of ``network``.
    :param images: the images to evaluate on.
    :param recalibration_batches: batches that recalibrate the normalisation.
    """
    scores = []
    for architecture in architectures:
        network.path = architecture
        trainer.recalibrate(recalibration_batches, seed)
        scores.append(trainer.evaluate(images).accuracy_pct)
    return np.array(scores)
