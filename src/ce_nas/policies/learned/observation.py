"""Feature extractor of the learned policy: numbers of magnitude one, the same in training and in use.

All features are relative: intensities to the mean of the past week, times to the whole run, hypervolumes to the present
one. A policy that was trained on one grid and one benchmark can therefore be used on another. No feature depends on the
optimum or on the future.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.resampling import intensity_by_period, interval_means
from ce_nas.policies.planning import expected_costs
from ce_nas.policies.remaining_work import DEFAULT_TRAINING_S, RemainingWork, estimate_remaining_work

if TYPE_CHECKING:
    from ce_nas.core.records import State

__all__ = ["FEATURE_BOUND", "FEATURE_NAMES", "extract_features"]

#: edges of the forecast bins, in periods from now
FORECAST_BIN_EDGE_PERIODS = (0, 1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 96)
#: horizons over which the coming period is compared with the later ones, in periods
COMPARISON_HORIZON_PERIODS = (6, 12, 24, 48, 96)
#: periods over which the growth of the hypervolume is measured
GROWTH_LOOKBACK_PERIODS = (1, 3, 6, 12, 24)
#: assumed numbers of remaining trainings, since the true one is uncertain
REMAINING_TRAININGS = (10, 25, 50, 100, 200, 400)
#: multiples of the estimated remaining work that are planned for
WORK_MULTIPLIERS = (1 / 3, 1.0, 3.0)
#: quantiles of the remaining work
WORK_QUANTILES = (0.5, 0.9, 0.98)
#: scale of the logarithm of a number of trainings
LOG_TRAININGS_SCALE = 8.0
#: scale of the number of cleaner periods
CLEANER_PERIODS_SCALE = 40.0
#: cap on the periods or trainings without growth, and on doublings of the trainings
MAX_STAGNATION_COUNT = 48
MAX_DOUBLINGS = 3.0
#: bound of the absolute value of all features
FEATURE_BOUND = 5.0

#: names of the features, in order; a policy file is read only if its features have these names
FEATURE_NAMES: tuple[str, ...] = (
    *(f"forecast_{a}_{b}" for a, b in pairwise(FORECAST_BIN_EDGE_PERIODS)),
    *(f"cleaner_within_{periods}" for periods in COMPARISON_HORIZON_PERIODS),
    *(f"cleanest_within_{periods}" for periods in COMPARISON_HORIZON_PERIODS),
    "cleaner_till_end",
    *(f"too_dear_for_{trainings}" for trainings in REMAINING_TRAININGS),
    "trainings_till_end",
    "trainings_in_cleaner",
    "work_believed",
    *(f"share_needed_{quantile:.0%}" for quantile in WORK_QUANTILES),
    *(f"dearer_than_needed_{quantile:.0%}" for quantile in WORK_QUANTILES),
    *(f"worse_to_rest_{factor:.1f}" for factor in WORK_MULTIPLIERS),
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
    *(f"grown_in_{periods}" for periods in GROWTH_LOOKBACK_PERIODS),
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


def extract_features(state: State) -> np.ndarray:
    """The features of a state, float32, named by :data:`FEATURE_NAMES`, shape ``(features,)``.

    Each lies between minus and plus :data:`FEATURE_BOUND`.
    """
    grid = state.grid
    past_week = grid.past_g_per_kwh[-max(round(7 * DAY_S / grid.past_step_s), 1) :]
    ahead = intensity_by_period(state)
    reference = _reference_intensity(past_week, ahead)
    groups = (
        _forecast_features(ahead, reference),
        _price_gap_features(state, ahead),
        _plan_features(state, ahead),
        [float(len(ahead) > 0)],
        _uncertainty_features(state, reference),
        _past_features(past_week, ahead, reference, max(round(DAY_S / grid.past_step_s), 1)),
        _growth_features(state),
        _target_features(state),
        _search_features(state),
        _budget_features(state),
    )
    return np.clip(np.concatenate(groups), -FEATURE_BOUND, FEATURE_BOUND).astype(np.float32)


def _reference_intensity(past_week: np.ndarray, intensity_ahead: np.ndarray) -> float:
    """Mean intensity of the past week, else of the forecast; above 0."""
    known = past_week if len(past_week) else intensity_ahead
    return max(float(known.mean()), 1e-9) if len(known) else 1.0


def _forecast_features(intensity_ahead: np.ndarray, reference: float) -> list[float]:
    """Mean of each forecast bin, 0 beyond deadline or forecast; then the coming period compared with later ones."""
    if not len(intensity_ahead):
        return [0.0] * (len(FORECAST_BIN_EDGE_PERIODS) - 1 + 2 * len(COMPARISON_HORIZON_PERIODS) + 1)
    sums = np.concatenate([[0.0], np.cumsum(intensity_ahead)])
    bins = []
    for first, last in pairwise(FORECAST_BIN_EDGE_PERIODS):
        end = min(last, len(intensity_ahead))
        bins.append((sums[end] - sums[first]) / (end - first) / reference - 1.0 if end > first else 0.0)
    cleaner, cleanest = [], []
    now, lowest = max(float(intensity_ahead[0]), 1e-9), np.minimum.accumulate(intensity_ahead)
    cleaner_count = np.cumsum(intensity_ahead < now)
    for horizon in COMPARISON_HORIZON_PERIODS:
        end = min(horizon, len(intensity_ahead))
        cleaner.append(float(cleaner_count[end - 1]) / end)
        cleanest.append(float(lowest[end - 1]) / now)
    return [*bins, *cleaner, *cleanest, float(cleaner_count[-1]) / CLEANER_PERIODS_SCALE]


def _price_gap_features(state: State, intensity_ahead: np.ndarray) -> list[float]:
    """How far the coming period is above the dirtiest period needed, for each assumed number of remaining trainings.

    In units of the mean of the coming periods; -1 if all of them are needed. Then the trainings that fit into the
    coming periods, and into the cleaner ones of them.
    """
    if not len(intensity_ahead):
        return [0.0] * (len(REMAINING_TRAININGS) + 2)
    search = state.search
    is_measured = bool(search.evaluations and search.trained_s)
    training_s = search.trained_s / search.evaluations if is_measured else DEFAULT_TRAINING_S
    trainings_per_period = state.cluster.devices * state.period_s / training_s
    ordered, now, mean = np.sort(intensity_ahead), float(intensity_ahead[0]), max(float(intensity_ahead.mean()), 1e-9)
    gaps = []
    for trainings in REMAINING_TRAININGS:
        needed = math.ceil(trainings / trainings_per_period)
        gaps.append((now - float(ordered[needed - 1])) / mean if needed < len(ordered) else -1.0)
    cleaner = int(np.searchsorted(ordered, now))
    capacity = (len(ordered) * trainings_per_period, cleaner * trainings_per_period)
    return [*gaps, *(math.log1p(trainings) / LOG_TRAININGS_SCALE for trainings in capacity)]


def _plan_features(state: State, intensity_ahead: np.ndarray) -> list[float]:
    """The estimated remaining work, and whether it is cheaper to work now or to wait.

    First the estimate, and the share of the time left that each quantile of it needs; how far the coming period is
    above the dirtiest period needed for each quantile; the extra cost of waiting, and the cost of the rest of the
    search, in units of all devices working for a mean period.
    """
    devices, time_left_s = state.cluster.devices, state.budget.time_left_s
    work, open_s = estimate_remaining_work(state), max(devices * time_left_s, 1.0)
    shares = [min(work.quantile_s(quantile) / open_s, 1.0) for quantile in WORK_QUANTILES]
    estimate = [math.log1p(work.median_trainings) / LOG_TRAININGS_SCALE, *shares]
    mean = float(intensity_ahead.mean()) if len(intensity_ahead) else 0.0
    if mean <= 0.0:
        return [*estimate, *[0.0] * (len(WORK_QUANTILES) + len(WORK_MULTIPLIERS) + 1)]
    costs = intensity_ahead / mean
    ordered = np.sort(costs)
    gaps = [costs[0] - ordered[min(int(share * len(costs)), len(costs) - 1)] for share in shares]
    estimates = [RemainingWork(work.median_trainings * factor, work.training_s) for factor in WORK_MULTIPLIERS]
    (waiting, working), *_ = expected_costs(costs, estimates, devices * state.period_s, time_left_s / state.period_s)
    remaining_cost = math.log1p(float(min(waiting[1], working[1])))
    return [*estimate, *gaps, *(2.0 * (waiting - working)).tolist(), remaining_cost / 5.0]


def _uncertainty_features(state: State, reference: float) -> list[float]:
    """Spread between the lowest and the highest quantile of the coming day, and whether quantiles are known."""
    forecast = state.grid.forecast
    if forecast is None or len(forecast.quantiles_g_per_kwh) < 2:
        return [0.0, 0.0]
    boundaries_s = state.now_s + np.array([0.0, DAY_S])
    low, high = (
        float(interval_means(forecast, forecast.quantiles_g_per_kwh[level], boundaries_s)[0])
        for level in (min(forecast.quantiles_g_per_kwh), max(forecast.quantiles_g_per_kwh))
    )
    return [(high - low) / reference, 1.0]


def _past_features(
    past_week: np.ndarray, intensity_ahead: np.ndarray, reference: float, steps_per_day: int
) -> list[float]:
    if not len(past_week):
        return [0.0] * 8 + [0.5, 0.5]
    day = past_week[-steps_per_day:]
    now = float(intensity_ahead[0]) if len(intensity_ahead) else float(past_week[-1])
    return [
        float(past_week[-1]) / reference - 1.0,
        float(day.mean()) / reference - 1.0,
        float(past_week.std()) / reference,
        float(past_week.min()) / reference - 1.0,
        float(past_week.max()) / reference - 1.0,
        *_regularity_features(past_week, reference, steps_per_day),
        float(np.count_nonzero(day < now)) / len(day),
        float(np.count_nonzero(past_week < now)) / len(past_week),
    ]


def _regularity_features(past_week: np.ndarray, reference: float, steps_per_day: int) -> tuple[float, float, float]:
    """How regular the grid is, and so how far a forecast can be trusted.

    The share of the week's variance that its mean day explains, the distance of the last day from the mean of the days
    before it, and the deviation of the days' means.
    """
    count = len(past_week) // steps_per_day
    if count < 2:  # one day cannot be compared
        return 0.0, 0.0, 0.0
    days = past_week[-count * steps_per_day :].reshape(count, steps_per_day)
    variance, mean_day = float(days.var()), days[:-1].mean(axis=0)
    explained = float(days.mean(axis=0).var()) / variance if variance > 0 else 1.0
    distance = float(np.sqrt(((days[-1] - mean_day) ** 2).mean())) / reference
    return explained, distance, float(days.mean(axis=1).std()) / reference


def _growth_features(state: State) -> list[float]:
    by_period, by_evaluation = state.search.hypervolume_history, state.search.hypervolume_by_evaluation
    present, done = state.search.hypervolume, len(by_evaluation)
    growth = [
        _log_share(present - (by_period[-periods - 1] if len(by_period) > periods else 0.0), present)
        for periods in GROWTH_LOOKBACK_PERIODS
    ]
    stagnant = 0
    while stagnant < min(len(by_period), MAX_STAGNATION_COUNT) and by_period[-stagnant - 1] >= present > 0:
        stagnant += 1
    half, quarter = (
        _log_share(present - by_evaluation[done * quarters // 4], present) if done else 1.0 for quarters in (2, 3)
    )
    since = sum(1 for value in by_evaluation[-MAX_STAGNATION_COUNT:] if value >= present) - 1 if done else 0
    return [*growth, stagnant / MAX_STAGNATION_COUNT, half, quarter, since / MAX_STAGNATION_COUNT]


def _target_features(state: State) -> list[float]:
    """Gap to the target: as a share, in doublings of the trainings at the present rate, and in device time."""
    search = state.search
    if math.isinf(search.target_hypervolume):
        return [0.0, 0.0, 0.0, 0.0]
    gap, done = max(search.target_hypervolume - search.hypervolume, 0.0), len(search.hypervolume_by_evaluation)
    improvement = search.hypervolume - search.hypervolume_by_evaluation[done // 2] if done else 0.0
    doublings = min(gap / improvement, MAX_DOUBLINGS) if improvement > 0 else MAX_DOUBLINGS
    left_s = max(state.cluster.devices * state.budget.time_left_s, 1.0)
    return [
        1.0,
        _log_share(gap, search.target_hypervolume),
        doublings / MAX_DOUBLINGS,
        min(search.trained_s * (2.0**doublings - 1.0) / left_s, 2.0),
    ]


def _log_share(part: float, whole: float) -> float:
    """A share on a logarithmic scale: 1 for all, 0 for a hundred-thousandth or less."""
    share = part / whole if whole > 0 else 1.0
    return 1.0 + math.log10(min(max(share, 0.0), 1.0) + 1e-5) / 5.0


def _search_features(state: State) -> list[float]:
    search, cluster = state.search, state.cluster
    allocation, devices = cluster.allocation, cluster.devices
    active = allocation.sampling + allocation.evaluating if allocation else devices
    return [
        math.log1p(search.front_size) / 4.0,
        math.log1p(search.evaluations) / 6.0,
        math.log1p(search.samples) / 9.0,
        float(search.can_sample),
        search.queue_length / max(search.queue_capacity, 1),
        search.queue_front_size / max(search.queue_length, 1),
        cluster.running / devices,
        min(cluster.suspended / devices, 2.0),
        math.log2(devices) / 4.0,
        active / devices,
    ]


def _budget_features(state: State) -> list[float]:
    budget, search, devices = state.budget, state.search, state.cluster.devices
    total_s = max(state.now_s + budget.time_left_s, 1.0)
    return [
        search.trained_s / (devices * total_s),
        search.trained_s / (devices * state.now_s) if state.now_s > 0 else 0.0,
        budget.time_left_s / total_s,
        math.log1p(max(budget.time_left_s, 0.0) / HOUR_S) / 5.0,
        _remaining_share(budget.carbon_left_g, budget.carbon_spent_g),
        _remaining_share(budget.energy_left_j, budget.energy_spent_j),
        _remaining_share(budget.cost_left, budget.cost_spent),
        _remaining_share(budget.evaluations_left, search.evaluations),
    ]


def _remaining_share(left: float, spent: float) -> float:
    """Share of a budget that is left; 1 if no budget was set."""
    if math.isinf(left):
        return 1.0
    return max(left, 0.0) / (left + spent) if left + spent > 0 else 0.0
