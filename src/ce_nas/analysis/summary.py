"""A run in figures: read from its journal and from nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.live_grid import grid_told, settled_g
from ce_nas.analysis.ranking import ranking_of
from ce_nas.core.errors import StoreError
from ce_nas.core.records import Objective
from ce_nas.core.units import HOUR_S
from ce_nas.pareto.dominance import Front
from ce_nas.space.isomorphism import functions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ce_nas.analysis.live_grid import GridTold
    from ce_nas.analysis.ranking import Ranking
    from ce_nas.store.journal import Entry

__all__ = ["FrontMember", "Summary", "beginning", "summarise"]


@dataclass(frozen=True, slots=True)
class FrontMember:
    """One architecture of the answer."""

    architecture: str
    #: metric to value, in the metric's own unit and direction
    objectives: dict[str, float]


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcome of a run, or of what there is of it so far."""

    #: why it ended, as the name of a :class:`~ce_nas.core.records.Stop`; ``unfinished`` if it has not
    stop: str
    seed: int
    #: grams of CO2eq by the full and by the paper's book
    carbon_g: dict[str, float]
    #: energy from the grid, PUE included, J
    energy_j: float
    #: full book, g
    carbon_g_by_activity: dict[str, float]
    energy_j_by_activity: dict[str, float]
    device_hours_by_activity: dict[str, float]
    #: energy by where its readings came from, J
    energy_j_by_source: dict[str, float]
    #: share of the time on the books that was really observed
    energy_coverage: float
    #: money, in the currency of the prices
    cost: float
    #: of the evaluated architectures, in the product of the objectives' units
    hypervolume: float
    #: share of the whole table's hypervolume; None where the table is not known
    hypervolume_share: float | None
    evaluations: int
    #: different functions among them, as far as it is known which architectures compute the same
    functions: int
    samples: int
    #: how well the cheap scores ordered what was then trained; None where too little of it was scored too
    cheap_ranking: Ranking | None
    simulated_hours: float
    #: by the first objective, best first
    front: list[FrontMember]
    #: different functions on the front
    front_functions: int
    objectives: list[dict[str, Any]]
    benchmark: dict[str, Any]
    grid: dict[str, Any]
    #: how the grid was known, if it was live; None for a trace
    grid_told: GridTold | None
    policy: str
    searcher: str
    forecaster: str
    #: why it was taken, as the end of a sentence
    forecaster_reason: str
    gpus: int
    version: str
    #: SHA-256 of the journal: two runs with the same one did the same, to the letter
    journal_sha256: str

    def to_json(self) -> str:
        """The summary as JSON text."""
        return json.dumps(asdict(self), indent=2) + "\n"


def summarise(entries: Sequence[Entry]) -> Summary:
    """The figures of a journal.

    :raises StoreError: if it does not hold the beginning of a run.
    """
    begun = beginning(entries)
    settings, objectives = begun["settings"], [Objective(**item) for item in begun["objectives"]]
    periods = [entry.content for entry in entries if entry.kind == "period"]
    last = periods[-1] if periods else {}
    ended = next((entry.content for entry in entries if entry.kind == "ended"), None)
    device_s = _summed(period["device_s"] for period in periods)
    later_g, paper_later_g = settled_g(entries)
    carbon = _summed([*(period["carbon_g"] for period in periods), later_g])
    energy = _summed(period["energy_j"] for period in periods)
    front = _front(entries, objectives)
    hypervolume, top = last.get("hypervolume", 0.0), begun["hypervolume_max"]
    return Summary(
        stop=ended["stop"] if ended else "unfinished",
        seed=settings["seed"],
        carbon_g={
            "full": sum(carbon.values()),
            "paper": sum(period["paper_carbon_g"] for period in periods) + paper_later_g,
        },
        energy_j=sum(energy.values()),
        carbon_g_by_activity=carbon,
        energy_j_by_activity=energy,
        device_hours_by_activity={name: spent_s / HOUR_S for name, spent_s in device_s.items()},
        energy_j_by_source=_summed(period["energy_by_source_j"] for period in periods),
        energy_coverage=_share(sum(period["observed_s"] for period in periods), sum(device_s.values())),
        cost=sum(period["cost"] for period in periods),
        hypervolume=hypervolume,
        hypervolume_share=hypervolume / top if top else None,
        evaluations=last.get("evaluations", 0),
        functions=functions(entry.content["text"] for entry in entries if _is_training(entry)),
        samples=last.get("samples", 0),
        cheap_ranking=ranking_of(entries, objectives),
        simulated_hours=entries[-1].at_s / HOUR_S,
        front=front,
        front_functions=functions(member.architecture for member in front),
        objectives=[asdict(item) for item in objectives],
        benchmark=begun["benchmark"],
        grid=begun["grid"],
        grid_told=grid_told(entries),
        policy=begun["policy"],
        searcher=begun["searcher"],
        forecaster=begun["forecaster"],
        forecaster_reason=begun["forecaster_reason"],
        gpus=settings["cluster"]["gpus"],
        version=begun["version"],
        journal_sha256=_digest(entries),
    )


def beginning(entries: Sequence[Entry]) -> dict[str, Any]:
    """The first entry of a run: its settings and what they refer to.

    :raises StoreError: if the journal does not hold it.
    """
    if not entries or entries[0].kind != "begun":
        message = "Expected a journal that starts with the beginning of a run, found it empty; begin a new run."
        raise StoreError(message)
    content: dict[str, Any] = entries[0].content
    return content


def _front(entries: Iterable[Entry], objectives: Sequence[Objective]) -> list[FrontMember]:
    front: Front[str] = Front()
    for entry in entries:
        if entry.kind == "evaluated":
            found = entry.content
            if found["feasible"] and found["fidelity"] == 1.0:
                front.add(found["values"], found["text"])
    members = sorted(zip(front.values.tolist(), front.items, strict=True))
    return [
        FrontMember(text, {item.name: item.sign * value for item, value in zip(objectives, values, strict=True)})
        for values, text in members
    ]


def _is_training(entry: Entry) -> bool:
    """Whether the entry is a full training that has ended."""
    return entry.kind == "evaluated" and entry.content["fidelity"] == 1.0


def _summed(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            sums[name] = sums.get(name, 0.0) + amount
    return dict(sorted(sums.items()))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _digest(entries: Iterable[Entry]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(f"{entry.kind}\x00{entry.at_s!r}\x00{entry.body}\n".encode())
    return digest.hexdigest()
