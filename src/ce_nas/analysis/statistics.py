"""Medians with the uncertainty that a few seeds leave.

Sources
    Efron, Tibshirani. An Introduction to the Bootstrap. 1993 (percentile intervals, section 13.3).
    [Owen] Owen. The pigeonhole bootstrap. Annals of Applied Statistics 1(2), 2007 (rows and columns drawn apart).
    [Wilcoxon] Wilcoxon. Individual comparisons by ranking methods. Biometrics Bulletin 1(6), 1945.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Interval", "Paired", "bootstrap_crossed", "bootstrap_median", "paired_test"]

RESAMPLES = 10_000
#: of a table's rows and columns
CROSSED = 2_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A median and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """The same in another unit; ``factor`` is above zero."""
        return Interval(self.median * factor, self.low * factor, self.high * factor)


def bootstrap_median(values: Sequence[float], seed: int = 0) -> Interval:
    """The median of ``values`` and the percentile interval of its 10,000 resamples; infinite values are allowed.

    :raises DataError: if there are no values, or one is NaN: missing is never zero.
    """
    sample = np.asarray(values, dtype=float)
    if not len(sample) or np.isnan(sample).any():
        message = (
            f"Expected one number or more, none of them NaN, got {list(values)}; missing is never zero: leave it out."
        )
        raise DataError(message)
    rows = np.random.default_rng(seed).integers(len(sample), size=(RESAMPLES, len(sample)))
    # of an even count the lower middle: the mean of the two would make infinity of a finite half
    medians = np.sort(sample[rows], axis=1)[:, (len(sample) - 1) // 2]
    low, high = np.quantile(medians, [0.025, 0.975], method="nearest")
    return Interval(float(np.sort(sample)[(len(sample) - 1) // 2]), float(low), float(high))


def bootstrap_crossed(values: Sequence[Sequence[float]], seed: int = 0) -> Interval:
    """The median of a table, and its interval where rows and columns are drawn apart [Owen]; infinity is allowed.

    Searches of one seed, or of one day, have their luck in common: drawn one by one they would look surer.

    :param values: a row a seed and a column a start day, shape ``(seeds, days)``.
    :raises DataError: if there are no values, or one is NaN: missing is never zero.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2 or not table.size or np.isnan(table).any():
        message = f"Expected a table of numbers, none of them NaN, got {values}; missing is never zero: leave it out."
        raise DataError(message)
    rng, (rows, columns) = np.random.default_rng(seed), table.shape
    drawn_rows = rng.integers(rows, size=(CROSSED, rows))
    drawn_columns = rng.integers(columns, size=(CROSSED, columns))
    samples = table[drawn_rows[:, :, None], drawn_columns[:, None, :]].reshape(CROSSED, -1)
    middle = (table.size - 1) // 2
    low, high = np.quantile(np.sort(samples, axis=1)[:, middle], [0.025, 0.975], method="nearest")
    return Interval(float(np.sort(table, axis=None)[middle]), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Paired:
    """One strategy against another on the same seeds: Wilcoxon's signed rank test."""

    pairs: int
    #: pairs in which the first was the better
    better: int
    #: two-sided; the smallest that n pairs can give is 2**(1 - n); 1 if no pair differs
    p_value: float


def paired_test(first: Sequence[float], second: Sequence[float]) -> Paired:
    """Whether the first of each pair is larger than the second, as a rule; exact for few pairs [Wilcoxon].

    :raises DataError: if there are no pairs, or one of them lacks a number.
    """
    ours, theirs = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if ours.shape != theirs.shape or not len(ours) or not (np.isfinite(ours) & np.isfinite(theirs)).all():
        message = f"Expected pairs of finite numbers, one or more, got {list(first)} and {list(second)}."
        raise DataError(message)
    differences = ours - theirs
    better = int((differences > 0).sum())
    if not differences.any():
        return Paired(len(ours), better, 1.0)
    from scipy.stats import wilcoxon

    return Paired(len(ours), better, float(wilcoxon(differences, zero_method="pratt").pvalue))
