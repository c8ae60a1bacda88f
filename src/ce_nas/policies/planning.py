"""Planning by dynamic programming: the cheapest of the coming periods for the work that is left.

How much work is left is uncertain (:class:`~ce_nas.policies.remaining_work.RemainingWork`), so a plan is a policy:
:func:`expected_costs` finds it by backward induction over the coming periods and the work done in them. It weighs a
device's hour now against a cleaner one later, which may not be needed any more by then, or may come too late.

:func:`select_cheapest_periods` is a programme of its own because its amount of work is known: it chooses a fixed
number of periods, and no survival probability enters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.policies.remaining_work import RemainingWork

__all__ = [
    "CLOSED_PERIOD_COST",
    "DEFAULT_LATENESS_PENALTY",
    "RESTART_S",
    "ActivityLevel",
    "expected_costs",
    "select_cheapest_periods",
]

#: cost of work that is left at the deadline, in units of a mean period
DEFAULT_LATENESS_PENALTY = 1.5
#: cost of a period in which no device can be used, in units of a mean period: more than any open one costs
CLOSED_PERIOD_COST = 1e6
#: cost of a device's restart: its start-up, a checkpoint written and loaded, s at full power
RESTART_S = 120.0
#: periods after the planned ones are assumed to cost this quantile of the open planned ones
_BEYOND_HORIZON_QUANTILE = 0.25


@dataclass(frozen=True, slots=True)
class ActivityLevel:
    """How many of the devices work in a period, and what they do in it."""

    #: share of the devices
    devices: float
    #: work of a period, in steps; those of the highest level are all that fit in a period
    steps: int
    #: device time that the same work takes, relative to that of the highest level
    work_price: float = 1.0


#: no device or all of them
_ALL_OR_NOTHING = (ActivityLevel(0.0, 0), ActivityLevel(1.0, 1))


def expected_costs(  # noqa: PLR0913 - the parameters of one optimisation problem
    period_costs: np.ndarray,
    work_estimates: Sequence[RemainingWork],
    device_s_per_period: float,
    periods_left: float,
    *,
    levels: Sequence[ActivityLevel] = _ALL_OR_NOTHING,
    restart_cost: float = 0.0,
    delay_surcharge: float = 0.0,
    lateness_penalty: float = DEFAULT_LATENESS_PENALTY,
) -> np.ndarray:
    """Expected cost of the rest of the search by the activity level of the first period, for each work estimate.

    Costs are in units of all devices at work for a mean period. Shape ``(levels before, levels, estimates)``; the first
    axis is the level of the period before, of length 1 without a ``restart_cost``.

    :param period_costs: cost of the coming periods, 1 on average, shape ``(periods,)``.
    :param work_estimates: the work that is left, in device time of all devices at work.
    :param device_s_per_period: time of all devices in a period, s.
    :param periods_left: periods to the deadline; those after ``period_costs`` are like the cleaner ones in it.
    :param levels: activity levels, from no device to all.
    :param restart_cost: cost of a restart of all devices, in units of the period that it falls in.
    :param delay_surcharge: relative surcharge per period: of periods that cost the same, the earlier is chosen.
    :param lateness_penalty: cost of the work that is left at the deadline, in units of a mean period.
    """
    periods, steps_per_period = len(period_costs), levels[-1].steps
    done_s = device_s_per_period / steps_per_period * np.arange(periods * steps_per_period + 1)
    more_s = device_s_per_period * max(periods_left - periods, 0.0)
    alive = np.stack([work.survival(done_s) for work in work_estimates], axis=1)
    spent = np.stack([work.expected_spent_s(done_s) for work in work_estimates], axis=1) / device_s_per_period
    # by level, each of shape (work done, estimates); less than a whole period's work: the search may end within it
    survives = [alive[level.steps :] / alive[: len(alive) - level.steps] for level in levels]
    works = [
        level.work_price
        * (spent[level.steps :] - spent[: len(spent) - level.steps])
        / alive[: len(alive) - level.steps]
        for level in levels
    ]
    prices = period_costs * (1.0 + delay_surcharge * np.arange(periods))
    restarts = restart_cost * np.array([level.devices for level in levels])
    later_cost = _cost_beyond_horizon(period_costs)
    terminal = [_terminal_costs(work, done_s, more_s, later_cost, lateness_penalty) for work in work_estimates]
    ahead = np.tile(np.stack(terminal, axis=1) / device_s_per_period, (len(levels) if restart_cost else 1, 1, 1))
    options = np.empty((len(levels), *alive.shape))
    for period in range(periods - 1, -1, -1):
        states, price = period * steps_per_period + 1, prices[period]
        options[0, :states] = ahead[0, :states]  # no work: the search continues as it is
        for index, level in enumerate(levels[1:], 1):
            option = options[index, :states]
            later = ahead[index if restart_cost else 0, level.steps : level.steps + states]
            np.multiply(survives[index][:states], later, out=option)
            option += price * works[index][:states]
        if period:
            costs = options[:, :states]
            cheapest = costs.min(axis=0, keepdims=True)
            ahead = _cheapest_by_level_before(costs, price * restarts) if restart_cost else cheapest
    first = options[None, :, 0]
    if restart_cost:
        first = first + prices[0] * np.maximum(restarts[None, :] - restarts[:, None], 0.0)[:, :, None]
    return first.copy()


def _cheapest_by_level_before(options: np.ndarray, restarts: np.ndarray) -> np.ndarray:
    """The least cost by the level of the period before, shape ``(levels, work done, estimates)``.

    :param options: cost of each level without restarts, shape ``(levels, work done, estimates)``.
    :param restarts: cost of starting the devices of each level, ascending, shape ``(levels,)``.
    """
    # to a lower level or the same nothing is started; to a higher one the devices that it has more
    lower = np.minimum.accumulate(options, axis=0)
    started = options + restarts[:, None, None]
    higher = np.minimum.accumulate(started[::-1], axis=0)[::-1] - restarts[:, None, None]
    cheapest: np.ndarray = np.minimum(lower, higher)
    return cheapest


def _cost_beyond_horizon(period_costs: np.ndarray) -> float:
    """Cost of a period after the planned ones."""
    is_open = period_costs < CLOSED_PERIOD_COST
    return float(np.quantile(period_costs[is_open], _BEYOND_HORIZON_QUANTILE)) if is_open.any() else 1.0


def _terminal_costs(
    work: RemainingWork, done_s: np.ndarray, more_s: float, later_cost: float, lateness_penalty: float
) -> np.ndarray:
    """Cost of what comes after the planned periods by the work done in them, device-seconds, shape (work done,).

    Up to the deadline all devices work, at ``later_cost``; work that is left then costs ``lateness_penalty``.
    """
    alive = work.survival(done_s)
    within_s = (work.expected_spent_s(done_s + more_s) - work.expected_spent_s(done_s)) / alive
    missed_s = work.survival(done_s + more_s) / alive * work.mean_residual_s(done_s + more_s)
    return np.asarray(later_cost * within_s + lateness_penalty * missed_s)


def select_cheapest_periods(
    period_costs: np.ndarray, restart_costs: np.ndarray, count: int, *, running_before: bool
) -> np.ndarray:
    """Which ``count`` periods cost least together with the restarts between them, shape ``(periods,)``, bool.

    Dynamic programming over the number of periods chosen and whether the last one was.

    :param period_costs: cost of working in each period, shape ``(periods,)``.
    :param restart_costs: additional cost of a period if the one before it was not chosen, shape ``(periods,)``.
    :param running_before: whether the period before the first one was worked in.
    """
    working, resting = np.full(count + 1, math.inf), np.full(count + 1, math.inf)
    (working if running_before else resting)[0] = 0.0
    worked_before = np.zeros((2, len(period_costs), count + 1), dtype=bool)  # by whether the period is worked in
    for period, (cost, restart) in enumerate(zip(period_costs.tolist(), restart_costs.tolist(), strict=True)):
        worked_before[0, period] = working <= resting
        worked_before[1, period] = working <= resting + restart
        entered = np.where(worked_before[1, period], working, resting + restart) + cost
        resting = np.where(worked_before[0, period], working, resting)
        working = np.concatenate([[math.inf], entered[:-1]])
    chosen, left, is_working = np.zeros(len(period_costs), dtype=bool), count, bool(working[count] < resting[count])
    for period in range(len(period_costs) - 1, -1, -1):
        chosen[period] = is_working
        left -= is_working
        is_working = bool(worked_before[int(is_working), period, left])
    return chosen
