"""Rules that divide the devices: the baselines that a cleverer policy must beat.

Source
    [HotCarbon] Zhao, Liu, Jiang, Guo. Carbon-Efficient Neural Architecture Search. HotCarbon 2023.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Allocation
from ce_nas.core.units import HOUR_S
from ce_nas.policies.base import SCORED, Allocator, Decision, working
from ce_nas.policies.remaining_work import SURE, share_needed

if TYPE_CHECKING:
    from ce_nas.core.records import View

__all__ = ["AllEvaluation", "AllSampling", "FixedShare", "Heuristic", "SuspendResume", "Threshold"]


class AllEvaluation(Allocator):
    """Vanilla NAS: every device trains, at every hour."""

    name = "all-evaluation"

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        return Decision(Allocation(0, view.devices), "Every device evaluates, whatever the hour.")


class AllSampling(Allocator):
    """One-shot NAS: every device samples; when the space is scored or the closing hours have come, the best of what was
    found are trained, and with that the run is done.

    :param trainings: how many are trained in the end.
    :param closing_s: how long before the deadline these trainings begin at the latest.
    """

    name = "all-sampling"

    def __init__(self, trainings: int = 50, closing_s: float = 4 * HOUR_S) -> None:
        self._trainings = trainings
        self._closing_s = closing_s

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        left_h = view.time_left_s / HOUR_S
        if view.can_sample and view.time_left_s > self._closing_s:
            return Decision(Allocation(view.devices, 0), f"{left_h:.1f} h are left: every device samples.")
        missing = max(self._trainings - view.evaluations, 0)
        training = min(missing, view.devices)
        reason = f"{left_h:.1f} h are left: {missing} of the {self._trainings} final trainings are still to be done."
        return Decision(Allocation(0, training, released=view.devices - training), reason, done=missing == 0)


class FixedShare(Allocator):
    """The same division at every hour.

    :param evaluating: share of the devices that evaluate, 0 to 1; the others sample.
    """

    name = "fixed"

    def __init__(self, evaluating: float = 0.5) -> None:
        self._evaluating = evaluating

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        sampling = round((1 - self._evaluating) * view.devices)
        return _sampling(view, sampling, f"{self._evaluating:.0%} of the devices evaluate, whatever the hour.")


class Threshold(Allocator):
    """Every device evaluates while the coming period is forecast clean, and samples while it is not.

    :param quantile: the quantile of the past week's intensity up to which a period is clean, 0 to 1.
    """

    name = "threshold"

    def __init__(self, quantile: float = 0.5) -> None:
        self._quantile = quantile

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        clean, reason = _is_clean(view, self._quantile)
        return Decision(Allocation(0, view.devices), reason) if clean else _sampling(view, view.devices, reason)


class SuspendResume(Allocator):
    """Every device works while the coming period is forecast clean, and is given back while it is not.

    :param quantile: the quantile of the past week's intensity up to which a period is clean, 0 to 1; a larger one where
        the time left calls for it.
    :param scored: half of the devices that work score architectures until so many are scored; the others evaluate.
    :param sure: the chance with which the clean periods must be enough to reach a target, 0 to less than 1.
    """

    name = "suspend-resume"

    def __init__(self, quantile: float = 0.5, scored: int = SCORED, sure: float = SURE) -> None:
        self._quantile = quantile
        self._scored = scored
        self._sure = sure

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        clean, reason = _is_clean(view, max(self._quantile, share_needed(view, self._sure)))
        return Decision(working(view, view.devices if clean else 0, self._scored), reason)


class Heuristic(Allocator):
    """The share of sampling grows with the intensity: (CI - CI_min) / (CI_max - CI_min) [HotCarbon, section 4].

    CI is the forecast of the coming period; CI_min and CI_max are those of the past week, never of the future.
    """

    name = "heuristic"

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        past = _past_week(view)
        if view.forecast is None or len(past) == 0:
            return _sampling(view, view.devices // 2, "Nothing is known of the grid yet: half of the devices sample.")
        coming = view.forecast.over(view.now_s, view.now_s + view.period_s)
        low, high = float(past.min()), float(past.max())
        share = min(max((coming - low) / (high - low), 0.0), 1.0) if high > low else 0.5
        reason = f"Forecast {coming:.0f} g/kWh between the past week's {low:.0f} and {high:.0f}: {share:.0%} sampling."
        return _sampling(view, round(share * view.devices), reason)


def _past_week(view: View) -> np.ndarray:
    return view.past_g_per_kwh[-round(168 * HOUR_S / view.past_step_s) :]


def _is_clean(view: View, quantile: float) -> tuple[bool, str]:
    """Whether the coming period is forecast at or below a quantile of the past week; unknown counts as clean."""
    past = _past_week(view)
    if view.forecast is None or len(past) == 0:
        return True, "Nothing is known of the grid yet: the period counts as clean."
    coming = view.forecast.over(view.now_s, view.now_s + view.period_s)
    bound = float(np.quantile(past, quantile))
    clean = coming <= bound or math.isclose(coming, bound)  # on a flat grid they differ by rounding alone
    word = "clean" if clean else "dirty"
    return clean, f"Forecast {coming:.0f} g/kWh, bound {bound:.0f} (quantile {quantile:g} of a week): {word}."


def _sampling(view: View, sampling: int, reason: str) -> Decision:
    """So many devices sample and the others evaluate; with nothing left to sample they are given back instead."""
    if view.can_sample:
        return Decision(Allocation(sampling, view.devices - sampling), reason)
    rest = f"{reason} Nothing is left to sample." if sampling else reason
    return Decision(Allocation(0, view.devices - sampling, released=sampling), rest)
