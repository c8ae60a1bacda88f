"""What a model's latest errors say about its coming ones: a ridge regression of errors ahead on errors past.

For every slot of the day and every day of lead the error is expected from the mean errors of the last hours, days and
week and from those at the same time of the day. The regression is fitted on forecasts issued at the same time on
earlier days, each as soon as what it foretold has come; recent ones count more, and what all times of the day have in
common counts as much as what is their own. With few of them it stays near a fading of the last errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CORRECTED_DAYS", "Corrections", "fading"]

#: days of errors that a correction looks at
CORRECTED_DAYS = 7
#: time in which an earlier forecast loses half its weight, days
HALF_LIFE_DAYS = 120.0
#: how strongly coefficients are held to their priors
PENALTY = 30.0
#: times in which the last hours' and the last day's error fade to 1/e where nothing is known better, hours
FADING_H = (6.0, 48.0)


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """Corrections of forecasts that were issued at the same time on consecutive days, the last one being today's."""

    #: errors of the week before each issue under the model of that time, shape (issues, 7, slots a day)
    before: np.ndarray
    #: errors of each forecast, NaN where the truth has not come, shape (issues, days, slots a day)
    ahead: np.ndarray

    def made(self) -> np.ndarray:
        """What to add to each forecast, shape ``(issues, days, slots a day)``, by what is known at the last issue."""
        told = self._told()
        scale = max(float(np.sqrt(np.mean(self.before**2))), 1e-6)
        days = range(self.ahead.shape[1])
        return np.stack([scale * _one_day(told / scale, self.ahead[:, day] / scale, day) for day in days], axis=1)

    def _told(self) -> np.ndarray:
        """What the regression sees at each issue for each slot of the coming day, shape ``(issues, slots, 10)``."""
        issues, _, slots = self.before.shape
        flat = self.before.reshape(issues, -1)
        hour = max(slots // 24, 1)
        spans = (hour, 3 * hour, 6 * hour, 12 * hour, slots, 3 * slots, CORRECTED_DAYS * slots)
        lately = np.stack([flat[:, -min(span, flat.shape[1]) :].mean(axis=1) for span in spans], axis=1)
        same_time = [self.before[:, -days:].mean(axis=1) for days in (1, 3, CORRECTED_DAYS)]
        return np.concatenate([np.repeat(lately[:, None], slots, axis=1), np.stack(same_time, axis=2)], axis=2)


def _one_day(told: np.ndarray, came: np.ndarray, day: int) -> np.ndarray:
    """The corrections of one day of lead, shape ``(issues, slots)``."""
    prior = _prior(came.shape[1], day, told.shape[2])
    known = np.isfinite(came).all(axis=1)
    weights = 0.5 ** (np.arange(len(came))[::-1] / HALF_LIFE_DAYS) * known
    by_slot = told.transpose(1, 2, 0)
    weighted = by_slot * weights
    seen = weighted @ by_slot.transpose(0, 2, 1)
    drawn = (weighted @ np.where(known[:, None], came, 0.0).T[:, :, None] - seen @ prior[:, :, None])[:, :, 0]
    seen = (seen + seen.sum(axis=0)) / 2
    drawn = (drawn + drawn.sum(axis=0)) / 2
    found = prior + np.linalg.solve(seen + PENALTY * np.eye(told.shape[2]), drawn[:, :, None])[:, :, 0]
    corrections: np.ndarray = (found[:, None, :] @ by_slot)[:, 0].T
    return corrections


def fading(errors: np.ndarray, slots: int, ahead: int) -> np.ndarray:
    """The last errors of each window, ``(windows, past slots)``, as they fade, shape ``(windows, ahead)``.

    :param slots: slots of a day.
    """
    lead_h = 24.0 * (np.arange(ahead) + 0.5) / slots
    short, long = (np.exp(-lead_h / fading_h) for fading_h in FADING_H)
    day = errors[:, -slots:].mean(axis=1, keepdims=True)
    hours = errors[:, -max(slots // 8, 1) :].mean(axis=1, keepdims=True)
    faded: np.ndarray = 0.8 * day * long + 0.7 * (hours - day) * short
    return faded


def _prior(slots: int, day: int, columns: int) -> np.ndarray:
    """Coefficients by which the last errors merely fade, shape ``(slots, columns)``."""
    lead_h = 24.0 * (day + (np.arange(slots) + 0.5) / slots)
    short, long = (np.exp(-lead_h / fading_h) for fading_h in FADING_H)
    prior = np.zeros((slots, columns))
    prior[:, 1] = 0.7 * short
    prior[:, 4] = 0.8 * long - 0.7 * short
    return prior
