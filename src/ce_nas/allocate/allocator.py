"""The allocator's seam: divides the devices for the next period."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from ce_nas.core.records import Allocation, View

__all__ = ["Allocator", "Decision"]


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
