"""Carbon of the same work under other policies: a run's trainings and samplings, replayed at other hours.

The tasks of a run are modelled as one preemptible job, at the run's own costs for checkpoints and start-ups, see
:mod:`ce_nas.analysis.policy_replay`. Its devices without work are released and cost nothing, whereas the devices of a
real run sometimes wait: the carbon of a policy is underestimated, and so is the run's saving over it. Savings from
needing fewer trainings are not included: the work is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from ce_nas.analysis.policy_replay import DeferrableWorkload, PolicyReplay, replay_policies
from ce_nas.analysis.summary import run_header
from ce_nas.analysis.timeline import site_moves
from ce_nas.config.recorded_settings import read_recorded_settings
from ce_nas.core.errors import TraceError
from ce_nas.core.records import Activity
from ce_nas.core.units import DAY_S
from ce_nas.engine.inputs import RunInputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import RecordedHistory
    from ce_nas.grid.trace import Series
    from ce_nas.store.journal import JournalEntry

__all__ = [
    "Counterfactual",
    "CounterfactualRow",
    "SavingsSpread",
    "compute_counterfactual",
    "counterfactual_from_journal",
    "extract_workload",
    "load_grid_history",
    "load_inputs",
    "modelled_workload",
    "parse_seconds",
    "shifted_carbon_g",
    "shifted_starts",
]

#: days by which a run's start is shifted, to see how much of a saving is due to its particular days
START_SHIFTS_DAYS = tuple(day for day in range(-14, 15, 2) if day)
WORK_ACTIVITIES = (Activity.TRAINING, Activity.SAMPLING, Activity.SUPERNET)
WEEK_S = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class SavingsSpread:
    """Median and range of a saved share over several starts."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CounterfactualRow:
    """The run itself, or one policy."""

    #: one of :data:`~ce_nas.analysis.policy_replay.REPLAY_POLICIES`, or ``run``
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
    #: the run, then the policies in the order of :data:`~ce_nas.analysis.policy_replay.REPLAY_POLICIES`
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
    with threadpool_limits(limits=1):  # as the search: small matrices, whose threads wait for one another
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
    inputs = RunInputs(read_recorded_settings(header), fixed_start=datetime.fromisoformat(header["start"]))
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


def parse_seconds(setting: float | str) -> float:
    """Parse a duration of a journal's settings, s."""
    return float(str(setting).split()[0])
