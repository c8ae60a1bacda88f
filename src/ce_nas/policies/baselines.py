"""Baseline policies: fixed allocations, and simple rules on the forecast and the past week's intensity.

Sources
    [HotCarbon] Zhao, Liu, Jiang, Guo. Carbon-Efficient Neural Architecture Search. HotCarbon 2023.
    [Wait awhile] Wiesner, Behnke, Scheinert, Gontarska, Thamsen. Let's Wait Awhile: How Temporal Workload Shifting Can
        Reduce Carbon Emissions in the Cloud. Middleware 2021 (interruptible workloads).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field

from ce_nas.components.base import ComponentSettings
from ce_nas.components.quantities import Duration, Share  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import POLICIES
from ce_nas.core.formatting import format_percentage
from ce_nas.core.records import Allocation
from ce_nas.core.units import HOUR_S
from ce_nas.policies.base import DEFAULT_WARMUP_SCORES, Decision, Policy, active_allocation
from ce_nas.policies.remaining_work import DEFAULT_CONFIDENCE, RemainingWorkSettings, required_duty_cycle, why_all_hours

if TYPE_CHECKING:
    from ce_nas.core.records import State

__all__ = [
    "FixedSharePolicy",
    "HotCarbonPolicy",
    "OneShotPolicy",
    "SuspendResumePolicy",
    "ThresholdPolicy",
    "VanillaPolicy",
]


@POLICIES.register("vanilla")
class VanillaPolicy(Policy):
    """Vanilla NAS: every device evaluates, at every hour.

    Example:
        >>> from ce_nas.testing import make_state
        >>> VanillaPolicy().decide(make_state(devices=4)).allocation
        Allocation(sampling=0, evaluating=4, idle=0, released=0)
    """

    name = "vanilla"

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        return Decision(Allocation(0, state.cluster.devices), "Every device evaluates at every hour.")


class OneShotSettings(ComponentSettings):
    """Settings of the policy one-shot."""

    final_trainings: int = Field(50, ge=1, description="Number of trainings at the end of the run.")
    final_training_window: Duration = Field(
        4 * HOUR_S, description="Time before the deadline at which these trainings start at the latest."
    )


@POLICIES.register("one-shot", OneShotSettings)
class OneShotPolicy(Policy):
    """One-shot NAS: every device samples; in the end the best architectures found are trained, and the run is done.

    The final trainings start when the whole space is scored, or ``final_training_window_s`` before the deadline.

    :param final_trainings: architectures to train in the end.
    :param final_training_window_s: time before the deadline at which the final trainings start at the latest, s.

    Example:
        >>> from ce_nas.testing import make_state
        >>> policy = OneShotPolicy(final_trainings=24)
        >>> policy.decide(make_state(devices=4, evaluations=22, time_left_s=3600.0)).allocation
        Allocation(sampling=0, evaluating=2, idle=0, released=2)
    """

    name = "one-shot"

    def __init__(self, final_trainings: int = 50, final_training_window_s: float = 4 * HOUR_S) -> None:
        self._final_trainings = final_trainings
        self._final_training_window_s = final_training_window_s

    @classmethod
    def from_settings(cls, settings: OneShotSettings) -> Self:  # type: ignore[override]
        """See :meth:`Policy.from_settings`."""
        return cls(settings.final_trainings, settings.final_training_window)

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        left_h = state.budget.time_left_s / HOUR_S
        if state.search.can_sample and state.budget.time_left_s > self._final_training_window_s:
            return Decision(Allocation(state.cluster.devices, 0), f"{left_h:.1f} h are left: every device samples.")
        missing = max(self._final_trainings - state.search.evaluations, 0)
        training = min(missing, state.cluster.devices)
        reason = (
            f"{left_h:.1f} h are left: {missing} of the {self._final_trainings} final trainings are still to be done."
        )
        return Decision(
            Allocation(0, training, released=state.cluster.devices - training),
            reason,
            done=missing == 0,
            max_new_trainings=max(missing - state.cluster.running - state.cluster.suspended, 0),
        )


class FixedShareSettings(ComponentSettings):
    """Settings of the policy fixed."""

    training_share: Share = Field(0.5, description="Share of the GPUs that train; the others sample.")


@POLICIES.register("fixed", FixedShareSettings)
class FixedSharePolicy(Policy):
    """The same allocation at every hour.

    :param training_share: share of the devices that evaluate, 0 to 1; the others sample.

    Example:
        >>> from ce_nas.testing import make_state
        >>> FixedSharePolicy(0.25).decide(make_state(devices=4)).allocation
        Allocation(sampling=3, evaluating=1, idle=0, released=0)
    """

    name = "fixed"

    def __init__(self, training_share: float = 0.5) -> None:
        self._training_share = training_share

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        sampling = round((1 - self._training_share) * state.cluster.devices)
        return _sampling_decision(
            state, sampling, f"{format_percentage(self._training_share)} of the devices evaluate at every hour."
        )


class DeadlineSafetySettings(ComponentSettings):
    """Settings of policies that wait for clean hours."""

    safe: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="Every GPU trains at any hour while nothing is trained after a quarter of the time, or all hours "
        "left are needed for a target.",
    )


class ThresholdSettings(DeadlineSafetySettings):
    """Settings of the policy threshold."""

    clean_quantile: Share = Field(
        0.5, description="Quantile of the past week's intensity up to which a period counts as clean."
    )


@POLICIES.register("threshold", ThresholdSettings)
class ThresholdPolicy(Policy):
    """Every device evaluates while the coming period is forecast clean, and samples while it is not.

    :param clean_quantile: quantile of the past week's intensity up to which a period is clean, 0 to 1.
    :param safe: see :func:`~ce_nas.policies.remaining_work.why_all_hours`.

    Example:
        >>> from ce_nas.testing import make_state
        >>> ThresholdPolicy(0.25).decide(make_state(past_g_per_kwh=[100.0, 500.0], forecast=210.0)).reason
        'Forecast 210 g/kWh, bound 200 (quantile 0.25 of a week): dirty.'
    """

    name = "threshold"

    def __init__(self, clean_quantile: float = 0.5, *, safe: bool = False) -> None:
        self._clean_quantile = clean_quantile
        self._safe = safe

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        if self._safe and (needed := why_all_hours(state, DEFAULT_CONFIDENCE)):
            return Decision(Allocation(0, state.cluster.devices), needed)
        clean, reason = _classify_period(state, self._clean_quantile)
        return (
            Decision(Allocation(0, state.cluster.devices), reason)
            if clean
            else _sampling_decision(state, state.cluster.devices, reason)
        )


class SuspendResumeSettings(RemainingWorkSettings, ThresholdSettings):
    """Settings of the policy suspend-resume."""


@POLICIES.register("suspend-resume", SuspendResumeSettings)
class SuspendResumePolicy(Policy):
    """Every device works while the coming period is forecast clean, and is released while it is not [Wait awhile].

    :param clean_quantile: quantile of the past week's intensity up to which a period is clean, 0 to 1; raised to the
        duty cycle that the target requires in the time left.
    :param warmup_scores: half of the active devices sample until as many architectures are scored.
    :param confidence: probability with which the clean periods must be enough to reach a target, 0 to less than 1.
    :param safe: see :func:`~ce_nas.policies.remaining_work.why_all_hours`.

    Example:
        >>> from ce_nas.testing import make_state
        >>> SuspendResumePolicy().decide(make_state(forecast=450.0)).allocation
        Allocation(sampling=0, evaluating=0, idle=0, released=8)
    """

    name = "suspend-resume"

    def __init__(
        self,
        clean_quantile: float = 0.5,
        warmup_scores: int = DEFAULT_WARMUP_SCORES,
        confidence: float = DEFAULT_CONFIDENCE,
        *,
        safe: bool = False,
    ) -> None:
        self._clean_quantile = clean_quantile
        self._warmup_scores = warmup_scores
        self._confidence = confidence
        self._safe = safe

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        if self._safe and (needed := why_all_hours(state, self._confidence)):
            return Decision(active_allocation(state, state.cluster.devices, self._warmup_scores), needed)
        clean, reason = _classify_period(state, max(self._clean_quantile, required_duty_cycle(state, self._confidence)))
        return Decision(active_allocation(state, state.cluster.devices if clean else 0, self._warmup_scores), reason)


@POLICIES.register("hotcarbon", DeadlineSafetySettings)
class HotCarbonPolicy(Policy):
    """The share of sampling grows with the intensity: (CI - CI_min) / (CI_max - CI_min) [HotCarbon, section 4].

    CI is the forecast of the coming period; CI_min and CI_max are those of the past week, never of the future.

    :param safe: see :func:`~ce_nas.policies.remaining_work.why_all_hours`.

    Example:
        >>> from ce_nas.testing import make_state
        >>> HotCarbonPolicy().decide(make_state(forecast=200.0)).reason
        "Forecast 200 g/kWh between the past week's 100 and 500: 25 % sampling."
    """

    name = "hotcarbon"

    def __init__(self, *, safe: bool = False) -> None:
        self._safe = safe

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        if self._safe and (needed := why_all_hours(state, DEFAULT_CONFIDENCE)):
            return Decision(Allocation(0, state.cluster.devices), needed)
        past = _past_week(state)
        if state.grid.forecast is None or len(past) == 0:
            return _sampling_decision(
                state, state.cluster.devices // 2, "Nothing is known of the grid yet: half of the devices sample."
            )
        coming = state.grid.forecast.mean_between(state.now_s, state.now_s + state.period_s)
        low, high = float(past.min()), float(past.max())
        share = min(max((coming - low) / (high - low), 0.0), 1.0) if high > low else 0.5
        range_text = f"between the past week's {low:.0f} and {high:.0f}"
        reason = f"Forecast {coming:.0f} g/kWh {range_text}: {format_percentage(share)} sampling."
        devices = share * state.cluster.devices
        # with nothing to sample the share rests, but a device that the share does not fill trains
        return _sampling_decision(state, round(devices) if state.search.can_sample else math.floor(devices), reason)


def _past_week(state: State) -> np.ndarray:
    return state.grid.past_g_per_kwh[-round(168 * HOUR_S / state.grid.past_step_s) :]


def _classify_period(state: State, clean_quantile: float) -> tuple[bool, str]:
    """Whether the coming period is forecast at or below a quantile of the past week, and why; true if unknown."""
    past = _past_week(state)
    if state.grid.forecast is None or len(past) == 0:
        return True, "Nothing is known of the grid yet: the period counts as clean."
    coming = state.grid.forecast.mean_between(state.now_s, state.now_s + state.period_s)
    bound = float(np.quantile(past, clean_quantile))
    clean = coming <= bound or math.isclose(coming, bound)  # on a flat grid they differ by rounding alone
    label = "clean" if clean else "dirty"
    return clean, f"Forecast {coming:.0f} g/kWh, bound {bound:.0f} (quantile {clean_quantile:g} of a week): {label}."


def _sampling_decision(state: State, sampling_devices: int, reason: str) -> Decision:
    """Let ``sampling_devices`` sample and the others evaluate; release them if nothing is left to sample."""
    evaluating = state.cluster.devices - sampling_devices
    if state.search.can_sample:
        return Decision(Allocation(sampling_devices, evaluating), reason)
    if sampling_devices:
        reason = f"{reason} Nothing is left to sample."
    return Decision(Allocation(0, evaluating, released=sampling_devices), reason)
