"""Distance of a hypervolume from the largest one, as papers plot it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MIN_MISSING_SHARE", "LargestHypervolume", "largest_hypervolume", "log_hypervolume_gap", "log_missing_share"]

#: smallest share of the largest hypervolume that is distinguished from zero
MIN_MISSING_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class LargestHypervolume:
    """The hypervolume that gaps refer to."""

    value: float
    #: True if it is the hypervolume of a whole table, False if it is estimated from the runs
    is_exact: bool


def largest_hypervolume(table_maxima: Iterable[float | None], finals: Iterable[float]) -> LargestHypervolume:
    """Return the whole table's hypervolume, or else 0.01 % above the best final one, so that every run has a gap.

    :param table_maxima: hypervolume of the table of each run; None where it is unknown.
    :param finals: final hypervolume of each run.
    """
    known = next((maximum for maximum in table_maxima if maximum is not None), None)
    if known is not None:
        return LargestHypervolume(known, is_exact=True)
    return LargestHypervolume(max(finals) * (1.0 + 1e-4), is_exact=False)


def log_hypervolume_gap(hypervolume_max: float, hypervolume: float) -> float:
    """Return log10 of ``hypervolume_max - hypervolume``, in the product of the objectives' units; smaller is better."""
    return math.log10(hypervolume_max) + log_missing_share(hypervolume_max, hypervolume)


def log_missing_share(hypervolume_max: float, hypervolume: float) -> float:
    """Return log10 of the missing share of ``hypervolume_max``: -2 if 99 % of it were reached; not below -6."""
    return math.log10(max(1.0 - hypervolume / hypervolume_max, MIN_MISSING_SHARE))
