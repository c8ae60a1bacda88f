"""How an hourly trace moves, in a handful of numbers: what two grids, or a grid and its imitation, are compared by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ce_nas.core.errors import TraceError

__all__ = ["Shape", "shape_of"]

_DAY = 24
_WEEK = 168


@dataclass(frozen=True, slots=True)
class Shape:
    """The level and the movement of an hourly series."""

    mean_g_per_kwh: float
    std_g_per_kwh: float
    #: mean over the days of the dirtiest hour minus the cleanest one
    daily_range_g_per_kwh: float
    #: correlation of an hour with the next one, with the same hour a day later, and a week later
    after_hour: float
    after_day: float
    after_week: float


def shape_of(hourly_g_per_kwh: np.ndarray) -> Shape:
    """The shape of an hourly series without gaps, shape ``(hours,)``; the odd hours of a last day are left out.

    :raises TraceError: if it is shorter than two weeks or has a gap.
    """
    values = hourly_g_per_kwh[: len(hourly_g_per_kwh) // _DAY * _DAY]
    if len(values) < 2 * _WEEK or np.isnan(values).any():
        message = f"Expected at least {2 * _WEEK} hours without a gap, got {len(values)}; use a longer stretch."
        raise TraceError(message)
    return Shape(
        mean_g_per_kwh=float(values.mean()),
        std_g_per_kwh=float(values.std()),
        daily_range_g_per_kwh=float(np.ptp(values.reshape(-1, _DAY), axis=1).mean()),
        after_hour=_correlation(values, 1),
        after_day=_correlation(values, _DAY),
        after_week=_correlation(values, _WEEK),
    )


def _correlation(values: np.ndarray, lag: int) -> float:
    """The autocorrelation at ``lag``; a constant series always resembles itself."""
    centred = values - values.mean()
    energy = float(centred @ centred)
    return float(centred[lag:] @ centred[:-lag]) / energy if energy else 1.0
