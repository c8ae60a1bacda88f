"""Bounds that an answer has to keep: feasible first.

What is known to break a bound is never proposed; what breaks one after all is told to the searcher as worse than
anything that does not, by how much it breaks it [Deb]; so it enters no front and no hypervolume.

Sources
    [Deb] Deb. An efficient constraint handling method for genetic algorithms. Comput. Methods Appl. Mech. Eng.
    186(2-4), 2000.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError, one_of
from ce_nas.core.records import Architecture
from ce_nas.search.base import Searcher
from ce_nas.search.regions import AnyOf

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from ce_nas.core.records import Objective, Observation
    from ce_nas.space.base import Space

__all__ = ["ConstrainedSearcher", "Constraint", "Constraints", "Costs"]

#: a metric of every member of a space, in their order, or as a function of some of them
Costs = np.ndarray | Callable[[Sequence[Architecture]], np.ndarray]

_TEXT = re.compile(r"\s*([\w.-]+)\s*(<=|>=)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Constraint:
    """One bound on one metric."""

    #: name of the metric, for instance ``latency``
    name: str
    #: the worst value allowed, in the metric's own unit
    bound: float
    #: True if the metric must be no less than the bound, False if no more
    at_least: bool = False

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """The constraint written as ``latency<=0.05`` or ``accuracy>=90``.

        :raises SettingsError: if the text is neither.
        """
        match = _TEXT.fullmatch(text)
        try:
            bound = float(match.group(3)) if match else math.nan
        except ValueError:
            bound = math.nan
        if not match or not math.isfinite(bound):
            message = f"Expected a constraint such as latency<=0.05 or accuracy>=90, got {text!r}."
            raise SettingsError(message)
        return cls(match.group(1), bound, at_least=match.group(2) == ">=")

    def excess(self, values: np.ndarray) -> np.ndarray:
        """By how much ``values``, in the metric's own unit, break the bound, as a share of it; 0 where they keep it."""
        over = (self.bound - values) if self.at_least else (values - self.bound)
        return np.asarray(np.maximum(over, 0.0) / max(abs(self.bound), 1e-12))


class Constraints:
    """All bounds of a search.

    :param space: the space searched.
    :param objectives: what is optimised, in the order of the values told.
    :param constraints: the bounds, each on an objective or on a metric of ``known``.
    :param known: metrics known without a training: each for every member of a listable space, shape ``(size,)``, or as
        a function of architectures.
    :raises SettingsError: if a bound is on something else.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        known: Mapping[str, Costs] | None = None,
    ) -> None:
        known = known or {}
        names = [objective.name for objective in objectives]
        for constraint in constraints:
            if constraint.name not in names and constraint.name not in known:
                raise SettingsError(one_of("metric of a constraint", constraint.name, [*names, *known]))
        self._reference = np.array([objective.sign * objective.reference for objective in objectives])
        self._told = [
            (names.index(one.name), objectives[names.index(one.name)].sign, one)
            for one in constraints
            if one.name in names
        ]
        self._known = _KnownExcess(space, [(one, known[one.name]) for one in constraints if one.name in known])

    def forbidden(self) -> Container[Architecture]:
        """The architectures that are known to break a bound."""
        return self._known

    def violations(self, observations: Sequence[Observation]) -> np.ndarray:
        """By how much each observation breaks the bounds, as shares of them added up, shape ``(n,)``; 0 if feasible."""
        total = np.zeros(len(observations))
        for row, observation in enumerate(observations):
            total[row] = self._known.of(observation.architecture)
            for place, sign, constraint in self._told:
                total[row] += constraint.excess(np.array(sign * observation.values[place]))
        return total

    def feasible_first(self, observations: Sequence[Observation]) -> list[Observation]:
        """The observations, values of infeasible ones moved behind the reference: the more they break, the farther.

        Among what betters the reference, dominance is then feasible first, as [Deb] has it; estimates from cheap scores
        are left as they are.
        """
        violations = self.violations(observations).tolist()
        return [
            item._replace(values=self._behind(violation)) if violation > 0.0 and item.fidelity > 0.0 else item
            for item, violation in zip(observations, violations, strict=True)
        ]

    def _behind(self, violation: float) -> tuple[float, ...]:
        moved = self._reference + (1.0 + np.abs(self._reference)) * (1.0 + violation)
        return tuple(moved.tolist())


class ConstrainedSearcher(Searcher):
    """Any searcher, kept from what is known to break a bound and told of the rest feasible first.

    :param inner: who searches.
    :param constraints: the bounds.
    """

    def __init__(self, inner: Searcher, constraints: Constraints) -> None:
        self.name = inner.name
        self.foresees = inner.foresees
        self._inner = inner
        self._constraints = constraints
        self._forbidden = constraints.forbidden()

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self._inner.ask(n, AnyOf(exclude, self._forbidden))

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._inner.tell(self._constraints.feasible_first(observations))

    def fidelity_of(self, architecture: Architecture) -> float:
        """See :meth:`Searcher.fidelity_of`."""
        return self._inner.fidelity_of(architecture)

    def region_of(self, architecture: Architecture) -> str | None:
        """See :meth:`Searcher.region_of`."""
        return self._inner.region_of(architecture)

    def promising(self, n: int) -> list[Architecture]:
        """See :meth:`Searcher.promising`."""
        return self._inner.promising(n)

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`."""
        return self._inner.notes()


class _KnownExcess:
    """By how much known metrics break their bounds; holds the architectures that break one."""

    def __init__(self, space: Space, bounds: Sequence[tuple[Constraint, Costs]]) -> None:
        columns = [one.excess(values) for one, values in bounds if isinstance(values, np.ndarray)]
        self._listed: list[float] = np.sum(columns, axis=0).tolist() if columns else []
        self._index = space.index if columns else {}
        self._asked = [(one, costs) for one, costs in bounds if not isinstance(costs, np.ndarray)]
        #: what was found by asking
        self._found: dict[Architecture, float] = {}

    def __contains__(self, architecture: object) -> bool:
        return self.of(architecture) > 0.0  # type: ignore[arg-type] # whatever is asked for is an architecture

    def of(self, architecture: Architecture) -> float:
        """The shares of the bounds by which they are broken, added up; 0 where all of them are kept."""
        listed = self._listed[self._index[architecture]] if self._listed else 0.0
        if not self._asked:
            return listed
        if architecture not in self._found:
            excess = (one.excess(costs([architecture])).item() for one, costs in self._asked)
            self._found[architecture] = sum(excess)
        return listed + self._found[architecture]
