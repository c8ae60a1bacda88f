"""Action space of the learned policy, and its action mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Allocation
from ce_nas.forecast.resampling import intensity_by_period
from ce_nas.policies.remaining_work import DEFAULT_CONFIDENCE, required_duty_cycle

if TYPE_CHECKING:
    from ce_nas.core.records import State

__all__ = ["ACTIONS", "action_mask", "allocation_from_action", "allocation_from_shares"]

#: discrete actions: shares of the devices that evaluate and that sample; the others are released
ACTIONS: tuple[tuple[float, float], ...] = (
    (0.0, 0.0),
    (1.0, 0.0),
    (0.5, 0.0),
    (0.25, 0.0),
    (0.0, 1.0),
    (0.0, 0.5),
    (0.5, 0.5),
    (0.75, 0.25),
)
#: waiting is allowed only if a later period is forecast cleaner by this share, since restarts have a cost
MIN_INTENSITY_REDUCTION = 0.01
#: time is scarce once all of it is needed to end with the default confidence; waiting is then allowed only
#: in periods dirtier than those that are enough with this probability
SCARCE_TIME_CONFIDENCE = 0.75


def allocation_from_action(action: int, devices: int) -> Allocation:
    """The allocation of ``devices`` devices by a discrete action.

    Example:
        >>> allocation_from_action(ACTIONS.index((0.5, 0.5)), devices=8)
        Allocation(sampling=4, evaluating=4, idle=0, released=0)
    """
    evaluating, sampling = ACTIONS[action]
    return _round_shares(evaluating, sampling, devices)


def allocation_from_shares(
    evaluating_share: float, sampling_share: float, state: State, expected_trainings: float | None = None
) -> Allocation:
    """The feasible allocation nearest to continuous shares, each 0 to 1.

    Evaluation has precedence over sampling. Nothing samples if nothing is left to sample, and nothing evaluates beyond
    the budget of evaluations. Where waiting is not worthwhile, all devices that do not sample evaluate.

    :param expected_trainings: see :func:`action_mask`.
    """
    may_evaluate = state.budget.evaluations_left > 0
    sampling_share = min(sampling_share, 1.0 - evaluating_share) if state.search.can_sample else 0.0
    evaluating_share = evaluating_share if may_evaluate else 0.0
    if may_evaluate and not _is_worth_waiting(state, expected_trainings):
        evaluating_share = 1.0 - sampling_share
    return _round_shares(evaluating_share, sampling_share, state.cluster.devices)


def action_mask(state: State, expected_trainings: float | None = None) -> np.ndarray:
    """Which actions are allowed now, at least one, shape ``(actions,)``, bool.

    Masked are sampling with nothing left to sample, evaluation beyond the budget of evaluations, actions with the same
    allocation as an earlier one, and waiting if no later period is forecast cleaner or all of them are needed to end.

    :param expected_trainings: trainings after which searches without a target usually end; None: a budget ends them.
    """
    allocations = [allocation_from_action(action, state.cluster.devices) for action in range(len(ACTIONS))]
    allowed = np.array(
        [
            (state.search.can_sample or not allocation.sampling)
            and (state.budget.evaluations_left > 0 or not allocation.evaluating)
            and allocation not in allocations[:action]
            for action, allocation in enumerate(allocations)
        ]
    )
    if not _is_worth_waiting(state, expected_trainings):
        busy = allowed & np.array([not allocation.released for allocation in allocations])
        return busy if busy.any() else allowed
    return allowed


def _round_shares(evaluating_share: float, sampling_share: float, devices: int) -> Allocation:
    evaluating = round(evaluating_share * devices)
    sampling = min(round(sampling_share * devices), devices - evaluating)
    if evaluating_share + sampling_share >= 1.0:
        sampling = devices - evaluating
    return Allocation(sampling, evaluating, 0, devices - evaluating - sampling)


def _is_worth_waiting(state: State, expected_trainings: float | None) -> bool:
    """Whether a later period before the deadline is forecast cleaner, and the present one is not needed to end."""
    ahead = intensity_by_period(state)
    is_scarce = required_duty_cycle(state, DEFAULT_CONFIDENCE, expected_trainings) >= 1.0
    if is_scarce and _cleaner_share(ahead) < required_duty_cycle(state, SCARCE_TIME_CONFIDENCE, expected_trainings):
        return False
    return len(ahead) > 1 and bool(ahead[1:].min() < (1.0 - MIN_INTENSITY_REDUCTION) * ahead[0])


def _cleaner_share(intensity_ahead: np.ndarray) -> float:
    """Share of the coming periods that are forecast cleaner than the present one."""
    if not len(intensity_ahead):
        return 0.0
    return float(np.count_nonzero(intensity_ahead < intensity_ahead[0])) / len(intensity_ahead)
