"""Summary of a run, computed from its journal alone."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.live_grid import sum_settlements_g, summarise_live_grid
from ce_nas.analysis.proxy_correlation import measure_proxy_ranking
from ce_nas.core.errors import StoreError
from ce_nas.core.records import Objective
from ce_nas.core.units import HOUR_S
from ce_nas.engine.input_changes import accepted_digests
from ce_nas.pareto.dominance import ParetoFront
from ce_nas.space.isomorphism import count_functions
from ce_nas.store.journal import INPUT_CHANGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ce_nas.analysis.live_grid import LiveGridSummary
    from ce_nas.analysis.proxy_correlation import ProxyRanking
    from ce_nas.store.journal import JournalEntry

__all__ = [
    "BudgetUsage",
    "FrontMember",
    "RunSummary",
    "TaskFailures",
    "budget_usage",
    "count_unfinished_tasks",
    "run_header",
    "summarise",
    "summarise_failures",
]

#: summaries that are kept; the first computed is dropped first
MAX_CACHED_SUMMARIES = 32
#: SHA-256 of a journal -> its summary
_SUMMARIES: dict[str, RunSummary] = {}


@dataclass(frozen=True, slots=True)
class FrontMember:
    """An architecture on the Pareto front."""

    architecture: str
    #: metric to value, in the metric's unit and direction
    objectives: dict[str, float]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The outcome of a run, finished or not."""

    #: name of a :class:`~ce_nas.core.records.StopReason`, lower case; ``unfinished`` if the run has not ended
    stop: str
    seed: int
    #: CO2eq by accounting method, ``full`` and ``paper``
    carbon_g: dict[str, float]
    #: energy from the grid, PUE included, J
    energy_j: float
    #: full accounting
    carbon_g_by_activity: dict[str, float]
    energy_j_by_activity: dict[str, float]
    device_hours_by_activity: dict[str, float]
    #: energy by source of its readings
    energy_j_by_source: dict[str, float]
    #: share of the accounted time that was observed
    energy_coverage: float
    #: in the currency of the prices
    cost: float
    #: of the evaluated architectures, in the product of the objectives' units
    hypervolume: float
    #: share of the whole table's hypervolume; None if that is unknown
    hypervolume_share: float | None
    evaluations: int
    #: different functions among them, as far as equivalent architectures are known
    unique_functions: int
    #: candidates that were scored, or of which a cost alone was measured before their training
    samples: int
    #: the latter of them
    measured_samples: int
    #: how well the proxy scores rank the trainings; None if too few trained architectures were scored
    proxy_ranking: ProxyRanking | None
    #: on the run's clock, which is the grid's; hours of devices are real ones
    simulated_hours: float
    #: seconds of the run's clock per real second: 1 unless the settings make a live run's clock faster
    time_scale: float
    #: sorted by the first objective, best first
    front: list[FrontMember]
    #: different functions on the front
    unique_front_functions: int
    objectives: list[dict[str, Any]]
    benchmark: dict[str, Any]
    grid: dict[str, Any]
    #: None for a recorded trace
    live_grid: LiveGridSummary | None
    policy: str
    searcher: str
    forecaster: str
    #: why it was chosen and how it did, as the end of a sentence
    forecaster_reason: str
    gpus: int
    version: str
    #: inputs that changed while the run was interrupted, and whose change was accepted on resuming
    input_changes: list[str]
    #: SHA-256 of the journal: equal for two runs with identical journals
    journal_sha256: str

    def to_json(self) -> str:
        """Return the summary as JSON text."""
        return json.dumps(asdict(self), indent=2) + "\n"


def summarise(entries: Sequence[JournalEntry]) -> RunSummary:
    """Summarise a journal. A summary is kept for the other pages and sections that ask for that of the same journal.

    :raises StoreError: if the journal lacks the first entry of a run.
    """
    digest = _digest(entries)
    summary = _SUMMARIES.get(digest) or _compute_summary(entries, digest)
    _SUMMARIES[digest] = summary
    for oldest in list(_SUMMARIES)[:-MAX_CACHED_SUMMARIES]:
        _SUMMARIES.pop(oldest, None)
    return deepcopy(summary)


def _compute_summary(entries: Sequence[JournalEntry], digest: str) -> RunSummary:
    header = run_header(entries)
    live: Mapping[str, Any] = header["settings"].get("live", {})
    settings, objectives = header["settings"], [Objective(**objective) for objective in header["objectives"]]
    periods = [entry.content for entry in entries if entry.kind == "period"]
    last = periods[-1] if periods else {}
    samples = last.get("samples", 0)
    ended = next((entry.content for entry in entries if entry.kind == "run_ended"), None)
    device_s = _sum_by_key(period["device_s"] for period in periods)
    settled_g, paper_settled_g = sum_settlements_g(entries)
    carbon = _sum_by_key([*(period["carbon_g"] for period in periods), settled_g])
    energy = _sum_by_key(period["energy_j"] for period in periods)
    front = _collect_front(entries, objectives)
    hypervolume, hypervolume_max = last.get("hypervolume", 0.0), header["hypervolume_max"]
    return RunSummary(
        stop=ended["stop_reason"] if ended else "unfinished",
        seed=settings["seed"],
        carbon_g={
            "full": sum(carbon.values()),
            "paper": sum(period["paper_carbon_g"] for period in periods) + paper_settled_g,
        },
        energy_j=sum(energy.values()),
        carbon_g_by_activity=carbon,
        energy_j_by_activity=energy,
        device_hours_by_activity={name: spent_s / HOUR_S for name, spent_s in device_s.items()},
        energy_j_by_source=_sum_by_key(period["energy_by_source_j"] for period in periods),
        energy_coverage=_share(sum(period["observed_s"] for period in periods), sum(device_s.values())),
        cost=sum(period["cost"] for period in periods),
        hypervolume=hypervolume,
        hypervolume_share=hypervolume / hypervolume_max if hypervolume_max else None,
        evaluations=last.get("evaluations", 0),
        unique_functions=count_functions(
            entry.content["architecture_text"] for entry in entries if _is_training(entry)
        ),
        samples=samples,
        measured_samples=min(_count_measured(entries), samples),
        proxy_ranking=measure_proxy_ranking(entries, objectives),
        simulated_hours=entries[-1].at_s / HOUR_S,
        time_scale=live["time_scale"] if live.get("enabled") else 1.0,
        front=front,
        unique_front_functions=count_functions(member.architecture for member in front),
        objectives=[asdict(objective) for objective in objectives],
        benchmark=header["benchmark"],
        grid=header["grid"],
        live_grid=summarise_live_grid(entries),
        policy=header["policy"],
        searcher=header["searcher"],
        forecaster=header["forecaster"],
        forecaster_reason=describe_forecaster(header["forecaster_reason"], entries),
        gpus=settings["cluster"]["gpus"],
        version=header["version"],
        input_changes=[
            change["input"] for one in entries if one.kind == INPUT_CHANGED for change in one.content["changes"]
        ],
        journal_sha256=digest,
    )


def _count_measured(entries: Iterable[JournalEntry]) -> int:
    """The samples of which a cost alone was measured: scores say something of every objective."""
    sampled = (entry.content["values"] for entry in entries if entry.kind == "sampled" and "null" in entry.body)
    return sum(None in values for batch in sampled for values in batch)


def describe_forecaster(reason: str, entries: Iterable[JournalEntry]) -> str:
    """Add to the reason for a forecaster which of its parts acted, how large its errors were, and the fallback."""
    decisions = [entry.content for entry in entries if entry.kind == "decided"]
    acting = [decision["forecaster"] for decision in decisions if "forecaster" in decision]
    parts = [reason]
    if weights := [one["weights"] for one in acting if "weights" in one]:
        mean = {name: sum(one.get(name, 0.0) for one in weights) / len(weights) for name in weights[-1]}
        shares = [f"{name} {100 * share:.0f} %" for name, share in sorted(mean.items(), key=lambda item: -item[1])]
        parts.append(f"mean weights: {', '.join(shares)}")
    if errors := [one["error_pct"] for one in acting if "error_pct" in one]:
        parts.append(f"its mean error before the decisions was {sum(errors) / len(errors):.1f} %")
    if fallbacks := [one["fallback"] for one in acting if "fallback" in one]:
        parts.append(f"a fallback acted for {len(fallbacks)} of {len(decisions)} decisions, {fallbacks[0]}")
    return "; ".join(parts)


def run_header(entries: Sequence[JournalEntry]) -> dict[str, Any]:
    """Return the content of a run's first entry: its settings, and what they refer to with the changes accepted since.

    :raises StoreError: if the journal lacks it.
    """
    if not entries or entries[0].kind != "run_started":
        got = f"one that starts with {entries[0].kind!r}" if entries else "an empty one"
        message = f"Expected a journal that starts with 'run_started', got {got}; start a new run."
        raise StoreError(message)
    content: dict[str, Any] = entries[0].content
    return content | {"inputs": accepted_digests(entries)}


#: amount used in the budget's own unit, and the limit, None if there is none
BudgetUsage = tuple[float, float | None]


def budget_usage(summary: RunSummary, budget: Mapping[str, Any]) -> dict[str, BudgetUsage]:
    """Map each budget, in the order of a report, to the amount used and its limit.

    :param budget: the section ``budget`` of the journal's settings.
    """
    used = {
        "time": summary.simulated_hours * HOUR_S,
        "carbon": summary.carbon_g[budget["accounting"]],
        "energy": summary.energy_j,
        "cost": summary.cost,
        "gpu_hours": sum(summary.device_hours_by_activity.values()),
        "evaluations": float(summary.evaluations),
        "target": summary.hypervolume,
    }
    limits = {**budget, "time": budget["hours"]}
    return {name: (amount, _parse_limit(limits[name])) for name, amount in used.items()}


def _parse_limit(setting: float | str | None) -> float | None:
    """Parse a limit of the settings: a number, with or without its SI unit."""
    return None if setting is None else float(str(setting).split()[0])


@dataclass(frozen=True, slots=True)
class TaskFailures:
    """Failed tasks of a run."""

    count: int
    #: failures after which the task was not retried
    given_up: int
    #: error message of the last one
    last_detail: str


def summarise_failures(entries: Iterable[JournalEntry]) -> TaskFailures | None:
    """Count the failed tasks; None if no task failed."""
    failures = [entry.content for entry in entries if entry.kind == "task_failed"]
    if not failures:
        return None
    given_up = sum(not failure["will_retry"] for failure in failures)
    return TaskFailures(len(failures), given_up, str(failures[-1]["detail"] or failures[-1]["failure"]))


def count_unfinished_tasks(entries: Iterable[JournalEntry]) -> int:
    """Count the tasks that were running when the run ended; 0 for a run that has not ended."""
    ended = next((entry.content for entry in entries if entry.kind == "run_ended"), None)
    return len(ended["unfinished_tasks"]) if ended else 0


def _collect_front(entries: Iterable[JournalEntry], objectives: Sequence[Objective]) -> list[FrontMember]:
    front: ParetoFront[str] = ParetoFront()
    for entry in entries:
        if entry.kind == "evaluated":
            content = entry.content
            if content["feasible"] and content["fidelity"] == 1.0:
                front.add(content["values"], content["architecture_text"])
    members = sorted(zip(front.values.tolist(), front.items, strict=True))
    return [
        FrontMember(text, {one.name: one.sign * value for one, value in zip(objectives, values, strict=True)})
        for values, text in members
    ]


def _is_training(entry: JournalEntry) -> bool:
    """Return whether the entry is a finished full training."""
    return entry.kind == "evaluated" and entry.content["fidelity"] == 1.0


def _sum_by_key(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            sums[name] = sums.get(name, 0.0) + amount
    return dict(sorted(sums.items()))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _digest(entries: Iterable[JournalEntry]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(f"{entry.kind}\x00{entry.at_s!r}\x00{entry.body}\n".encode())
    return digest.hexdigest()
