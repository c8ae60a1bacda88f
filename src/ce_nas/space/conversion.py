"""A user's way to write a variable, and the distributions of Optuna and ConfigSpace, as domains and back.

Sources
    Optuna, optuna.distributions; ConfigSpace 1.x, its hyperparameters and conditions. Both are optional: they are
    imported where one of theirs is made.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.space.distributions import Categorical, Domain, Float, Integer, Ordinal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.space.distributions import Conditions

__all__ = ["as_domain", "from_configspace", "from_optuna", "to_configspace", "to_optuna"]


def as_domain(name: str, stated: object, source: str = "the space") -> Domain:
    """The domain of a variable: as stated, of a distribution of Optuna, or of a list of choices.

    A list of numbers in ascending or descending order is ordinal, any other list categorical.

    Example:
        >>> as_domain("width", [16, 32, 64])
        Ordinal(choices=(16, 32, 64), when=())
        >>> as_domain("kind", ["relu", "tanh"])
        Categorical(choices=('relu', 'tanh'), when=())

    :param source: name of the space in an error.
    :raises SettingsError: if it is none of these, has no choice or one twice, or is a tuple of two numbers.
    """
    if isinstance(stated, Float | Integer | Ordinal | Categorical):
        return stated
    if type(stated).__module__.startswith("optuna.distributions"):
        return from_optuna({name: stated})[name]
    if isinstance(stated, tuple) and len(stated) == 2 and all(map(_is_number, stated)):
        low, high = stated
        kind = "Integer" if all(isinstance(each, int) for each in stated) else "Float"
        message = (
            f"Expected {name!r} of {source} as a range or as choices, got the two numbers {stated}, which may mean "
            f"either: write {kind}({low}, {high}) for the range, or [{low}, {high}] for the two choices."
        )
        raise SettingsError(message)
    is_list = isinstance(stated, list | tuple)
    if not is_list or not stated or len(set(map(str, stated))) < len(stated):  # type: ignore[arg-type,call-overload]
        message = (
            f"Expected {name!r} of {source} as Float(low, high), Integer(low, high), or a list of different choices, "
            f"got {stated!r}."
        )
        raise SettingsError(message)
    choices: Sequence[Any] = stated  # type: ignore[assignment]
    return Ordinal(tuple(choices)) if _is_ordered(choices) else Categorical(tuple(choices))


def from_optuna(distributions: Mapping[str, Any]) -> dict[str, Domain]:
    """The domains of Optuna's distributions, by name.

    Example:
        >>> from optuna.distributions import IntDistribution
        >>> from_optuna({"width": IntDistribution(16, 64, step=16)})
        {'width': Integer(low=16, high=64, log=False, step=16, when=())}

    :raises SettingsError: if one is no distribution of Optuna.
    """
    return {name: _from_optuna(name, distribution) for name, distribution in distributions.items()}


def _from_optuna(name: str, distribution: Any) -> Domain:  # noqa: ANN401 - of an optional package
    kind = type(distribution).__name__
    if kind == "CategoricalDistribution":
        return Categorical(tuple(distribution.choices))
    if kind == "IntDistribution":
        log = bool(distribution.log)
        return Integer(distribution.low, distribution.high, log=log, step=1 if log else distribution.step)
    if kind == "FloatDistribution":
        if distribution.step is None:
            return Float(distribution.low, distribution.high, distribution.log)
        count = round((distribution.high - distribution.low) / distribution.step)
        return Ordinal(tuple(float(f"{distribution.low + at * distribution.step:.12g}") for at in range(count + 1)))
    message = f"Expected a distribution of Optuna for {name!r}, got {distribution!r}."
    raise SettingsError(message)


def to_optuna(domains: Mapping[str, Any]) -> dict[str, Any]:
    """Optuna's distributions of the domains; conditions, which they lack, are left out, and ordinals are categorical.

    :raises MissingExtraError: if Optuna is not installed.
    """
    try:
        from optuna import distributions
    except ImportError as error:
        package = "optuna"
        raise MissingExtraError(package, "optuna", "a conversion to Optuna's distributions") from error
    made: dict[str, Any] = {}
    for name, stated in domains.items():
        domain = as_domain(name, stated)
        if isinstance(domain, Float):
            made[name] = distributions.FloatDistribution(domain.low, domain.high, log=domain.log)
        elif isinstance(domain, Integer):
            made[name] = distributions.IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
        else:
            made[name] = distributions.CategoricalDistribution(domain.choices)
    return made


def from_configspace(space: Any) -> dict[str, Domain]:  # noqa: ANN401 - of an optional package
    """The domains of a ConfigSpace with conditions of equality, or of membership in a list, and their conjunctions.

    :raises SettingsError: if it has a hyperparameter, a condition or a forbidden clause of another kind.
    """
    if getattr(space, "forbidden_clauses", ()):
        message = "Expected a ConfigSpace without forbidden clauses, got some: state them as is_valid instead."
        raise SettingsError(message)
    conditions: dict[str, dict[str, Any]] = {}
    for condition in itertools.chain.from_iterable(map(_simple_conditions, space.conditions)):
        values = list(condition.values) if hasattr(condition, "values") else [condition.value]
        conditions.setdefault(condition.child.name, {})[condition.parent.name] = values
    return {
        name: _from_hyperparameter(name, space[name], conditions.get(name, {}))
        for name in _in_order([each.name for each in space.values()], conditions)
    }


def _simple_conditions(condition: Any) -> list[Any]:  # noqa: ANN401 - of an optional package
    kind = type(condition).__name__
    if kind == "AndConjunction":
        return list(itertools.chain.from_iterable(map(_simple_conditions, condition.components)))
    if kind in {"EqualsCondition", "InCondition"}:
        return [condition]
    message = f"Expected conditions of equality or membership in a ConfigSpace, got {kind}; state the space with when=."
    raise SettingsError(message)


def _in_order(names: Sequence[str], conditions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names, each after those on which it depends."""
    done: dict[str, None] = {}
    while len(done) < len(names):
        done.update(dict.fromkeys(name for name in names if all(each in done for each in conditions.get(name, ()))))
    return list(done)


def _from_hyperparameter(name: str, parameter: Any, when: Mapping[str, Any]) -> Domain:  # noqa: ANN401 - as above
    kind = type(parameter).__name__
    if kind == "UniformFloatHyperparameter":
        return Float(float(parameter.lower), float(parameter.upper), bool(parameter.log), when=when)
    if kind == "UniformIntegerHyperparameter":
        return Integer(int(parameter.lower), int(parameter.upper), log=bool(parameter.log), when=when)
    if kind == "CategoricalHyperparameter":
        return Categorical(tuple(parameter.choices), when=when)
    if kind == "OrdinalHyperparameter":
        return Ordinal(tuple(parameter.sequence), when=when)
    if kind == "Constant":
        return Categorical((parameter.value,), when=when)
    message = f"Expected uniform, categorical, ordinal or constant hyperparameters, got {kind} as {name!r}."
    raise SettingsError(message)


def to_configspace(domains: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of an optional package
    """The domains as a ConfigSpace with their conditions; an integer with a step becomes an ordinal.

    :raises MissingExtraError: if ConfigSpace is not installed.
    """
    try:
        import ConfigSpace as configspace  # noqa: N813 - the package's own name
    except ImportError as error:
        package = "ConfigSpace"
        raise MissingExtraError(package, "configspace", "a conversion to a ConfigSpace") from error
    space, stated = configspace.ConfigurationSpace(), {name: as_domain(name, each) for name, each in domains.items()}
    made: Any
    for name, domain in stated.items():
        if isinstance(domain, Float):
            made = configspace.Float(name, (domain.low, domain.high), log=domain.log)
        elif isinstance(domain, Integer) and domain.step == 1:
            made = configspace.Integer(name, (domain.low, domain.high), log=domain.log)
        elif isinstance(domain, Categorical):
            made = configspace.Categorical(name, list(domain.choices))
        else:
            values = list(domain.codes) if isinstance(domain, Integer) else list(domain.choices)
            made = configspace.Categorical(name, values, ordered=True)
        space.add(made)
    for name, domain in stated.items():
        conditions = cast("Conditions", domain.when)
        parts = [configspace.InCondition(space[name], space[parent], list(values)) for parent, values in conditions]
        if parts:
            space.add(parts[0] if len(parts) == 1 else configspace.AndConjunction(*parts))
    return space


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_ordered(choices: Sequence[Any]) -> bool:
    """Whether the choices are numbers, each larger, or each smaller, than the one before."""
    if len(choices) < 2 or not all(map(_is_number, choices)):
        return False
    return list(choices) in (sorted(choices), sorted(choices, reverse=True))
