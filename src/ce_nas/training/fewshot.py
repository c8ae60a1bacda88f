"""Few-shot scoring: a supernet for each region of a partition, begun with the weights of the one for the whole space.

Source
    [FewShot] Zhao, Wang, Tian, Fonseca, Guo. Few-Shot Neural Architecture Search. ICML 2021: weights that fewer
        architectures share rank them better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.training.supernet import SupernetTraining, score_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.regional import Region
    from ce_nas.space.network.shared import PathNetwork
    from ce_nas.space.space import Space
    from ce_nas.training.images import DataSet, Images
    from ce_nas.training.recipe import Recipe

__all__ = ["RegionalSupernets"]

#: members of a region that its supernet's paths are drawn from, at most
_MEMBERS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class _Supernet:
    """One region's."""

    region: Region | None
    network: PathNetwork
    training: SupernetTraining


class RegionalSupernets:
    """Scores each architecture by the supernet of the first region that holds it, else by that of the whole space.

    :param build: makes a network of shared weights, always of the same shape.
    :param space: the space of its paths; it has to be one that can be listed.
    :param recipe: how the supernet of the whole space is trained.
    :param seed: of paths and images.
    :param device: where.
    """

    def __init__(  # noqa: PLR0913 - what is shared by which paths, trained on what, how and where
        self,
        build: Callable[[], PathNetwork],
        space: Space,
        data: DataSet,
        recipe: Recipe,
        *,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self._build = build
        self._space = space
        self._data = data
        self._seed = seed
        self._device = device
        self._whole = self._made(None, recipe)
        self._regions: list[_Supernet] = []

    def train(self, leave: Callable[[], bool] = lambda: False) -> bool:
        """Train the supernet of the whole space; returns whether it is done."""
        return self._whole.training.advance(leave)

    def add(self, region: Region, recipe: Recipe, leave: Callable[[], bool] = lambda: False) -> bool:
        """Train a supernet of one region's paths, begun with the weights of the whole space's; whether it is done.

        :param recipe: how; a few epochs will do, since the weights are good already.
        """
        supernet = self._made(region, recipe)
        supernet.training.inherit(self._whole.network)
        done = supernet.training.advance(leave)
        if done:
            self._regions.append(supernet)
        return done

    def score(
        self, architectures: Sequence[Architecture], images: Images, recalibration_batches: int = 8
    ) -> np.ndarray:
        """The accuracy of each architecture by its region's shared weights, %, shape ``(n,)``; larger is better."""
        scores, left = np.empty(len(architectures)), np.ones(len(architectures), dtype=bool)
        for supernet in [*self._regions, self._whole]:
            inside = left if supernet.region is None else left & supernet.region.contains(architectures)
            rows = np.flatnonzero(inside)
            scores[rows] = score_paths(
                supernet.training,
                supernet.network,
                [architectures[row] for row in rows.tolist()],
                images,
                recalibration_batches=recalibration_batches,
                seed=self._seed,
            )
            left &= ~inside
        return scores

    def _made(self, region: Region | None, recipe: Recipe) -> _Supernet:
        network = self._build()
        within = None if region is None else self._members(region)
        training = SupernetTraining(
            network, self._space, self._data, recipe, within=within, seed=self._seed, device=self._device
        )
        return _Supernet(region, network, training)

    def _members(self, region: Region) -> list[Architecture]:
        """Members of the region, evenly spread over the space's order where they are many."""
        rows = region.rows(self._space)
        step = max(-(-len(rows) // _MEMBERS), 1)
        return self._space.architectures(self._space.members[rows[::step]])
