"""What a forecast's errors cost, in grams: a job placed by the forecast, priced by the truth, beside the best one.

A job runs in some of the hours of a window and may pause at will. At the start of every hour it is planned anew: of the
hours that are left, the cleanest by the latest forecast are chosen, as many as the job still needs; it runs now if
this hour is one of them. The regret is what this emitted more than the cleanest hours by the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.units import HOUR_S, J_PER_KWH, as_duration, as_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import History

__all__ = ["Job", "Regret", "regret", "windows"]


@dataclass(frozen=True, slots=True)
class Job:
    """Work that has to be done within a window, at any time of it."""

    #: power from the grid while it runs: 8 GPUs with their share of a host at 287 W, PUE 1.56
    power_w: float = 8 * 287.0 * 1.56
    #: how long it runs in all
    work_s: float = 40 * HOUR_S
    #: the time it has
    window_s: float = 80 * HOUR_S
    #: how often a new forecast is asked for; planned is every step
    replan_s: float = HOUR_S


@dataclass(frozen=True, eq=False)
class Regret:
    """What a job emitted in each window, g CO2eq, shape (windows,)."""

    forecaster: str
    zone: str
    #: when each window began, UTC
    starts: tuple[datetime, ...]
    #: placed by the forecast
    planned_g: np.ndarray
    #: placed by the truth: the least there was
    best_g: np.ndarray
    #: without waiting for cleaner hours
    at_once_g: np.ndarray

    @property
    def regret_g(self) -> np.ndarray:
        """What the forecast's errors cost in each window; never negative."""
        lost: np.ndarray = self.planned_g - self.best_g
        return lost

    @property
    def kept_share(self) -> float:
        """Share of what waiting could save that was saved, over all windows; NaN if there was nothing to save."""
        possible = float((self.at_once_g - self.best_g).sum())
        return float((self.at_once_g - self.planned_g).sum()) / possible if possible > 0 else math.nan


def windows(first: datetime, last: datetime, length_s: float) -> Iterator[datetime]:
    """The starts of back-to-back windows that end by ``last``."""
    count = math.floor((last - first).total_seconds() / length_s)
    return (first + timedelta(seconds=number * length_s) for number in range(count))


def regret(forecaster: Forecaster, history: History, job: Job, starts: Iterator[datetime]) -> Regret:
    """Place ``job`` by the forecasts of ``forecaster`` in each window; windows with a gap in the record are left out.

    :raises SettingsError: if the job does not fit into its window, or no window is on record.
    """
    steps, needed = round(job.window_s / history.step_s), round(job.work_s / history.step_s)
    if not 0 < needed <= steps:
        message = (
            f"Expected a job that fits into its window of {as_duration(job.window_s)} and runs for a step of "
            f"{as_duration(history.step_s)} or longer, got {as_duration(job.work_s)}."
        )
        raise SettingsError(message)
    begun, rows = [], []
    for start in starts:
        truth = history.truth((start - history.intensity.zero).total_seconds(), steps)
        runs = None if np.isnan(truth).any() else _placed(forecaster, history, job, start)
        if runs is not None:
            begun.append(start)
            rows.append((truth[runs].sum(), np.sort(truth)[:needed].sum(), truth[:needed].sum()))
    if not rows:
        message = (
            f"Expected windows inside the record of zone {history.zone!r}, which covers "
            f"{as_time(history.intensity.start)} to {as_time(history.intensity.end)}; choose other dates."
        )
        raise SettingsError(message)
    planned, best, at_once = np.array(rows).T * job.power_w * history.step_s / J_PER_KWH
    return Regret(forecaster.name, history.zone, tuple(begun), planned, best, at_once)


def _placed(forecaster: Forecaster, history: History, job: Job, start: datetime) -> np.ndarray | None:
    """The steps of the window in which the job runs, as it is planned anew at each; None if nothing was known yet."""
    steps, needed = round(job.window_s / history.step_s), round(job.work_s / history.step_s)
    begin_s = (start - history.intensity.zero).total_seconds()
    every = max(round(job.replan_s / history.step_s), 1)
    expected = np.empty(0)
    runs: list[int] = []
    for step in range(steps):
        if len(runs) == needed:
            break
        if step % every == 0:
            left_s = (steps - step) * history.step_s
            past = history.past(begin_s + step * history.step_s, forecaster.lookback_s, left_s)
            if past is None:
                return None
            expected = forecaster.predict(past, left_s).mean_g_per_kwh[: steps - step]
        ahead = expected[step % every :]
        if np.argsort(ahead, kind="stable")[: needed - len(runs)].min() == 0:
            runs.append(step)
    return np.array(runs)
