"""Objectives in the unit in which people read them: seconds and joules below 1 by the thousandth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ce_nas.analysis.summary import FrontMember

__all__ = ["ObjectiveScale", "objective_scales", "scale_unit"]


@dataclass(frozen=True, slots=True)
class ObjectiveScale:
    """How the values of an objective are shown.

    Example:
        >>> ObjectiveScale("latency", "ms", 1e3).label
        'latency [ms]'
    """

    name: str
    unit: str
    #: from the unit in which the objective is kept
    factor: float

    @property
    def label(self) -> str:
        """The name with the unit."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    def value(self, member: FrontMember) -> float:
        """An architecture's value in :attr:`unit`."""
        return self.factor * member.objectives[self.name]


def objective_scales(
    objectives: Sequence[Mapping[str, Any]], members: Iterable[FrontMember]
) -> tuple[ObjectiveScale, ...]:
    """The scale of each objective that suits some architectures."""
    shown = list(members)
    scales = []
    for one in objectives:
        factor, unit = scale_unit(one["unit"], [member.objectives[one["name"]] for member in shown])
        scales.append(ObjectiveScale(one["name"], unit, factor))
    return tuple(scales)


def scale_unit(unit: str, values: Sequence[float]) -> tuple[float, str]:
    """The factor and the unit in which values of a metric read well: seconds and joules below 1 by the thousandth."""
    is_small = unit in {"s", "J"} and 0.0 < max(map(abs, values), default=0.0) < 1.0
    return (1e3, f"m{unit}") if is_small else (1.0, unit)
