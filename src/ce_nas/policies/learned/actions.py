"""What a learned policy can choose from: shares of the devices that evaluate and sample; the others are released."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Allocation
from ce_nas.forecast.resampling import coming_periods
from ce_nas.policies.remaining_work import SURE, share_needed

if TYPE_CHECKING:
    from ce_nas.core.records import View

__all__ = ["MENU", "division", "possible", "shared_out"]

#: shares of the devices that evaluate and that sample
MENU: tuple[tuple[float, float], ...] = (
    (0.0, 0.0),
    (1.0, 0.0),
    (0.5, 0.0),
    (0.25, 0.0),
    (0.0, 1.0),
    (0.0, 0.5),
    (0.5, 0.5),
    (0.75, 0.25),
)
#: devices rest only if a later period is forecast cleaner by this share: stopping and starting has its price
WORTH_WAITING = 0.01
#: time is scarce once all of it is needed to be sure to reach the target; then devices rest only in hours dirtier than
#: those that are enough with this chance
LIKELY = 0.75


def division(choice: int, devices: int) -> Allocation:
    """The allocation that an entry of the menu means for so many devices."""
    evaluating, sampling = MENU[choice]
    return _allocation(evaluating, sampling, devices)


def shared_out(evaluating: float, sampling: float, view: View) -> Allocation:
    """The allocation nearest to shares that need not be on the menu, each from 0 to 1, as far as it is possible.

    What both claim goes to evaluation. Nothing samples where nothing is left to sample, nothing evaluates beyond the
    budget of evaluations, and nothing rests where that is pointless or too late: then everything evaluates that does
    not sample.
    """
    sampling = min(sampling, 1.0 - evaluating) if view.can_sample else 0.0
    evaluating = evaluating if view.evaluations_left > 0 else 0.0
    if view.evaluations_left > 0 and not _worth_waiting(view):
        evaluating = 1.0 - sampling
    return _allocation(evaluating, sampling, view.devices)


def possible(view: View) -> np.ndarray:
    """Which entries of the menu make sense now, shape ``(entries,)``; one or more do.

    Ruled out are sampling with nothing left to sample, evaluating beyond the budget of evaluations, what divides the
    devices as an earlier entry does, and rest where no later period is forecast cleaner or the target needs them all.
    """
    divisions = [division(choice, view.devices) for choice in range(len(MENU))]
    makes_sense = np.array(
        [
            (view.can_sample or not one.sampling)
            and (view.evaluations_left > 0 or not one.evaluating)
            and one not in divisions[:at]
            for at, one in enumerate(divisions)
        ]
    )
    if not _worth_waiting(view):
        busy = makes_sense & np.array([not one.released for one in divisions])
        return busy if busy.any() else makes_sense
    return makes_sense


def _allocation(evaluating: float, sampling: float, devices: int) -> Allocation:
    evaluate = round(evaluating * devices)
    sample = min(round(sampling * devices), devices - evaluate)
    if evaluating + sampling >= 1.0:
        sample = devices - evaluate
    return Allocation(sample, evaluate, 0, devices - evaluate - sample)


def _worth_waiting(view: View) -> bool:
    """Whether a later period before the deadline is forecast cleaner, and the target can do without this one."""
    coming = coming_periods(view)
    if share_needed(view, SURE) >= 1.0 and _share_cleaner(coming) < share_needed(view, LIKELY):
        return False
    return len(coming) > 1 and bool(coming[1:].min() < (1.0 - WORTH_WAITING) * coming[0])


def _share_cleaner(coming: np.ndarray) -> float:
    """The share of the coming periods that are forecast cleaner than the present one."""
    return float(np.count_nonzero(coming < coming[0])) / len(coming) if len(coming) else 0.0
