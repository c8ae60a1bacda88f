"""The allocator's seam: divides the devices for the next period.

How the devices that work divide among themselves, for policies that decide only how many do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation

if TYPE_CHECKING:
    from ce_nas.core.records import View

__all__ = ["SCORED", "Allocator", "Decision", "finishing", "working"]


@dataclass(frozen=True, slots=True)
class Decision:
    """An allocation and the reason for it."""

    allocation: Allocation
    #: one sentence for the journal, with the figures that decided
    reason: str
    #: True if the policy has no more work in mind: the run ends here
    done: bool = False
    #: the place to go on at; None: where the search is
    site: str | None = None

    def require(self, devices: int) -> None:
        """See that the allocation is of the devices there are.

        :raises SettingsError: if it is not.
        """
        if min(self.allocation.counts().values()) < 0 or self.allocation.devices != devices:
            message = (
                f"Expected an allocation of {devices} devices, none of its parts below 0, got {self.allocation}; let "
                "the policy divide the devices of its view."
            )
            raise SettingsError(message)


class Allocator(ABC):
    """Decides once a period, on nothing but the view it is handed; it never changes that view."""

    #: the name it is chosen by
    name: str

    @abstractmethod
    def decide(self, view: View) -> Decision:
        """How the ``view.devices`` devices are divided until the next decision."""


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
