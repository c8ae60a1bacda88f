"""The interface of energy meters: cumulative energy of one device, with the share of time observed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ce_nas.core.errors import EnergyError

if TYPE_CHECKING:
    from types import TracebackType

    from ce_nas.core.records import ReadingSource

__all__ = ["EnergyMeter", "EnergyUsage", "MeterSnapshot", "usage_between"]


@dataclass(frozen=True, slots=True)
class MeterSnapshot:
    """The cumulative counts of a meter; only the difference of two snapshots of one meter has a meaning."""

    #: time of the monotonic clock of the meter, s
    time_s: float
    #: cumulative energy, J
    energy_j: float
    #: cumulative time in which the device was observed, s
    observed_s: float


@dataclass(frozen=True, slots=True)
class EnergyUsage:
    """The energy used between two snapshots."""

    duration_s: float
    energy_j: float
    #: share of the time that was observed, 0 to 1
    coverage: float

    @property
    def mean_power_w(self) -> float:
        """Mean power, W."""
        return self.energy_j / self.duration_s if self.duration_s > 0 else 0.0


class EnergyMeter(ABC):
    """Reads the energy of one device; thread-safe.

    Example:
        >>> from ce_nas.core.clock import monotonic_s
        >>> from ce_nas.core.records import ReadingSource
        >>> class ConstantMeter(EnergyMeter):
        ...     source = ReadingSource.ESTIMATED
        ...     origin = "50 W, estimated"
        ...
        ...     def snapshot(self):
        ...         now_s = monotonic_s()
        ...         return MeterSnapshot(now_s, 50.0 * now_s, now_s)
        >>> with ConstantMeter() as meter:
        ...     usage = usage_between(meter.snapshot(), meter.snapshot())
        >>> usage.coverage
        1.0
    """

    #: accuracy class of the readings
    source: ReadingSource
    #: description of what is read, and how
    origin: str

    @abstractmethod
    def snapshot(self) -> MeterSnapshot:
        """Read the cumulative counts now.

        :raises EnergyError: if the device does not answer; a missing reading is never zero.
        """

    def set_held(self, *, held: bool) -> None:  # noqa: B027 - matters to meters of shared hardware only
        """Say whether the run holds the device: shared hardware is divided between the held devices."""

    def close(self) -> None:  # noqa: B027 - most meters have nothing to stop
        """Stop observing; the meter is not read again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def usage_between(start: MeterSnapshot, end: MeterSnapshot) -> EnergyUsage:
    """Return the energy used from ``start`` to ``end``.

    :raises EnergyError: if time or energy decreases, as after a reload of the driver.
    """
    duration_s, energy_j = end.time_s - start.time_s, end.energy_j - start.energy_j
    if duration_s < 0 or energy_j < 0:
        message = (
            f"Expected a meter that only increases, got {energy_j:g} J over {duration_s:g} s: the device was reset "
            "in between, and the energy it used is unknown; resume the run."
        )
        raise EnergyError(message)
    observed_s = min(end.observed_s - start.observed_s, duration_s)
    return EnergyUsage(duration_s, energy_j, observed_s / duration_s if duration_s > 0 else 1.0)
