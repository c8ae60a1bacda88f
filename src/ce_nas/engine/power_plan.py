"""The power of a run: the GPUs' power limit by period, and what a site's cap over time leaves of an allocation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.base import Problem
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_percentage
from ce_nas.core.units import HOUR_S
from ce_nas.energy.mixed_lever import replace_profile
from ce_nas.energy.power_lever import MEASURED_PROFILE, PowerLever

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.cluster.base import Cluster
    from ce_nas.core.records import Allocation, Forecast, Task
    from ce_nas.energy.mixed_lever import MeasuredTypes
    from ce_nas.energy.power_lever import PowerCapSchedule
    from ce_nas.energy.power_model import PowerModel
    from ce_nas.energy.power_profile import PowerLimit, PowerProfile
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.engine.live_power_cap import LivePowerCap

__all__ = ["PowerDecision", "PowerPlan", "SlowedProblem", "build_power_plan", "later_intensity"]

#: hours ahead, and the share of the cleanest of them, in which the work that is left is expected to be done
_AHEAD_H = 24
_CLEAN_SHARE = 1.0 / 3.0


@dataclass(frozen=True, slots=True)
class PowerDecision:
    """What was decided on power at one moment."""

    limit: PowerLimit
    allocation: Allocation
    #: what the site allows now, or within the notice, W; infinite without a cap
    cap_w: float
    reason: str


class PowerPlan:
    """Chooses the power limit of each period, and follows the site's cap.

    Under a cap the devices are slowed first, down to the limit with the least energy for the same work, and suspended
    next; a lower cap is met when it begins, since that is done the notice ahead, in which checkpoints are written.

    :param has_lever: whether the limit is chosen each period; otherwise only a cap lowers it.
    :param working_w: the most that a device draws at work at the default limit, PUE included, W.
    :param idle_w: power of a device that is held and idle, PUE included, W.
    :param notice_s: time before a lower cap at which it is followed, s.
    :param no_limit: why no limit can be set; a cap is then followed by suspending devices alone.
    :param measured: returns the measured profile, or why there is none, and None while it is being measured; until then
        the lever leaves the default limit.
    """

    def __init__(  # noqa: PLR0913 - the lever, the cap, and the device's power
        self,
        lever: PowerLever,
        *,
        has_lever: bool,
        working_w: float,
        idle_w: float,
        cap: PowerCapSchedule | LivePowerCap | None = None,
        notice_s: float = 0.0,
        no_limit: str = "",
        measured: Callable[[], PowerProfile | MeasuredTypes | str | None] | None = None,
    ) -> None:
        self.cap = cap
        self.lever = lever
        self._has_lever = has_lever and not no_limit
        self._can_limit = not no_limit
        #: what the run notes at its start; empty for nothing
        self.note = f"The power limit of the GPUs is left alone: {no_limit}" if no_limit else ""
        self._working_w = working_w
        self._idle_w = idle_w
        self._notice_s = notice_s
        self._chosen, self._reason = lever.unlimited, ""
        self._measured = measured if self._has_lever else None
        #: what the reason says of the profile
        self._profile_words = ""

    @property
    def is_active(self) -> bool:
        """Whether there is anything to decide."""
        return self._has_lever or self.cap is not None

    @property
    def max_time_factor(self) -> float:
        """The longest duration of work by any decision, relative to the default limit."""
        slowest = [self.lever.slowest] if self._has_lever else []
        return max((limit.time_factor for limit in [*slowest, *self._cap_limits()]), default=1.0)

    def begin_period(self, now_g_per_kwh: float | None, later_g_per_kwh: float | None) -> None:
        """Choose the limit of a period by its forecast intensity, and that of the hours in which the rest is done.

        :param now_g_per_kwh: None while nothing is known; then the limit with the least energy is chosen.
        """
        if not self._has_lever or self._is_measuring():
            return
        now_g = 1.0 if now_g_per_kwh is None else now_g_per_kwh
        later_g = now_g if later_g_per_kwh is None else later_g_per_kwh
        self._chosen = limit = self.lever.choose(now_g, later_g)
        hours = "" if now_g_per_kwh is None else f", at {now_g:.0f} g/kWh now and {later_g:.0f} later"
        less, more = (format_percentage(share, 1) for share in (1 - limit.energy_factor, limit.time_factor - 1))
        self._reason = f"{_words(limit)}: {less} less energy for {more} more time{hours}.{self._profile_words}"

    def _is_measuring(self) -> bool:
        """Take the measured profile once it is there; whether it is still being measured."""
        if self._measured is None:
            return False
        found = self._measured()
        if found is None:
            self._reason = "The power profile is being measured; until then the GPUs keep their default limit."
            return True
        self._measured = None
        if isinstance(found, str):
            self._profile_words = f" By the built-in profile {self.lever.profile.name}: {found}"
        else:
            self._profile_words = f" By the profile of {found.origin}."
            self.lever = replace_profile(self.lever, found)
            self._chosen = self.lever.unlimited
        return False

    def check_times_s(self, start_s: float, end_s: float) -> Sequence[float]:
        """Return the times at which the cap is to be followed again: the notice before each change, and the change."""
        if self.cap is None:
            return []
        changes = self.cap.changes_between(start_s, end_s + self._notice_s)
        times = {*changes, *(at_s - self._notice_s for at_s in changes), start_s + self._notice_s}
        return sorted(at_s for at_s in times if start_s < at_s < end_s)

    def decide(self, requested: Allocation, running: int, now_s: float) -> PowerDecision:
        """Return the limit, and what the cap leaves of an allocation.

        :param running: tasks that run now: those that will be suspended draw until their checkpoint is written.
        """
        cap_w = self.cap.lowest_w(now_s, now_s + self._notice_s) if self.cap else math.inf
        working = requested.evaluating + requested.sampling
        drawing = max(working, running)
        if self._draw_w(self._chosen, drawing, requested.idle) <= cap_w:
            return PowerDecision(self._chosen, requested, cap_w, self._reason)
        cap_text = f"The site allows {cap_w:,.0f} W"
        for limit in self._cap_limits():
            if self._draw_w(limit, drawing, requested.idle) <= cap_w:
                return PowerDecision(
                    limit, requested, cap_w, f"{cap_text}: all GPUs are slowed to {limit.limit_w:.0f} W."
                )
        slowest = self._cap_limits()[-1]
        allowed = _reduce(requested, cap_w, self._working_w * slowest.largest_power_factor, self._idle_w)
        left = allowed.evaluating + allowed.sampling
        if not self._can_limit:
            reason = f"{cap_text}: {left} of {working} GPUs at work, the others suspended."
            return PowerDecision(slowest, allowed, cap_w, reason)
        reason = (
            f"{cap_text}: {left} of {working} GPUs at work, slowed to {slowest.limit_w:.0f} W, the others suspended."
        )
        return PowerDecision(slowest, allowed, cap_w, reason)

    def _draw_w(self, limit: PowerLimit, working: int, idle: int) -> float:
        return working * self._working_w * limit.largest_power_factor + idle * self._idle_w

    def _cap_limits(self) -> Sequence[PowerLimit]:
        """The limits by which a cap is followed, from the chosen one down to the most efficient one."""
        if self.cap is None:
            return []
        if not self._can_limit:
            return [self.lever.unlimited]
        efficient, chosen = self.lever.most_efficient, self._chosen
        between = [limit for limit in self.lever.limits if efficient.limit_w < limit.limit_w < chosen.limit_w]
        return [chosen, *between, *([efficient] if efficient.limit_w < chosen.limit_w else [])]


def build_power_plan(
    inputs: RunInputs, power_model: PowerModel, cluster: Cluster, signal: LivePowerCap | None = None
) -> PowerPlan | None:
    """The power plan that the settings describe; None without a lever and a cap.

    :param cluster: whose devices' largest power counts on real devices.
    :param signal: the cap that a file holds from moment to moment.
    :raises SettingsError: if checkpoints cannot be written within the notice of the cap, or there are two caps.
    """
    power, devices = inputs.settings.power, inputs.settings.cluster
    if inputs.power_profile is None:
        return None
    if power.cap and power.cap_signal:
        message = "Expected one of power.cap and power.cap_signal, got both; leave one out."
        raise SettingsError(message)
    if power.cap and power.cap_notice < devices.checkpoint_s:
        message = (
            f"Expected a power.cap_notice of {devices.checkpoint_s:g} s or more, in which checkpoints are written, got "
            f"{power.cap_notice:g} s; raise it."
        )
        raise SettingsError(message)
    working_w = cluster.peak_w / cluster.devices if inputs.settings.live.enabled else power_model.peak_w
    return PowerPlan(
        PowerLever(inputs.power_profile, power.max_slowdown, power.gpu_share),
        has_lever=power.lever,
        working_w=working_w * devices.pue,
        idle_w=power_model.idle_w * devices.pue,
        cap=signal or inputs.power_cap,
        notice_s=0.0 if signal else power.cap_notice,
        no_limit=cluster.no_power_limit,
        measured=cluster.measured_profile if power.profile == MEASURED_PROFILE else None,
    )


class SlowedProblem(Problem):
    """A problem whose tasks are expected to take as long as the plan may make them: budgets hold at any power limit.

    :param inner: the problem, with durations at the default power limit.
    :param time_factor: the longest duration relative to those, 1 or more.
    """

    def __init__(self, inner: Problem, time_factor: float) -> None:
        self.space = inner.space
        self.objectives = inner.objectives
        self.supernet_training_s = inner.supernet_training_s
        self.has_proxy_scores = inner.has_proxy_scores
        self.score_trained_architectures = inner.score_trained_architectures
        self.measures_costs = inner.measures_costs
        self._inner = inner
        self._time_factor = time_factor

    def duration_s(self, task: Task) -> float:
        """See :meth:`Problem.duration_s`."""
        return self._inner.duration_s(task) * self._time_factor


def later_intensity(forecast: Forecast | None, now_s: float, deadline_s: float) -> float | None:
    """The intensity of the hours in which the rest of the work is expected: the cleanest third of the coming day.

    :returns: g CO2eq/kWh; None without a forecast.
    """
    if forecast is None:
        return None
    hours = max(min(_AHEAD_H, math.ceil((deadline_s - now_s) / HOUR_S)), 1)
    ahead = np.sort(forecast.resample(now_s, HOUR_S, hours))
    return float(ahead[: max(math.ceil(_CLEAN_SHARE * hours), 1)].mean())


def _words(limit: PowerLimit) -> str:
    """The limit, or that of each type of GPU."""
    if not limit.of_types:
        return f"{limit.limit_w:.0f} W"
    return ", ".join(f"{each.name} {each.limit_w:.0f} W" for each in limit.of_types)


def _reduce(requested: Allocation, cap_w: float, working_w: float, idle_w: float) -> Allocation:
    """Release devices until the rest keeps the cap: idle ones first, then sampling ones, then evaluating ones."""
    most = int(cap_w / working_w) if working_w else requested.devices
    evaluating = min(requested.evaluating, most)
    sampling = min(requested.sampling, most - evaluating)
    left_w = cap_w - (evaluating + sampling) * working_w
    idle = int(min(left_w / idle_w, requested.idle)) if idle_w else requested.idle
    released = requested.devices - evaluating - sampling - idle
    return replace(requested, evaluating=evaluating, sampling=sampling, idle=idle, released=released)
