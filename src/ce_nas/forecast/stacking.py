"""Weights of an ensemble's members and quantiles of its errors, from its latest errors.

All errors are truth less forecast, in logarithms.

Sources
    [B96] Breiman. Stacked regressions. Machine Learning 24, 1996.
    [ACT23] Angelopoulos, Candes, Tibshirani. Conformal PID control for time series prediction. NeurIPS 2023.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from ce_nas.forecast.hourly import QUANTILE_LEVELS

__all__ = ["NORMAL_QUANTILES", "PRIOR_WEIGHTS", "assumed_spread", "error_quantiles", "stacking_weights"]

#: the members' weights from which the errors move them
PRIOR_WEIGHTS = np.array([1.0, 0.0, 0.0, 0.0])
#: strength of the prior on the weights, in mean squared errors of the best member
PRIOR_STRENGTH = 2.0
#: hours of lead on either side whose errors are pooled
POOLED_LEAD_HOURS = 2
#: step of a quantile after a day on which all (or none) of the truth was below it, as a share of its distance from the
#: median
TRACKING_RATE = 0.2
#: factor of the quantiles' distances from the median: the earlier issues have themselves shaped the weights
WIDENING = 1.06
#: spread of the logarithm's error after an hour and after a day, assumed until ten issues have shown it
ASSUMED_SPREAD = (0.04, 0.2)
#: lower bound of a spread, logarithm
MIN_SPREAD = 1e-4
#: levels of the standard normal distribution
NORMAL_QUANTILES = np.array([-1.960, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.960])


def stacking_weights(
    errors: np.ndarray, recency: np.ndarray, prior: np.ndarray = PRIOR_WEIGHTS, strength: float = PRIOR_STRENGTH
) -> np.ndarray:
    """Return the weights of least mean squared error, none negative, their sum one; ``(members,)``.

    :param errors: shape ``(members, issues, slots)``.
    :param recency: weight of each issue, shape ``(issues,)``.
    :param prior: the weights that a penalty of relative ``strength`` pulls to.
    """
    flat = (errors * np.sqrt(recency / recency.sum() / errors.shape[2])[None, :, None]).reshape(len(errors), -1)
    gram = flat @ flat.T
    penalty = strength * float(gram.diagonal().min()) + 1e-12
    matrix, target = gram + penalty * np.eye(len(gram)), penalty * prior
    used = np.array(list(product([False, True], repeat=len(gram))))[1:]
    masked = np.where(used[:, :, None] & used[:, None, :], matrix, np.eye(len(gram)))
    sides = np.stack([used * target, used * 1.0], axis=2)
    solved = np.linalg.solve(masked, sides)
    multiplier = (1 - solved[:, :, 0].sum(axis=1)) / solved[:, :, 1].sum(axis=1)
    candidates = solved[:, :, 0] + multiplier[:, None] * solved[:, :, 1]
    losses = np.einsum("ij,jk,ik->i", candidates, matrix, candidates) - 2 * candidates @ target
    losses[(candidates < -1e-9).any(axis=1)] = np.inf
    best = np.maximum(candidates[int(np.argmin(losses))], 0.0)
    weights: np.ndarray = best / best.sum()
    return weights


def error_quantiles(errors: np.ndarray, recency: np.ndarray) -> np.ndarray:
    """Return tracked quantiles of errors ``(issues, slots)`` of one day of lead, shape ``(levels, slots)``."""
    n_slots = errors.shape[1]
    squares = (errors**2 * recency[:, None]).sum(axis=0) / recency.sum()
    near = np.clip(np.arange(n_slots)[:, None] + np.arange(-POOLED_LEAD_HOURS, POOLED_LEAD_HOURS + 1), 0, n_slots - 1)
    spread = np.maximum(np.sqrt(squares[near].mean(axis=1)), MIN_SPREAD)
    scaled = errors / spread
    ordered = np.sort(scaled, axis=None)
    quantiles = np.interp(QUANTILE_LEVELS, (np.arange(len(ordered)) + 0.5) / len(ordered), ordered)
    middle, low, high = (QUANTILE_LEVELS.index(level) for level in (0.5, 0.25, 0.75))
    distances = np.maximum(np.abs(quantiles - quantiles[middle]), (quantiles[high] - quantiles[low]) / 2)
    levels = np.array(QUANTILE_LEVELS)
    for day in np.sort(scaled, axis=1):
        below = day.searchsorted(quantiles, side="right") / n_slots
        quantiles = quantiles + TRACKING_RATE * distances * (levels - below)
    quantiles = np.sort(quantiles)
    quantiles = quantiles[middle] + WIDENING * (quantiles - quantiles[middle])
    tracked: np.ndarray = quantiles[:, None] * spread
    return tracked


def assumed_spread(lead_h: np.ndarray) -> np.ndarray:
    """Return the spread of the logarithm's error at each lead; it no longer grows after a day."""
    hour, day = ASSUMED_SPREAD
    spread: np.ndarray = hour + (day - hour) * np.sqrt(np.minimum(lead_h, 24.0) / 24.0)
    return spread
