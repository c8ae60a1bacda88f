"""Expected hypervolume improvement over many candidates, by quadrature.

Sources
    [EHVI] Emmerich, Giannakoglou, Naujoks. Single- and multiobjective evolutionary optimization assisted by Gaussian
    random field metamodels. IEEE Trans. Evol. Comput. 10(4), 2006.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.hypervolume import hypervolume_improvements
from ce_nas.pareto.sorting import nondomination_ranks

if TYPE_CHECKING:
    from collections.abc import Callable

    PredictValues = Callable[[np.ndarray, np.ndarray], np.ndarray]

__all__ = ["expected_hypervolume_improvements", "normal_quadrature_nodes"]

#: candidates whose improvement is averaged over all nodes, those with the largest optimistic improvement: with two
#: objectives, where there is a closed form, and with more
_MAX_AVERAGED_2D, _MAX_AVERAGED = 4096, 96
#: candidates whose optimistic improvement is computed with more than two objectives
_MAX_SCREENED = 768


def normal_quadrature_nodes(nodes: int, dimensions: int) -> np.ndarray:
    """Points distributed as a standard normal, shape ``(nodes, dimensions)``: quantiles in the first column.

    The other columns follow a Kronecker sequence, so that columns are nearly uncorrelated.

    Example:
        >>> normal_quadrature_nodes(4, 1).ravel().round(2)
        array([-1.15, -0.32,  0.32,  1.15])
    """
    from scipy.special import ndtri

    ratios = np.sqrt(np.array([0.0, 2.0, 3.0, 5.0, 7.0])[:dimensions])
    index = np.arange(nodes)[:, None]
    quantiles = np.where(ratios == 0, (index + 0.5) / nodes, (0.5 / nodes + index * ratios) % 1.0)
    return np.asarray(ndtri(np.clip(quantiles, 0.5 / nodes, 1.0 - 0.5 / nodes)))


def expected_hypervolume_improvements(
    front: np.ndarray,
    predict_values: PredictValues,
    nodes: np.ndarray,
    count: int,
    reference: np.ndarray,
) -> np.ndarray:
    """The expected improvement of each of ``count`` candidates over the nodes, shape ``(count,)`` [EHVI].

    :param front: the observed values, minimised, shape ``(n, m)``.
    :param predict_values: the objectives of some candidates, shape ``(k, m)``, given their indices, shape ``(k,)``, and
        a node, in standard deviations for each modelled objective.
    :param nodes: from :func:`normal_quadrature_nodes`, shape ``(nodes, modelled)``.
    """
    optimistic = predict_values(np.arange(count), np.full(nodes.shape[1], nodes.min(initial=0.0)))
    n_averaged, n_screened = (
        (_MAX_AVERAGED, _MAX_SCREENED) if len(reference) > 2 else (_MAX_AVERAGED_2D, len(optimistic))
    )
    screened = np.arange(len(optimistic))
    if len(optimistic) > n_screened:
        screened = _screen_undominated(front, optimistic, n_screened)
    bounds = hypervolume_improvements(front, optimistic[screened], reference)
    order = np.argsort(-bounds, kind="stable")
    averaged, rest = screened[order[:n_averaged]], order[n_averaged:]
    expected = np.zeros(count)
    expected[averaged] = _mean_improvements(front, predict_values, nodes, averaged, reference)
    # the rest is ranked by its optimistic improvement, behind the averaged candidates
    scale = max(bounds.max(initial=0.0), 1e-300)
    expected[screened[rest]] = bounds[rest] / scale * expected[averaged].min(initial=np.inf) * 1e-3
    return expected


def _screen_undominated(front: np.ndarray, optimistic: np.ndarray, limit: int) -> np.ndarray:
    """Indices of candidates that no point of the front weakly dominates, up to ``limit`` by nondomination rank."""
    dominated = np.zeros(len(optimistic), dtype=bool)
    for point in front:
        dominated |= (point <= optimistic).all(axis=1)
    rows = np.flatnonzero(~dominated)
    return rows[np.argsort(nondomination_ranks(optimistic[rows]), kind="stable")[:limit]]


def _mean_improvements(
    front: np.ndarray, predict_values: PredictValues, nodes: np.ndarray, indices: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    total = np.zeros(len(indices))
    for node in nodes:
        total += hypervolume_improvements(front, predict_values(indices, node), reference)
    return total / len(nodes)
