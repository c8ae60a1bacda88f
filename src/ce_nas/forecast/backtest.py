"""Forecasts issued again and again over a record, and how far off they were: rolling origins, without a leak.

A forecaster is handed copies of what had ended at each issue (:class:`ce_nas.forecast.history.History`), so there is
nothing through which it could see what came next; the truth is cut out only to judge it.

Measures
    Mean absolute error, mean absolute percentage error by day of lead (day 1 is the first 24 h), pinball loss, and the
    share of the truth that lay between two quantiles. Steps without a truth are left out of all of them, and steps of
    zero intensity out of the percentages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.units import DAY_S, as_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ce_nas.core.records import Forecast
    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import History

__all__ = ["SHARES", "Backtest", "Issues", "backtest"]

#: the intervals that are reported, as the share of the truth that they should hold
SHARES = (0.8, 0.95)


@dataclass(frozen=True, slots=True)
class Issues:
    """When forecasts are issued, and how far they reach."""

    #: the moment of the first, and the latest moment of the last, UTC
    first: datetime
    last: datetime
    #: from one to the next
    every_s: float = DAY_S
    horizon_s: float = 4 * DAY_S

    def __iter__(self) -> Iterator[datetime]:
        count = math.floor((self.last - self.first).total_seconds() / self.every_s) + 1
        return (self.first + timedelta(seconds=number * self.every_s) for number in range(count))


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts beside what came."""

    forecaster: str
    zone: str
    step_s: float
    #: when each forecast was issued, UTC
    issued: tuple[datetime, ...]
    #: what came, g CO2eq/kWh, shape (issues, steps); NaN where it is not on record
    truth: np.ndarray
    #: what was expected, g CO2eq/kWh, shape (issues, steps)
    mean: np.ndarray
    #: quantile level to what was expected, g CO2eq/kWh, shape (issues, steps); empty where none were issued
    quantiles: Mapping[float, np.ndarray] = field(default_factory=dict)
    #: issues that were due but left out, since nothing was known then or nothing of what came is on record
    left_out: tuple[datetime, ...] = ()

    @property
    def mae_g_per_kwh(self) -> float:
        """Mean absolute error."""
        return _mean(np.abs(self._off))

    @property
    def mae_by_day_g_per_kwh(self) -> tuple[float, ...]:
        """Mean absolute error of each day of lead."""
        return self._by_day(np.abs(self._off))

    @property
    def mape_by_day_pct(self) -> tuple[float, ...]:
        """Mean absolute percentage error of each day of lead."""
        share = np.abs(self._off) / np.where(self.truth > 0, self.truth, np.nan)
        return tuple(100.0 * value for value in self._by_day(share))

    @property
    def mape_pct(self) -> float:
        """The mean over the days of lead of their percentage errors."""
        return float(np.mean(self.mape_by_day_pct))

    @property
    def pinball_g_per_kwh(self) -> float | None:
        """Pinball loss, the mean over all quantiles; None where none were issued."""
        losses = [
            np.nanmean(np.maximum(level * (self.truth - values), (level - 1) * (self.truth - values)))
            for level, values in self.quantiles.items()
        ]
        return float(np.mean(losses)) if losses else None

    def coverage(self, share: float) -> float | None:
        """Share of the truth inside the central interval that should hold ``share`` of it; None without one."""
        held = self._held(share)
        return None if held is None else float(np.nanmean(held))

    def coverage_by_day(self, share: float) -> tuple[float, ...] | None:
        """The same for each day of lead."""
        held = self._held(share)
        return None if held is None else self._by_day(held)

    def content(self) -> dict[str, object]:
        """All measures, as plain JSON."""
        return {
            "forecaster": self.forecaster,
            "zone": self.zone,
            "issues": len(self.issued),
            "left_out": [as_time(moment) for moment in self.left_out],
            "mae_g_per_kwh": self.mae_g_per_kwh,
            "mape_pct": self.mape_pct,
            "mape_by_day_pct": list(self.mape_by_day_pct),
            "mae_by_day_g_per_kwh": list(self.mae_by_day_g_per_kwh),
            "pinball_g_per_kwh": self.pinball_g_per_kwh,
            "coverage": {f"{share:g}": self.coverage(share) for share in SHARES},
        }

    @cached_property
    def _off(self) -> np.ndarray:
        off: np.ndarray = self.mean - self.truth
        return off

    def _held(self, share: float) -> np.ndarray | None:
        """One where the truth lay in the interval, zero where not, NaN where there is none."""
        ends = [(1 - share) / 2, (1 + share) / 2]
        low, high = (next((v for known, v in self.quantiles.items() if math.isclose(known, end)), None) for end in ends)
        if low is None or high is None:
            return None
        held: np.ndarray = np.where(np.isnan(self.truth), np.nan, (low <= self.truth) & (self.truth <= high))
        return held

    def _by_day(self, values: np.ndarray) -> tuple[float, ...]:
        day = max(round(DAY_S / self.step_s), 1)
        return tuple(_mean(values[:, first : first + day]) for first in range(0, values.shape[1], day))


def backtest(forecaster: Forecaster, history: History, issues: Issues) -> Backtest:
    """Have ``forecaster`` issue its forecasts over ``history``.

    :raises SettingsError: if there is not one issue at which something was known, and after which something came.
    """
    steps = math.ceil(issues.horizon_s / history.step_s)
    made: list[tuple[datetime, Forecast, np.ndarray]] = []
    left_out = []
    for moment in issues:
        now_s = (moment - history.intensity.zero).total_seconds()
        past = history.past(now_s, forecaster.lookback_s, issues.horizon_s)
        truth = history.truth(past.end_s, steps) if past else np.full(steps, np.nan)
        if past is None or np.isnan(truth).all():
            left_out.append(moment)
        else:
            made.append((moment, forecaster.predict(past, issues.horizon_s), truth))
    if not made:
        message = (
            f"Expected issues from {as_time(issues.first)} to {as_time(issues.last)} inside the record of zone "
            f"{history.zone!r}, which covers {as_time(history.intensity.start)} to {as_time(history.intensity.end)}; "
            f"choose other dates."
        )
        raise SettingsError(message)
    return Backtest(
        forecaster=forecaster.name,
        zone=history.zone,
        step_s=history.step_s,
        issued=tuple(moment for moment, _, _ in made),
        truth=np.array([truth for _, _, truth in made]),
        mean=np.array([forecast.mean_g_per_kwh[:steps] for _, forecast, _ in made]),
        quantiles=_quantiles([forecast for _, forecast, _ in made], steps),
        left_out=tuple(left_out),
    )


def _mean(values: np.ndarray) -> float:
    """The mean of what is not missing; NaN if all is."""
    found = values[~np.isnan(values)]
    return float(found.mean()) if found.size else math.nan


def _quantiles(forecasts: list[Forecast], steps: int) -> dict[float, np.ndarray]:
    """The levels that every forecast has."""
    levels = set.intersection(*(set(forecast.quantiles_g_per_kwh) for forecast in forecasts))
    return {
        level: np.array([forecast.quantiles_g_per_kwh[level][:steps] for forecast in forecasts])
        for level in sorted(levels)
    }
