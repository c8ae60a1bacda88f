"""A job that can wait, replayed under policies: when its devices are active, and what that emits.

The job can be suspended at the end of any period and resumed on any device. Every policy gets the same job, devices,
grid and deadline, and is forced to use all devices when it would otherwise miss the deadline. Devices without work are
released and cost nothing.

Source
    [CarbonScaler] Hanafy, Liang, Bashir, Irwin, Shenoy. CarbonScaler: Leveraging Cloud Workload Elasticity for
        Optimizing Carbon-Efficiency. SIGMETRICS 2024 (compares carbon-agnostic, suspend-resume and oracle).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import BudgetState, ClusterState, GridState, SearchState, State
from ce_nas.core.units import J_PER_KWH
from ce_nas.forecast.base import FORECAST_HORIZON_S, PAST_WINDOW_S
from ce_nas.policies.baselines import HotCarbonPolicy, SuspendResumePolicy
from ce_nas.policies.planning import select_cheapest_periods

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import RecordedHistory
    from ce_nas.grid.trace import Series

__all__ = [
    "REPLAY_POLICIES",
    "SIMPLE_POLICIES",
    "DeferrableWorkload",
    "PolicyReplay",
    "plan_cheapest_periods",
    "replay_policies",
    "replay_policy",
    "replay_simple_policies",
]

#: the policies, in the order of a report; ``oracle`` knows the true intensity
REPLAY_POLICIES = ("at-once", "threshold", "hotcarbon", "look-ahead", "oracle")
#: simple rules on the past and the forecast, besides an immediate start
SIMPLE_POLICIES = ("at-once", "threshold", "hotcarbon")


@dataclass(frozen=True, slots=True)
class DeferrableWorkload:
    """A preemptible job and its devices."""

    #: device time of the whole job
    device_s: float
    #: power of an active device from the grid, PUE included
    power_w: float
    devices: int
    #: time between two decisions
    period_s: float
    #: seconds since the start
    deadline_s: float
    #: to acquire a released device and load a checkpoint: time, and energy from the grid
    resume_s: float = 0.0
    resume_j: float = 0.0
    #: to write a checkpoint and release a device: energy from the grid
    suspend_j: float = 0.0
    #: to acquire all devices at the beginning: energy from the grid
    startup_j: float = 0.0

    @property
    def periods(self) -> int:
        """Number of periods up to the deadline."""
        return max(math.ceil(self.deadline_s / self.period_s - 1e-9), 1)


@dataclass(frozen=True, slots=True)
class PolicyReplay:
    """The job under one policy."""

    carbon_g: float
    energy_j: float
    #: time of completion, seconds since the start
    end_s: float
    #: active devices in each period
    active_devices: tuple[int, ...]


def replay_policies(
    workload: DeferrableWorkload, history: RecordedHistory, forecaster: Forecaster, start_s: float
) -> dict[str, PolicyReplay]:
    """Replay the work under each policy, from one start.

    :param history: the grid's record, in the same time as ``start_s``.
    :param start_s: start of the work, seconds.
    :raises TraceError: if the grid's record is too short for a policy to finish.
    """
    series = history.intensity
    states = [_build_state(workload, history, forecaster, start_s, period) for period in range(workload.periods)]
    true_g_per_kwh = np.array(
        [
            series.mean(start_s + workload.period_s * period, start_s + workload.period_s * (period + 1))
            for period in range(workload.periods)
        ]
    )
    suspend_resume, hotcarbon = SuspendResumePolicy(), HotCarbonPolicy()

    def look_ahead(period: int, remaining_s: float, active_before: int) -> int:
        state, periods = states[period], workload.periods - period
        forecast = state.grid.forecast
        costs = np.ones(periods) if forecast is None else forecast.resample(state.now_s, workload.period_s, periods)
        return int(plan_cheapest_periods(costs, workload, remaining_s, active_before)[0])

    plan = plan_cheapest_periods(true_g_per_kwh, workload, workload.device_s, workload.devices)
    policies: dict[str, Callable[[int, float, int], int]] = {
        "at-once": lambda *_: workload.devices,
        "threshold": lambda period, *_: suspend_resume.decide(states[period]).allocation.evaluating,
        "hotcarbon": lambda period, *_: hotcarbon.decide(states[period]).allocation.evaluating,
        "look-ahead": look_ahead,
        "oracle": lambda period, *_: int(plan[period]),
    }
    replays = {name: replay_policy(workload, series, policy, start_s) for name, policy in policies.items()}
    replays["oracle"] = min(replays.values(), key=lambda replay: replay.carbon_g)  # a bound on every other policy
    return replays


def replay_simple_policies(
    workloads: Sequence[DeferrableWorkload], history: RecordedHistory, forecaster: Forecaster
) -> list[dict[str, PolicyReplay]]:
    """Replay jobs that differ in their device time alone under :data:`SIMPLE_POLICIES`, from the run's own start.

    :raises TraceError: if the grid's record is too short for a policy to finish.
    """
    first = workloads[0]
    states = [_build_state(first, history, forecaster, 0.0, period) for period in range(first.periods)]
    suspend_resume, hotcarbon = SuspendResumePolicy(), HotCarbonPolicy()
    policies: dict[str, Callable[[int, float, int], int]] = {
        "at-once": lambda *_: first.devices,
        "threshold": lambda period, *_: suspend_resume.decide(states[period]).allocation.evaluating,
        "hotcarbon": lambda period, *_: hotcarbon.decide(states[period]).allocation.evaluating,
    }
    return [
        {name: replay_policy(workload, history.intensity, policy) for name, policy in policies.items()}
        for workload in workloads
    ]


def replay_policy(
    workload: DeferrableWorkload, series: Series, policy: Callable[[int, float, int], int], start_s: float = 0.0
) -> PolicyReplay:
    """Replay the work under a policy; all devices are used when it would otherwise miss the deadline.

    :param policy: maps period index, remaining work (s) and devices active before to the number of active devices.
    :raises TraceError: if the grid's record ends before the work does.
    """
    active_devices: list[int] = []
    remaining_s, before, energy_j, carbon_g, end_s = workload.device_s, workload.devices, 0.0, 0.0, 0.0
    while remaining_s > 1e-6:
        period = len(active_devices)
        later_s = max(workload.periods - period - 1, 0) * workload.period_s * workload.devices
        forced = period >= workload.periods or remaining_s > later_s - workload.resume_s * workload.devices
        active = workload.devices if forced else min(max(policy(period, remaining_s, before), 0), workload.devices)
        resumed, suspended = max(active - before, 0), max(before - active, 0) if period else 0
        capacity_s = max(active * workload.period_s - resumed * workload.resume_s, 0.0)
        done_s = min(capacity_s, remaining_s)
        begin_s = period * workload.period_s
        end_s = begin_s + ((done_s + resumed * workload.resume_s) / active if active else 0.0)
        used_j = done_s * workload.power_w + resumed * workload.resume_j
        if active and not any(active_devices):
            used_j += workload.startup_j
        mean = series.mean(start_s + begin_s, start_s + end_s)
        carbon_g += (
            used_j * mean / J_PER_KWH + suspended * workload.suspend_j * series.at(start_s + begin_s) / J_PER_KWH
        )
        energy_j += used_j + suspended * workload.suspend_j
        remaining_s, before = remaining_s - done_s, active
        active_devices.append(active)
    return PolicyReplay(carbon_g, energy_j, end_s, tuple(active_devices))


def _build_state(
    workload: DeferrableWorkload, history: RecordedHistory, forecaster: Forecaster, start_s: float, period_index: int
) -> State:
    """Build what a policy may know at the start of a period: the past and a forecast from it."""
    now_s = start_s + period_index * workload.period_s
    past = history.inputs_at(now_s, max(PAST_WINDOW_S, forecaster.lookback_s), FORECAST_HORIZON_S)
    return State(
        now_s=now_s,
        period_s=workload.period_s,
        grid=GridState(
            past_g_per_kwh=past.intensity_g_per_kwh if past else np.empty(0),
            past_step_s=history.step_s,
            forecast=forecaster.predict(past, FORECAST_HORIZON_S) if past else None,
        ),
        search=SearchState(
            evaluations=0,
            samples=0,
            hypervolume=0.0,
            hypervolume_history=(),
            front_size=0,
            queue_length=0,
            queue_capacity=0,
            queue_front_size=0,
            can_sample=False,
            trained_s=0.0,
        ),
        budget=BudgetState(
            time_left_s=workload.deadline_s - period_index * workload.period_s,
            carbon_spent_g=0.0,
            carbon_left_g=math.inf,
            energy_spent_j=0.0,
            energy_left_j=math.inf,
            cost_spent=0.0,
            cost_left=math.inf,
            evaluations_left=math.inf,
        ),
        cluster=ClusterState(devices=workload.devices, running=0, suspended=0),
    )


def plan_cheapest_periods(
    g_per_kwh: np.ndarray, workload: DeferrableWorkload, remaining_s: float, active_before: int
) -> np.ndarray:
    """Plan the number of active devices in each coming period, shape ``(periods,)``.

    The smallest sufficient number of periods is chosen, with the least carbon including start-ups and checkpoints. All
    devices are active in a chosen period, except in the most carbon-intensive one, which only finishes the work. If no
    choice suffices, all devices are active in every period.

    :param g_per_kwh: the periods' intensity, shape ``(periods,)``.
    :param remaining_s: device time of the remaining work.
    :param active_before: active devices in the period before.
    """
    able_s = workload.devices * workload.period_s
    costs = g_per_kwh * workload.power_w * able_s
    switch = g_per_kwh * workload.devices * (workload.resume_j + workload.suspend_j)
    fewest = max(math.ceil(remaining_s / able_s - 1e-9), 1)
    for count in range(fewest, len(costs)):
        chosen = select_cheapest_periods(costs, switch, count, running_before=active_before > 0)
        if _completed_work_s(chosen, workload, running_before=active_before > 0) >= remaining_s - 1e-6:
            return _active_devices(chosen, g_per_kwh, workload, remaining_s, running_before=active_before > 0)
    return _active_devices(
        np.ones(len(costs), dtype=bool), g_per_kwh, workload, remaining_s, running_before=active_before > 0
    )


def _completed_work_s(chosen: np.ndarray, workload: DeferrableWorkload, *, running_before: bool) -> float:
    """Return the work that fits into the chosen periods."""
    resumptions = int(np.count_nonzero(chosen & ~np.concatenate([[running_before], chosen[:-1]])))
    return workload.devices * (workload.period_s * int(chosen.sum()) - workload.resume_s * resumptions)


def _active_devices(
    chosen: np.ndarray, g_per_kwh: np.ndarray, workload: DeferrableWorkload, remaining_s: float, *, running_before: bool
) -> np.ndarray:
    """Return all devices in the chosen periods, but only as many as needed in the most carbon-intensive one."""
    active = np.where(chosen, workload.devices, 0)
    spare = (_completed_work_s(chosen, workload, running_before=running_before) - remaining_s) / workload.period_s
    if spare > 0:
        dirtiest = int(np.where(chosen, g_per_kwh, -np.inf).argmax())
        active[dirtiest] = max(workload.devices - math.floor(spare + 1e-9), 0)
    return active
