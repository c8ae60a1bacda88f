"""Records passed between the components of a run; all are frozen.

Times are seconds since the start of the run, energies joules, carbon grams of CO2eq, intensities g CO2eq/kWh.
Objectives are *minimised* inside the package: :attr:`Objective.sign` negates a maximised metric on input and output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ce_nas.core.units import DAY_S, HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Activity",
    "Allocation",
    "Architecture",
    "BudgetState",
    "ClusterState",
    "EnergyReading",
    "Forecast",
    "GridState",
    "Objective",
    "Observation",
    "Outcome",
    "Rates",
    "ReadingSource",
    "SearchState",
    "SiteState",
    "State",
    "StopReason",
    "Task",
    "TaskEvent",
    "TaskEventKind",
    "TaskKind",
]

#: one architecture of a space: for each variable, the index of its choice
Architecture = tuple[int, ...]


class TaskKind(StrEnum):
    """The purpose of a task."""

    SAMPLING = "sampling"  #: score a batch of architectures by proxies, or measure a cost of them
    SUPERNET = "supernet"  #: train the weight-sharing network used for scoring
    EVALUATION = "evaluation"  #: train one architecture


class Activity(StrEnum):
    """What a device does while it draws energy."""

    TRAINING = "training"
    SAMPLING = "sampling"
    SUPERNET = "supernet"
    CHECKPOINT = "checkpoint"
    RESTORE = "restore"
    STARTUP = "startup"  #: reacquire a released device
    IDLE = "idle"
    MOVE = "move"  #: move the search to another site


class ReadingSource(StrEnum):
    """The origin of an energy reading, most accurate first."""

    COUNTER = "counter"  #: the energy counter of the device
    INTEGRATED = "integrated"  #: power samples integrated over time
    PARTLY_MODELLED = "partly-modelled"  #: the device's by one of those above, its host's by a power model
    MODELLED = "modelled"  #: a power model fitted to a measured device
    ESTIMATED = "estimated"  #: a stated estimate


class TaskEventKind(StrEnum):
    """The kind of a task event."""

    FINISHED = "finished"  #: the task is done; the event has its outcome
    SUSPENDED = "suspended"  #: the checkpoint is written; the device is free again
    FAILED = "failed"  #: the task failed, see `TaskEvent.failure`; it may be retried


class StopReason(StrEnum):
    """Why a run ended; each value is a sentence."""

    DEADLINE = "Nothing more could be finished within the time budget."
    CARBON = "Nothing more could be finished within the carbon budget."
    ENERGY = "Nothing more could be finished within the energy budget."
    COST = "Nothing more could be finished within the cost budget."
    DEVICE_TIME = "Nothing more could be finished within the budget of GPU-hours."
    TARGET = "The target was reached."
    EVALUATIONS = "The stated number of evaluations was reached."
    EXHAUSTED = "Every architecture of the space was evaluated."
    CONVERGED = "More was not expected to be worth its carbon."
    DONE = "The policy had no more work to do."


@dataclass(frozen=True, slots=True)
class Objective:
    """One metric to optimise."""

    #: name of the metric, for instance ``accuracy`` or ``edgegpu_energy``
    name: str
    #: unit of the metric for display, for instance ``%`` or ``mJ``
    unit: str
    #: True if more is better
    maximise: bool
    #: the reference point of the hypervolume, in the unit and direction of the metric
    reference: float
    #: True if it is known before a training: counted or looked up, so that a searcher may use it
    is_known: bool = False

    @property
    def sign(self) -> float:
        """-1 for a maximised metric, else 1: value times sign is minimised."""
        return -1.0 if self.maximise else 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """A unit of work for one device."""

    #: number of the task within its run, from 0
    id: int
    kind: TaskKind
    #: architectures to score or train; for a supernet the members of its region, empty for the whole space
    architectures: tuple[Architecture, ...]
    #: share of a full training to run, above 0 and up to 1
    fidelity: float = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a task."""

    task_id: int
    #: objectives of each architecture, minimised, shape (architectures, objectives); estimates for a sampling task, nan
    #: where it says nothing of an objective
    values: tuple[tuple[float, ...], ...]
    #: raw proxy scores of each architecture, larger is better; empty unless the task is a sampling task
    scores: tuple[tuple[float, ...], ...] = ()
    #: a remark for the journal, such as why a training was ended early; empty: none
    note: str = ""

    def values_or_none(self) -> list[list[float | None]]:
        """The values for JSON, which has no nan: None in its place."""
        return [[None if math.isnan(value) else value for value in row] for row in self.values]


class Observation(NamedTuple):
    """The observed objectives of one architecture; a tuple, since a search makes hundreds of thousands of them."""

    architecture: Architecture
    #: objectives, minimised; at fidelity 0 nan where nothing is known
    values: tuple[float, ...]
    #: share of a full training; 0 for an estimate from proxy scores, and for a cost measured without a training
    fidelity: float = 1.0
    #: raw proxy scores, larger is better; may be empty
    scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class EnergyReading:
    """The energy drawn by one device during one activity."""

    device: int
    activity: Activity
    start_s: float
    end_s: float
    #: energy at the plug of the device (before PUE), J
    energy_j: float
    source: ReadingSource
    #: share of the time that was observed, 0 to 1
    coverage: float = 1.0


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """An event of a task on a device."""

    kind: TaskEventKind
    device: int
    at_s: float
    task: Task
    #: None unless the task finished
    outcome: Outcome | None
    #: energy readings of the device since the previous ones
    readings: tuple[EnergyReading, ...]
    #: kind of the failure, and its description; None unless the task failed
    failure: str | None = None
    detail: str = ""
    #: working time of a finished task, s, without process start-up and checkpoints; None: all the time on devices
    active_s: float | None = None
    #: where the task ran: a mapping for each start of its job or actor; empty on this machine
    places: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """A forecast of the carbon intensity, as known at its time of issue.

    Example:
        >>> forecast = Forecast("flat", 0.0, 0.0, 3600.0, np.array([100.0, 200.0]))
        >>> forecast.mean_between(1800.0, 5400.0)
        150.0
        >>> forecast.resample(0.0, 1800.0, 4).tolist()
        [100.0, 100.0, 200.0, 200.0]
    """

    #: name of the forecaster
    forecaster: str
    #: time of issue; no later data is used
    issued_s: float
    #: start of the first step, s
    start_s: float
    #: length of a step, s
    step_s: float
    #: expected intensity of each step, g CO2eq/kWh, shape (steps,)
    mean_g_per_kwh: np.ndarray
    #: quantile level (0 to 1) -> intensity of each step, g CO2eq/kWh, shape (steps,); may be empty
    quantiles_g_per_kwh: Mapping[float, np.ndarray] = field(default_factory=dict)
    #: name of each part of an ensemble -> its weight; empty for a forecaster without parts
    members: Mapping[str, float] = field(default_factory=dict)
    #: mean absolute percentage error of its latest forecasts, %; None where it does not judge itself
    rolling_error_pct: float | None = None
    #: which forecaster stands in for it, and why; empty if none does
    fallback: str = ""

    def mean_between(self, start_s: float, end_s: float) -> float:
        """Return the expected mean intensity between two times, g CO2eq/kWh; the value at that time if they are equal.

        Steps are weighted by their overlap; the first step extends to all earlier times, the last to all later ones.
        """
        ends_s = self.start_s + self.step_s * np.arange(1, len(self.mean_g_per_kwh))
        first = np.searchsorted(ends_s, start_s, side="right")
        if end_s <= start_s or first == len(ends_s) or end_s <= ends_s[first]:  # within one step
            return float(self.mean_g_per_kwh[first])
        shares = np.diff(np.clip(ends_s, start_s, end_s), prepend=start_s, append=end_s) / (end_s - start_s)
        return float(self.mean_g_per_kwh @ shares)

    def resample(self, start_s: float, step_s: float, steps: int, quantile: float | None = None) -> np.ndarray:
        """Return the expected mean intensity of ``steps`` steps of ``step_s``, g CO2eq/kWh, shape (steps,).

        Beyond the end of the forecast its mean daily profile is repeated.

        :param quantile: use the nearest available quantile level instead of the mean, if there is any.
        """
        known = self.mean_g_per_kwh
        if quantile is not None and self.quantiles_g_per_kwh:
            known = self.quantiles_g_per_kwh[min(self.quantiles_g_per_kwh, key=lambda level: abs(level - quantile))]
        needed = math.ceil((start_s + steps * step_s - self.start_s) / self.step_s)
        if needed > len(known):
            known = np.concatenate([known, np.resize(_mean_daily_profile(known, self.step_s), needed - len(known))])
        edges = (start_s + step_s * np.arange(steps + 1) - self.start_s) / self.step_s
        sums = np.interp(edges, np.arange(len(known) + 1), np.concatenate([[0.0], np.cumsum(known)]))
        sums += np.minimum(edges, 0.0) * known[0]  # the first step extends to all earlier times
        return np.asarray(np.diff(sums) * self.step_s / step_s)


def _mean_daily_profile(values: np.ndarray, step_s: float) -> np.ndarray:
    """Return the mean of the last whole days, step by step; the values themselves if they cover less than a day."""
    steps = max(round(DAY_S / step_s), 1)
    days = len(values) // steps
    return np.asarray(values[-days * steps :].reshape(days, steps).mean(axis=0)) if days else values


@dataclass(frozen=True, slots=True)
class Allocation:
    """The number of devices per role in the next period.

    Example:
        >>> Allocation(sampling=1, evaluating=6, released=1).devices
        8
    """

    sampling: int
    evaluating: int
    #: held without work; accounted for
    idle: int = 0
    #: returned to the cluster; not accounted for until reacquired, which costs a start-up
    released: int = 0

    @property
    def devices(self) -> int:
        """The number of devices."""
        return self.sampling + self.evaluating + self.idle + self.released

    def counts(self) -> dict[str, int]:
        """Return the number of devices by role."""
        return {
            "sampling": self.sampling,
            "evaluating": self.evaluating,
            "idle": self.idle,
            "released": self.released,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Power and prices of held devices."""

    #: power that a device draws from the grid in a training, in sampling and when idle, PUE included, W
    training_w: float
    sampling_w: float
    idle_w: float
    #: price of a device-hour
    price_per_device_hour: float
    #: electricity price in the coming periods, the present one first, per kWh, shape (periods,)
    prices_per_kwh: np.ndarray

    def training_hour_price(self, price_per_kwh: np.ndarray) -> np.ndarray:
        """Price of a training device's hour at each electricity price, same shape."""
        return np.asarray(self.price_per_device_hour + self.training_w * HOUR_S / J_PER_KWH * price_per_kwh)


@dataclass(frozen=True, slots=True, eq=False)
class SiteState:
    """One of several sites, as a policy sees it."""

    name: str
    #: whether the search is at this site now
    is_current: bool
    #: forecast of the site's carbon intensity; None before the first intensity is known
    forecast: Forecast | None
    #: power usage effectiveness: energy from the grid per energy at the devices' plugs
    pue: float
    #: devices that the search may hold at this site
    devices: int
    #: energy to move the search to this site, before PUE, J
    move_energy_j: float
    #: power and prices at this site
    rates: Rates


@dataclass(frozen=True, slots=True, eq=False)
class GridState:
    """Carbon intensity up to now, and its forecast."""

    #: true intensity of the steps that have ended, oldest first, g CO2eq/kWh, shape (steps,); may be empty
    past_g_per_kwh: np.ndarray
    #: length of a step of the past, s
    past_step_s: float
    #: forecast of the coming hours; None before the first intensity is known
    forecast: Forecast | None
    #: indices of the coming periods in which no device can be used; the present period is 0
    closed_periods: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchState:
    """Progress of the search."""

    #: full trainings finished
    evaluations: int
    #: architectures scored
    samples: int
    #: hypervolume of the evaluated architectures
    hypervolume: float
    #: hypervolume at the end of each past period, oldest first
    hypervolume_history: tuple[float, ...]
    #: architectures on the Pareto front
    front_size: int
    #: scored architectures that wait for evaluation, and the most that may wait
    queue_length: int
    queue_capacity: int
    #: architectures in the queue that no other one in it dominates by its estimates
    queue_front_size: int
    #: whether any architecture is left to sample
    can_sample: bool
    #: device time spent in trainings, by the run's clock, s
    trained_s: float
    #: hypervolume at which the run ends; infinite without a target
    target_hypervolume: float = math.inf
    #: hypervolume after each full training, oldest first
    hypervolume_by_evaluation: tuple[float, ...] = ()
    #: devices that sampling can use now; infinite where unknown
    sampling_demand: float = math.inf
    #: what a training loses of its worth per training that runs beside it; see ``Searcher.parallel_loss``
    parallel_loss: float = 0.0
    #: median number of trainings after which such searches end; None where unknown; see ``Searcher.usual_trainings``
    usual_trainings: float | None = None


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What was spent, and what is left of each budget; infinite where no budget was set."""

    #: time to the deadline, s
    time_left_s: float
    #: carbon by the budget's accounting, g CO2eq
    carbon_spent_g: float
    carbon_left_g: float
    #: energy from the grid, J
    energy_spent_j: float
    energy_left_j: float
    #: money, in the currency of the prices
    cost_spent: float
    cost_left: float
    #: full trainings
    evaluations_left: float
    #: device time that may still be held, s
    device_s_left: float = math.inf


@dataclass(frozen=True, slots=True, eq=False)
class ClusterState:
    """The devices of the run."""

    #: devices held by the run
    devices: int
    #: evaluations running, and evaluations suspended
    running: int
    suspended: int
    #: allocation of the period that has just ended; None before the first
    allocation: Allocation | None = None
    #: since when the allocation has been the same, s
    allocated_since_s: float = 0.0
    #: power and prices of the devices; None where unknown
    rates: Rates | None = None


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """All that a policy may base a decision on: the past, a forecast, and the state of the search."""

    #: the moment of the decision, s
    now_s: float
    #: length of the period to decide on, s
    period_s: float
    grid: GridState
    search: SearchState
    budget: BudgetState
    cluster: ClusterState
    #: sites between which the search can move; empty if there is only one
    sites: tuple[SiteState, ...] = ()
