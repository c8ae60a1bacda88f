"""Grams of one run against another to the same quality, and what the ratio is made of.

With E the energy drawn until a hypervolume was first reached, and c the grid's mean intensity weighed with that energy,
the grams are E c. So theirs / ours = (E_theirs / E_ours) (c_theirs / c_ours): *fewer trainings*, or cheaper ones, with
everything else that draws energy charged to them, times *better hours*. Within a seed the product is exact; of medians
over seeds it is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.errors import DataError
from ce_nas.experiment.statistics import Interval, bootstrap_median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.report.track import Spent, Track

__all__ = ["Pair", "Split", "median_of", "paired", "split_of"]


@dataclass(frozen=True, slots=True)
class Pair:
    """What two runs had spent when each first reached a hypervolume."""

    hypervolume: float
    #: None where it was never reached
    ours: Spent | None
    theirs: Spent | None

    @property
    def ratio(self) -> float:
        """Their grams for each of ours, full book; 0 if we fell short, infinite if only they did."""
        return self._of("carbon_g")

    @property
    def paper_ratio(self) -> float:
        """The same in the paper's book."""
        return self._of("paper_carbon_g")

    @property
    def fewer_trainings(self) -> float:
        """Their energy for each joule of ours, whatever it was spent on; 0 if we fell short."""
        return self._of("energy_j")

    @property
    def training_count_ratio(self) -> float:
        """Their finished trainings for each of ours; 0 if we fell short."""
        return self._of("evaluations")

    @property
    def better_hours(self) -> float | None:
        """Their energy-weighted mean intensity for each g/kWh of ours; None unless both got there."""
        if self.ours is None or self.theirs is None:
            return None
        return self.theirs.intensity_g_per_kwh / self.ours.intensity_g_per_kwh

    def _of(self, quantity: str) -> float:
        if self.ours is None:
            return 0.0
        if self.theirs is None:
            return math.inf
        return float(getattr(self.theirs, quantity) / getattr(self.ours, quantity))


@dataclass(frozen=True, slots=True)
class Split:
    """A ratio of grams over seeds, and its two factors; a seed in which we fell short counts as 0."""

    ratio: Interval
    fewer_trainings: Interval
    #: of the seeds in which both got there; None if there are none
    better_hours: Interval | None
    #: finished trainings, not energy
    training_count_ratio: Interval
    #: share of the seeds in which we got there
    reached: float


def paired(ours: Sequence[Track], theirs: Sequence[Track], level: float | None = None) -> list[Pair]:
    """Runs of the same seeds at a hypervolume; without one, at the final hypervolume of each of theirs.

    :raises DataError: if they are not as many.
    """
    if len(ours) != len(theirs):
        message = f"Expected as many runs on both sides, got {len(ours)} and {len(theirs)}."
        raise DataError(message)
    pairs = []
    for mine, other in zip(ours, theirs, strict=True):
        wanted = other.final if level is None else level
        pairs.append(Pair(wanted, mine.to_reach(wanted), other.to_reach(wanted)))
    return pairs


def split_of(pairs: Sequence[Pair]) -> Split:
    """Medians over the seeds, with intervals."""
    hours = [pair.better_hours for pair in pairs if pair.better_hours is not None]
    return Split(
        ratio=bootstrap_median([pair.ratio for pair in pairs]),
        fewer_trainings=bootstrap_median([pair.fewer_trainings for pair in pairs]),
        better_hours=median_of(hours),
        training_count_ratio=bootstrap_median([pair.training_count_ratio for pair in pairs]),
        reached=sum(pair.ours is not None for pair in pairs) / len(pairs),
    )


def median_of(values: Sequence[float]) -> Interval | None:
    """The median with its interval; None of nothing."""
    return bootstrap_median(values) if values else None
