"""Medians over a few seeds with bootstrap intervals, and paired tests.

Sources
    Efron, Tibshirani. An Introduction to the Bootstrap. 1993 (percentile intervals, section 13.3).
    [Owen] Owen. The pigeonhole bootstrap. Annals of Applied Statistics 1(2), 2007 (rows and columns separately).
    [Wilcoxon] Wilcoxon. Individual comparisons by ranking methods. Biometrics Bulletin 1(6), 1945.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Interval", "PairedTest", "bootstrap_crossed", "bootstrap_median", "lower_median", "paired_test"]

RESAMPLE_COUNT = 10_000
#: for tables, where rows and columns are resampled separately
CROSSED_RESAMPLE_COUNT = 2_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A median and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """Convert to another unit; ``factor`` is above zero."""
        return Interval(self.median * factor, self.low * factor, self.high * factor)


def bootstrap_median(values: Sequence[float], seed: int = 0) -> Interval:
    """Compute the median and its percentile interval over 10,000 resamples; infinite values are allowed.

    :raises DataError: if there are no values, or one is NaN: missing is never zero.
    """
    sample = np.asarray(values, dtype=float)
    if not len(sample) or np.isnan(sample).any():
        message = (
            f"Expected one number or more, none of them NaN, got {list(values)}; missing is never zero: leave it out."
        )
        raise DataError(message)
    rows = np.random.default_rng(seed).integers(len(sample), size=(RESAMPLE_COUNT, len(sample)))
    # the lower median for an even count: the mean of the two would turn a finite half into infinity
    medians = np.sort(sample[rows], axis=1)[:, (len(sample) - 1) // 2]
    low, high = np.quantile(medians, [0.025, 0.975], method="nearest")
    return Interval(float(np.sort(sample)[(len(sample) - 1) // 2]), float(low), float(high))


def bootstrap_crossed(
    tables: Sequence[Sequence[Sequence[float]]], combine: Callable[..., np.ndarray], seed: int = 0
) -> Interval:
    """Compute a function of the medians of tables and its interval, with rows and columns resampled separately [Owen].

    The same resamples serve every table, so that a ratio or difference follows from the medians shown. Searches of
    the same seed or day are correlated: resampling them one by one would give too narrow an interval. Infinite values
    are allowed; where they combine to NaN, such as the ratio of two, the value counts as 0.

    :param tables: each one row per seed, one column per start day, shape ``(seeds, days)``, all of the same shape.
    :param combine: maps an array of medians of each table to values, elementwise.
    :raises DataError: if there are no values, or one is NaN: missing is never zero.
    """
    arrays = [np.asarray(table, dtype=float) for table in tables]
    if any(one.ndim != 2 or not one.size or np.isnan(one).any() or one.shape != arrays[0].shape for one in arrays):
        message = f"Expected tables of numbers, none of them NaN, got {tables}; missing is never zero: leave it out."
        raise DataError(message)
    rng, (rows, columns) = np.random.default_rng(seed), arrays[0].shape
    drawn_rows = rng.integers(rows, size=(CROSSED_RESAMPLE_COUNT, rows))[:, :, None]
    drawn_columns = rng.integers(columns, size=(CROSSED_RESAMPLE_COUNT, columns))[:, None, :]
    samples = (one[drawn_rows, drawn_columns].reshape(CROSSED_RESAMPLE_COUNT, -1) for one in arrays)
    with np.errstate(divide="ignore", invalid="ignore"):
        point = combine(*(lower_median(one.ravel()) for one in arrays))
        values = combine(*map(lower_median, samples))
    low, high = np.quantile(np.where(np.isnan(values), 0.0, values), [0.025, 0.975], method="nearest")
    return Interval(0.0 if np.isnan(point) else float(point), float(low), float(high))


def lower_median(values: np.ndarray) -> np.ndarray:
    """The median over the last axis, the lower of two middle values: their mean may be half infinite."""
    middle: np.ndarray = np.sort(values, axis=-1)[..., (values.shape[-1] - 1) // 2]
    return middle


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Wilcoxon's signed-rank test of two strategies on the same seeds."""

    pair_count: int
    #: pairs in which the first is better
    win_count: int
    #: two-sided; at least 2**(1 - n) for n pairs; 1 if no pair differs
    p_value: float


def paired_test(first: Sequence[float], second: Sequence[float]) -> PairedTest:
    """Test whether the first of each pair is systematically larger than the second; exact for few pairs [Wilcoxon].

    :raises DataError: if there are no pairs, or a value is not finite.
    """
    ours, theirs = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if ours.shape != theirs.shape or not len(ours) or not (np.isfinite(ours) & np.isfinite(theirs)).all():
        message = f"Expected pairs of finite numbers, one or more, got {list(first)} and {list(second)}."
        raise DataError(message)
    differences = ours - theirs
    wins = int((differences > 0).sum())
    if not differences.any():
        return PairedTest(len(ours), wins, 1.0)
    from scipy.stats import wilcoxon

    return PairedTest(len(ours), wins, float(wilcoxon(differences, zero_method="pratt").pvalue))
