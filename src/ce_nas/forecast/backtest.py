"""Backtests of forecasters: rolling-origin evaluation over a record, without leakage.

A forecaster gets copies of what had ended at each issue (:class:`ce_nas.forecast.history.RecordedHistory`), so that it
has no access to later values; the truth is read only to evaluate the forecast.

Measures
    Mean absolute error, mean absolute percentage error by day of lead (day 1 is the first 24 h), pinball loss, and the
    coverage of central intervals. Steps without a truth are left out of all measures, and steps of zero intensity out
    of the percentages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_time
from ce_nas.core.units import DAY_S
from ce_nas.forecast.base import steps_per_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ce_nas.core.records import Forecast
    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import RecordedHistory

__all__ = ["INTERVAL_COVERAGES", "BacktestResult", "IssueTimes", "run_backtest"]

#: nominal coverages of the reported intervals
INTERVAL_COVERAGES = (0.8, 0.95)


@dataclass(frozen=True, slots=True)
class IssueTimes:
    """The issue times of forecasts, and their horizon."""

    #: the first issue, and the latest moment of the last one, UTC
    first: datetime
    last: datetime
    #: time between two issues
    interval_s: float = DAY_S
    horizon_s: float = 4 * DAY_S

    def __iter__(self) -> Iterator[datetime]:
        count = math.floor((self.last - self.first).total_seconds() / self.interval_s) + 1
        return (self.first + timedelta(seconds=number * self.interval_s) for number in range(count))


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Forecasts and the truth."""

    forecaster: str
    zone: str
    step_s: float
    #: when each forecast was issued, UTC
    issue_times: tuple[datetime, ...]
    #: true intensity, g CO2eq/kWh, shape (issues, steps); NaN where it is not recorded
    truth: np.ndarray
    #: predicted mean, g CO2eq/kWh, shape (issues, steps)
    mean: np.ndarray
    #: level to predicted quantile, g CO2eq/kWh, shape (issues, steps); empty without quantiles
    quantiles: Mapping[float, np.ndarray] = field(default_factory=dict)
    #: issues without a known past, or without any truth
    skipped: tuple[datetime, ...] = ()

    @property
    def mae_g_per_kwh(self) -> float:
        """Mean absolute error."""
        return _nan_mean(np.abs(self._errors))

    @property
    def mae_by_day_g_per_kwh(self) -> tuple[float, ...]:
        """Mean absolute error of each day of lead."""
        return self._mean_by_day(np.abs(self._errors))

    @property
    def mape_by_day_pct(self) -> tuple[float, ...]:
        """Mean absolute percentage error of each day of lead."""
        share = np.abs(self._errors) / np.where(self.truth > 0, self.truth, np.nan)
        return tuple(100.0 * value for value in self._mean_by_day(share))

    @property
    def mape_pct(self) -> float:
        """Mean over the days of lead of their percentage errors."""
        return float(np.mean(self.mape_by_day_pct))

    @property
    def pinball_g_per_kwh(self) -> float | None:
        """Pinball loss, the mean over all quantiles; None without quantiles."""
        losses = [
            np.nanmean(np.maximum(level * (self.truth - values), (level - 1) * (self.truth - values)))
            for level, values in self.quantiles.items()
        ]
        return float(np.mean(losses)) if losses else None

    def coverage(self, share: float) -> float | None:
        """Return the share of the truth inside the central interval of nominal coverage ``share``; None without it."""
        covered = self._is_covered(share)
        return None if covered is None else float(np.nanmean(covered))

    def coverage_by_day(self, share: float) -> tuple[float, ...] | None:
        """Return the coverage of each day of lead."""
        covered = self._is_covered(share)
        return None if covered is None else self._mean_by_day(covered)

    def to_json(self) -> dict[str, object]:
        """Return all measures as plain JSON."""
        return {
            "forecaster": self.forecaster,
            "zone": self.zone,
            "issues": len(self.issue_times),
            "skipped": [format_time(moment) for moment in self.skipped],
            "mae_g_per_kwh": self.mae_g_per_kwh,
            "mape_pct": self.mape_pct,
            "mape_by_day_pct": list(self.mape_by_day_pct),
            "mae_by_day_g_per_kwh": list(self.mae_by_day_g_per_kwh),
            "pinball_g_per_kwh": self.pinball_g_per_kwh,
            "coverage": {f"{share:g}": self.coverage(share) for share in INTERVAL_COVERAGES},
        }

    @cached_property
    def _errors(self) -> np.ndarray:
        errors: np.ndarray = self.mean - self.truth
        return errors

    def _is_covered(self, share: float) -> np.ndarray | None:
        """Return 1 where the truth is in the interval, 0 where not, NaN where there is none."""
        ends = [(1 - share) / 2, (1 + share) / 2]
        low, high = (
            next((values for level, values in self.quantiles.items() if math.isclose(level, end)), None) for end in ends
        )
        if low is None or high is None:
            return None
        covered: np.ndarray = np.where(np.isnan(self.truth), np.nan, (low <= self.truth) & (self.truth <= high))
        return covered

    def _mean_by_day(self, values: np.ndarray) -> tuple[float, ...]:
        day = steps_per_day(self.step_s)
        return tuple(_nan_mean(values[:, first : first + day]) for first in range(0, values.shape[1], day))


def run_backtest(forecaster: Forecaster, history: RecordedHistory, issues: IssueTimes) -> BacktestResult:
    """Issue forecasts over ``history``, and compare them with the truth.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.forecast.simple_forecasters import SeasonalNaive
        >>> from ce_nas.forecast.history import RecordedHistory
        >>> from ce_nas.grid.trace import Series
        >>> start = datetime(2021, 7, 1, tzinfo=UTC)
        >>> history = RecordedHistory("DE", Series(start, 3600.0, np.tile(np.arange(100.0, 124.0), 10)))
        >>> issues = IssueTimes(start + timedelta(days=2), start + timedelta(days=5))
        >>> run_backtest(SeasonalNaive(), history, issues).mae_g_per_kwh
        0.0

    :raises SettingsError: if no issue has both a known past and a truth.
    """
    steps = math.ceil(issues.horizon_s / history.step_s)
    issued: list[tuple[datetime, Forecast, np.ndarray]] = []
    skipped = []
    for moment in issues:
        now_s = (moment - history.intensity.reference_time).total_seconds()
        inputs = history.inputs_at(now_s, forecaster.lookback_s, issues.horizon_s)
        truth = history.truth(inputs.end_s, steps) if inputs else np.full(steps, np.nan)
        if inputs is None or np.isnan(truth).all():
            skipped.append(moment)
        else:
            issued.append((moment, forecaster.predict(inputs, issues.horizon_s), truth))
    if not issued:
        covered = f"{format_time(history.intensity.start)} to {format_time(history.intensity.end)}"
        message = (
            f"Expected issues from {format_time(issues.first)} to {format_time(issues.last)} inside the record of zone "
            f"{history.zone!r}, which covers {covered}; choose other dates."
        )
        raise SettingsError(message)
    return BacktestResult(
        forecaster=forecaster.name,
        zone=history.zone,
        step_s=history.step_s,
        issue_times=tuple(moment for moment, _, _ in issued),
        truth=np.array([truth for _, _, truth in issued]),
        mean=np.array([forecast.mean_g_per_kwh[:steps] for _, forecast, _ in issued]),
        quantiles=_common_quantiles([forecast for _, forecast, _ in issued], steps),
        skipped=tuple(skipped),
    )


def _nan_mean(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; NaN if all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def _common_quantiles(forecasts: list[Forecast], steps: int) -> dict[float, np.ndarray]:
    """Return the quantiles at the levels that every forecast has."""
    levels = set.intersection(*(set(forecast.quantiles_g_per_kwh) for forecast in forecasts))
    return {
        level: np.array([forecast.quantiles_g_per_kwh[level][:steps] for forecast in forecasts])
        for level in sorted(levels)
    }
