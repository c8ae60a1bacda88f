"""What a run saved: its emissions against those of other methods to the same quality.

Interface::

    savings(entries) -> Savings

``Savings.carbon_g`` is what the run used, by the full accounting; ``Savings.rows`` holds one :class:`Saving` for each
other way that can be computed, ``Savings.unavailable`` the reason for each that cannot. The ways, in the order of
:data:`WAYS`:

- ``vanilla-random``, ``vanilla-lamoo``: vanilla NAS, all devices at all hours from the same start, to the same quality
- ``simple-policy``: the same searcher under the best simple policy, to the same quality
- ``at-once``: the run's own work, started at once on all devices; of a run that did so itself, the run as it was, with
  its idle times, repeated attempts and other losses, which are no price of a choice of hours
- ``worst-hour``, ``mean-hour``, ``best-hour``: the run's own energy in the dirtiest, the mean and the cleanest hour
  up to its deadline

The first three need searches of other seeds on the same table (:mod:`ce_nas.analysis.recorded_baselines`), so they are
known where the benchmark is a table; a run is never compared with itself. An interval is over these searches, or over
starts on other days.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.counterfactual import (
    extract_workload,
    load_grid_history,
    load_inputs,
    modelled_workload,
    parse_seconds,
    shifted_carbon_g,
    shifted_starts,
)
from ce_nas.analysis.policy_replay import SIMPLE_POLICIES, replay_policy, replay_simple_policies
from ce_nas.analysis.recorded_baselines import random_baseline, recorded_baselines
from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.analysis.summary import run_header, summarise
from ce_nas.core.errors import CeNasError
from ce_nas.core.units import J_PER_KWH
from ce_nas.forecast.simple_forecasters import DampedProfile
from ce_nas.grid.trace import Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.analysis.policy_replay import DeferrableWorkload
    from ce_nas.analysis.recorded_baselines import Baseline
    from ce_nas.forecast.history import RecordedHistory
    from ce_nas.store.journal import JournalEntry

__all__ = ["WAYS", "Saving", "Savings", "savings"]

#: the methods that a run is compared with, in the order of a report
WAYS = (
    "vanilla-random",
    "vanilla-lamoo",
    "simple-policy",
    "at-once",
    "worst-hour",
    "mean-hour",
    "best-hour",
)
_BASELINE_WAYS, _REPLAY_WAYS = WAYS[:3], WAYS[3:]
#: seeds of a random search that is simulated here
_SIMULATED_SEEDS = range(100, 105)
#: the replay of each policy that has one by another name
_RULE_OF_POLICY = {"vanilla": "at-once", "suspend-resume": "threshold"}
#: quantiles over starts on other days
_INTERVAL_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Saving:
    """The run against one other way."""

    #: one of :data:`WAYS`
    way: str
    #: emissions of the method to the run's quality, g CO2eq; infinite where it does not reach it
    carbon_g: Interval
    #: ``recorded``: searches that ship with the package; ``simulated``: searches run for this; ``replayed``: the run's
    #: own work at other hours
    basis: str
    #: searches, or starting days, behind the interval
    count: int
    #: share of the searches that reached the quality, 0 to 1; 1 for a replay
    reached_share: float = 1.0
    #: name of the policy, for ``simple-policy``
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Savings:
    """What a run used, and what each other way would have taken."""

    #: grams of CO2eq of the run, full accounting
    carbon_g: float
    #: the quality that the other ways are taken to: the run's hypervolume, and its share of the largest where known
    hypervolume: float
    hypervolume_share: float | None
    rows: tuple[Saving, ...]
    #: way to the reason why it cannot be computed, as a whole sentence
    unavailable: Mapping[str, str] = field(default_factory=dict)

    def row(self, way: str) -> Saving | None:
        """Return the row of a way; None if it cannot be computed."""
        return next((row for row in self.rows if row.way == way), None)

    def saved_share(self, row: Saving) -> Interval:
        """Return the share of a way's carbon that the run saved, below 0 if the run used more."""
        return Interval(*(_saved_share(self.carbon_g, grams) for grams in _ordered(row.carbon_g)))

    @property
    def headline(self) -> Saving | None:
        """The row for the first line: vanilla NAS where it can be computed, else the same work started at once."""
        vanilla = [row for way in ("vanilla-lamoo", "vanilla-random") if (row := self.row(way))]
        finite = [row for row in vanilla if math.isfinite(row.carbon_g.median)]
        # of the two kinds of vanilla NAS the better one, so that it is no straw man
        return min(finite or vanilla, key=lambda row: row.carbon_g.median, default=None) or self.row("at-once")

    @property
    def lowest(self) -> Saving | None:
        """The row with the least carbon: what the run should be judged by next to :attr:`headline`."""
        return min(self.rows, key=lambda row: row.carbon_g.median, default=None)

    @property
    def highest(self) -> Saving | None:
        """The row with the most carbon."""
        return max(self.rows, key=lambda row: row.carbon_g.median, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain containers for JSON: infinite grams are None, and each row has its ``saved_share``."""
        rows = [{**asdict(row), "saved_share": asdict(self.saved_share(row))} for row in self.rows]
        content: dict[str, Any] = _finite_or_none({**asdict(self), "rows": rows, "unavailable": dict(self.unavailable)})
        return content


def _saved_share(used_g: float, other_g: float) -> float:
    if math.isinf(other_g):
        return 1.0
    return 1.0 - used_g / other_g if other_g else 0.0


def _ordered(interval: Interval) -> tuple[float, float, float]:
    return interval.median, interval.low, interval.high


def _finite_or_none(value: Any) -> Any:  # noqa: ANN401 - any plain container
    if isinstance(value, dict):
        return {name: _finite_or_none(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite_or_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def savings(entries: Sequence[JournalEntry]) -> Savings:
    """Compute what a run saved, from its journal and the grid and table that it names.

    :param entries: the journal of a run, finished or not.
    :raises StoreError: if the journal lacks the first entry of a run.
    """
    summary = summarise(entries)
    if not summary.front:
        reason = "The run has trained nothing yet, so there is no result to compare."
        if not summary.objectives:
            reason = "The work of a loop of the caller's is not compared with searches."
        unavailable = dict.fromkeys(WAYS, reason)
        return Savings(summary.carbon_g["full"], summary.hypervolume, summary.hypervolume_share, (), unavailable)
    baseline_rows, no_baselines = _baseline_rows(entries, summary.hypervolume)
    replay_rows, no_replays = _replay_rows(entries, summary.carbon_g["full"])
    return Savings(
        summary.carbon_g["full"],
        summary.hypervolume,
        summary.hypervolume_share,
        (*baseline_rows, *replay_rows),
        {**no_baselines, **no_replays},
    )


def _baseline_rows(entries: Sequence[JournalEntry], hypervolume: float) -> tuple[list[Saving], dict[str, str]]:
    """Vanilla NAS and the best simple policy, by searches of other seeds, to the hypervolume of the run."""
    header = run_header(entries)
    if reason := _why_no_baselines(header):
        return [], dict.fromkeys(_BASELINE_WAYS, reason)
    try:
        return _rows_of_baselines(entries, header, hypervolume)
    except CeNasError as error:
        return [], dict.fromkeys(_BASELINE_WAYS, str(error))


def _rows_of_baselines(
    entries: Sequence[JournalEntry], header: Mapping[str, Any], hypervolume: float
) -> tuple[list[Saving], dict[str, str]]:
    history, known = load_grid_history(entries), _collect_baselines(entries, header)
    rows, unavailable = [], {}
    for way, searcher in (("vanilla-random", "random"), ("vanilla-lamoo", "lamoo")):
        searches, basis = known[searcher]
        grams = [_grams_at_all_hours(one, hypervolume, header, history.intensity) for one in searches]
        if grams:
            rows.append(_row_of_searches(way, grams, basis))
        else:
            unavailable[way] = f"No searches by {searcher} on this table come with the package."
    name = header["settings"]["searcher"]["name"]
    searches, basis = known.get(name, ((), ""))
    if not searches:
        unavailable["simple-policy"] = f"No searches by {name} on this table come with the package."
        return rows, unavailable
    if isinstance(best := _best_simple_policy(searches, hypervolume, header, history), str):
        unavailable["simple-policy"] = best
    else:
        rows.append(_row_of_searches("simple-policy", best[1], basis, best[0]))
    return rows, unavailable


def _why_no_baselines(header: Mapping[str, Any]) -> str:
    """Why no searches of other seeds compare with a run, a sentence; empty if they can."""
    settings = header["settings"]
    if settings["live"]["enabled"] or header["grid"]["sha256"] is None:
        return "What other searches would have found is known on recorded tables only, not of a live search."
    if header["hypervolume_max"] is None:
        return "What other searches would have found is known on recorded tables only."
    if settings["site"]["others"]:
        return "Other searches are on record for one site only."
    return ""


def _collect_baselines(
    entries: Sequence[JournalEntry], header: Mapping[str, Any]
) -> dict[str, tuple[Sequence[Baseline], str]]:
    """Searches on the run's table by searcher, with their basis; never one of the run's own seed."""
    seed = header["settings"]["seed"]
    found: dict[str, list[Baseline]] = {"random": [], "lamoo": []}
    for one in recorded_baselines(header):
        if one.seed != seed:
            found.setdefault(one.searcher, []).append(one)
    known: dict[str, tuple[Sequence[Baseline], str]] = {name: (found[name], "recorded") for name in found}
    if not found["random"]:
        inputs = load_inputs(entries)
        simulated = [random_baseline(inputs, number) for number in _SIMULATED_SEEDS if number != seed]
        known["random"] = (simulated, "simulated")
    return known


def _row_of_searches(way: str, grams: Sequence[float], basis: str, policy: str = "") -> Saving:
    reached = sum(map(math.isfinite, grams)) / len(grams)
    return Saving(way, bootstrap_median(grams), basis, len(grams), reached, policy)


def _grams_at_all_hours(search: Baseline, hypervolume: float, header: Mapping[str, Any], intensity: Series) -> float:
    """Grams of a search with all devices at all hours from the run's start; infinite if it does not get there."""
    device_s = search.device_s_to(hypervolume)
    if device_s is None:
        return math.inf
    cluster = header["settings"]["cluster"]
    end_s = device_s / cluster["gpus"]
    watts = float(cluster["training_w"] * cluster["pue"] * cluster["gpus"])
    known_s = (intensity.end - intensity.reference_time).total_seconds()
    within_s = min(end_s, known_s)
    # after the record has ended, its mean
    g_s_per_kwh = intensity.mean(0.0, within_s) * within_s + intensity.mean(0.0, known_s) * (end_s - within_s)
    return float(watts * g_s_per_kwh / J_PER_KWH)


def _best_simple_policy(
    searches: Sequence[Baseline], hypervolume: float, header: Mapping[str, Any], history: RecordedHistory
) -> tuple[str, list[float]] | str:
    """The simple policy with the least carbon to the run's quality, and its grams; or why there is none."""
    settings = header["settings"]
    own = _RULE_OF_POLICY.get(settings["policy"]["name"], settings["policy"]["name"])
    times_s = [search.device_s_to(hypervolume) for search in searches]
    jobs = [modelled_workload(settings, device_s) for device_s in times_s if device_s is not None]
    try:
        replays = replay_simple_policies(jobs, history, DampedProfile()) if jobs else []
    except CeNasError as error:
        return str(error)
    missed = [math.inf] * (len(searches) - len(jobs))
    grams = {rule: [*(replay[rule].carbon_g for replay in replays), *missed] for rule in SIMPLE_POLICIES if rule != own}
    best = min(grams, key=lambda rule: bootstrap_median(grams[rule]).median)
    names = {rule: policy for policy, rule in _RULE_OF_POLICY.items()}
    return names.get(best, best), grams[best]


def _replay_rows(entries: Sequence[JournalEntry], carbon_g: float) -> tuple[list[Saving], dict[str, str]]:
    """The run's own work started at once, and its energy at the worst, the mean and the best hour.

    :param carbon_g: what the run used.
    """
    try:
        workload, series = extract_workload(entries), _grid_series(entries)
        days = [0.0, *shifted_starts(workload, series)]
        grams = [_replayed_grams(entries, workload, series, start_s) for start_s in days]
    except CeNasError as error:
        return [], dict.fromkeys(_REPLAY_WAYS, str(error))
    used_g = grams[0]["run"]
    rows = []
    for way in _REPLAY_WAYS:
        if way == "at-once" and not _has_waited(entries):
            rows.append(Saving(way, Interval(carbon_g, carbon_g, carbon_g), "replayed", len(days)))
            continue
        own_g = grams[0][way]
        paired_g = [used_g * day[way] / day["run"] for day in grams]  # of the same days as the run's own
        low, high = np.quantile(paired_g, _INTERVAL_QUANTILES).tolist()
        rows.append(Saving(way, Interval(own_g, min(low, own_g), max(high, own_g)), "replayed", len(days)))
    return rows, {}


def _replayed_grams(
    entries: Sequence[JournalEntry], workload: DeferrableWorkload, series: Series, start_s: float
) -> dict[str, float]:
    """Grams of the run, and of each way, if the run had started at ``start_s``."""
    periods = [(entry.content, entry.at_s) for entry in entries if entry.kind == "period"]
    kwh = sum(sum(period["energy_j"].values()) for period, _ in periods) / J_PER_KWH
    hours = np.array(
        [
            series.mean(start_s + at_s, start_s + at_s + workload.period_s)
            for at_s in workload.period_s * np.arange(workload.periods)
            if series.covers(start_s + at_s, start_s + at_s + workload.period_s)
        ]
    )
    return {
        "run": shifted_carbon_g(periods, series, start_s),
        "at-once": replay_policy(workload, series, lambda *_: workload.devices, start_s).carbon_g,
        "worst-hour": kwh * float(hours.max()),
        "mean-hour": kwh * float(hours.mean()),
        "best-hour": kwh * float(hours.min()),
    }


def _has_waited(entries: Sequence[JournalEntry]) -> bool:
    """Whether a decision has left a device without work, or a caller's own loop has paused."""
    is_own_loop = not any(entry.kind == "task_started" for entry in entries)  # its pauses fall between decisions
    kinds = ("decided", "allocated") if is_own_loop else ("decided",)
    allocations = [entry.content["allocation"] for entry in entries if entry.kind in kinds]
    return any(allocation["idle"] or allocation["released"] for allocation in allocations)


def _grid_series(entries: Sequence[JournalEntry]) -> Series:
    """The grid of a run, in seconds since its start; of a live grid the hours that the run has read."""
    header = run_header(entries)
    if header["grid"]["sha256"] is not None:
        return load_grid_history(entries).intensity
    start, step_s = datetime.fromisoformat(header["start"]), parse_seconds(header["settings"]["schedule"]["period"])
    read = [entry.content for entry in entries if entry.kind == "period"]
    values = [np.nan if period["intensity_g_per_kwh"] is None else period["intensity_g_per_kwh"] for period in read]
    return Series(start, step_s, np.array(values), "the hours that the run has read").relative_to(start)
