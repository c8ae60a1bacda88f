"""Carbon of one run against another at equal hypervolume, and the factors of this ratio.

With E the energy used until a hypervolume was first reached, and c the grid's mean intensity weighted by that energy,
the carbon is E c. So theirs / ours = (E_theirs / E_ours) (c_theirs / c_ours): *fewer trainings* (or cheaper ones, with
all other energy charged to them) times *cleaner hours*. Within a seed the product is exact; of medians over seeds it is
not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.trajectory import ResourceUsage, Trajectory

__all__ = ["PairedUsage", "RatioDecomposition", "decompose_ratio", "median_or_none", "pair_runs"]


@dataclass(frozen=True, slots=True)
class PairedUsage:
    """What two runs had used when each first reached a hypervolume."""

    hypervolume: float
    #: None if it was never reached
    ours: ResourceUsage | None
    theirs: ResourceUsage | None

    @property
    def carbon_ratio(self) -> float:
        """Their carbon over ours, full accounting; 0 if only we did not reach it, infinite if only they did not."""
        return self._ratio_of("carbon_g")

    @property
    def paper_carbon_ratio(self) -> float:
        """Their carbon over ours, paper's accounting."""
        return self._ratio_of("paper_carbon_g")

    @property
    def energy_ratio(self) -> float:
        """Their energy over ours, for all activities; 0 if we did not reach the hypervolume."""
        return self._ratio_of("energy_j")

    @property
    def training_count_ratio(self) -> float:
        """Their finished trainings over ours; 0 if we did not reach the hypervolume."""
        return self._ratio_of("evaluations")

    @property
    def intensity_ratio(self) -> float | None:
        """Their energy-weighted mean intensity over ours; None unless both reached the hypervolume by some energy."""
        if self.ours is None or self.theirs is None or not (self.ours.energy_j and self.theirs.energy_j):
            return None
        return self.theirs.intensity_g_per_kwh / self.ours.intensity_g_per_kwh

    def _ratio_of(self, quantity: str) -> float:
        if self.ours is None:
            return 0.0
        if self.theirs is None:
            return math.inf
        ours, theirs = float(getattr(self.ours, quantity)), float(getattr(self.theirs, quantity))
        if not ours:  # at a hypervolume of 0, which takes nothing
            return math.inf if theirs else 1.0
        return theirs / ours


@dataclass(frozen=True, slots=True)
class RatioDecomposition:
    """A carbon ratio over seeds and its two factors; a seed in which we did not reach the hypervolume counts as 0."""

    carbon_ratio: Interval
    energy_ratio: Interval
    #: over the seeds in which both reached it; None if there are none
    intensity_ratio: Interval | None
    #: finished trainings, not energy
    training_count_ratio: Interval
    #: share of the seeds in which we reached it
    reached_share: float


def pair_runs(
    ours: Sequence[Trajectory], theirs: Sequence[Trajectory], hypervolume: float | None = None
) -> list[PairedUsage]:
    """Pair runs of the same seeds at a hypervolume; None: at the final hypervolume of each of theirs.

    :raises DataError: if the numbers of runs differ.
    """
    if len(ours) != len(theirs):
        message = f"Expected as many runs on both sides, got {len(ours)} and {len(theirs)}."
        raise DataError(message)
    pairs = []
    for mine, other in zip(ours, theirs, strict=True):
        level = other.final_hypervolume if hypervolume is None else hypervolume
        pairs.append(PairedUsage(level, mine.usage_at_hypervolume(level), other.usage_at_hypervolume(level)))
    return pairs


def decompose_ratio(pairs: Sequence[PairedUsage]) -> RatioDecomposition:
    """Compute medians over the seeds, with bootstrap intervals."""
    intensity_ratios = [pair.intensity_ratio for pair in pairs if pair.intensity_ratio is not None]
    return RatioDecomposition(
        carbon_ratio=bootstrap_median([pair.carbon_ratio for pair in pairs]),
        energy_ratio=bootstrap_median([pair.energy_ratio for pair in pairs]),
        intensity_ratio=median_or_none(intensity_ratios),
        training_count_ratio=bootstrap_median([pair.training_count_ratio for pair in pairs]),
        reached_share=sum(pair.ours is not None for pair in pairs) / len(pairs),
    )


def median_or_none(values: Sequence[float]) -> Interval | None:
    """Compute the median with its interval; None if there are no values."""
    return bootstrap_median(values) if values else None
