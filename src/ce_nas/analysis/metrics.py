"""How far a hypervolume is from the largest there is, as papers plot it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.experiments.trials import Finding

__all__ = ["SMALLEST_SHARE", "log_gap", "log_share", "top_of"]

#: a share of the largest hypervolume that is told apart from nothing
SMALLEST_SHARE = 1e-6


def top_of(findings: Sequence[Finding]) -> tuple[float, str]:
    """The hypervolume that gaps refer to, and a key of words for it: the whole table's, or else the largest found.

    The latter is a little above it, so that the best run has a gap, too.
    """
    known = next((one.hypervolume_max for one in findings if one.hypervolume_max is not None), None)
    if known is not None:
        return known, "exp.top.table"
    found = max(one.track.final for one in findings)
    return found * (1.0 + 1e-4), "exp.top.found"


def log_gap(top: float, hypervolume: float) -> float:
    """log10 of ``top - hypervolume``, in the product of the objectives' units; smaller is better."""
    return math.log10(top) + log_share(top, hypervolume)


def log_share(top: float, hypervolume: float) -> float:
    """log10 of the share of ``top`` that is missing: -2 where 99 % of it were found; no less than -6."""
    return math.log10(max(1.0 - hypervolume / top, SMALLEST_SHARE))
