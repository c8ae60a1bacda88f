"""What training a candidate would add to the hypervolume, in expectation over what is not known of it.

Sources
    [EHVI] Emmerich, Giannakoglou, Naujoks. Single- and multiobjective evolutionary optimization assisted by Gaussian
    random field metamodels. IEEE Trans. Evol. Comput. 10(4), 2006.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.hypervolume import hypervolume_gains
from ce_nas.pareto.sorting import front_ranks

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["expected_gains", "normal_nodes"]

#: candidates whose gain is reckoned over all nodes, those of the largest gain in the best case: of two objectives, for
#: which there is a closed form, and of more
_FEW_OF_TWO, _FEW = 4096, 96
#: candidates whose gain in the best case is reckoned where there are more than two objectives
_MANY = 768


def normal_nodes(nodes: int, dimensions: int) -> np.ndarray:
    """Points spread as a standard normal distribution, shape ``(nodes, dimensions)``: quantiles in the first column.

    The others follow a Kronecker sequence, so that the columns are hardly correlated.
    """
    from scipy.special import ndtri

    ratios = np.sqrt(np.array([0.0, 2.0, 3.0, 5.0, 7.0])[:dimensions])
    places = np.arange(nodes)[:, None]
    shares = np.where(ratios == 0, (places + 0.5) / nodes, (0.5 / nodes + places * ratios) % 1.0)
    return np.asarray(ndtri(np.clip(shares, 0.5 / nodes, 1.0 - 0.5 / nodes)))


def expected_gains(
    front: np.ndarray, values: Callable[[np.ndarray, np.ndarray], np.ndarray], nodes: np.ndarray, count: int,
    reference: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """The mean gain of each of ``count`` candidates over the nodes, shape ``(count,)`` [EHVI].

    :param front: what there is already, minimised, shape ``(n, m)``.
    :param values: the objectives of some candidates, shape ``(k, m)``, given their places, shape ``(k,)``, and a node,
        in standard deviations a modelled objective.
    :param nodes: from :func:`normal_nodes`, shape ``(nodes, modelled)``.
    """
    hoped = values(np.arange(count), np.full(nodes.shape[1], nodes.min(initial=0.0)))
    few, many = (_FEW, _MANY) if len(reference) > 2 else (_FEW_OF_TWO, len(hoped))
    hopeful = _best_undominated(front, hoped, many) if len(hoped) > many else np.arange(len(hoped))
    hopes = hypervolume_gains(front, hoped[hopeful], reference)
    order = np.argsort(-hopes, kind="stable")
    first, left = hopeful[order[:few]], order[few:]
    gains = np.zeros(count)
    gains[first] = _mean_gains(front, values, nodes, first, reference)
    # what is left keeps its order behind the few
    gains[hopeful[left]] = hopes[left] / max(hopes.max(initial=0.0), 1e-300) * gains[first].min(initial=np.inf) * 1e-3
    return gains


def _best_undominated(front: np.ndarray, hoped: np.ndarray, many: int) -> np.ndarray:
    """The places of what no point of the front is as good as, those of the first fronts among themselves at most."""
    dominated = np.zeros(len(hoped), dtype=bool)
    for point in front:
        dominated |= (point <= hoped).all(axis=1)
    places = np.flatnonzero(~dominated)
    return places[np.argsort(front_ranks(hoped[places]), kind="stable")[:many]]


def _mean_gains(
    front: np.ndarray, values: Callable[[np.ndarray, np.ndarray], np.ndarray], nodes: np.ndarray, places: np.ndarray,
    reference: np.ndarray,
) -> np.ndarray:  # fmt: skip
    total = np.zeros(len(places))
    for node in nodes:
        total += hypervolume_gains(front, values(places, node), reference)
    return total / len(nodes)
