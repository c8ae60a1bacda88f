"""Chooses an architecture of a Pareto front: the knee, the least weighted regret, or the best within bounds.

A regret is the distance from the best value of an objective, as a share of that objective's range. The knee is the
architecture with the smallest sum of regrets: of two objectives, the one that lies furthest below the chord between the
front's ends [Das]. An end of the front that gives up more than half of an objective's range for less than a tenth of
the others', such as an architecture of chance accuracy, is left out first: it would decide what a point is worth.

Source
    [Das] Das. On characterizing the "knee" of the Pareto curve based on normal-boundary intersection. Structural
        Optimization 18, 1999.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ce_nas.core.errors import SettingsError, unknown_choice_message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.analysis.summary import FrontMember, RunSummary

__all__ = ["Recommendation", "choose", "recommend", "without_poor_ends"]

#: an end of the front begins beyond this regret in one objective
END_REGRET = 0.5
#: the least share of another objective's range that an end must gain to count
END_GAIN = 0.1
#: architectures that are never left out
MIN_CANDIDATES = 3
#: decimal prefixes of the units of a bound
_PREFIXES = {"": 1.0, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BOUND = re.compile(rf"\s*([\w.-]+)\s*(<=|>=)\s*({_NUMBER})\s*([^\d\s]\S*)?\s*")
_WEIGHT = re.compile(rf"\s*([\w.-]+)\s*=\s*({_NUMBER})\s*")
_RULES = ("knee", "METRIC=WEIGHT,...", "METRIC>=BOUND", "METRIC<=BOUND")


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A member of the front, and the figures that made it the choice."""

    member: FrontMember
    kind: Literal["only", "knee", "weights", "bounds"]
    #: the rule as it was given, its bounds with their units
    rule: str
    #: architectures that it was chosen from
    candidates: int
    #: objective to distance from the candidates' best value, as a share of their range
    regrets: dict[str, float]
    #: the architecture that comes closest in the rule's own measure; None if there is no other
    runner_up: FrontMember | None = None
    #: the bounds of the rule, with their units, that the whole front keeps
    idle_bounds: tuple[str, ...] = ()


def recommend(summary: RunSummary) -> Recommendation | None:
    """The knee of the front; None without a front."""
    return choose(summary) if summary.front else None


def choose(summary: RunSummary, rule: str = "knee") -> Recommendation:
    """One architecture of the front by a rule.

    :param rule: ``knee``; weights such as ``accuracy=2,latency=1``, the smallest weighted sum of regrets over the whole
        front's ranges; or bounds such as ``accuracy>=91`` or ``accuracy>=90,latency<=15ms``, and among the
        architectures that keep them the best by the other objectives.
    :raises SettingsError: if the rule is none of these, or the front is empty or keeps no bound.
    """
    if not summary.front:
        message = f"Expected a trained architecture for the rule {rule}, but the front is empty; search longer."
        raise SettingsError(message)
    if rule.strip() == "knee":
        return _choose_knee(summary, rule)
    parts = rule.split(",")
    if any("<=" in part or ">=" in part for part in parts):
        return _choose_within(summary, parts, rule)
    if all("=" in part for part in parts):
        return _choose_by_weights(summary, parts, rule)
    raise SettingsError(unknown_choice_message("rule", rule, _RULES))


def _choose_knee(summary: RunSummary, rule: str) -> Recommendation:
    if len(summary.front) == 1:
        regrets = {objective["name"]: 0.0 for objective in summary.objectives}
        return Recommendation(summary.front[0], "only", rule, 1, regrets)
    names = [objective["name"] for objective in summary.objectives]
    candidates = without_poor_ends(summary.front, summary.objectives, names)
    return _least(candidates, summary.objectives, {}, "knee", rule)


def without_poor_ends(
    members: Sequence[FrontMember], objectives: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> list[FrontMember]:
    """The members without those ends of the front that give up much of one objective for little of the others.

    :param names: the objectives whose worse end may be left out.
    """
    kept, before = list(members), len(members) + 1
    while len(kept) < before:
        before = len(kept)
        for name in names:
            kept = _without_poor_end(kept, objectives, name)
    return kept


def _without_poor_end(
    members: list[FrontMember], objectives: Sequence[Mapping[str, Any]], name: str
) -> list[FrontMember]:
    if len(members) < MIN_CANDIDATES:
        return members
    regrets = _regrets(members, objectives)
    end = [one for one in regrets if one[name] > END_REGRET]
    rest = [index for index, one in enumerate(regrets) if one[name] <= END_REGRET]
    if not end or len(rest) < MIN_CANDIDATES:
        return members
    gains = [
        min(regrets[index][other] for index in rest) - min(one[other] for one in end)
        for other in regrets[0]
        if other != name
    ]
    return members if max(gains, default=0.0) >= END_GAIN else [members[index] for index in rest]


def _choose_by_weights(summary: RunSummary, parts: Sequence[str], rule: str) -> Recommendation:
    weights = {}
    for part in parts:
        match = _WEIGHT.fullmatch(part)
        if not match or float(match.group(2)) < 0:
            message = f"Expected a weight of at least 0 such as accuracy=2, got {part.strip()!r}."
            raise SettingsError(message)
        weights[_known_name(match.group(1), summary)] = float(match.group(2))
    if not any(weights.values()):
        message = f"Expected a weight above 0, got {rule!r}."
        raise SettingsError(message)
    weights = {objective["name"]: weights.get(objective["name"], 0.0) for objective in summary.objectives}
    return _least(list(summary.front), summary.objectives, weights, "weights", rule)


def _choose_within(summary: RunSummary, parts: Sequence[str], rule: str) -> Recommendation:
    kept, bounded = list(summary.front), set()
    stated, idle = [], []
    for part in parts:
        name, is_lower, bound, unit = _parse_bound(part, summary)
        bounded.add(name)
        stated.append(_with_unit(part, unit))
        before = kept
        keeping = [
            member
            for member in summary.front
            if (member.objectives[name] >= bound if is_lower else member.objectives[name] <= bound)
        ]
        if len(keeping) == len(summary.front):
            idle.append(stated[-1])
        kept = [member for member in before if member in keeping]
        if not kept:
            values = [member.objectives[name] for member in before]
            best = max(values) if is_lower else min(values)
            which = "the front's" if len(before) == len(summary.front) else "with the other bounds the"
            message = (
                f"Expected a front with {part.strip()}, but {which} best {name} is {best:.6g}{unit}; relax the bound."
            )
            raise SettingsError(message)
    others = [objective for objective in summary.objectives if objective["name"] not in bounded]
    choice = _least(kept, others or summary.objectives, {}, "bounds", rule)
    return replace(choice, rule=", ".join(stated), idle_bounds=tuple(idle))


def _least(
    candidates: Sequence[FrontMember],
    objectives: Sequence[Mapping[str, Any]],
    weights: Mapping[str, float],
    kind: Literal["knee", "weights", "bounds"],
    rule: str,
) -> Recommendation:
    """The smallest weighted sum of regrets; where no candidate lies below the chord, the smallest largest regret."""
    regrets = _regrets(candidates, objectives)
    sums = [sum(weights.get(name, 1.0) * regret for name, regret in one.items()) for one in regrets]
    largest = [max(weights.get(name, 1.0) * regret for name, regret in one.items()) for one in regrets]
    has_knee = bool(weights) or min(sums) < 1.0 - 1e-9
    keys = list(zip(sums, largest, strict=True)) if has_knee else list(zip(largest, sums, strict=True))
    order = sorted(range(len(candidates)), key=lambda index: (*keys[index], index))
    second = candidates[order[1]] if len(order) > 1 else None
    return Recommendation(candidates[order[0]], kind, rule, len(candidates), regrets[order[0]], second)


def _regrets(members: Sequence[FrontMember], objectives: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """For each member, its distance from the best of all in each objective, as a share of their range."""
    columns = {}
    for objective in objectives:
        values = [member.objectives[objective["name"]] for member in members]
        best = max(values) if objective["maximise"] else min(values)
        span = (max(values) - min(values)) or 1.0
        columns[objective["name"]] = [abs(best - value) / span for value in values]
    return [{name: column[index] for name, column in columns.items()} for index in range(len(members))]


def _parse_bound(text: str, summary: RunSummary) -> tuple[str, bool, float, str]:
    """Name, whether it is a lower bound, the bound in the objective's unit, and that unit for a text."""
    match = _BOUND.fullmatch(text)
    if not match:
        message = f"Expected a bound such as accuracy>=91 or latency<=0.015, got {text.strip()!r}."
        raise SettingsError(message)
    name = _known_name(match.group(1), summary)
    unit = next(objective["unit"] for objective in summary.objectives if objective["name"] == name)
    factor = _convert(match.group(4), unit)
    if factor is None:
        expected = f"a bound in {unit}" if unit else "a bound without a unit"
        message = f"Expected {expected} for {name}, got {text.strip()!r}."
        raise SettingsError(message)
    return name, match.group(2) == ">=", float(match.group(3)) * factor, f" {unit}" if unit else ""


def _with_unit(bound: str, unit: str) -> str:
    """A valid bound as it was given, with the objective's unit where it states none."""
    match = _BOUND.fullmatch(bound)
    return bound.strip() if match is None or match.group(4) else f"{bound.strip()}{unit}"


def _convert(given: str | None, unit: str) -> float | None:
    """The factor from a unit to another one that differs by a decimal prefix; None if they differ otherwise."""
    if not given or given == unit:
        return 1.0
    for prefix, factor in _PREFIXES.items():
        for other, other_factor in _PREFIXES.items():
            base = given.removeprefix(prefix)
            if base and given == prefix + base and unit == other + base:
                exponent = round(math.log10(factor / other_factor))
                return float(10.0**exponent)
    return None


def _known_name(name: str, summary: RunSummary) -> str:
    known = [objective["name"] for objective in summary.objectives]
    if name not in known:
        raise SettingsError(unknown_choice_message("objective of the rule", name, known))
    return name
