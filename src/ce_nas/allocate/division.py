"""How the devices that work divide among themselves, for policies that decide only how many do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.records import Allocation

if TYPE_CHECKING:
    from ce_nas.core.records import View

__all__ = ["SCORED", "finishing", "working"]

#: scores that are enough to choose trainings by, where nothing else is said
SCORED = 20_000


def finishing(view: View) -> Allocation:
    """What is under way is finished, and the other devices are given back."""
    count = min(view.running + view.suspended, view.devices)
    return Allocation(0, count, released=view.devices - count)


def working(view: View, count: int, scored: int) -> Allocation:
    """So many devices work and the others are given back.

    Until ``scored`` architectures are scored, half of those that work score, as far as there is anything to score; one
    of an odd number more than evaluates.
    """
    sampling = int(min((count + 1) // 2, view.samplings)) if view.can_sample and view.samples < scored else 0
    return Allocation(sampling, count - sampling, released=view.devices - count)
