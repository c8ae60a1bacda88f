"""Explains a run from its journal: what happened to a candidate, how the space was split, why GPUs were allocated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ce_nas.analysis.partition_rules import explain_splits, find_region
from ce_nas.analysis.summary import run_header, summarise
from ce_nas.analysis.timeline import decided_periods
from ce_nas.benchmarks.user_space_record import read_user_space
from ce_nas.config.recorded_settings import read_recorded_settings
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.engine.inputs import RunInputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ce_nas.analysis.partition_rules import PartitionSplit
    from ce_nas.analysis.timeline import DecidedPeriod
    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space
    from ce_nas.store.journal import JournalEntry

__all__ = [
    "AlternativeAllocation",
    "ArchitectureEvent",
    "ArchitectureExplanation",
    "CandidateCounts",
    "EventKind",
    "HourExplanation",
    "RunExplanation",
    "explain_architecture",
    "explain_hour",
    "explain_region",
    "explain_run",
    "space_from_journal",
]

#: what can happen to an architecture
EventKind = Literal[
    "scored",
    "measured",
    "dropped",
    "training_started",
    "failed",
    "stopped_early",
    "trained",
    "infeasible",
    "dominated",
    "on_front",
    "queued_at_end",
]


@dataclass(frozen=True, slots=True)
class CandidateCounts:
    """What happened to the candidates of a run; numbers of architectures."""

    scored: int
    #: of which a cost alone was measured before their training
    measured: int
    #: dropped from the candidate queue, and those of them that were proposed and trained later
    dropped: int
    dropped_trained_later: int
    #: dropped candidates that were drawn outside the chosen region on purpose
    dropped_exploratory: int
    trained: int
    on_front: int
    queued_at_end: int


@dataclass(frozen=True, slots=True)
class RunExplanation:
    """All candidates of a run, and the splits of its space."""

    candidates: CandidateCounts
    #: None if the searcher has no partition, or no training has finished
    splits: list[PartitionSplit] | None


@dataclass(frozen=True, slots=True)
class ArchitectureEvent:
    """Something that happened to an architecture."""

    #: seconds since the run's start
    at_s: float
    kind: EventKind
    #: raw values of the objectives, all minimised: of the scores, the measurement, the training, or the dominating
    #: architecture; None where nothing is known of one
    objective_values: Sequence[float | None] | None = None
    #: the rest of the journal's entry: region, rank, number of dominating candidates, fidelity, failure
    details: Mapping[str, Any] | None = None
    #: text of an architecture that dominates it
    dominated_by: str | None = None


@dataclass(frozen=True, slots=True)
class ArchitectureExplanation:
    """The history of one architecture."""

    architecture: str
    #: its region in the partition fitted to all trainings; None if there is no partition
    region: str | None
    events: list[ArchitectureEvent]


@dataclass(frozen=True, slots=True)
class AlternativeAllocation:
    """Carbon of a number of active GPUs over a period, g; None where the intensity is unknown."""

    name: Literal["all", "half", "decided", "none"]
    gpus: int
    forecast_g: float | None
    actual_g: float | None
    #: in the cleanest forecast period instead
    best_period_g: float | None


@dataclass(frozen=True, slots=True)
class HourExplanation:
    """The decision for a period, and the carbon of its alternatives."""

    decided: DecidedPeriod
    alternatives: list[AlternativeAllocation]
    #: periods from the decision to the cleanest forecast one; None without a forecast
    best_period: int | None


def space_from_journal(entries: Sequence[JournalEntry]) -> Space:
    """Load the space that a run searched; that of the user's own code is in the journal.

    :raises CeNasError: if its inputs cannot be read any more.
    """
    header = run_header(entries)
    if (record := header["benchmark"].get("own_space")) is not None:
        return read_user_space(record, header["objectives"]).space
    return RunInputs(read_recorded_settings(run_header(entries))).benchmark.space


def explain_run(entries: Sequence[JournalEntry], space: Space) -> RunExplanation:
    """Count what happened to the candidates, and describe the splits of the space."""
    candidates = _count_candidates(entries)
    has_partition = run_header(entries)["settings"]["searcher"]["name"] == "lamoo" and candidates.trained > 0
    return RunExplanation(candidates, explain_splits(entries, space) if has_partition else None)


def explain_region(entries: Sequence[JournalEntry], space: Space, region: str) -> PartitionSplit:
    """Describe the split that made a region: the last boundary on the way to it.

    :raises SettingsError: if there is no such region.
    """
    splits = {split.region: split for split in explain_splits(entries, space)}
    names = sorted({parent + sign for parent in splits for sign in "+-"})
    if region not in names:
        message = f"Expected a region of the run, a + or - for each boundary from the root down, got {region!r}; there "
        message += f"are: {', '.join(names)}." if names else "are none: the space was not split."
        raise SettingsError(message)
    return splits[region[:-1]]


def explain_architecture(
    entries: Sequence[JournalEntry], space: Space, architecture: Architecture
) -> ArchitectureExplanation:
    """Collect what happened to one architecture."""
    try:
        region = find_region(entries, space, architecture)
    except SettingsError:
        region = None
    events = list(_ArchitectureHistory(entries, space, architecture).events())
    return ArchitectureExplanation(space.text(architecture), region, events)


def explain_hour(entries: Sequence[JournalEntry], hour: int) -> HourExplanation:
    """Explain the decision for the period that contains an hour, and compute the carbon of its alternatives.

    :param hour: hours since the start.
    :raises SettingsError: if the run has no such hour.
    """
    decided = decided_periods(entries)
    chosen = next((one for one in decided if one.period["start_s"] <= hour * HOUR_S < one.end_s), None)
    if chosen is None:
        ends_h = [entry.at_s / HOUR_S for entry in entries if entry.kind == "period"]
        message = f"Expected an hour of the run, from 0 to below {ends_h[-1] if ends_h else 0.0:g}, got {hour}."
        raise SettingsError(message)
    ahead = chosen.decision.get("ahead_g_per_kwh", [])
    best_period = min(range(len(ahead)), key=ahead.__getitem__) if ahead else None
    alternatives = _compute_alternatives(
        run_header(entries)["settings"]["cluster"], chosen, None if best_period is None else ahead[best_period]
    )
    return HourExplanation(chosen, alternatives, best_period)


def _count_candidates(entries: Sequence[JournalEntry]) -> CandidateCounts:
    summary = summarise(entries)
    drops = [drop for entry in entries if entry.kind == "sampled" for drop in entry.content["dropped"]]
    dropped = {tuple(drop[0]) for drop in drops}
    trained = {tuple(entry.content["architecture"]) for entry in entries if entry.kind == "evaluated"}
    return CandidateCounts(
        scored=summary.samples - summary.measured_samples,
        measured=summary.measured_samples,
        dropped=len(dropped),
        dropped_trained_later=len(dropped & trained),
        dropped_exploratory=sum((drop[1] or "").startswith("outside") for drop in drops),
        trained=summary.evaluations,
        on_front=len(summary.front),
        queued_at_end=sum(len(entry.content["queued"]) for entry in entries if entry.kind == "run_ended"),
    )


def _compute_alternatives(
    cluster: Mapping[str, Any], decided: DecidedPeriod, best_g_per_kwh: float | None
) -> list[AlternativeAllocation]:
    """Compute the carbon of all GPUs, half of them, the decided number, and none."""
    allocation, gpus = decided.decision["allocation"], cluster["gpus"]
    length_s = decided.end_s - decided.period["start_s"]
    expected, actual = decided.decision["forecast_g_per_kwh"], decided.period["intensity_g_per_kwh"]

    def grams(count: int, g_per_kwh: float | None) -> float | None:
        energy_j = count * cluster["training_w"] * cluster["pue"] * length_s
        return None if g_per_kwh is None else energy_j / J_PER_KWH * g_per_kwh

    def alternative(name: Literal["all", "half", "decided", "none"], count: int) -> AlternativeAllocation:
        return AlternativeAllocation(
            name, count, grams(count, expected), grams(count, actual), grams(count, best_g_per_kwh)
        )

    return [
        alternative("all", gpus),
        alternative("half", gpus // 2),
        alternative("decided", allocation["evaluating"] + allocation["sampling"]),
        alternative("none", 0),
    ]


class _ArchitectureHistory:
    """Extracts the events of one architecture, entry by entry of a journal."""

    def __init__(self, entries: Sequence[JournalEntry], space: Space, architecture: Architecture) -> None:
        self._entries = entries
        self._space = space
        self._architecture = list(architecture)
        #: task to the index of the architecture in it
        self._tasks: dict[int, int] = {}

    def events(self) -> Iterator[ArchitectureEvent]:
        """Yield the events in order."""
        handlers = {
            "task_started": self._started,
            "sampled": self._sampled,
            "task_failed": self._failed,
            "evaluated": self._evaluated,
            "run_ended": self._ended,
        }
        for entry in self._entries:
            if entry.kind in handlers:
                yield from handlers[entry.kind](entry.at_s, entry.content)

    def _started(self, at_s: float, content: dict[str, Any]) -> Iterator[ArchitectureEvent]:
        if self._architecture in content["architectures"]:
            self._tasks[content["task"]] = content["architectures"].index(self._architecture)
            if content["kind"] == "evaluation":
                yield ArchitectureEvent(at_s, "training_started")

    def _sampled(self, at_s: float, content: dict[str, Any]) -> Iterator[ArchitectureEvent]:
        if content["task"] in self._tasks:
            values = content["values"][self._tasks[content["task"]]]
            # scores say something of every objective; without them a cost is measured alone
            yield ArchitectureEvent(at_s, "measured" if None in values else "scored", values)
        for architecture, region, rank, dominance_number, dominated_by in content["dropped"]:
            if architecture == self._architecture:
                details = {"region": region, "rank": rank + 1, "dominance_number": dominance_number}
                text = None if dominated_by is None else self._space.text(tuple(dominated_by))
                yield ArchitectureEvent(at_s, "dropped", details=details, dominated_by=text)

    def _failed(self, at_s: float, content: dict[str, Any]) -> Iterator[ArchitectureEvent]:
        if content["task"] in self._tasks:
            yield ArchitectureEvent(at_s, "failed", details={"failure": content["failure"]})

    def _evaluated(self, at_s: float, content: dict[str, Any]) -> Iterator[ArchitectureEvent]:
        if content["architecture"] != self._architecture:
            return
        if content["fidelity"] < 1.0:
            details = {"fidelity": content["fidelity"]}
            yield ArchitectureEvent(at_s, "stopped_early", content["values"], details)
        else:
            yield ArchitectureEvent(at_s, "trained", content["values"])
            yield self._dominance(at_s, content)

    def _dominance(self, at_s: float, content: dict[str, Any]) -> ArchitectureEvent:
        """Whether a trained architecture is on the final front, and if not, which one dominates it."""
        if not content["feasible"]:
            return ArchitectureEvent(at_s, "infeasible")
        for entry in self._entries:
            if entry.kind == "evaluated" and entry.content["fidelity"] == 1.0 and entry.content["feasible"]:
                other = entry.content
                pairs = list(zip(other["values"], content["values"], strict=True))
                if all(one <= two for one, two in pairs) and any(one < two for one, two in pairs):
                    return ArchitectureEvent(
                        at_s, "dominated", other["values"], dominated_by=other["architecture_text"]
                    )
        return ArchitectureEvent(at_s, "on_front")

    def _ended(self, at_s: float, content: dict[str, Any]) -> Iterator[ArchitectureEvent]:
        for architecture, region in content["queued"]:
            if architecture == self._architecture:
                yield ArchitectureEvent(at_s, "queued_at_end", details={"region": region})
