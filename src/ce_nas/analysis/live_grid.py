"""How a run on a live grid read its carbon intensity: queries, fallbacks, revisions, and what is still provisional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.store.journal import JournalEntry

__all__ = ["LiveGridSummary", "is_provisional", "sum_settlements_g", "summarise_live_grid"]


@dataclass(frozen=True, slots=True)
class LiveGridSummary:
    """How a run read its live grid."""

    #: queries of the provider, and values that they returned
    n_reads: int
    n_values: int
    #: fallback level to how often it was used instead of the provider
    fallbacks: dict[str, int]
    #: queries without any value, where the last known values were repeated
    n_outages: int
    #: steps of the grid whose carbon was revised, the carbon that this added to the full accounting, and the carbon
    #: of steps that the provider had not published at the last query; the latter is None before the run's end
    n_revised_steps: int
    revised_g: float
    provisional_g: float | None


def summarise_live_grid(entries: Sequence[JournalEntry]) -> LiveGridSummary | None:
    """Summarise the live-grid entries of a journal; None for a run on a recorded trace."""
    reads = [entry.content for entry in entries if entry.kind == "intensity_read"]
    if not reads:
        return None
    revisions = [entry.content for entry in entries if entry.kind in {"carbon_revised", "carbon_settled"}]
    fallbacks: dict[str, int] = {}
    for entry in entries:
        if entry.kind == "fallback_used":
            fallbacks[entry.content["level"]] = fallbacks.get(entry.content["level"], 0) + 1
    settlements = _settlements(entries)
    return LiveGridSummary(
        n_reads=len(reads),
        n_values=sum(len(read["values"]) for read in reads),
        fallbacks=fallbacks,
        n_outages=sum(read["error"] is not None for read in reads),
        n_revised_steps=sum(len(revision["steps"]) for revision in revisions),
        revised_g=sum(sum(revision["carbon_g"].values()) for revision in revisions),
        provisional_g=settlements[-1]["provisional_g"] if settlements else None,
    )


def is_provisional(entries: Sequence[JournalEntry]) -> bool:
    """Return whether the carbon of a finished run may still be revised: its provider has not published every step."""
    live = any(entry.kind == "intensity_read" for entry in entries)
    settlements = _settlements(entries)
    return live and not (settlements and settlements[-1]["provisional_g"] == 0)


def sum_settlements_g(entries: Sequence[JournalEntry]) -> tuple[dict[str, float], float]:
    """Sum the carbon added after the run's end, g: by activity in full accounting, and in the paper's accounting."""
    carbon: dict[str, float] = {}
    for content in _settlements(entries):
        for activity, added_g in content["carbon_g"].items():
            carbon[activity] = carbon.get(activity, 0.0) + added_g
    return carbon, sum(content["paper_carbon_g"] for content in _settlements(entries))


def _settlements(entries: Sequence[JournalEntry]) -> list[dict[str, Any]]:
    return [entry.content for entry in entries if entry.kind == "carbon_settled"]
