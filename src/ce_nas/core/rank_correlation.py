"""Kendall's rank correlation.

Source
    [Kendall] Kendall. Rank Correlation Methods. 1970, section 3: tau-b, for rankings with ties.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["kendall_tau"]


def kendall_tau(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float | None:
    """Compute Kendall's tau-b of two series of ``n`` values; None if one of them has no two different values.

    Compares all pairs, in memory for one row of them.

    Example:
        >>> round(kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]), 3)
        0.667
    """
    values = [np.asarray(one, dtype=float) for one in (first, second)]
    agreeing, ordered = 0, [0, 0]
    for row in range(len(values[0]) - 1):
        signs = [np.sign(one[row + 1 :] - one[row]) for one in values]
        agreeing += int(signs[0] @ signs[1])
        ordered = [count + int(np.count_nonzero(sign)) for count, sign in zip(ordered, signs, strict=True)]
    pairs = math.sqrt(float(ordered[0]) * float(ordered[1]))
    return agreeing / pairs if pairs else None
