"""The first trainings: the greedy front of what cheap scores and known costs promise, before anything is trained.

Proxy scores rank architectures far better than nothing, though worst among the best. So they choose the first dozen
trainings, a front from the cheapest to the best, and after that the model takes over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.dominance import is_nondominated
from ce_nas.pareto.hypervolume import hypervolume_improvements
from ce_nas.search.surrogate.encoding import ScoreEncoder, rank_correlation, rank_shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.surrogate.encoding import FeatureEncoder
    from ce_nas.search.surrogate.training_set import SurrogateDataset

__all__ = ["choose_greedy_front", "prior_values"]

#: the fewest scored architectures from which a front is chosen
MIN_SCORED = 100
#: an objective of the lowest and of the highest rank, in units of the reference's distance, and how it rises between:
#: steeply among the worst, since most architectures are nearly as good as the best
_LOWEST, _RISE, _EXPONENT = 0.1, 0.8, 0.25
#: the least rank correlation of the scores with a known cost: larger networks are better on average, and scores that
#: say the contrary, or nothing, choose no trainings until some have confirmed them
_MIN_CORRELATION_WITH_COST = 0.1
#: the fewest trainings by which the order that earlier searches promise is checked
_MIN_CHECKED = 4


def prior_values(
    dataset: SurrogateDataset, encoder: FeatureEncoder, architectures: Sequence[Architecture], reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """What scores and known costs promise, minimised, shape ``(n, m)``, and a reference point in the same units.

    An objective that takes a training is 0 at its reference and falls with the rank of the architecture's score, known
    or predicted from those known, among ``architectures``. None where an objective has neither values nor scores, too
    few architectures are scored, or the scores contradict the costs.
    """
    trained, scored = dataset.requires_training, dataset.votes.known_architectures
    if dataset.earlier:
        return _values_promised_by_earlier_searches(dataset, architectures, reference)
    if len(scored) < MIN_SCORED or trained.all():
        return None
    regression = ScoreEncoder.fit(dataset.votes.lookup(scored), encoder.functional_groups(scored))
    votes = regression.normal_scores(dataset.votes.lookup(architectures), encoder.functional_groups(architectures))
    known = dataset.known_values(architectures)
    complete = np.isfinite(known[:, ~trained]).all(axis=1)
    if complete.sum() < MIN_SCORED:
        return None
    ranks = np.apply_along_axis(rank_shares, 0, votes[complete])
    if rank_correlation(ranks.mean(axis=1), known[complete][:, ~trained][:, 0]) < _MIN_CORRELATION_WITH_COST:
        return None
    values = np.full(known.shape, np.inf)
    rows = np.flatnonzero(complete)
    values[np.ix_(rows, np.flatnonzero(trained))] = -(_LOWEST + _RISE * ranks**_EXPONENT)
    values[np.ix_(rows, np.flatnonzero(~trained))] = known[complete][:, ~trained]
    return values, np.where(trained, 0.0, reference)


def _values_promised_by_earlier_searches(
    dataset: SurrogateDataset, architectures: Sequence[Architecture], reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """What earlier searches and known costs promise; None where an objective has neither."""
    values = dataset.known_values(architectures)
    limits = np.array(reference, dtype=float)
    for objective in np.flatnonzero(np.isnan(values).any(axis=0)).tolist():
        if objective not in dataset.earlier:
            return None
        values[:, objective] = dataset.earlier[objective].promised(architectures)
        limits[objective] = 0.0
        if _contradicts_trainings(dataset, objective) or _contradicts_costs(values, objective, dataset):
            return None
    return values, limits


def _contradicts_trainings(dataset: SurrogateDataset, objective: int) -> bool:
    """Whether the first trainings are not ranked as earlier searches ranked them."""
    trained = [sample for sample in dataset.full_trainings.observations if np.isfinite(sample.values[objective])]
    if len(trained) < _MIN_CHECKED:
        return False
    promised = dataset.earlier[objective].promised([sample.architecture for sample in trained])
    return rank_correlation(promised, np.array([sample.values[objective] for sample in trained])) <= 0.0


def _contradicts_costs(values: np.ndarray, objective: int, dataset: SurrogateDataset) -> bool:
    """Whether an objective that takes a training is promised to be no better where the first known cost is higher."""
    costs = np.flatnonzero(~dataset.requires_training & np.isfinite(values).all(axis=0))
    if not dataset.requires_training[objective] or not len(costs):
        return False
    return rank_correlation(-values[:, objective], values[:, costs[0]]) < _MIN_CORRELATION_WITH_COST


def choose_greedy_front(values: np.ndarray, reference: np.ndarray, chosen: Sequence[int], count: int) -> list[int]:
    """Up to ``count`` further rows of the front of ``values``, each the one that adds most hypervolume to all before.

    Example:
        >>> values = np.array([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0], [4.0, 4.0]])
        >>> choose_greedy_front(values, np.array([5.0, 5.0]), [], 2)
        [1, 0]

    :param values: minimised, shape ``(n, m)``; infinite where unknown.
    :param chosen: rows that are chosen already.
    """
    inside = np.flatnonzero((values < reference).all(axis=1))
    front = inside[is_nondominated(values[inside])]
    waiting = [row for row in front.tolist() if row not in set(chosen)]
    points = values[list(chosen)].reshape(-1, len(reference))
    new: list[int] = []
    while waiting and len(new) < count:
        gains = hypervolume_improvements(points, values[waiting], reference)
        new.append(waiting.pop(int(np.argmax(gains))))
        points = np.vstack([points, values[[new[-1]]]])
    return new
