"""The meter's seam: the energy that one device has drawn so far, and how much of that was really seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ce_nas.core.errors import EnergyError

if TYPE_CHECKING:
    from types import TracebackType

    from ce_nas.core.records import Source

__all__ = ["Mark", "Meter", "Used", "between"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a meter stands at one moment; only differences of two marks of one meter mean anything."""

    #: seconds on the meter's own clock, which never goes back
    at_s: float
    #: energy up to this moment, J
    energy_j: float
    #: time up to this moment in which the device was really observed, s
    observed_s: float


@dataclass(frozen=True, slots=True)
class Used:
    """What lies between two marks."""

    duration_s: float
    energy_j: float
    #: share of the time that was really observed, 0 to 1
    coverage: float

    @property
    def mean_w(self) -> float:
        """Mean power, W."""
        return self.energy_j / self.duration_s if self.duration_s > 0 else 0.0


class Meter(ABC):
    """Reads the energy of one device; safe to be read from any thread."""

    #: how good its readings are
    source: Source
    #: what is read and how, in words
    origin: str

    @abstractmethod
    def mark(self) -> Mark:
        """Where the meter stands now.

        :raises EnergyError: if the device no longer answers: a missing reading is never zero.
        """

    def close(self) -> None:  # noqa: B027 - most meters have nothing to stop
        """Stop observing; nothing is to be read any more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def between(first: Mark, last: Mark) -> Used:
    """What was used from ``first`` to ``last``.

    :raises EnergyError: if time or energy went backwards, as when a driver was loaded anew in between.
    """
    duration_s, energy_j = last.at_s - first.at_s, last.energy_j - first.energy_j
    if duration_s < 0 or energy_j < 0:
        message = (
            f"Expected a meter that only counts up, got {energy_j:g} J over {duration_s:g} s: its device was reset in "
            "between, and what it drew meanwhile is not known."
        )
        raise EnergyError(message)
    observed_s = min(last.observed_s - first.observed_s, duration_s)
    return Used(duration_s, energy_j, observed_s / duration_s if duration_s > 0 else 1.0)
