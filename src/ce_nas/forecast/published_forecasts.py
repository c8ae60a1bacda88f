"""Forecasts that a provider publishes, weighed against another forecaster's by the errors of both.

Every forecast is judged as it was when a decision used it: the provider's as it was read then, the other's as it was
issued then. Only steps whose intensity has been published since count. Of several decisions within six hours the first
is judged. All errors are truth less forecast, in logarithms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.hourly import MIN_INTENSITY_G_PER_KWH
from ce_nas.forecast.stacking import stacking_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["CombinedForecast", "ForecastJudge", "PublishedForecast"]

#: weight of the provider before its errors are known, and strength with which it is held there, see
#: :func:`~ce_nas.forecast.stacking.stacking_weights`
PRIOR_WEIGHT, PRIOR_STRENGTH = 0.5, 0.5
#: shortest time between two judged issues
JUDGED_INTERVAL_S = 6 * HOUR_S
#: issues that are remembered, thirty days of them, and time in which the weight of one halves, days
MAX_ISSUES, HALF_LIFE_DAYS = 120, 15.0
#: judged issues of a day of lead from which on its weight is learned
MIN_ISSUES = 8


@dataclass(frozen=True, slots=True, eq=False)
class PublishedForecast:
    """A forecast as a provider published it."""

    #: when it was issued, or read where the provider does not say, UTC
    issued_at: datetime
    #: start of its first step, UTC
    start: datetime
    step_s: float
    #: intensity by step, g CO2eq/kWh, shape (steps,), NaN where the provider has none
    g_per_kwh: np.ndarray

    def values_from(self, start: datetime, steps: int) -> np.ndarray:
        """Return the values of ``steps`` steps from ``start`` on, g CO2eq/kWh, shape ``(steps,)``, NaN beyond it."""
        first = round((start - self.start).total_seconds() / self.step_s)
        values = np.full(steps, np.nan)
        inside = slice(min(max(first, 0), len(self.g_per_kwh)), max(min(first + steps, len(self.g_per_kwh)), 0))
        known = self.g_per_kwh[inside]
        values[inside.start - first :][: len(known)] = known
        return values

    def value_at(self, step: datetime) -> float | None:
        """Return the value of the step that starts at ``step``, g CO2eq/kWh; None if it has none."""
        value = float(self.values_from(step, 1)[0])
        return None if np.isnan(value) else value


@dataclass(frozen=True, slots=True, eq=False)
class _JudgedIssue:
    """Forecasts of the same steps, logarithms, as a decision used them."""

    start: datetime
    #: shape (3, steps): the other forecaster's; the provider's, NaN where it has none; and the combined one
    log_forecasts: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class CombinedForecast:
    """A provider's forecast and another forecaster's, as one."""

    #: intensity by step, g CO2eq/kWh, shape (steps,)
    g_per_kwh: np.ndarray
    #: the provider's weight by step, 0 where it has no value, shape (steps,)
    weights: np.ndarray
    #: mean absolute percentage error of the combined forecasts so far, %; None before any truth is known
    error_pct: float | None


class ForecastJudge:
    """Combines a provider's forecasts with another forecaster's, by their errors so far.

    Example:
        >>> from datetime import UTC, datetime
        >>> judge, start = ForecastJudge(3600.0), datetime(2024, 5, 15, tzinfo=UTC)
        >>> for hours in range(0, 96, 6):  # the provider is right, the other a tenth too high
        ...     combined = judge.combine(
        ...         start + timedelta(hours=hours), np.full(24, 330.0), np.full(24, 300.0), lambda step: 300.0
        ...     )
        >>> bool((combined.weights > 0.7).all())
        True

    :param step_s: length of a step.
    """

    def __init__(self, step_s: float) -> None:
        self.step_s = step_s
        self._issues: deque[_JudgedIssue] = deque(maxlen=MAX_ISSUES)

    def combine(
        self,
        start: datetime,
        other_g_per_kwh: np.ndarray,
        published_g_per_kwh: np.ndarray,
        published_intensity: Callable[[datetime], float | None],
    ) -> CombinedForecast:
        """Combine the forecasts of a decision, and remember them, to be judged later.

        :param start: end of the known past, and start of the first step.
        :param other_g_per_kwh: the other forecaster's, shape ``(steps,)``.
        :param published_g_per_kwh: the provider's, likewise, NaN where it has none.
        :param published_intensity: the intensity of the step that starts at a moment, g CO2eq/kWh; None while the
            provider has not published it.
        """
        errors, ages_d = self._errors(start, len(other_g_per_kwh), published_intensity)
        has_value = np.isfinite(published_g_per_kwh)
        weights = np.where(has_value, self._weigh(errors[:2], ages_d), 0.0)
        other, published = np.log(np.maximum([other_g_per_kwh, published_g_per_kwh], MIN_INTENSITY_G_PER_KWH))
        log_combined = other + weights * np.where(has_value, published - other, 0.0)
        self._record(_JudgedIssue(start, np.stack([other, published, log_combined])))
        combined = np.where(weights > 0, np.exp(log_combined), other_g_per_kwh)
        return CombinedForecast(combined, weights, _mean_error_pct(errors[2], ages_d))

    def _record(self, issue: _JudgedIssue) -> None:
        last = self._issues[-1].start if self._issues else None
        is_due = last is None or (issue.start - last).total_seconds() >= JUDGED_INTERVAL_S
        if is_due and np.isfinite(issue.log_forecasts[1]).any():
            self._issues.append(issue)

    def _weigh(self, errors: np.ndarray, ages_d: np.ndarray) -> np.ndarray:
        """Return the provider's weight by step, shape ``(steps,)``, one for each day of lead.

        :param errors: of both forecasters, shape ``(2, issues, steps)``, NaN where unknown.
        :param ages_d: of the issues, days, shape ``(issues,)``.
        """
        steps, day = errors.shape[2], max(round(DAY_S / self.step_s), 1)
        weights, prior = np.full(steps, PRIOR_WEIGHT), np.array([1.0 - PRIOR_WEIGHT, PRIOR_WEIGHT])
        for first in range(0, steps, day):
            lead = errors[:, :, first : first + day]
            known = np.isfinite(lead).all(axis=0)
            if known.any(axis=1).sum() >= MIN_ISSUES:
                recency = np.repeat(_recency(ages_d), known.sum(axis=1))
                weights[first : first + day] = stacking_weights(lead[:, known, None], recency, prior, PRIOR_STRENGTH)[1]
        return weights

    def _errors(
        self, now: datetime, steps: int, published_intensity: Callable[[datetime], float | None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the errors of the issues so far, ``(3, issues, steps)``, NaN where unknown, and their ages, days."""
        errors = np.full((3, len(self._issues), steps), np.nan)
        for row, issue in enumerate(self._issues):
            for lead in range(min(steps, issue.log_forecasts.shape[1])):
                step = issue.start + timedelta(seconds=lead * self.step_s)
                if step + timedelta(seconds=self.step_s) > now:
                    break
                truth = published_intensity(step)
                if truth is not None:
                    log = np.log(max(truth, MIN_INTENSITY_G_PER_KWH))
                    errors[:, row, lead] = log - issue.log_forecasts[:, lead]
        ages_d = np.array([(now - issue.start).total_seconds() / DAY_S for issue in self._issues])
        return errors, ages_d


def _recency(ages_d: np.ndarray) -> np.ndarray:
    """Return the weight of issues by their age."""
    recency: np.ndarray = 0.5 ** (ages_d / HALF_LIFE_DAYS)
    return recency


def _mean_error_pct(errors: np.ndarray, ages_d: np.ndarray) -> float | None:
    """Return the mean absolute percentage error, %, of errors ``(issues, steps)``; None where none is known."""
    known = np.isfinite(errors)
    recency = np.repeat(_recency(ages_d), known.sum(axis=1))
    return 100 * float(np.average(np.abs(np.expm1(-errors[known])), weights=recency)) if recency.size else None
