"""Whether a search keeps its breadth: how diverse the front is, and whether pruning hides something better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.dominance import is_front
from ce_nas.pareto.hypervolume import hypervolume_gains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regional import Region
    from ce_nas.space.space import Space

__all__ = ["FrontDiversity", "Pruning", "front_diversity", "pruning"]


@dataclass(frozen=True, slots=True)
class FrontDiversity:
    """How much the architectures on a front differ."""

    #: architectures on the front
    size: int
    #: mean share of variables in which two of them differ, 0 to 1; 0 for fewer than two
    mean_distance: float
    #: mean share of variables in which one differs from the nearest other, 0 to 1; 0 for fewer than two
    nearest_distance: float
    #: share of all choices of all variables that occur among them, 0 to 1
    coverage: float
    #: share of the regions given that hold one or more of them, 0 to 1; None where none were given
    regions: float | None


@dataclass(frozen=True, slots=True)
class Pruning:
    """What a region leaves out, as far as a model foresees it."""

    #: architectures outside the region that nothing known or foreseen inside dominates
    undominated_outside: int
    #: the largest hypervolume that one of them alone would gain
    gain_outside: float
    #: the largest hypervolume that one architecture inside would gain
    gain_inside: float

    @property
    def too_narrow(self) -> bool:
        """Whether more is to be gained outside than inside."""
        return self.gain_outside > self.gain_inside


def front_diversity(
    space: Space, observations: Sequence[Observation], regions: Sequence[Region] = ()
) -> FrontDiversity:
    """The diversity of the front of ``observations``, of which only full trainings count.

    :param regions: parts of the space, for instance the leaves of a partition.
    """
    full = [one for one in observations if one.fidelity >= 1.0 and np.isfinite(one.values).all()]
    on_front = is_front([one.values for one in full]) if full else np.zeros(0, dtype=bool)
    front = [one.architecture for one, yes in zip(full, on_front.tolist(), strict=True) if yes]
    if not front:
        return FrontDiversity(0, 0.0, 0.0, 0.0, 0.0 if regions else None)
    rows = np.array(front)
    distances = np.mean(rows[:, None, :] != rows[None, :, :], axis=2)
    np.fill_diagonal(distances, np.nan)
    many = len(front) > 1
    held = [bool(region.contains(front).any()) for region in regions]
    return FrontDiversity(
        size=len(front),
        mean_distance=float(np.nanmean(distances)) if many else 0.0,
        nearest_distance=float(np.nanmin(distances, axis=1).mean()) if many else 0.0,
        coverage=float((space.encode(front) > 0).any(axis=0).mean()),
        regions=float(np.mean(held)) if held else None,
    )


def pruning(
    region: Region,
    front_values: np.ndarray,
    foreseen: tuple[Sequence[Architecture], np.ndarray],
    reference: Sequence[float] | np.ndarray,
) -> Pruning:
    """Whether ``region`` still holds the best of what is foreseen.

    :param front_values: the front so far, minimised, shape ``(n, m)``.
    :param foreseen: architectures not trained yet, and what a model expects of their objectives, shape ``(k, m)``.
    :param reference: reference point of the hypervolume, shape ``(m,)``.
    """
    architectures, values = foreseen
    if not len(architectures):
        return Pruning(0, 0.0, 0.0)
    gains = hypervolume_gains(front_values, values, reference)
    inside = region.contains(list(architectures))
    rivals = np.vstack([values[inside], np.reshape(front_values, (-1, values.shape[1]))])
    outside = values[~inside]
    return Pruning(
        undominated_outside=int(is_front(np.vstack([outside, rivals]))[: len(outside)].sum()),
        gain_outside=float(gains[~inside].max(initial=0.0)),
        gain_inside=float(gains[inside].max(initial=0.0)),
    )
