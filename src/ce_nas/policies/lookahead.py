"""The look-ahead planner: the cheapest hours for the work that the search is still worth, planned anew each period.

How much work that is nobody knows: so the plan is a policy, found by dynamic programming over the coming periods and
the work done in them. In each state it weighs a device's hour now against a cleaner one later, which may no more be
needed by then, or may not be enough before the deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.policies.base import SCORED, Allocator, Decision, finishing, working
from ce_nas.policies.remaining_work import SURE, share_needed, still_worth

if TYPE_CHECKING:
    from ce_nas.core.records import View
    from ce_nas.policies.remaining_work import Work

__all__ = ["LookAhead", "best_level"]

#: the most periods that are planned
_PERIODS = 168
#: shares of the devices among which a period's is chosen: none, half, all
_LEVELS = 2
#: what the hours beyond the plan are taken to cost: this quantile of those in it
_LATER = 0.25
#: by how much a period counts as dearer than the one before it: of those that cost the same, the sooner
_HASTE = 1e-4
#: what a period costs in which no device can be used: more than any that can
_CLOSED = 1e6
#: what it costs to put a device to work that was not: its start-up, a checkpoint written and loaded, s at full power
_RESTART_S = 120.0


class LookAhead(Allocator):
    """Works in the hours that cost least, by the forecast, until the search is worth no more.

    :param money: share of money in what an hour costs, 0 to 1, the rest is carbon; each is taken in units of its mean
        over the coming hours.
    :param gain: without a target, the share of the hypervolume that the last doubling of the trainings must have
        brought for the search to be worth more.
    :param scored: half of the devices that work score architectures until so many are scored.
    :param quantile: plan with this quantile of the forecast where it has one; None: with what is expected.
    :param miss: what an hour's work costs that is left for after the deadline, in units of a mean hour before it; 1 or
        more. The scarcer time gets, the likelier work is left, and the dearer may an hour be that is worked in.
    :param sure: every open hour is worked in once all of them are needed to reach a target with this chance.
    """

    name = "look-ahead"

    def __init__(  # noqa: PLR0913 - what a plan weighs, each of them a setting
        self,
        *,
        money: float = 0.0,
        gain: float = 1e-3,
        scored: int = SCORED,
        quantile: float | None = None,
        miss: float = 1.5,
        sure: float = SURE,
    ) -> None:
        self._money = money
        self._gain = gain
        self._scored = scored
        self._quantile = quantile
        self._miss = miss
        self._sure = sure

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        work = still_worth(view, self._gain)
        if work is None:
            return Decision(finishing(view), _no_more(view, self._gain), done=view.running + view.suspended == 0)
        prices = self._prices(view)
        urgent = prices[0] < _CLOSED and share_needed(view, self._sure) >= 1.0
        level = _LEVELS if urgent else best_level(prices, work, view, self._miss)
        reason = _reason(view, work, prices, level)
        return Decision(working(view, round(level / _LEVELS * view.devices), self._scored), reason)

    def _prices(self, view: View) -> np.ndarray:
        """What a device's hour costs in the coming periods, 1 on average of those that are open, shape (periods,)."""
        periods = int(min(max(np.ceil(view.time_left_s / view.period_s), 1), _PERIODS))
        closed = np.isin(np.arange(periods), view.closed)
        carbon, money = (_scaled(costs, ~closed) for costs in (self._intensities(view, periods), _money(view, periods)))
        return np.where(closed, _CLOSED, (1 - self._money) * carbon + self._money * money)

    def _intensities(self, view: View, periods: int) -> np.ndarray:
        if view.forecast is None:
            return np.ones(periods)
        return view.forecast.ahead(view.now_s, view.period_s, periods, self._quantile)


def _money(view: View, periods: int) -> np.ndarray:
    """Price of a training device's hour in the coming periods."""
    rates = view.rates
    if rates is None:
        return np.ones(periods)
    known = rates.prices_per_kwh[:periods]
    per_kwh = np.concatenate([known, np.full(periods - len(known), known[-1])])
    return rates.device_hour + rates.training_w * HOUR_S / J_PER_KWH * per_kwh


def _scaled(costs: np.ndarray, counting: np.ndarray) -> np.ndarray:
    """The costs in units of the mean of those that count; all alike where they are nothing."""
    mean = float(costs[counting].mean()) if counting.any() else 0.0
    return costs / mean if mean > 0 else np.ones(len(costs))


def best_level(prices: np.ndarray, work: Work, view: View, miss: float) -> int:
    """How much of the devices should work in the first of the coming periods, of :data:`_LEVELS`.

    Backward induction: the state is the level of the period before and the work done since now, in units of a level's
    period. Costs are in units of all devices working for a mean period.

    :param prices: what a period costs, shape ``(periods,)``.
    """
    levels = np.arange(_LEVELS + 1)
    periods, unit_s = len(prices), view.devices * view.period_s / _LEVELS
    units_s = unit_s * np.arange(periods * _LEVELS + 1)
    alive, spent = work.survival(units_s), work.spent(units_s) / (unit_s * _LEVELS)
    restart = np.maximum(levels[None, :] - levels[:, None], 0) / _LEVELS * _RESTART_S / view.period_s  # from, to
    ahead = np.tile(_at_the_end(prices, work, view, miss), (_LEVELS + 1, 1))
    cost = ahead
    for period in range(periods - 1, -1, -1):
        price = prices[period] * (1.0 + _HASTE * period)
        done = np.arange(period * _LEVELS + 1)
        after = done + levels[:, None]  # level, done
        working = price * (spent[after] - spent[done]) / alive[done]  # less than the whole: the run may end within it
        going_on = alive[after] / alive[done] * ahead[levels[:, None], after]
        cost = price * restart[:, :, None] + (working + going_on)[None]
        ahead = cost.min(axis=1)  # of from, to, done
    return int(cost[_present(view), :, 0].argmin())


def _at_the_end(prices: np.ndarray, work: Work, view: View, miss: float) -> np.ndarray:
    """What is to come after the periods planned, by the work done in them, shape (work,).

    Up to the deadline all devices work, in hours like the better ones of those that are known; what is left then costs
    ``miss`` times a mean hour.
    """
    all_s, periods = view.devices * view.period_s, len(prices)
    done_s = all_s / _LEVELS * np.arange(periods * _LEVELS + 1)
    more_s = all_s * max(view.time_left_s / view.period_s - periods, 0.0)
    later = float(np.quantile(prices[prices < _CLOSED], _LATER)) if (prices < _CLOSED).any() else 1.0
    alive = work.survival(done_s + more_s) / work.survival(done_s)
    within_s = (work.spent(done_s + more_s) - work.spent(done_s)) / work.survival(done_s)
    missed_s = alive * work.left_s(done_s + more_s)
    return np.asarray((later * within_s + miss * missed_s) / all_s)


def _present(view: View) -> int:
    """The level of the period that has just ended."""
    if view.allocation is None:
        return _LEVELS  # the devices are there
    return round((view.allocation.sampling + view.allocation.evaluating) / view.devices * _LEVELS)


def _reason(view: View, work: Work, prices: np.ndarray, level: int) -> str:
    return (
        f"Worth about {work.trainings:.0f} more trainings, {work.device_s / HOUR_S:.0f} GPU-hours; this period costs "
        f"{prices[0]:.0%} of the mean of the {view.time_left_s / HOUR_S:.0f} h left: {level / _LEVELS:.0%} of the "
        "devices work."
    )


def _no_more(view: View, gain: float) -> str:
    return (
        f"The last doubling of the {view.evaluations} trainings brought no more than {gain:.2%} of the hypervolume: "
        "the search is worth no more."
    )
