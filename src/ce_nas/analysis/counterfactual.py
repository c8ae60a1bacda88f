"""What the same work would have cost at other hours: a run's trainings and samplings, replayed under other rules.

The tasks of a run are taken as one heap of work that can be left at any period's end and gone on with on any device,
at the run's own prices for checkpoints and start-ups. Every rule gets the same heap, devices, grid and deadline, and
is made to work where it would miss the deadline. Devices without work are released and cost nothing, which is more than
a run itself can have: its devices now and then wait. So what a rule is said to need is rather too little than too much,
and a saving over it rather too small. What a searcher saves by needing fewer trainings is not in here: the work is the
same.

Source
    [CarbonScaler] Hanafy, Liang, Bashir, Irwin, Shenoy. CarbonScaler: Leveraging Cloud Workload Elasticity for
        Optimizing Carbon-Efficiency. SIGMETRICS 2024 (carbon-agnostic, suspend-resume and oracle beside one another).

The cheapest periods for work of a known amount, start-ups and checkpoints counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.summary import beginning
from ce_nas.core.errors import TraceError
from ce_nas.core.records import Activity, View
from ce_nas.core.units import DAY_S, J_PER_KWH
from ce_nas.policies.baselines import Heuristic, SuspendResume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import History
    from ce_nas.grid.trace import Series
    from ce_nas.store.journal import Entry

__all__ = [
    "RULES",
    "Counterfactual",
    "Replay",
    "Row",
    "Spread",
    "Work",
    "cheapest",
    "counterfactual",
    "replay",
    "replays",
    "work_of",
]

#: the rules, in the order in which they are shown; ``oracle`` knows the truth
RULES = ("at-once", "threshold", "heuristic", "look-ahead", "oracle")
#: days by which a run's start is moved, to see how much of a saving is the luck of its days
SHIFTS = tuple(day for day in range(-14, 15, 2) if day)
WORK = (Activity.TRAINING, Activity.SAMPLING, Activity.SUPERNET)
HORIZON_S = 4 * DAY_S
WEEK_S = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class Work:
    """A heap of work, and what the devices for it are."""

    #: time of devices that it takes
    device_s: float
    #: what a device at work draws from the grid, PUE included, W
    power_w: float
    devices: int
    #: between two decisions
    period_s: float
    #: when it has to be done, seconds since the start
    deadline_s: float
    #: to take a released device back and load a checkpoint: time, and energy from the grid
    enter_s: float = 0.0
    enter_j: float = 0.0
    #: to write a checkpoint and leave a device: energy from the grid
    leave_j: float = 0.0

    @property
    def periods(self) -> int:
        """Periods up to the deadline."""
        return max(math.ceil(self.deadline_s / self.period_s - 1e-9), 1)


@dataclass(frozen=True, slots=True)
class Replay:
    """What the work took under one rule."""

    carbon_g: float
    energy_j: float
    #: when it was done, seconds since the start
    end_s: float
    #: devices at work in each period
    levels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """A share saved: the middle, the lowest and the highest over several starts."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """The run as it went, or one rule."""

    #: one of :data:`RULES`, or ``run``
    rule: str
    carbon_g: float
    energy_j: float
    #: when the work was done, seconds since the start
    end_s: float
    #: the share of the grams of ``at-once`` that it did not need, from the run's own start
    saved: float
    #: the same from all starts, that one among them
    spread: Spread


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What the work of a run would have cost at other hours."""

    work: Work
    #: the run, and then the rules in the order of :data:`RULES`
    rows: tuple[Row, ...]
    #: starts behind each spread
    starts: int
    #: name of the forecaster that the rules were given
    forecaster: str

    def row(self, rule: str) -> Row:
        """The row of a rule, or of the ``run``."""
        return next(row for row in self.rows if row.rule == rule)


def work_of(entries: Sequence[Entry]) -> Work:
    """The work of a run, from its journal.

    :raises TraceError: if nothing was worked on, or not all of it at one site.
    """
    settings = beginning(entries)["settings"]
    moves = sum(entry.kind == "moved" for entry in entries)
    if moves:
        message = (
            f"Expected a run that stayed at one site, got one with {moves} moves: there is no one grid on which its "
            "work could be put to other hours. To see what moving saved, run the same settings without site.others."
        )
        raise TraceError(message)
    cluster, periods = settings["cluster"], [entry.content for entry in entries if entry.kind == "period"]
    live = settings["live"]
    # on the books of a live run whose hours are shorter ones are seconds as they passed, not those of the run
    scale = live["time_scale"] if live["on"] else 1.0
    device_s = scale * sum(period["device_s"].get(name, 0.0) for period in periods for name in WORK)
    energy_j = sum(period["energy_j"].get(name, 0.0) for period in periods for name in WORK)
    if device_s <= 0:
        message = "Nothing has been trained or sampled yet, so there is no work to weigh."
        raise TraceError(message)
    return Work(
        device_s=device_s,
        power_w=energy_j / device_s,
        devices=cluster["gpus"],
        period_s=_seconds(settings["searcher"]["period"]),
        deadline_s=max(_seconds(settings["budget"]["time"]), entries[-1].at_s),
        **(_measured_moves(entries, periods, scale) if live["on"] else _modelled_moves(cluster)),
    )


def _modelled_moves(cluster: Mapping[str, Any]) -> dict[str, float]:
    """What it takes to leave a device and to come back, by the settings of a simulated cluster."""
    return {
        "enter_s": cluster["startup_s"] + cluster["restore_s"],
        "enter_j": cluster["pue"] * (cluster["startup_j"] + cluster["restore_j"]),
        "leave_j": cluster["pue"] * cluster["checkpoint_j"],
    }


def _measured_moves(entries: Sequence[Entry], periods: Sequence[Any], scale: float) -> dict[str, float]:
    """The same of a live run: what its own checkpoints and their loading took, on average; nothing if it had none."""
    times = sum(entry.kind == "suspended" for entry in entries)
    if not times:
        return {}

    def mean(book: str, *activities: str) -> float:
        return float(sum(period[book].get(name, 0.0) for period in periods for name in activities)) / times

    return {
        "enter_s": scale * mean("device_s", "startup", "restore"),
        "enter_j": mean("energy_j", "startup", "restore"),
        "leave_j": mean("energy_j", "checkpoint"),
    }


def counterfactual(entries: Sequence[Entry], history: History, forecaster: Forecaster) -> Counterfactual:
    """What the work of a run would have cost under each rule, from its own start and from those of other days.

    On other days the run itself is taken to divide its devices as it did, hour for hour.

    :param history: the grid's record, with its seconds counted from the run's start.
    :raises TraceError: if nothing was worked on yet, or the grid's record is too short for a rule to end.
    """
    work, series = work_of(entries), history.intensity
    periods = [(entry.content, entry.at_s) for entry in entries if entry.kind == "period"]
    run = Replay(
        sum(sum(period["carbon_g"].values()) for period, _ in periods),
        sum(sum(period["energy_j"].values()) for period, _ in periods),
        entries[-1].at_s,
        (),
    )
    own = {"run": run, **replays(work, history, forecaster, 0.0)}
    saved = {rule: [1.0 - one.carbon_g / own["at-once"].carbon_g] for rule, one in own.items()}
    for start_s in _other_starts(work, series):
        there = replays(work, history, forecaster, start_s)
        grams = {"run": _moved_g(periods, series, start_s), **{rule: one.carbon_g for rule, one in there.items()}}
        for rule, shares in saved.items():
            shares.append(1.0 - grams[rule] / grams["at-once"])
    rows = [
        Row(rule, one.carbon_g, one.energy_j, one.end_s, saved[rule][0], _spread(saved[rule]))
        for rule, one in own.items()
    ]
    return Counterfactual(work, tuple(rows), len(saved["run"]), forecaster.name)


def _spread(shares: Sequence[float]) -> Spread:
    return Spread(median(shares), min(shares), max(shares))


def _other_starts(work: Work, series: Series) -> Iterator[float]:
    """The starts on other days of which the week before and all hours up to the deadline are on record."""
    for day in SHIFTS:
        start_s = day * DAY_S
        if series.covers(start_s - WEEK_S, start_s + work.deadline_s + work.period_s):
            yield start_s


def _moved_g(periods: Sequence[tuple[dict[str, Any], float]], series: Series, start_s: float) -> float:
    """The grams of the run, hour for hour, from another start."""
    total = 0.0
    for period, end_s in periods:
        if end_s > period["start_s"]:
            moved = series.mean(start_s + period["start_s"], start_s + end_s)
            total += sum(period["carbon_g"].values()) * moved / period["intensity_g_per_kwh"]
    return total


def replays(work: Work, history: History, forecaster: Forecaster, start_s: float) -> dict[str, Replay]:
    """The work under each rule, from one start.

    :param history: the grid's record, with its seconds counted from where ``start_s`` is counted.
    :param start_s: when the work begins, s.
    :raises TraceError: if the grid's record is too short for a rule to end.
    """
    series = history.intensity
    views = [_view(work, history, forecaster, start_s, period) for period in range(work.periods)]
    truth = np.array(
        [series.mean(start_s + work.period_s * at, start_s + work.period_s * (at + 1)) for at in range(work.periods)]
    )
    clean, share = SuspendResume(), Heuristic()

    def ahead(at: int, left_s: float, level: int) -> int:
        forecast, periods = views[at].forecast, work.periods - at
        costs = np.ones(periods) if forecast is None else forecast.ahead(views[at].now_s, work.period_s, periods)
        return int(cheapest(costs, work, left_s, level)[0])

    plan = cheapest(truth, work, work.device_s, work.devices)
    rules: dict[str, Callable[[int, float, int], int]] = {
        "at-once": lambda *_: work.devices,
        "threshold": lambda at, *_: clean.decide(views[at]).allocation.evaluating,
        "heuristic": lambda at, *_: share.decide(views[at]).allocation.evaluating,
        "look-ahead": ahead,
        "oracle": lambda at, *_: int(plan[at]),
    }
    found = {name: replay(work, series, rule, start_s) for name, rule in rules.items()}
    found["oracle"] = min(found.values(), key=lambda one: one.carbon_g)  # it may do what any other rule does
    return found


def replay(work: Work, series: Series, rule: Callable[[int, float, int], int], start_s: float = 0.0) -> Replay:
    """The work under a rule; where it would miss the deadline, all devices work.

    :param rule: how many devices work, by the number of the period, the work left and the devices at work before.
    :raises TraceError: if the grid's record ends before the work does.
    """
    levels: list[int] = []
    left_s, level, energy_j, carbon_g, end_s = work.device_s, work.devices, 0.0, 0.0, 0.0
    while left_s > 1e-6:
        at = len(levels)
        later_s = max(work.periods - at - 1, 0) * work.period_s * work.devices
        must = at >= work.periods or left_s > later_s - work.enter_s * work.devices
        wanted = work.devices if must else min(max(rule(at, left_s, level), 0), work.devices)
        entering, leaving = max(wanted - level, 0), max(level - wanted, 0) if at else 0
        able_s = max(wanted * work.period_s - entering * work.enter_s, 0.0)
        done_s = min(able_s, left_s)
        begin_s = at * work.period_s
        end_s = begin_s + ((done_s + entering * work.enter_s) / wanted if wanted else 0.0)
        drawn_j = done_s * work.power_w + entering * work.enter_j
        mean = series.mean(start_s + begin_s, start_s + end_s)
        carbon_g += drawn_j * mean / J_PER_KWH + leaving * work.leave_j * series.at(start_s + begin_s) / J_PER_KWH
        energy_j += drawn_j + leaving * work.leave_j
        left_s, level = left_s - done_s, wanted
        levels.append(wanted)
    return Replay(carbon_g, energy_j, end_s, tuple(levels))


def _view(work: Work, history: History, forecaster: Forecaster, start_s: float, at: int) -> View:
    """What a rule may know at the beginning of a period: the past, and a forecast made of it."""
    now_s = start_s + at * work.period_s
    past = history.past(now_s, max(2 * WEEK_S, forecaster.lookback_s), HORIZON_S)
    return View(
        now_s=now_s,
        period_s=work.period_s,
        devices=work.devices,
        past_g_per_kwh=past.intensity_g_per_kwh if past else np.empty(0),
        past_step_s=history.step_s,
        forecast=forecaster.predict(past, HORIZON_S) if past else None,
        evaluations=0, samples=0, hypervolume=0.0, hypervolume_history=(), front_size=0,
        backlog=0, backlog_capacity=0, backlog_front=0, running=0, suspended=0, can_sample=False,
        trained_s=0.0, carbon_spent_g=0.0, energy_spent_j=0.0, cost_spent=0.0,
        time_left_s=work.deadline_s - at * work.period_s,
        carbon_left_g=math.inf, energy_left_j=math.inf, cost_left=math.inf, evaluations_left=math.inf,
    )  # fmt: skip


def _seconds(stated: float | str) -> float:
    return float(str(stated).split()[0])


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
