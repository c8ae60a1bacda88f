"""Ratios of carbon over paired runs, with intervals over clusters: problems, zones and seeds.

Runs that share a problem, a zone or a seed are correlated, so that resampling them one by one would give too narrow an
interval. Each cluster factor is resampled by itself, and a pair counts as often as all its clusters were drawn
together [Owen]. A run that did not reach the level has infinite grams.

Sources
    [Owen] Owen. The pigeonhole bootstrap. Ann. Appl. Stat. 1(2), 2007.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ce_nas.analysis.statistics import Interval
from ce_nas.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

Key = TypeVar("Key", bound="Hashable")

__all__ = ["ClusteredRatio", "clustered_median", "paired_ratio"]

RESAMPLE_COUNT = 2_000


@dataclass(frozen=True, slots=True)
class ClusteredRatio:
    """Their grams over ours in paired runs: the median with its interval, and how often each side arrived."""

    ratio: Interval
    pair_count: int
    #: share of the pairs in which our run reached the level
    arrival: float
    their_arrival: float


def paired_ratio(
    ours: Mapping[Key, float], theirs: Mapping[Key, float], clusters: Mapping[Key, Sequence[Hashable]]
) -> ClusteredRatio:
    """The ratio of their grams to ours over the pairs that both have.

    A pair in which we did not arrive counts as 0, also where the other did not; one in which only the other did not
    arrive counts as infinite.

    :param ours: grams of each pair, infinite where the level was not reached.
    :param clusters: for each pair the cluster that it is in, by factor: problem, zone, seed.
    :raises DataError: if there is no pair.
    """
    keys = [key for key in ours if key in theirs]
    ratios = [_ratio(theirs[key], ours[key]) for key in keys]
    columns = list(zip(*(clusters[key] for key in keys), strict=True))
    return ClusteredRatio(
        ratio=clustered_median(ratios, columns),
        pair_count=len(keys),
        arrival=_share_finite([ours[key] for key in keys]),
        their_arrival=_share_finite([theirs[key] for key in keys]),
    )


def clustered_median(values: Sequence[float], clusters: Sequence[Sequence[Hashable]], seed: int = 0) -> Interval:
    """The median, and its 95 % interval over resampled clusters; infinite values are allowed.

    Example:
        >>> values = [1.0, 2.0, 3.0, 4.0]
        >>> clustered_median(values, [["a", "a", "b", "b"]])
        Interval(median=2.0, low=1.0, high=3.0)

    :param clusters: for each factor, the cluster of each value.
    :raises DataError: if there are no values, or one is NaN: missing is never zero.
    """
    sample = np.asarray(values, dtype=float)
    if not len(sample) or np.isnan(sample).any():
        message = f"Expected one number or more, none of them NaN, got {list(values)}; missing is never zero."
        raise DataError(message)
    order = np.argsort(sample, kind="stable")
    ordered = sample[order]
    rng = np.random.default_rng(seed)
    weights = np.ones((RESAMPLE_COUNT, len(sample)))
    for factor in clusters:
        _, index = np.unique([str(cluster) for cluster in factor], return_inverse=True)
        count = int(index.max()) + 1
        weights *= rng.multinomial(count, np.full(count, 1.0 / count), size=RESAMPLE_COUNT)[:, index]
    weights = weights[weights.sum(axis=1) > 0][:, order]
    # the lower median: the mean of the two middle values would turn a finite half into infinity
    reached = weights.cumsum(axis=1) >= 0.5 * weights.sum(axis=1, keepdims=True)
    medians = ordered[reached.argmax(axis=1)]
    low, high = np.quantile(medians, [0.025, 0.975], method="nearest")
    return Interval(float(ordered[(len(sample) - 1) // 2]), float(low), float(high))


def _ratio(theirs: float, ours: float) -> float:
    return 0.0 if math.isinf(ours) else theirs / ours


def _share_finite(values: Sequence[float]) -> float:
    return float(np.isfinite(values).mean())
