"""What a journal tells of a run on a live grid: what was read, what stood in, what was revised, what is still open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.store.journal import Entry

__all__ = ["GridTold", "grid_told", "has_ended", "is_provisional", "settled_g"]


@dataclass(frozen=True, slots=True)
class GridTold:
    """How a run knew its grid."""

    #: times the feed was asked, and values that were read
    looks: int
    values: int
    #: times that something stood in for the source, by what
    stood_in: dict[str, int]
    #: looks at which there was nothing at all, and what was known last stood in
    lost: int
    #: steps of the grid that were booked anew, the grams that this added to the full book, and those that rest on
    #: steps of which the source had not said anything by the last look; None before the run's end
    revised: int
    revised_g: float
    provisional_g: float | None


def grid_told(entries: Sequence[Entry]) -> GridTold | None:
    """What the journal tells of a live grid; None for a run on a trace."""
    looks = [entry.content for entry in entries if entry.kind == "read"]
    if not looks:
        return None
    revisions = [entry.content for entry in entries if entry.kind in {"revised", "settled"}]
    stood_in: dict[str, int] = {}
    for entry in entries:
        if entry.kind == "grid":
            stood_in[entry.content["step"]] = stood_in.get(entry.content["step"], 0) + 1
    settled = _settled(entries)
    return GridTold(
        looks=len(looks),
        values=sum(len(look["values"]) for look in looks),
        stood_in=stood_in,
        lost=sum(look["lost"] is not None for look in looks),
        revised=sum(len(revision["steps"]) for revision in revisions),
        revised_g=sum(sum(revision["carbon_g"].values()) for revision in revisions),
        provisional_g=settled[-1]["provisional_g"] if settled else None,
    )


def has_ended(entries: Sequence[Entry]) -> bool:
    """Whether the run has come to its end."""
    return any(entry.kind == "ended" for entry in reversed(entries))


def is_provisional(entries: Sequence[Entry]) -> bool:
    """Whether a run that has ended may still be booked anew, since its live grid's source has more to say."""
    live = any(entry.kind == "read" for entry in entries)
    settled = _settled(entries)
    return live and not (settled and settled[-1]["provisional_g"] == 0)


def settled_g(entries: Sequence[Entry]) -> tuple[dict[str, float], float]:
    """What was added after the run's end to the full book, g, by activity, and to the paper's."""
    carbon: dict[str, float] = {}
    for content in _settled(entries):
        for activity, added_g in content["carbon_g"].items():
            carbon[activity] = carbon.get(activity, 0.0) + added_g
    return carbon, sum(content["paper_carbon_g"] for content in _settled(entries))


def _settled(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [entry.content for entry in entries if entry.kind == "settled"]
