"""A run over time: decisions with their periods, GPU allocation, and moves between sites."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ce_nas.core.units import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.store.journal import JournalEntry

__all__ = [
    "AllocationInterval",
    "DecidedPeriod",
    "JournalledMove",
    "allocation_intervals",
    "allocation_totals_h",
    "decided_periods",
    "power_changes",
    "site_moves",
    "take_back_times_s",
]


@dataclass(frozen=True, slots=True)
class DecidedPeriod:
    """A period with the decision that it was run under."""

    #: content of the journal's ``decided`` entry
    decision: Mapping[str, Any]
    #: content of the journal's ``period`` entry
    period: Mapping[str, Any]
    #: end of the period, seconds since the run's start
    end_s: float

    @property
    def start_h(self) -> float:
        """Start of the period, hours since the run's start."""
        return float(self.period["start_s"]) / HOUR_S

    @property
    def end_h(self) -> float:
        """End of the period, hours since the run's start."""
        return self.end_s / HOUR_S

    @property
    def carbon_g(self) -> float:
        """Carbon of the period by full accounting, g."""
        return float(sum(self.period["carbon_g"].values()))


@dataclass(frozen=True, slots=True)
class AllocationInterval:
    """An interval in which the allocation does not change."""

    #: hours since the run's start
    start_h: float
    end_h: float
    #: role to number of GPUs
    allocation: Mapping[str, int]

    @property
    def hours(self) -> float:
        """Length of the interval."""
        return self.end_h - self.start_h


@dataclass(frozen=True, slots=True)
class JournalledMove:
    """A move of the search to another site."""

    #: time of arrival, seconds since the run's start
    arrived_s: float
    from_site: str
    to_site: str
    duration_s: float
    #: from the grid, PUE included
    energy_j: float
    carbon_g: float


def decided_periods(entries: Sequence[JournalEntry]) -> list[DecidedPeriod]:
    """Pair each period with its decision, in order; an unfinished period is left out."""
    decisions = [entry.content for entry in entries if entry.kind == "decided"]
    periods = [entry for entry in entries if entry.kind == "period"]
    return [
        DecidedPeriod(decision, entry.content, entry.at_s) for decision, entry in zip(decisions, periods, strict=False)
    ]


def allocation_intervals(entries: Sequence[JournalEntry]) -> list[AllocationInterval]:
    """List the allocations up to the end of the last period, in order; those of zero length are left out."""
    ends_h = [entry.at_s / HOUR_S for entry in entries if entry.kind == "period"]
    changes = [(entry.at_s / HOUR_S, entry.content["allocation"]) for entry in entries if entry.kind == "allocated"]
    if not ends_h:
        return []
    edges_h = [min(start_h, ends_h[-1]) for start_h, _ in changes] + ends_h[-1:]
    intervals = [
        AllocationInterval(start_h, end_h, allocation)
        for (start_h, end_h), (_, allocation) in zip(pairwise(edges_h), changes, strict=True)
    ]
    return [interval for interval in intervals if interval.hours > 0]


def allocation_totals_h(intervals: Sequence[AllocationInterval], roles: Sequence[str]) -> dict[str, float]:
    """Sum the GPU-hours of each role."""
    return {role: sum(interval.hours * interval.allocation[role] for interval in intervals) for role in roles}


@dataclass(frozen=True, slots=True)
class PowerChange:
    """A change of the GPUs' power limit, or of what the site may draw."""

    at_s: float
    #: power limit of a GPU, W
    limit_w: float
    #: duration and energy of work relative to the default limit
    time_factor: float
    energy_factor: float
    #: what the site may draw, W; None without a cap
    cap_w: float | None


def power_changes(entries: Sequence[JournalEntry]) -> list[PowerChange]:
    """List the changes of the power limit and of the cap, in order; reasons of the same limit and cap are left out."""
    changes: list[PowerChange] = []
    for entry in entries:
        if entry.kind != "power_limited":
            continue
        limit_w, cap_w, time_factor = (entry.content[name] for name in ("limit_w", "cap_w", "time_factor"))
        if not changes or (changes[-1].limit_w, changes[-1].cap_w) != (limit_w, cap_w):
            energy_factor = time_factor * entry.content["power_factor"]
            changes.append(PowerChange(entry.at_s, limit_w, time_factor, energy_factor, cap_w))
    return changes


def take_back_times_s(entries: Sequence[JournalEntry]) -> list[float]:
    """List how long it took to take released devices back, until their task worked, in real time, s."""
    return [float(entry.content["took_s"]) for entry in entries if entry.kind == "device_taken_back"]


def site_moves(entries: Sequence[JournalEntry]) -> list[JournalledMove]:
    """List the moves between sites, in order; empty if the search stayed at its first site."""
    return [
        JournalledMove(
            entry.at_s,
            entry.content["from_site"],
            entry.content["to_site"],
            entry.content["move_s"],
            entry.content["energy_j"],
            entry.content["carbon_g"],
        )
        for entry in entries
        if entry.kind == "moved"
    ]
