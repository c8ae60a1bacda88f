"""How the GPUs were divided, from each change to the next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ce_nas.core.units import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.store.journal import Entry

__all__ = ["Stretch", "stretches"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the division did not change."""

    #: hours since the run's start
    begin_h: float
    end_h: float
    #: role to how many GPUs had it
    allocation: Mapping[str, int]

    @property
    def hours(self) -> float:
        """How long it lasted."""
        return self.end_h - self.begin_h


def stretches(entries: Sequence[Entry]) -> list[Stretch]:
    """The divisions up to the end of the last period, in order; those that were changed at once are left out."""
    ends_h = [entry.at_s / HOUR_S for entry in entries if entry.kind == "period"]
    changes = [(entry.at_s / HOUR_S, entry.content["allocation"]) for entry in entries if entry.kind == "divided"]
    if not ends_h:
        return []
    edges_h = [min(begin_h, ends_h[-1]) for begin_h, _ in changes] + ends_h[-1:]
    all_of_them = [
        Stretch(begin_h, end_h, allocation)
        for (begin_h, end_h), (_, allocation) in zip(pairwise(edges_h), changes, strict=True)
    ]
    return [stretch for stretch in all_of_them if stretch.hours > 0]
