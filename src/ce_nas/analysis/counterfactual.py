"""Carbon of the same work under other policies: a run's trainings and samplings, replayed at other hours.

The tasks of a run are modelled as one preemptible job: it can be suspended at the end of any period and resumed on any
device, at the run's own costs for checkpoints and start-ups. Every policy gets the same job, devices, grid and
deadline, and is forced to use all devices when it would otherwise miss the deadline. Devices without work are released
and cost nothing, whereas the devices of a real run sometimes wait: the carbon of a policy is underestimated, and so is
the run's saving over it. Savings from needing fewer trainings are not included: the work is the same.

Source
    [CarbonScaler] Hanafy, Liang, Bashir, Irwin, Shenoy. CarbonScaler: Leveraging Cloud Workload Elasticity for
        Optimizing Carbon-Efficiency. SIGMETRICS 2024 (compares carbon-agnostic, suspend-resume and oracle).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.summary import run_header
from ce_nas.analysis.timeline import site_moves
from ce_nas.config.schema import Settings
from ce_nas.core.errors import TraceError
from ce_nas.core.records import Activity, BudgetState, ClusterState, GridState, SearchState, State
from ce_nas.core.units import DAY_S, J_PER_KWH
from ce_nas.engine.inputs import RunInputs
from ce_nas.forecast.base import FORECAST_HORIZON_S, PAST_WINDOW_S
from ce_nas.policies.baselines import HotCarbonPolicy, SuspendResumePolicy
from ce_nas.policies.planning import select_cheapest_periods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import RecordedHistory
    from ce_nas.grid.trace import Series
    from ce_nas.store.journal import JournalEntry

__all__ = [
    "REPLAY_POLICIES",
    "Counterfactual",
    "CounterfactualRow",
    "DeferrableWorkload",
    "PolicyReplay",
    "SavingsSpread",
    "compute_counterfactual",
    "counterfactual_from_journal",
    "extract_workload",
    "load_grid_history",
    "load_inputs",
    "modelled_workload",
    "parse_seconds",
    "plan_cheapest_periods",
    "replay_policies",
    "replay_policy",
    "replay_simple_policies",
    "shifted_carbon_g",
    "shifted_starts",
]

#: the policies, in the order of a report; ``oracle`` knows the true intensity
REPLAY_POLICIES = ("at-once", "threshold", "hotcarbon", "look-ahead", "oracle")
#: days by which a run's start is shifted, to see how much of a saving is due to its particular days
START_SHIFTS_DAYS = tuple(day for day in range(-14, 15, 2) if day)
#: simple rules on the past and the forecast, besides an immediate start
SIMPLE_POLICIES = ("at-once", "threshold", "hotcarbon")
WORK_ACTIVITIES = (Activity.TRAINING, Activity.SAMPLING, Activity.SUPERNET)
WEEK_S = 7 * DAY_S


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


@dataclass(frozen=True, slots=True)
class SavingsSpread:
    """Median and range of a saved share over several starts."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CounterfactualRow:
    """The run itself, or one policy."""

    #: one of :data:`REPLAY_POLICIES`, or ``run``
    policy: str
    carbon_g: float
    energy_j: float
    #: time of completion, seconds since the start
    end_s: float
    #: share of the carbon of ``at-once`` that is saved, from the run's own start
    saved_share: float
    #: the same over all starts, including that one
    spread: SavingsSpread


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Carbon of a run's work under other policies."""

    workload: DeferrableWorkload
    #: the run, then the policies in the order of :data:`REPLAY_POLICIES`
    rows: tuple[CounterfactualRow, ...]
    #: starts behind each spread
    n_starts: int
    #: name of the forecaster that the policies used
    forecaster: str

    def row(self, policy: str) -> CounterfactualRow:
        """Return the row of a policy, or of the ``run``."""
        return next(row for row in self.rows if row.policy == policy)

    def saving_over(self, policy: str) -> float:
        """Return the share of a policy's carbon that the run saved; negative if the run emitted more."""
        return 1.0 - self.row("run").carbon_g / self.row(policy).carbon_g


def extract_workload(entries: Sequence[JournalEntry]) -> DeferrableWorkload:
    """Read the work of a run from its journal.

    :raises TraceError: if there is none, or if the run moved between sites.
    """
    settings = run_header(entries)["settings"]
    moves = len(site_moves(entries))
    if moves:
        message = (
            f"Expected a run that stayed at one site, got one with {moves} moves: its work cannot be replayed on a "
            "single grid. To measure what moving saved, run the same settings without site.others."
        )
        raise TraceError(message)
    cluster, periods = settings["cluster"], [entry.content for entry in entries if entry.kind == "period"]
    live = settings["live"]
    # a live run with a time scale records wall-clock seconds, not seconds of the run
    scale = live["time_scale"] if live["enabled"] else 1.0
    device_s = scale * sum(period["device_s"].get(name, 0.0) for period in periods for name in WORK_ACTIVITIES)
    energy_j = sum(period["energy_j"].get(name, 0.0) for period in periods for name in WORK_ACTIVITIES)
    if device_s <= 0:
        message = "Expected a run with trainings or samplings, got one without any work; wait for its first period."
        raise TraceError(message)
    return DeferrableWorkload(
        device_s=device_s,
        power_w=energy_j / device_s,
        devices=cluster["gpus"],
        period_s=parse_seconds(settings["schedule"]["period"]),
        deadline_s=max(parse_seconds(settings["budget"]["hours"]), entries[-1].at_s),
        **(
            _measured_switching_costs(entries, periods, scale)
            if live["enabled"]
            else _modelled_switching_costs(cluster)
        ),
    )


def modelled_workload(settings: Mapping[str, Any], device_s: float) -> DeferrableWorkload:
    """Build a job of so much device time on the simulated cluster that a journal's settings describe."""
    cluster = settings["cluster"]
    return DeferrableWorkload(
        device_s=device_s,
        power_w=cluster["training_w"] * cluster["pue"],
        devices=cluster["gpus"],
        period_s=parse_seconds(settings["schedule"]["period"]),
        deadline_s=parse_seconds(settings["budget"]["hours"]),
        **_modelled_switching_costs(cluster),
    )


def _modelled_switching_costs(cluster: Mapping[str, Any]) -> dict[str, float]:
    """Return the costs of suspending and resuming by the settings of a simulated cluster."""
    return {
        "resume_s": cluster["startup_s"] + cluster["restore_s"],
        "resume_j": cluster["pue"] * (cluster["startup_j"] + cluster["restore_j"]),
        "suspend_j": cluster["pue"] * cluster["checkpoint_j"],
    }


def _measured_switching_costs(
    entries: Sequence[JournalEntry], periods: Sequence[Any], scale: float
) -> dict[str, float]:
    """Return the mean measured costs of beginning, suspending and resuming of a live run.

    Each device starts once at the beginning, and once more after each suspension.
    """
    suspensions = sum(entry.kind == "task_suspended" for entry in entries)
    devices = int(run_header(entries)["settings"]["cluster"]["gpus"])

    def mean(quantity: str, activity: str, count: int) -> float:
        return float(sum(period[quantity].get(activity, 0.0) for period in periods)) / count

    startup_j = mean("energy_j", "startup", devices + suspensions)
    if not suspensions:
        return {"startup_j": devices * startup_j}
    return {
        "resume_s": scale
        * (mean("device_s", "startup", devices + suspensions) + mean("device_s", "restore", suspensions)),
        "resume_j": startup_j + mean("energy_j", "restore", suspensions),
        "suspend_j": mean("energy_j", "checkpoint", suspensions),
        "startup_j": devices * startup_j,
    }


def compute_counterfactual(
    entries: Sequence[JournalEntry], history: RecordedHistory, forecaster: Forecaster
) -> Counterfactual:
    """Compute the carbon of a run's work under each policy, from its own start and from starts on other days.

    On other days the run itself keeps its allocation hour by hour.

    :param history: the grid's record, in seconds since the run's start.
    :raises TraceError: if there is no work yet, or the grid's record is too short for a policy to finish.
    """
    workload, series = extract_workload(entries), history.intensity
    periods = [(entry.content, entry.at_s) for entry in entries if entry.kind == "period"]
    run = PolicyReplay(
        sum(sum(period["carbon_g"].values()) for period, _ in periods),
        sum(sum(period["energy_j"].values()) for period, _ in periods),
        entries[-1].at_s,
        (),
    )
    own_start = {"run": run, **replay_policies(workload, history, forecaster, 0.0)}
    saved = {name: [1.0 - replay.carbon_g / own_start["at-once"].carbon_g] for name, replay in own_start.items()}
    for start_s in shifted_starts(workload, series):
        replays = replay_policies(workload, history, forecaster, start_s)
        carbon_g = {
            "run": shifted_carbon_g(periods, series, start_s),
            **{name: replay.carbon_g for name, replay in replays.items()},
        }
        for name, shares in saved.items():
            shares.append(1.0 - carbon_g[name] / carbon_g["at-once"])
    rows = [
        CounterfactualRow(
            name, replay.carbon_g, replay.energy_j, replay.end_s, saved[name][0], _summarise_spread(saved[name])
        )
        for name, replay in own_start.items()
    ]
    return Counterfactual(workload, tuple(rows), len(saved["run"]), forecaster.name)


def counterfactual_from_journal(entries: Sequence[JournalEntry]) -> Counterfactual:
    """Compute the counterfactual of a run with the grid and forecaster that its settings name.

    :raises CeNasError: if the grid's file is missing or has changed, or there is no work yet.
    """
    inputs = load_inputs(entries)
    return compute_counterfactual(entries, inputs.history, inputs.choose_forecaster().forecaster)


def load_grid_history(entries: Sequence[JournalEntry]) -> RecordedHistory:
    """Load the recorded grid of a run, in seconds since the run's start.

    :raises CeNasError: if the grid is live, or its file is missing or has changed.
    """
    return load_inputs(entries).history


def load_inputs(entries: Sequence[JournalEntry]) -> RunInputs:
    """Load the inputs of a run on a recorded grid.

    :raises CeNasError: if the grid is live, or its file is missing or has changed.
    """
    header = run_header(entries)
    if header["grid"]["sha256"] is None:
        message = (
            f"Expected a recorded grid, got a live one ({header['grid']['origin']}): other hours than those that the "
            "run has read are not known, so its work cannot be replayed."
        )
        raise TraceError(message)
    inputs = RunInputs(Settings.model_validate(header["settings"]), fixed_start=datetime.fromisoformat(header["start"]))
    accepted = {header["grid"]["sha256"], *header.get("inputs", {}).values()}
    if inputs.trace.fingerprint not in accepted:
        message = (
            f"Expected the grid that the run started with, zone {header['grid']['zone']} from "
            f"{header['grid']['origin']}, but its values have changed since; restore the old file."
        )
        raise TraceError(message)
    return inputs


def _summarise_spread(shares: Sequence[float]) -> SavingsSpread:
    return SavingsSpread(median(shares), min(shares), max(shares))


def shifted_starts(workload: DeferrableWorkload, series: Series) -> Iterator[float]:
    """Yield the starts on other days for which the record covers the week before and all hours to the deadline."""
    for day in START_SHIFTS_DAYS:
        start_s = day * DAY_S
        if series.covers(start_s - WEEK_S, start_s + workload.deadline_s + workload.period_s):
            yield start_s


def shifted_carbon_g(periods: Sequence[tuple[dict[str, Any], float]], series: Series, start_s: float) -> float:
    """Compute the carbon of the run from another start, with the same energy in each period."""
    total = 0.0
    for period, end_s in periods:
        if end_s > period["start_s"]:
            shifted_g_per_kwh = series.mean(start_s + period["start_s"], start_s + end_s)
            total += sum(period["carbon_g"].values()) * shifted_g_per_kwh / period["intensity_g_per_kwh"]
    return total


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


def parse_seconds(setting: float | str) -> float:
    """Parse a duration of a journal's settings, s."""
    return float(str(setting).split()[0])


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
