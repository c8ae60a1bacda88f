"""What the parts of a run hand to one another.

All records are frozen. Times are seconds since the run began, energies joules, carbon grams of CO2eq, intensities
g CO2eq/kWh. Objectives are *minimised* everywhere inside the package: a maximised metric is negated on its way in
and out, in :class:`Objective` alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ce_nas.core.units import DAY_S

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Activity",
    "Allocation",
    "Architecture",
    "Event",
    "EventKind",
    "Forecast",
    "Objective",
    "Observation",
    "Outcome",
    "Rates",
    "Reading",
    "SiteView",
    "Source",
    "Stop",
    "Task",
    "TaskKind",
    "View",
]

#: One architecture of a space: the index of the choice made for each of its variables.
Architecture = tuple[int, ...]


class TaskKind(StrEnum):
    """What a task is for."""

    SAMPLING = "sampling"  #: score a batch of architectures cheaply
    SUPERNET = "supernet"  #: train the network of shared weights that the scoring needs
    EVALUATION = "evaluation"  #: train one architecture for real


class Activity(StrEnum):
    """What a device's energy is spent on."""

    TRAINING = "training"
    SAMPLING = "sampling"
    SUPERNET = "supernet"
    CHECKPOINT = "checkpoint"
    RESTORE = "restore"
    STARTUP = "startup"  #: take a device back that was released
    IDLE = "idle"
    MOVE = "move"  #: carry the search to another site


class Source(StrEnum):
    """Where an energy reading comes from, best first."""

    COUNTER = "counter"  #: the device's own energy counter
    INTEGRATED = "integrated"  #: power samples integrated over time
    MODELLED = "modelled"  #: a power model of a measured device
    ESTIMATED = "estimated"  #: a stated guess


class EventKind(StrEnum):
    """What happened to a device."""

    FINISHED = "finished"  #: its task is done; the event carries the outcome
    FREED = "freed"  #: a checkpoint is written; the device can take work again
    FAILED = "failed"  #: its task failed, in a way that the event names; it can be tried again


class Stop(StrEnum):
    """Why a run ended, in a sentence each."""

    DEADLINE = "Nothing more could be finished within the time budget."
    CARBON = "Nothing more could be finished within the carbon budget."
    ENERGY = "Nothing more could be finished within the energy budget."
    COST = "Nothing more could be finished within the cost budget."
    DEVICE_TIME = "Nothing more could be finished within the budget of GPU-hours."
    TARGET = "The target was reached."
    EVALUATIONS = "The stated number of evaluations was reached."
    EXHAUSTED = "Every architecture of the space was evaluated."
    DONE = "The policy had no more work to do."


@dataclass(frozen=True, slots=True)
class Objective:
    """One metric to optimise."""

    #: name of the metric, for instance ``accuracy`` or ``edgegpu_energy``
    name: str
    #: unit of the metric as shown to people, for instance ``%`` or ``mJ``
    unit: str
    #: True if more is better
    maximise: bool
    #: the worst value that still counts towards the hypervolume, in the metric's own unit and direction
    reference: float

    @property
    def sign(self) -> float:
        """Minus one for a maximised metric: natural value times sign is what is minimised."""
        return -1.0 if self.maximise else 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work for one device."""

    #: number of the task in its run, from 0
    id: int
    kind: TaskKind
    #: what to score or train; of a supernet's training the members of its region, none for the whole space's
    architectures: tuple[Architecture, ...]
    #: share of a full training to run, above 0 and up to 1
    fidelity: float = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task found."""

    task_id: int
    #: a row an architecture: its objectives, minimised; estimates if the task was a sampling
    values: tuple[tuple[float, ...], ...]
    #: a row an architecture: its raw cheap scores, larger is better; empty unless the task was a sampling
    scores: tuple[tuple[float, ...], ...] = ()


class Observation(NamedTuple):
    """What a searcher is told of one architecture; a tuple, since a search makes hundreds of thousands of them."""

    architecture: Architecture
    #: objectives, minimised
    values: tuple[float, ...]
    #: share of a full training behind the values; 0 for an estimate from cheap scores
    fidelity: float = 1.0
    #: raw cheap scores, larger is better; empty where there are none
    scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The energy one device drew over one stretch of time, doing one thing."""

    device: int
    activity: Activity
    start_s: float
    end_s: float
    #: energy at the device's plug (before PUE), J
    energy_j: float
    source: Source
    #: share of the stretch that was really observed, 0 to 1
    coverage: float = 1.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a device."""

    kind: EventKind
    device: int
    at_s: float
    task: Task
    #: None unless the task finished
    outcome: Outcome | None
    #: what the device drew since it was last read
    readings: tuple[Reading, ...]
    #: how the task failed, if it did, and that in words
    failure: str | None = None
    words: str = ""
    #: time that a finished task was at work in all, s, its processes' start and its checkpoints left out; None: all
    #: the time that it had a device
    worked_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Carbon intensity expected over the coming hours, as known at the moment of issue."""

    #: name of the forecaster
    forecaster: str
    #: when it was issued; nothing later was known to it
    issued_s: float
    #: start of the first step
    start_s: float
    #: length of a step
    step_s: float
    #: expected intensity a step, g CO2eq/kWh, shape (steps,)
    mean_g_per_kwh: np.ndarray
    #: quantile level (0 to 1) to intensity a step, g CO2eq/kWh, shape (steps,); empty where none are known
    quantiles_g_per_kwh: Mapping[float, np.ndarray] = field(default_factory=dict)

    def over(self, start_s: float, end_s: float) -> float:
        """Expected mean intensity between two moments, g CO2eq/kWh; at one moment, the value there.

        A step counts with the time that lies in it; the first stands for all before it, the last for all that follow.
        """
        ends_s = self.start_s + self.step_s * np.arange(1, len(self.mean_g_per_kwh))
        if end_s <= start_s:
            return float(self.mean_g_per_kwh[np.searchsorted(ends_s, start_s, side="right")])
        shares = np.diff(np.clip(ends_s, start_s, end_s), prepend=start_s, append=end_s) / (end_s - start_s)
        return float(self.mean_g_per_kwh @ shares)

    def ahead(self, start_s: float, step_s: float, steps: int, quantile: float | None = None) -> np.ndarray:
        """Expected mean intensity of each of the coming steps of a length of one's own, g CO2eq/kWh, shape (steps,).

        What lies beyond the forecast is as an average day of it. With a ``quantile``, that of the nearest level known
        is taken in place of the mean; where none is known, the mean.
        """
        known = self.mean_g_per_kwh
        if quantile is not None and self.quantiles_g_per_kwh:
            known = self.quantiles_g_per_kwh[min(self.quantiles_g_per_kwh, key=lambda level: abs(level - quantile))]
        needed = math.ceil((start_s + steps * step_s - self.start_s) / self.step_s)
        if needed > len(known):
            known = np.concatenate([known, np.resize(_average_day(known, self.step_s), needed - len(known))])
        edges = (start_s + step_s * np.arange(steps + 1) - self.start_s) / self.step_s
        sums = np.interp(edges, np.arange(len(known) + 1), np.concatenate([[0.0], np.cumsum(known)]))
        sums += np.minimum(edges, 0.0) * known[0]  # the first step stands for what lies before it
        return np.asarray(np.diff(sums) * self.step_s / step_s)


def _average_day(values: np.ndarray, step_s: float) -> np.ndarray:
    """The mean of the days that values end with, hour by hour; all of them where they are less than a day."""
    steps = max(round(DAY_S / step_s), 1)
    days = len(values) // steps
    return np.asarray(values[-days * steps :].reshape(days, steps).mean(axis=0)) if days else values


@dataclass(frozen=True, slots=True)
class Allocation:
    """How many devices do what in the next period."""

    sampling: int
    evaluating: int
    #: held and doing nothing: on the books
    idle: int = 0
    #: given back to the cluster's other users: off the books until they are taken again, which costs a start-up
    released: int = 0

    @property
    def devices(self) -> int:
        """All devices together."""
        return self.sampling + self.evaluating + self.idle + self.released

    def counts(self) -> dict[str, int]:
        """The parts by name."""
        return {
            "sampling": self.sampling,
            "evaluating": self.evaluating,
            "idle": self.idle,
            "released": self.released,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """What holding and using devices takes, as far as it is known beforehand."""

    #: what a device draws from the grid, PUE included, W
    training_w: float
    sampling_w: float
    idle_w: float
    #: price of holding a device for an hour
    device_hour: float
    #: price of a kWh in the coming periods, the present one first, shape (periods,)
    prices_per_kwh: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class SiteView:
    """What an allocator may know of one of several places where the search may go on."""

    name: str
    #: whether the search is there now
    here: bool
    #: what the coming hours are expected to bring there; None while nothing is known
    forecast: Forecast | None
    #: energy from the grid per energy at the devices' plugs
    pue: float
    #: devices that the search may hold there
    devices: int
    #: what it draws to carry the search there, J, before PUE
    move_j: float
    #: what doing things costs there
    rates: Rates


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """All that an allocator may know when it decides: the past, a forecast, and the state of the search."""

    now_s: float
    #: length of the period to decide on
    period_s: float
    #: devices held by the run
    devices: int
    #: true intensity of the steps that have ended, oldest first, g CO2eq/kWh, shape (steps,); may be empty
    past_g_per_kwh: np.ndarray
    #: length of a step of the past
    past_step_s: float
    #: what the coming hours are expected to bring; None while nothing is known of the grid
    forecast: Forecast | None
    #: full trainings finished
    evaluations: int
    #: architectures scored
    samples: int
    #: hypervolume of what was evaluated
    hypervolume: float
    #: hypervolume at the end of each past period, oldest first
    hypervolume_history: tuple[float, ...]
    #: architectures on the front
    front_size: int
    #: scored architectures waiting for evaluation, and how many may wait
    backlog: int
    backlog_capacity: int
    #: those that wait of which no other one is better by its estimates
    backlog_front: int
    #: evaluations under way, and evaluations suspended
    running: int
    suspended: int
    #: whether there is anything left to sample
    can_sample: bool
    #: what was spent up to now: time of the devices in trainings, by the run's clock, and what budgets are counted in
    trained_s: float
    carbon_spent_g: float
    energy_spent_j: float
    cost_spent: float
    #: what remains of each budget; infinite where none was set
    time_left_s: float
    carbon_left_g: float
    energy_left_j: float
    cost_left: float
    evaluations_left: float
    #: time left of devices held, device-seconds
    device_s_left: float = math.inf
    #: hypervolume at which the run ends; infinite where none was set
    target: float = math.inf
    #: hypervolume after each full training, oldest first
    course: tuple[float, ...] = ()
    #: the division of the period that has just ended, and since when it has been the same; None before the first
    allocation: Allocation | None = None
    allocated_s: float = 0.0
    #: the places where the search may go on; empty where there is but one
    sites: tuple[SiteView, ...] = ()
    #: which of the coming periods no device can be used in, the present one being 0
    closed: tuple[int, ...] = ()
    #: what doing things costs; None where nobody told
    rates: Rates | None = None
    #: how many devices sampling has work for just now; infinite where nobody told
    samplings: float = math.inf
