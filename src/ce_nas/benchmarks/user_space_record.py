"""A user's space as JSON values: written to the journal, so that a run is read without the user's code.

A choice that is no JSON value is recorded by its text, and a check of whole configurations is not recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace
from ce_nas.core.records import Objective
from ce_nas.space.base import Space
from ce_nas.space.conditional import ConditionalSpace
from ce_nas.space.distributions import Categorical, Float, Integer, Ordinal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.space.distributions import Domain

__all__ = ["benchmark_of_record", "read_user_space", "record_user_space"]

_KINDS: dict[str, type[Any]] = {one.__name__.lower(): one for one in (Categorical, Float, Integer, Ordinal)}


def record_user_space(user_space: UserSpace) -> dict[str, Any]:
    """The variables with their domains, and the objectives known before training, as JSON values.

    Example:
        >>> record = record_user_space(UserSpace.parse({"width": [16, 32]}, ["quality:max:0", "mb:min:9"], "SPACE"))
        >>> record["variables"]
        [{'name': 'width', 'kind': 'ordinal', 'choices': [16, 32]}]
        >>> read_user_space(record, []).decode((1,))
        {'width': 32}
    """
    return {
        "name": user_space.space.name,
        "is_mixed": isinstance(user_space.space, ConditionalSpace),
        "known_objectives": list(user_space.known_names),
        "variables": [{"name": name, **_record_domain(domain)} for name, domain in user_space.domains.items()],
    }


def read_user_space(record: Mapping[str, Any], objectives: Sequence[Mapping[str, Any]]) -> UserSpace:
    """The space that :func:`record_user_space` recorded; its costs are not known.

    :param objectives: those of the run, as its journal has them.
    """
    domains = {content["name"]: _read_domain(content) for content in record["variables"]}
    space: Space
    if record["is_mixed"]:
        space = ConditionalSpace(record["name"], domains)
    else:
        space = Space(record["name"], list(domains), [list(map(str, one.choices)) for one in domains.values()])  # type: ignore[union-attr]
    return UserSpace(space, domains, tuple(Objective(**one) for one in objectives))


def benchmark_of_record(record: Mapping[str, Any], objectives: Sequence[Mapping[str, Any]]) -> UserBenchmark:
    """A recorded space as a benchmark, of which nothing can be trained."""
    return UserBenchmark(read_user_space(record, objectives), record["name"], "the journal")


def _record_domain(domain: Domain) -> dict[str, Any]:
    content: dict[str, Any] = {"kind": type(domain).__name__.lower()}
    if isinstance(domain, Categorical | Ordinal):
        content["choices"] = [_to_json(choice) for choice in domain.choices]
    else:
        content |= {"low": domain.low, "high": domain.high, "log": domain.log}
        if isinstance(domain, Integer):
            content["step"] = domain.step
    if domain.when:
        content["when"] = {name: [_to_json(value) for value in values] for name, values in dict(domain.when).items()}
    return content


def _read_domain(content: Mapping[str, Any]) -> Domain:
    arguments = {name: value for name, value in content.items() if name not in ("name", "kind")}
    domain: Domain = _KINDS[content["kind"]](**arguments)
    return domain


def _to_json(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
