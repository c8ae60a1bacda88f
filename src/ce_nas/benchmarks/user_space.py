"""A user's space and objectives as a benchmark: metrics are known after training, or before it by a cost function."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.benchmarks.base import Benchmark, Failure, MetricSpec, TaskError
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Objective
from ce_nas.space.base import Space
from ce_nas.space.conditional import ConditionalSpace
from ce_nas.space.conversion import as_domain
from ce_nas.space.distributions import Categorical
from ce_nas.space.visited import MAX_EXHAUSTIVE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.space.distributions import Domain

__all__ = ["UserBenchmark", "UserSpace"]

_OBJECTIVE_EXAMPLE = "'accuracy:max:0' or 'latency:min:0.05'"
#: the largest space of which the costs of all members are computed before the search
_MAX_LISTED_COSTS = 4096
#: relative difference up to which a training and the cost function return the same
_SAME_COST = 1e-6

Configuration = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UserSpace:
    """Variables with their domains, the objectives, and which of them are known before training.

    Example:
        >>> space = {"width": [16, 32], "kind": ["a", "b"]}
        >>> user_space = UserSpace.parse(space, ["accuracy:max:0", "mb:min:9"], "SPACE")
        >>> user_space.space.size, user_space.decode((1, 0))
        (4, {'width': 32, 'kind': 'a'})
        >>> user_space.objective_values({"accuracy": 91.5, "mb": 3.0})
        (-91.5, 3.0)
    """

    space: Space
    #: variable to its domain
    domains: Mapping[str, Domain]
    objectives: tuple[Objective, ...]
    #: a configuration's metrics that are known before training; None if there are none
    costs: Callable[[Configuration], Mapping[str, float]] | None = None
    #: the names of these metrics
    known_names: tuple[str, ...] = ()
    _cost_cache: dict[Architecture, dict[str, float]] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(  # noqa: PLR0913 - what a user may state of a space
        cls,
        space: object,
        objectives: Sequence[str],
        source: str,
        *,
        name: str = "own",
        is_valid: Callable[[Configuration], bool] | None = None,
        costs: Callable[[Configuration], Mapping[str, float]] | None = None,
    ) -> UserSpace:
        """Parse a space such as ``{"width": [16, 32], "rate": Float(1e-4, 1, log=True)}``, and objectives.

        A list of numbers in order is ordinal, another list categorical; distributions of Optuna and a ConfigSpace are
        read, too.

        :param objectives: 2 to 5 of ``NAME:max|min:REFERENCE``.
        :param source: name of the space in an error.
        :param is_valid: whether a configuration can be trained; None: all can.
        :param costs: a configuration's metrics that are known before training; it is called with one of them here.
        :raises SettingsError: if one of them has another form.
        """
        domains = _parse_domains(space, source)
        stated = _parse_objectives(objectives)
        built = _build_space(name, domains, is_valid, with_costs=costs is not None)
        if costs is None:
            return cls(built, domains, stated)
        example = built.sample(np.random.default_rng(0), 1)[0]
        found = _call_costs(costs, _configuration(built, domains, example))
        known = tuple(each.name for each in stated if each.name in found)
        if not known:
            names = [each.name for each in stated]
            message = f"Expected costs to return one of the objectives {names} or more, got {sorted(found)}."
            raise SettingsError(message)
        if len(known) == len(stated):
            message = f"Expected an objective that takes a training, but costs returns all of them: {list(known)}."
            raise SettingsError(message)
        return cls(built, domains, stated, costs, known)

    def decode(self, architecture: Architecture) -> Configuration:
        """The architecture as a dict from each variable that counts in it to its value."""
        return _configuration(self.space, self.domains, architecture)

    def known_metrics(self, architecture: Architecture) -> dict[str, float]:
        """The metrics that are known before training, computed once for each architecture.

        :raises SettingsError: if the cost function raises, or does not return finite numbers.
        """
        if self.costs is None:
            return {}
        if architecture not in self._cost_cache:
            self._cost_cache[architecture] = _call_costs(self.costs, self.decode(architecture))
        return self._cost_cache[architecture]

    def objective_values(
        self, metrics: Mapping[str, float] | Sequence[float], architecture: Architecture | None = None
    ) -> tuple[float, ...]:
        """The objectives among the metrics of a training, minimised; those known before it as they were known.

        :param metrics: by name, or the objectives that take a training in their order.
        :raises TaskError: if one is missing or not finite, or if one that was known before has another value now.
        """
        metrics = self._name_metrics(metrics)
        known = self.known_metrics(architecture) if architecture is not None else {}
        values = []
        for objective in self.objectives:
            if (name := objective.name) not in known:
                values.append(objective.sign * _require_metric(metrics, objective))
                continue
            if name in metrics:
                _require_same(name, known[name], _require_metric(metrics, objective))
            values.append(objective.sign * known[name])
        return tuple(values)

    def _name_metrics(self, metrics: object) -> Mapping[str, float]:
        if isinstance(metrics, Mapping):
            return metrics
        names = [objective.name for objective in self.objectives if objective.name not in self.known_names]
        values: list[Any] = list(metrics) if isinstance(metrics, list | tuple) else [metrics]
        if len(values) != len(names):
            message = f"Expected a training to return a dict with {names}, got {metrics!r}."
            raise TaskError(Failure.ERROR, message)
        return dict(zip(names, values, strict=True))

    def estimated_values(self, score: float, architecture: Architecture) -> tuple[float, ...]:
        """The objectives by a cheap score, minimised: trained ones fall with it, known ones are exact."""
        known = self.known_metrics(architecture)
        return tuple(
            objective.sign * known[objective.name] if objective.name in self.known_names else -score
            for objective in self.objectives
        )


class UserBenchmark(Benchmark):
    """A user's space.

    :param user_space: the space and the objectives.
    :param name: the benchmark's name.
    :param origin: what trains the architectures, in words.
    :param fingerprint_text: anything else that a run depends on, such as the text of a program.
    :param has_scores: whether architectures can be scored without training them.
    """

    def __init__(
        self, user_space: UserSpace, name: str, origin: str, fingerprint_text: str = "", *, has_scores: bool = False
    ) -> None:
        self.name = name
        self.space = user_space.space
        self.origin = origin
        self.notes = ()
        self.has_scores = has_scores
        #: the space, the objectives and the costs
        self.user_space = user_space
        self._fingerprint_text = fingerprint_text

    @property
    def default_objectives(self) -> tuple[str, ...]:
        """See :attr:`Benchmark.default_objectives`: the user's, as ``NAME:max|min:REFERENCE``."""
        return tuple(
            f"{objective.name}:{'max' if objective.maximise else 'min'}:{objective.reference!r}"
            for objective in self.user_space.objectives
        )

    @property
    def metric_specs(self) -> Mapping[str, MetricSpec]:
        """See :attr:`Benchmark.metric_specs`; all but those of the cost function require training."""
        return {
            objective.name: MetricSpec(
                objective.name,
                "",
                objective.maximise,
                requires_training=objective.name not in self.user_space.known_names,
                min_value=-math.inf,
                max_value=math.inf,
            )
            for objective in self.user_space.objectives
        }

    @property
    def fingerprint(self) -> str:
        """See :attr:`Benchmark.fingerprint`."""
        content = [
            sorted((name, repr(domain)) for name, domain in self.user_space.domains.items()),
            self._fingerprint_text,
        ]
        return hashlib.sha256(repr(content).encode()).hexdigest()

    @property
    def mean_epoch_s(self) -> float:
        """See :attr:`Benchmark.mean_epoch_s`: unknown before training.

        :raises SettingsError: always.
        """
        message = f"Expected a benchmark with recorded trainings, but {self.name} is trained for real."
        raise SettingsError(message)

    def training_free_values(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:
        """See :meth:`Benchmark.training_free_values`: by the user's cost function.

        :raises SettingsError: if it does not return this metric.
        """
        if name not in self.user_space.known_names:
            message = f"Expected a metric that is known without training, but {name!r} requires training."
            raise SettingsError(message)
        rows = architectures if not isinstance(architectures, np.ndarray) else self.space.architectures(architectures)
        return np.array([self.user_space.known_metrics(architecture)[name] for architecture in rows])

    def all_values(self, name: str) -> np.ndarray | None:
        """See :meth:`Benchmark.all_values`: known for small spaces."""
        if name not in self.user_space.known_names or self.space.size > _MAX_LISTED_COSTS:
            return None
        return self.training_free_values(name, self.space.all_architectures)

    def require_fidelity(self, fidelity: float) -> None:
        """See :meth:`Benchmark.require_fidelity`: the training function receives any fidelity."""


def _configuration(space: Space, domains: Mapping[str, Domain], architecture: Architecture) -> Configuration:
    if isinstance(space, ConditionalSpace):
        return space.configuration(architecture)
    return {name: domain.value(code) for (name, domain), code in zip(domains.items(), architecture, strict=True)}


def _build_space(
    name: str,
    domains: Mapping[str, Domain],
    is_valid: Callable[[Configuration], bool] | None,
    *,
    with_costs: bool,
) -> Space:
    """A space of choices alone, else one of numbers and conditions."""
    plain = all(isinstance(domain, Categorical) and not domain.when for domain in domains.values())
    size = math.prod(domain.size for domain in domains.values())
    if plain and is_valid is None and not (with_costs and size > _MAX_LISTED_COSTS):
        return Space(name, list(domains), [list(map(str, domain.choices)) for domain in domains.values()])  # type: ignore[union-attr]
    return ConditionalSpace(name, domains, is_valid, _MAX_LISTED_COSTS if with_costs else MAX_EXHAUSTIVE_SIZE)


def _call_costs(
    costs: Callable[[Configuration], Mapping[str, float]], configuration: Configuration
) -> dict[str, float]:
    try:
        found = costs(dict(configuration))
        numbers = {str(name): float(value) for name, value in found.items()}
    except Exception as error:  # user code can raise anything
        message = (
            f"Expected costs to return a dict of numbers for {configuration}, but {type(error).__name__}: {error}."
        )
        raise SettingsError(message) from error
    if wrong := [name for name, value in numbers.items() if not math.isfinite(value)]:
        message = f"Expected finite costs of {configuration}, got {', '.join(f'{n}={numbers[n]}' for n in wrong)}."
        raise SettingsError(message)
    return numbers


def _require_metric(metrics: Mapping[str, float], objective: Objective) -> float:
    """A metric among a training's results; a missing or non-finite one fails the task."""
    if objective.name not in metrics:
        got = ", ".join(map(repr, metrics)) or "nothing"
        raise TaskError(Failure.ERROR, f"Expected a training to return {objective.name!r}, got {got}.")
    value = metrics[objective.name]
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        message = f"Expected a number as {objective.name} of a training, got {value!r}."
        raise TaskError(Failure.ERROR, message) from error
    if not math.isfinite(number):
        raise TaskError(Failure.DIVERGED, f"Expected a finite {objective.name} from a training, got {value}.")
    return number


def _require_same(name: str, known: float, trained: float) -> None:
    """Check that a training returns a metric that was known before it as it was known."""
    if not math.isclose(known, trained, rel_tol=_SAME_COST):
        message = (
            f"Expected a training to return {name} as costs does, {known:.10g}, got {trained:.10g}; correct one, or "
            "return it from one alone."
        )
        raise TaskError(Failure.ERROR, message)


def _parse_domains(space: object, source: str) -> dict[str, Domain]:
    if hasattr(space, "get_hyperparameters") or type(space).__module__.partition(".")[0] == "ConfigSpace":
        from ce_nas.space.conversion import from_configspace

        return from_configspace(space)
    if not isinstance(space, Mapping) or not space:
        message = (
            f"Expected {source} to be a dict from the name of a variable to Float(low, high), Integer(low, high) or a "
            f"list of different choices, such as {{'width': [16, 32]}}, got {space!r}."
        )
        raise SettingsError(message)
    return {str(name): as_domain(str(name), each, source) for name, each in space.items()}


def _parse_objectives(texts: Sequence[str]) -> tuple[Objective, ...]:
    stated = tuple(map(_parse_user_objective, [texts] if isinstance(texts, str) else texts))
    names = [objective.name for objective in stated]
    if not 2 <= len(set(names)) == len(names) <= 5:
        message = (
            f"Expected 2 to 5 different objectives, a quality and a cost such as 'accuracy:max:0' and "
            f"'parameters:min:5e6', got {', '.join(map(repr, texts)) or 'none'}."
        )
        raise SettingsError(message)
    return stated


def _parse_user_objective(text: str) -> Objective:
    parts = str(text).split(":")
    try:
        name, direction, reference = parts[0].strip(), parts[1].strip(), float(parts[2])
    except (IndexError, ValueError):
        name, direction, reference = "", "", math.nan
    if direction not in {"max", "min"} or not math.isfinite(reference) or len(parts) != 3 or not name:
        message = f"Expected an objective such as {_OBJECTIVE_EXAMPLE}, got {text!r}."
        raise SettingsError(message)
    return Objective(name, "", direction == "max", reference)
