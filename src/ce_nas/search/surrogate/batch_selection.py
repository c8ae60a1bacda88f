"""Selection of a batch from the candidates of the largest expected improvements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.regions import Region
    from ce_nas.search.surrogate.posterior import CandidatePosterior

__all__ = ["iter_allowed", "select_batch"]

#: the most proposals of one ask that are selected with fantasies of the earlier ones
_MAX_FANTASIES = 8


def select_batch(
    posterior: CandidatePosterior, indices: Sequence[int], pending: Sequence[int], n: int, worth: np.ndarray
) -> list[int]:
    """Up to ``n`` of the indices, best first; the first few given fantasies of the earlier ones and the pending.

    :param indices: candidates, those of the largest expected improvement first.
    :param pending: candidates whose training is running.
    :param worth: by what the expected improvement of each candidate counts.
    """
    if len(indices) <= 1 or (n == 1 and not pending):
        return list(indices[:n])
    part = posterior.subset(np.array([*indices, *pending]))
    for row in range(len(indices), len(indices) + len(pending)):
        part.fantasise(row)
    available = np.where(np.arange(len(indices) + len(pending)) < len(indices), worth[[*indices, *pending]], -1.0)
    batch: list[int] = []
    while len(batch) < min(n, _MAX_FANTASIES, len(indices)):
        gains = np.where(available >= 0, part.expected_improvements() * available, -1.0)
        best = int(np.argmax(gains)) if batch or pending else 0
        part.fantasise(best)
        batch.append(best)
        available[best] = -1.0
    batch += np.flatnonzero(available >= 0)[: n - len(batch)].tolist()
    return [indices[row] for row in batch]


def iter_allowed(
    posterior: CandidatePosterior, order: np.ndarray, exclude: Container[Architecture], region: Region
) -> Iterator[int]:
    """The indices in ``order`` of candidates inside the region that are not excluded."""
    for start in range(0, len(order), 512):
        block = order[start : start + 512].tolist()
        architectures = [posterior.candidates[index] for index in block]
        inside = region.contains(architectures).tolist()
        for index, architecture, is_inside in zip(block, architectures, inside, strict=True):
            if is_inside and architecture not in exclude:
                yield index
