"""Constrained search by feasibility rules.

Architectures known to violate a constraint, in advance or by a measurement before a training, are never proposed.
Observed violations are reported to the searcher as worse than every feasible observation, in the order of their
violation [Deb]; so they enter no front and no hypervolume. A searcher with a model of measured objectives is told these
as they are: a penalty in their place would make the model predict penalties.

Sources
    [Deb] Deb. An efficient constraint handling method for genetic algorithms. Comput. Methods Appl. Mech. Eng.
    186(2-4), 2000.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.search.base import KnownMetric, SearcherWrapper
from ce_nas.search.regions import UnionContainer

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from ce_nas.core.records import Architecture, Objective, Observation
    from ce_nas.search.base import Searcher
    from ce_nas.space.base import Space

__all__ = ["ConstrainedSearcher", "Constraint", "Constraints", "KnownMetric"]

_CONSTRAINT_PATTERN = re.compile(r"\s*([\w.-]+)\s*(<=|>=)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Constraint:
    """One bound on one metric.

    Example:
        >>> import numpy as np
        >>> constraint = Constraint.parse("latency<=0.05")
        >>> constraint.violation(np.array([0.04, 0.05, 0.1]))
        array([0., 0., 1.])
    """

    #: name of the metric, for instance ``latency``
    name: str
    #: the worst value allowed, in the metric's own unit
    bound: float
    #: True for a lower bound, False for an upper bound
    at_least: bool = False

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """The constraint written as ``latency<=0.05`` or ``accuracy>=90``.

        :raises SettingsError: if the text is neither.
        """
        match = _CONSTRAINT_PATTERN.fullmatch(text)
        try:
            bound = float(match.group(3)) if match else math.nan
        except ValueError:
            bound = math.nan
        if not match or not math.isfinite(bound):
            message = f"Expected a constraint such as latency<=0.05 or accuracy>=90, got {text!r}."
            raise SettingsError(message)
        return cls(match.group(1), bound, at_least=match.group(2) == ">=")

    def is_met(self, value: float) -> bool:
        """Whether a value, in the metric's own unit, keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound

    def violation(self, values: np.ndarray) -> np.ndarray:
        """The excess of ``values``, in the metric's own unit, over the bound, relative to it; 0 where they keep it."""
        excess = (self.bound - values) if self.at_least else (values - self.bound)
        return np.asarray(np.maximum(excess, 0.0) / max(abs(self.bound), 1e-12))


class Constraints:
    """All constraints of a search.

    :param space: the space searched.
    :param objectives: the objectives, in the order of the observed values.
    :param constraints: the bounds, each on an objective or on a metric of ``known_metrics``.
    :param known_metrics: metrics known without a training: each for every member of a listable space, shape
        ``(size,)``, or as a function of architectures.
    :param requires_training: for each objective whether it takes a training to observe it, the others being measured
        before one too; None: nothing is measured before a training.
    :raises SettingsError: if a bound is on another metric.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        known_metrics: Mapping[str, KnownMetric] | None = None,
        requires_training: Sequence[bool] | None = None,
    ) -> None:
        known_metrics = known_metrics or {}
        names = [objective.name for objective in objectives]
        for constraint in constraints:
            if constraint.name not in names and constraint.name not in known_metrics:
                raise SettingsError(
                    unknown_choice_message("metric of a constraint", constraint.name, [*names, *known_metrics])
                )
        self._requires_training = [True] * len(objectives) if requires_training is None else list(requires_training)
        self._reference = np.array([objective.sign * objective.reference for objective in objectives])
        self._on_objectives = [
            (names.index(constraint.name), objectives[names.index(constraint.name)].sign, constraint)
            for constraint in constraints
            if constraint.name in names
        ]
        on_metrics = [constraint for constraint in constraints if constraint.name in known_metrics]
        self._known_violation = _KnownViolation(
            space, [(constraint, known_metrics[constraint.name]) for constraint in on_metrics]
        )

    def known_infeasible(self) -> Container[Architecture]:
        """The architectures that are known to violate a constraint."""
        return self._known_violation

    def is_measured_infeasible(self, observation: Observation) -> bool:
        """Whether an objective that is measured before a training breaks its bound; an estimate of another does not."""
        return any(
            not self._requires_training[objective]
            and constraint.violation(np.array(sign * observation.values[objective])) > 0.0
            for objective, sign, constraint in self._on_objectives
        )

    def violations(self, observations: Sequence[Observation]) -> np.ndarray:
        """The sum of each observation's relative violations, shape ``(n,)``; 0 if feasible."""
        total = np.zeros(len(observations))
        for row, observation in enumerate(observations):
            total[row] = self._known_violation.violation(observation.architecture)
            for objective, sign, constraint in self._on_objectives:
                total[row] += constraint.violation(np.array(sign * observation.values[objective]))
        return total

    def penalise_infeasible(
        self, observations: Sequence[Observation], *, keep_measured: bool = False
    ) -> list[Observation]:
        """The observations, with infeasible values moved beyond the reference, in proportion to their violation.

        Among points better than the reference, dominance then follows the feasibility rules of [Deb]. Estimates from
        proxy scores are unchanged.

        :param keep_measured: leave objectives that are measured before a training as they were observed. The point is
            still beyond the reference, but dominance between such points does not follow their violations.
        """
        violations = self.violations(observations).tolist()
        return [
            observation._replace(values=self._penalised_values(observation, violation, keep_measured=keep_measured))
            if violation > 0.0 and observation.fidelity > 0.0
            else observation
            for observation, violation in zip(observations, violations, strict=True)
        ]

    def _penalised_values(
        self, observation: Observation, violation: float, *, keep_measured: bool
    ) -> tuple[float, ...]:
        penalised = self._reference + (1.0 + np.abs(self._reference)) * (1.0 + violation)
        if keep_measured:
            penalised = np.where(self._requires_training, penalised, observation.values)
        return tuple(penalised.tolist())


class ConstrainedSearcher(SearcherWrapper):
    """Excludes known violations from another searcher's proposals, and penalises observed ones.

    Example:
        >>> import numpy as np
        >>> from ce_nas.core.records import Objective
        >>> from ce_nas.search.random import RandomSearcher
        >>> from ce_nas.space.base import Space
        >>> space = Space("toy", ["a", "b"], [[*"wxyz"]] * 2)
        >>> objectives = [Objective("error", "%", maximise=False, reference=100.0)]
        >>> bounds = [Constraint.parse("latency<=1")]
        >>> constraints = Constraints(space, objectives, bounds, {"latency": space.members.sum(axis=1)})
        >>> searcher = ConstrainedSearcher(RandomSearcher(space, np.random.default_rng(0)), constraints)
        >>> sorted(searcher.ask(9, exclude=set()))
        [(0, 0), (0, 1), (1, 0)]

    :param inner: the searcher that proposes.
    :param constraints: the bounds.
    """

    def __init__(self, inner: Searcher, constraints: Constraints) -> None:
        super().__init__(inner)
        self._constraints = constraints
        self._known_infeasible = constraints.known_infeasible()
        #: architectures that are not trained in full, and that a measurement has shown to be infeasible
        self._measured_infeasible: set[Architecture] = set()

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self._inner.ask(n, UnionContainer(exclude, self._known_infeasible, self._measured_infeasible))

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._measured_infeasible.update(
            observation.architecture
            for observation in observations
            if observation.fidelity < 1.0 and self._constraints.is_measured_infeasible(observation)
        )
        told = self._constraints.penalise_infeasible(observations, keep_measured=self.uses_proxy_scores)
        self._inner.tell(told)


class _KnownViolation:
    """The violations by known metrics; a container of the architectures that violate a constraint."""

    def __init__(self, space: Space, bounds: Sequence[tuple[Constraint, KnownMetric]]) -> None:
        columns = [constraint.violation(metric) for constraint, metric in bounds if isinstance(metric, np.ndarray)]
        self._tabulated: list[float] = np.sum(columns, axis=0).tolist() if columns else []
        self._index = space.index if columns else {}
        self._computed_metrics = [(bound, metric) for bound, metric in bounds if not isinstance(metric, np.ndarray)]
        #: cached violations by the computed metrics
        self._computed_violations: dict[Architecture, float] = {}

    def __contains__(self, architecture: object) -> bool:
        return self.violation(architecture) > 0.0  # type: ignore[arg-type] # always an architecture

    def violation(self, architecture: Architecture) -> float:
        """The sum of the relative violations; 0 if feasible."""
        tabulated = self._tabulated[self._index[architecture]] if self._tabulated else 0.0
        if not self._computed_metrics:
            return tabulated
        if architecture not in self._computed_violations:
            violations = (bound.violation(metric([architecture])).item() for bound, metric in self._computed_metrics)
            self._computed_violations[architecture] = sum(violations)
        return tabulated + self._computed_violations[architecture]
