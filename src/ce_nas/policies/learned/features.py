"""What a learned policy sees of a view: numbers near one, the same in training as in use.

All of it is relative: intensities to the mean of the past week, times to the whole of the run, hypervolumes to the
present one. A policy so learned on one grid and one benchmark can be used on another. The optimum is in no view, and
nothing of the future is.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.resampling import coming_periods, mean_over
from ce_nas.policies.remaining_work import Work, prospect, work_ahead

if TYPE_CHECKING:
    from ce_nas.core.records import View

__all__ = ["FEATURES", "observe"]

#: edges of the coming stretches whose mean is seen, in periods from now
STRETCHES = (0, 1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 96)
#: reaches over which the coming period is compared with those after it, in periods
REACHES = (6, 12, 24, 48, 96)
#: how far back the growth of the hypervolume is looked at, in periods
GROWTH = (1, 3, 6, 12, 24)
#: trainings that may be still to come: nobody knows how many are
TO_COME = (10, 25, 50, 100, 200, 400)
#: beliefs of the work left that are planned for, in units of what is as likely to be enough as not
BELIEFS = (1 / 3, 1.0, 3.0)
#: chances with which work is enough
CHANCES = (0.5, 0.9, 0.98)
#: seconds that a training is reckoned to take before one has ended
TRAINING_S = 1500.0
#: trainings that stand for one in the logarithm of their number
MANY = 8.0
#: beyond so many periods or trainings without growth, and doublings of the trainings, more is all the same
MOST_STILL = 48
MOST_DOUBLINGS = 3.0
#: all features are kept between minus and plus this
BOUND = 5.0

FEATURES: tuple[str, ...] = (
    *(f"forecast_{a}_{b}" for a, b in pairwise(STRETCHES)),
    *(f"cleaner_within_{reach}" for reach in REACHES),
    *(f"cleanest_within_{reach}" for reach in REACHES),
    "cleaner_till_end",
    *(f"too_dear_for_{trainings}" for trainings in TO_COME),
    "trainings_till_end",
    "trainings_in_cleaner",
    "work_believed",
    *(f"share_needed_{chance:.0%}" for chance in CHANCES),
    *(f"dearer_than_needed_{chance:.0%}" for chance in CHANCES),
    *(f"worse_to_rest_{belief:.1f}" for belief in BELIEFS),
    "cost_ahead",
    "forecast_known",
    "spread_of_day_ahead",
    "quantiles_known",
    "past_last",
    "past_day",
    "past_week_deviation",
    "past_week_low",
    "past_week_high",
    "days_alike",
    "last_day_unlike",
    "days_apart",
    "rank_in_past_day",
    "rank_in_past_week",
    *(f"grown_in_{periods}" for periods in GROWTH),
    "periods_without_growth",
    "grown_in_last_half",
    "grown_in_last_quarter",
    "trainings_without_growth",
    "target_known",
    "missing",
    "doublings_missing",
    "work_missing",
    "front",
    "evaluations",
    "samples",
    "can_sample",
    "backlog",
    "backlog_front",
    "running",
    "suspended",
    "devices",
    "at_work",
    "trained_share_of_all",
    "trained_share_so_far",
    "time_left_share",
    "time_left_log",
    "carbon_left_share",
    "energy_left_share",
    "cost_left_share",
    "evaluations_left_share",
)


def observe(view: View) -> np.ndarray:
    """The features of a view, shape ``(features,)``, float32, each between -5 and 5; :data:`FEATURES` names them."""
    week = view.past_g_per_kwh[-max(round(7 * DAY_S / view.past_step_s), 1) :]
    coming = coming_periods(view)
    level = _level(week, coming)
    parts = (
        _ahead(coming, level),
        _too_dear(view, coming),
        _plan(view, coming),
        _known(coming),
        _uncertainty(view, level),
        _past(week, coming, level, max(round(DAY_S / view.past_step_s), 1)),
        _growth(view),
        _missing(view),
        _search(view),
        _left(view),
    )
    return np.clip(np.concatenate(parts), -BOUND, BOUND).astype(np.float32)


def _level(week: np.ndarray, coming: np.ndarray) -> float:
    """What intensities are put in relation to: the mean of the past week, else of what is forecast; never zero."""
    known = week if len(week) else coming
    return max(float(known.mean()), 1e-9) if len(known) else 1.0


def _ahead(coming: np.ndarray, level: float) -> list[float]:
    """Stretches ahead; 0 where they lie beyond the deadline or the forecast. Then the coming period among others."""
    if not len(coming):
        return [0.0] * (len(STRETCHES) - 1 + 2 * len(REACHES) + 1)
    sums = np.concatenate([[0.0], np.cumsum(coming)])
    stretches = []
    for first, last in pairwise(STRETCHES):
        end = min(last, len(coming))
        stretches.append((sums[end] - sums[first]) / (end - first) / level - 1.0 if end > first else 0.0)
    cleaner, cleanest = [], []
    now, lowest = max(float(coming[0]), 1e-9), np.minimum.accumulate(coming)
    below = np.cumsum(coming < now)
    for reach in REACHES:
        end = min(reach, len(coming))
        cleaner.append(float(below[end - 1]) / end)
        cleanest.append(float(lowest[end - 1]) / now)
    return [*stretches, *cleaner, *cleanest, float(below[-1]) / LONG]


#: periods that stand for one in the number of cleaner ones
LONG = 40.0


def _too_dear(view: View, coming: np.ndarray) -> list[float]:
    """By how much the coming period is dearer than the dearest that is needed, were so many trainings still to come.

    In units of the mean of what is ahead; -1 where all that is ahead is needed. Then the trainings that the periods
    ahead have room for, and the cleaner ones among them.
    """
    if not len(coming):
        return [0.0] * (len(TO_COME) + 2)
    training_s = view.trained_s / view.evaluations if view.evaluations and view.trained_s else TRAINING_S
    a_period = view.devices * view.period_s / training_s
    ordered, now, mean = np.sort(coming), float(coming[0]), max(float(coming.mean()), 1e-9)
    too_dear = []
    for trainings in TO_COME:
        needed = math.ceil(trainings / a_period)
        too_dear.append((now - float(ordered[needed - 1])) / mean if needed < len(ordered) else -1.0)
    cleaner = int(np.searchsorted(ordered, now))
    room = (len(ordered) * a_period, cleaner * a_period)
    return [*too_dear, *(math.log1p(trainings) / MANY for trainings in room)]


def _plan(view: View, coming: np.ndarray) -> list[float]:
    """What a planner goes by: the work that is believed to be left, and whether it is cheaper done now or later.

    First the belief, and the share of the time left that is needed for work that is enough with a chance; by how much
    the coming period is dearer than the dearest that is needed then; what it costs more to rest now, and what the
    rest of the search costs, in units of all devices working for a mean period.
    """
    work, open_s = work_ahead(view), max(view.devices * view.time_left_s, 1.0)
    shares = [min(work.enough_s(chance) / open_s, 1.0) for chance in CHANCES]
    believed = [math.log1p(work.trainings) / MANY, *shares]
    mean = float(coming.mean()) if len(coming) else 0.0
    if mean <= 0.0:
        return [*believed, *[0.0] * (len(CHANCES) + len(BELIEFS) + 1)]
    prices = coming / mean
    ordered = np.sort(prices)
    dear = [prices[0] - ordered[min(int(share * len(prices)), len(prices) - 1)] for share in shares]
    beliefs = [Work(work.trainings * belief, work.training_s) for belief in BELIEFS]
    ahead = prospect(prices, beliefs, view.devices * view.period_s, view.time_left_s / view.period_s)
    return [*believed, *dear, *(2.0 * ahead.margin).tolist(), math.log1p(float(ahead.cost[1])) / 5.0]


def _known(coming: np.ndarray) -> list[float]:
    """Whether there is a forecast."""
    return [float(len(coming) > 0)]


def _uncertainty(view: View, level: float) -> list[float]:
    """How far the lowest and the highest quantile of the coming day are apart, and whether quantiles are known."""
    forecast = view.forecast
    if forecast is None or len(forecast.quantiles_g_per_kwh) < 2:
        return [0.0, 0.0]
    moments_s = view.now_s + np.array([0.0, DAY_S])
    low, high = (
        float(mean_over(forecast, forecast.quantiles_g_per_kwh[at], moments_s)[0])
        for at in (min(forecast.quantiles_g_per_kwh), max(forecast.quantiles_g_per_kwh))
    )
    return [(high - low) / level, 1.0]


def _past(week: np.ndarray, coming: np.ndarray, level: float, steps_a_day: int) -> list[float]:
    if not len(week):
        return [0.0] * 8 + [0.5, 0.5]
    day = week[-steps_a_day:]
    now = float(coming[0]) if len(coming) else float(week[-1])
    return [
        float(week[-1]) / level - 1.0,
        float(day.mean()) / level - 1.0,
        float(week.std()) / level,
        float(week.min()) / level - 1.0,
        float(week.max()) / level - 1.0,
        *_regularity(week, level, steps_a_day),
        float(np.count_nonzero(day < now)) / len(day),
        float(np.count_nonzero(week < now)) / len(week),
    ]


def _regularity(week: np.ndarray, level: float, steps_a_day: int) -> tuple[float, float, float]:
    """How far the past can be trusted to return: the share of the week's variance that is its mean day's, how far the
    last day was from the mean of those before it, and how far the means of the days are apart. A grid without habits
    does not keep what a forecast promises.
    """
    count = len(week) // steps_a_day
    if count < 2:  # a day alone is like no other
        return 0.0, 0.0, 0.0
    days = week[-count * steps_a_day :].reshape(count, steps_a_day)
    variance, usual = float(days.var()), days[:-1].mean(axis=0)
    alike = float(days.mean(axis=0).var()) / variance if variance > 0 else 1.0
    unlike = float(np.sqrt(((days[-1] - usual) ** 2).mean())) / level
    return alike, unlike, float(days.mean(axis=1).std()) / level


def _growth(view: View) -> list[float]:
    history, course, present = view.hypervolume_history, view.course, view.hypervolume
    grown = [
        _scale_free(present - (history[-periods - 1] if len(history) > periods else 0.0), present) for periods in GROWTH
    ]
    still = 0
    while still < min(len(history), MOST_STILL) and history[-still - 1] >= present > 0:
        still += 1
    done = len(course)
    half, quarter = (_scale_free(present - course[done * at // 4], present) if done else 1.0 for at in (2, 3))
    since = sum(1 for value in course[-MOST_STILL:] if value >= present) - 1 if done else 0
    return [*grown, still / MOST_STILL, half, quarter, since / MOST_STILL]


def _missing(view: View) -> list[float]:
    """How far the target is: as a share, in doublings of the trainings at the present pace, and in devices' time."""
    if math.isinf(view.target):
        return [0.0, 0.0, 0.0, 0.0]
    missing, done = max(view.target - view.hypervolume, 0.0), len(view.course)
    brought = view.hypervolume - view.course[done // 2] if done else 0.0
    doublings = min(missing / brought, MOST_DOUBLINGS) if brought > 0 else MOST_DOUBLINGS
    left_s = max(view.devices * view.time_left_s, 1.0)
    return [
        1.0,
        _scale_free(missing, view.target),
        doublings / MOST_DOUBLINGS,
        min(view.trained_s * (2.0**doublings - 1.0) / left_s, 2.0),
    ]


def _scale_free(part: float, whole: float) -> float:
    """A share on a scale of powers of ten: 1 for all, 0 for a hundred-thousandth or less."""
    share = part / whole if whole > 0 else 1.0
    return 1.0 + math.log10(min(max(share, 0.0), 1.0) + 1e-5) / 5.0


def _search(view: View) -> list[float]:
    working = view.allocation.sampling + view.allocation.evaluating if view.allocation else view.devices
    return [
        math.log1p(view.front_size) / 4.0,
        math.log1p(view.evaluations) / 6.0,
        math.log1p(view.samples) / 9.0,
        float(view.can_sample),
        view.backlog / max(view.backlog_capacity, 1),
        view.backlog_front / max(view.backlog, 1),
        view.running / view.devices,
        min(view.suspended / view.devices, 2.0),
        math.log2(view.devices) / 4.0,
        working / view.devices,
    ]


def _left(view: View) -> list[float]:
    whole_s = max(view.now_s + view.time_left_s, 1.0)
    return [
        view.trained_s / (view.devices * whole_s),
        view.trained_s / (view.devices * view.now_s) if view.now_s > 0 else 0.0,
        view.time_left_s / whole_s,
        math.log1p(max(view.time_left_s, 0.0) / HOUR_S) / 5.0,
        _share(view.carbon_left_g, view.carbon_spent_g),
        _share(view.energy_left_j, view.energy_spent_j),
        _share(view.cost_left, view.cost_spent),
        _share(view.evaluations_left, view.evaluations),
    ]


def _share(left: float, spent: float) -> float:
    """What is left of a budget, as a share of it; 1 where none was set."""
    if math.isinf(left):
        return 1.0
    return max(left, 0.0) / (left + spent) if left + spent > 0 else 0.0
