"""The cheapest periods for work of a known amount, start-ups and checkpoints counted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ce_nas.report.counterfactual import Work

__all__ = ["cheapest"]


def cheapest(g_per_kwh: np.ndarray, work: Work, left_s: float, level: int) -> np.ndarray:
    """How many devices work in each of the coming periods, shape ``(periods,)``: all or none, and fewer in the dearest.

    As few whole periods as are enough are chosen, those that cost least together with the start-ups between them. All
    devices work in every period where even that is not enough.

    :param g_per_kwh: the periods' intensity, shape ``(periods,)``.
    :param left_s: time of devices that the work still takes.
    :param level: devices at work in the period before.
    """
    able_s = work.devices * work.period_s
    costs = g_per_kwh * work.power_w * able_s
    switch = g_per_kwh * work.devices * (work.enter_j + work.leave_j)
    fewest = max(math.ceil(left_s / able_s - 1e-9), 1)
    for count in range(fewest, len(costs)):
        chosen = _least(costs, switch, count, on=level > 0)
        if _done_s(chosen, work, on=level > 0) >= left_s - 1e-6:
            return _levels(chosen, g_per_kwh, work, left_s, on=level > 0)
    return _levels(np.ones(len(costs), dtype=bool), g_per_kwh, work, left_s, on=level > 0)


def _least(costs: np.ndarray, switch: np.ndarray, count: int, *, on: bool) -> np.ndarray:
    """Which ``count`` periods cost least: dynamic programming over how many were taken, and whether the last was."""
    working, resting = np.full(count + 1, math.inf), np.full(count + 1, math.inf)
    (working if on else resting)[0] = 0.0
    stayed = np.zeros((2, len(costs), count + 1), dtype=bool)  # whether the period before was worked in, too
    for at, (cost, change) in enumerate(zip(costs.tolist(), switch.tolist(), strict=True)):
        stayed[0, at] = working <= resting
        stayed[1, at] = working <= resting + change
        entered = np.where(stayed[1, at], working, resting + change) + cost
        resting = np.where(stayed[0, at], working, resting)
        working = np.concatenate([[math.inf], entered[:-1]])
    chosen, left, state = np.zeros(len(costs), dtype=bool), count, bool(working[count] < resting[count])
    for at in range(len(costs) - 1, -1, -1):
        chosen[at] = state
        left -= state
        state = bool(stayed[int(state), at, left])
    return chosen


def _done_s(chosen: np.ndarray, work: Work, *, on: bool) -> float:
    """The work that is done in the chosen periods."""
    entries = int(np.count_nonzero(chosen & ~np.concatenate([[on], chosen[:-1]])))
    return work.devices * (work.period_s * int(chosen.sum()) - work.enter_s * entries)


def _levels(chosen: np.ndarray, g_per_kwh: np.ndarray, work: Work, left_s: float, *, on: bool) -> np.ndarray:
    """All devices in the chosen periods, but no more than needed in the dearest of them."""
    levels = np.where(chosen, work.devices, 0)
    spare = (_done_s(chosen, work, on=on) - left_s) / work.period_s
    if spare > 0:
        dearest = int(np.where(chosen, g_per_kwh, -np.inf).argmax())
        levels[dearest] = max(work.devices - math.floor(spare + 1e-9), 0)
    return levels
