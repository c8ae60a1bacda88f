"""The look-ahead policy: works in the cheapest of the coming periods, planned by dynamic programming each period.

See :mod:`ce_nas.policies.planning` for the programme and :mod:`ce_nas.policies.remaining_work` for the estimate of the
work that is left.

Source
    [Wait awhile] Wiesner, Behnke, Scheinert, Gontarska, Thamsen. Let's Wait Awhile: How Temporal Workload Shifting Can
        Reduce Carbon Emissions in the Cloud. Middleware 2021 (shifts work of known length; here it is uncertain).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ce_nas.components.quantities import Share  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import POLICIES
from ce_nas.core.formatting import format_percentage
from ce_nas.core.units import HOUR_S
from ce_nas.policies.base import (
    DEFAULT_WARMUP_SCORES,
    MAX_PLANNED_PERIODS,
    Decision,
    Policy,
    active_allocation,
)
from ce_nas.policies.planning import (
    CLOSED_PERIOD_COST,
    DEFAULT_LATENESS_PENALTY,
    RESTART_S,
    ActivityLevel,
    expected_costs,
)
from ce_nas.policies.remaining_work import (
    DEFAULT_CONFIDENCE,
    RemainingWorkSettings,
    estimate_remaining_work,
    required_duty_cycle,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import State
    from ce_nas.policies.remaining_work import RemainingWork

__all__ = ["LookAheadPolicy", "choose_active_devices"]

#: shares of the devices that are planned with, and the steps of work that all of them do in a period
_SHARES, _STEPS_PER_PERIOD = (0.0, 0.5, 1.0), 2
#: the same where fewer trainings at a time learn more; there at least one device works at each share above 0
_SHARES_WITH_LOSS, _STEPS_WITH_LOSS = (0.0, 0.125, 0.25, 0.5, 1.0), 16
#: relative surcharge per period of delay: of periods that cost the same, the earlier is chosen
_DELAY_SURCHARGE = 1e-4


class LookAheadSettings(RemainingWorkSettings):
    """Settings of the policy look-ahead."""

    cost_weight: Share = Field(
        0.0, description="Weight of money in the cost of an hour; the rest is the weight of carbon."
    )
    forecast_quantile: Share | None = Field(
        None, description="Plan with this quantile of the forecast, where it has any; unset: with the mean."
    )
    scores_first: bool = Field(
        default=False,
        description="All active GPUs sample before the first training, and train once nothing is left to score.",
    )
    expected_trainings: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None,
        description="Trainings after which searches usually end, to plan with; unset: what is known of the searcher "
        "(70 of the surrogate), else those of a search that only a budget ends.",
    )
    plan_for_searcher: bool = Field(
        default=True,
        description="Plan with what is known of the searcher: the trainings that its searches usually take, and how "
        "many more they take the more run at a time; false: as for a search of unknown length.",
    )
    lateness_penalty: float = Field(
        DEFAULT_LATENESS_PENALTY,
        ge=1,
        allow_inf_nan=False,
        description="Cost of an hour's work that is left at the deadline, in mean hours before it.",
    )


@POLICIES.register("look-ahead", LookAheadSettings)
class LookAheadPolicy(Policy):
    """Works in the cheapest hours by the forecast, for the work that the search is estimated to need.

    :param cost_weight: weight of money in the cost of an hour, 0 to 1; the rest is carbon. Each is normalised by its
        mean over the coming hours.
    :param warmup_scores: half of the active devices sample until as many architectures are scored.
    :param forecast_quantile: quantile of the forecast to plan with where it has quantiles; None: the mean.
    :param lateness_penalty: cost of an hour's work left at the deadline, in units of a mean hour before it, 1 or more.
        The higher it is, the more expensive hours are worked in as time gets short.
    :param scores_first: all active devices sample before the first training: scores choose the first trainings.
    :param expected_trainings: see :func:`~ce_nas.policies.remaining_work.estimate_remaining_work`; None: what is
        known of the searcher.
    :param plan_for_searcher: plan with the searcher's :attr:`~ce_nas.search.base.Searcher.usual_trainings` and
        :attr:`~ce_nas.search.base.Searcher.parallel_loss`: where there is time, fewer devices train at a time.
    :param confidence: work continues in every open hour once all of them are needed to reach a target with this
        probability.

    Example:
        >>> from ce_nas.testing import make_state
        >>> state = make_state(forecast=[400.0] * 6 + [100.0] * 90, time_left_s=96 * 3600.0, target_hypervolume=4100.0)
        >>> LookAheadPolicy(confidence=0.5).decide(state).allocation
        Allocation(sampling=0, evaluating=0, idle=0, released=8)
    """

    name = "look-ahead"

    def __init__(  # noqa: PLR0913 - keyword settings
        self,
        *,
        cost_weight: float = 0.0,
        warmup_scores: int = DEFAULT_WARMUP_SCORES,
        forecast_quantile: float | None = None,
        lateness_penalty: float = DEFAULT_LATENESS_PENALTY,
        confidence: float = DEFAULT_CONFIDENCE,
        scores_first: bool = False,
        expected_trainings: float | None = None,
        plan_for_searcher: bool = True,
    ) -> None:
        self._cost_weight = cost_weight
        self._warmup_scores = warmup_scores
        self._forecast_quantile = forecast_quantile
        self._lateness_penalty = lateness_penalty
        self._confidence = confidence
        self._scores_first = scores_first
        self._expected_trainings = expected_trainings
        self._plan_for_searcher = plan_for_searcher

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        usual, parallel_loss = state.search.usual_trainings, state.search.parallel_loss
        if not self._plan_for_searcher:
            usual, parallel_loss = None, 0.0
        expected_trainings = self._expected_trainings or usual
        work = estimate_remaining_work(state, expected_trainings)
        costs = self._period_costs(state)
        # without a target the search ends by itself: what is usual does not say that all hours are needed
        has_target = math.isfinite(state.search.target_hypervolume)
        stated = expected_trainings if has_target else self._expected_trainings
        needed = required_duty_cycle(state, self._confidence, stated)
        urgent = costs[0] < CLOSED_PERIOD_COST and needed >= 1.0
        active_devices = (
            state.cluster.devices
            if urgent
            else choose_active_devices(costs, work, state, self._lateness_penalty, parallel_loss)
        )
        allocation = active_allocation(state, active_devices, self._warmup_scores, scores_first=self._scores_first)
        # a single active device scores first, and is not to rest until the next decision
        trains_then = self._scores_first or not allocation.evaluating
        return Decision(
            allocation, _reason(state, work, costs, active_devices, parallel_loss), train_when_sampled=trains_then
        )

    def _period_costs(self, state: State) -> np.ndarray:
        """Cost of a device's hour in the coming periods, 1 on average of the open ones, shape (periods,)."""
        periods = int(min(max(np.ceil(state.budget.time_left_s / state.period_s), 1), MAX_PLANNED_PERIODS))
        closed = np.isin(np.arange(periods), state.grid.closed_periods)
        carbon, money = (
            _normalize(costs, ~closed)
            for costs in (self._forecast_intensities(state, periods), _device_hour_prices(state, periods))
        )
        return np.where(closed, CLOSED_PERIOD_COST, (1 - self._cost_weight) * carbon + self._cost_weight * money)

    def _forecast_intensities(self, state: State, periods: int) -> np.ndarray:
        if state.grid.forecast is None:
            return np.ones(periods)
        return state.grid.forecast.resample(state.now_s, state.period_s, periods, self._forecast_quantile)


def _device_hour_prices(state: State, periods: int) -> np.ndarray:
    """Price of a training device's hour in the coming periods, shape (periods,)."""
    rates = state.cluster.rates
    if rates is None:
        return np.ones(periods)
    known = rates.prices_per_kwh[:periods]
    return rates.training_hour_price(np.concatenate([known, np.full(periods - len(known), known[-1])]))


def _normalize(costs: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The costs in units of the mean of the masked ones; ones if that is 0."""
    mean = float(costs[mask].mean()) if mask.any() else 0.0
    return costs / mean if mean > 0 else np.ones(len(costs))


def choose_active_devices(
    period_costs: np.ndarray, work: RemainingWork, state: State, lateness_penalty: float, parallel_loss: float
) -> int:
    """Number of devices at work in the first of the coming periods with the lowest expected cost.

    :param period_costs: cost of a device's hour, 1 on average, shape ``(periods,)``.
    :param parallel_loss: see :attr:`~ce_nas.search.base.Searcher.parallel_loss`.
    """
    counts, levels = _activity_levels(state.cluster.devices, parallel_loss)
    costs = expected_costs(
        period_costs,
        [work],
        state.cluster.devices * state.period_s,
        state.budget.time_left_s / state.period_s,
        levels=levels,
        restart_cost=RESTART_S / state.period_s,
        delay_surcharge=_DELAY_SURCHARGE,
        lateness_penalty=lateness_penalty,
    )
    return counts[int(costs[_level_before(levels, state), :, 0].argmin())]


def _activity_levels(devices: int, parallel_loss: float) -> tuple[list[int], list[ActivityLevel]]:
    """The numbers of devices that are planned with, ascending, and their levels.

    Without a loss the same work takes the same device time on any number of devices; with one it takes more on more.
    """
    if not parallel_loss:
        counts = [round(share * devices) for share in _SHARES]
        return counts, [ActivityLevel(share, round(share * _STEPS_PER_PERIOD)) for share in _SHARES]
    counts = sorted({max(round(share * devices), 1) if share else 0 for share in _SHARES_WITH_LOSS})
    prices = [1.0 + parallel_loss * max(count - 1, 0) for count in counts]
    work_prices = [price / prices[-1] for price in prices]
    shares = [count / devices for count in counts]
    steps = [round(_STEPS_WITH_LOSS * share / price) for share, price in zip(shares, work_prices, strict=True)]
    return counts, [ActivityLevel(*level) for level in zip(shares, steps, work_prices, strict=True)]


def _level_before(levels: Sequence[ActivityLevel], state: State) -> int:
    """Index of the level nearest to that of the period that has just ended."""
    allocation = state.cluster.allocation
    if allocation is None:
        return len(levels) - 1  # at the start of a run all devices are held
    share = min((allocation.sampling + allocation.evaluating) / state.cluster.devices, 1.0)
    # between two levels: the even one, as rounding does
    return min(range(len(levels)), key=lambda index: (abs(levels[index].devices - share), index % 2))


def _reason(
    state: State, work: RemainingWork, period_costs: np.ndarray, active_devices: int, parallel_loss: float
) -> str:
    hours_left = state.budget.time_left_s / HOUR_S
    cost = f"this period costs {format_percentage(period_costs[0])} of the mean of the {hours_left:.0f} h left"
    if period_costs[0] >= CLOSED_PERIOD_COST:
        cost = "the cluster may not be used in this period"
    is_fewer = parallel_loss and 0 < active_devices < state.cluster.devices
    why_fewer = ", since a training learns from those before it, not from those beside it" if is_fewer else ""
    return (
        f"Worth about {work.median_trainings:.0f} more trainings, {work.median_device_s / HOUR_S:.0f} GPU-hours; "
        f"{cost}: {format_percentage(active_devices / state.cluster.devices)} of the devices work{why_fewer}."
    )
