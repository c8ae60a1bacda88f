"""An estimate that was made before a run, set against what the run took."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.statistics import Interval
from ce_nas.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ce_nas.analysis.summary import RunSummary

__all__ = ["ESTIMATE_FILENAME", "EstimateOutcome", "compare_estimate", "read_estimate"]

#: the estimate of a run, in its folder
ESTIMATE_FILENAME = "estimate.json"
#: what is estimated, as the fields of :class:`~ce_nas.analysis.estimate.EstimateRow`
QUANTITIES = ("carbon_g", "energy_j", "cost", "hours", "trainings")


@dataclass(frozen=True, slots=True)
class EstimateOutcome:
    """One quantity: its 80 % interval before the run, and what it was.

    Example:
        >>> EstimateOutcome("hours", Interval(20.0, 15.0, 30.0), 31.0).is_inside
        False
    """

    #: carbon_g, energy_j, cost, hours or trainings
    quantity: str
    estimate: Interval
    actual: float

    @property
    def is_inside(self) -> bool:
        """Whether the interval holds the truth."""
        return self.estimate.low <= self.actual <= self.estimate.high


def read_estimate(path: Path) -> Mapping[str, Any]:
    """Read the JSON of ``ce-nas estimate``.

    :raises DataError: if the file cannot be read, or is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for name in QUANTITIES:
            _interval(content, name)
    except (OSError, ValueError, LookupError, TypeError) as error:
        message = f"Expected the JSON of 'ce-nas estimate --json FILE' in {str(path)!r}, got {error!r}; write it again."
        raise DataError(message) from error
    return dict(content)


def compare_estimate(content: Mapping[str, Any], summary: RunSummary) -> tuple[EstimateOutcome, ...]:
    """Set the estimate for a start as stated against what the run took; money only where there is a price."""
    actual = {
        "carbon_g": summary.carbon_g["full"],
        "energy_j": summary.energy_j,
        "cost": summary.cost,
        "hours": summary.simulated_hours,
        "trainings": float(summary.evaluations),
    }
    outcomes = (EstimateOutcome(name, _interval(content, name), actual[name]) for name in QUANTITIES)
    return tuple(one for one in outcomes if one.quantity != "cost" or one.estimate.high > 0)


def _interval(content: Mapping[str, Any], name: str) -> Interval:
    """The first row's interval of a quantity."""
    stated = content["rows"][0][name]
    return Interval(float(stated["median"]), float(stated["low"]), float(stated["high"]))
