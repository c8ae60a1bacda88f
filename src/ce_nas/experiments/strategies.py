"""The strategies that the experiments compare, and what each of them is in settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ce_nas.report.i18n.words import Words

__all__ = ["CE_NAS", "OWN_SEARCHER", "STRATEGIES", "Strategy", "strategy", "strategy_sentences", "strategy_titles"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """Who divides the devices and who proposes."""

    #: the name it is chosen by
    name: str
    #: what a figure calls it
    title: str
    #: settings that make it what it is, as in a file; whatever is not said here is as the user's flags say
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: flags that do not reach it: it would not be what it is
    owns: tuple[str, ...] = ("policy", "searcher", "forecaster")


CE_NAS = Strategy(
    "ce-nas",
    "CE-NAS",
    {"policy": {"name": "threshold"}, "searcher": {"name": "surrogate"}},
    owns=(),
)
#: CE-NAS, and what it is put beside in the method's own experiments
STRATEGIES = (
    CE_NAS,
    Strategy(
        "vanilla-lamoo",
        "vanilla LaMOO",
        {"policy": {"name": "all-evaluation"}, "searcher": {"name": "lamoo", "inner": "uniform"}},
    ),
    Strategy(
        "vanilla-random",
        "vanilla random",
        {"policy": {"name": "all-evaluation"}, "searcher": {"name": "uniform"}},
    ),
    Strategy(
        "one-shot-lamoo",
        "one-shot LaMOO",
        {"policy": {"name": "all-sampling"}, "searcher": {"name": "lamoo", "inner": "uniform"}},
    ),
    Strategy(
        "heuristic-lamoo",
        "heuristic LaMOO",
        {"policy": {"name": "heuristic"}, "searcher": {"name": "lamoo", "inner": "uniform"}},
    ),
)
#: CE-NAS's searcher without scores and hours: what a ratio to it leaves is the work of these
OWN_SEARCHER = Strategy(
    "vanilla-surrogate",
    "vanilla surrogate",
    {
        "policy": {"name": "all-evaluation"},
        "searcher": {"name": "surrogate"},
        "benchmark": {"cheap_scores": "none"},
        "budget": {"evaluations": 400},
    },
    owns=("policy", "searcher", "forecaster", "cheap_scores", "evaluations"),
)


def strategy_titles(names: Iterable[str]) -> str:
    """The titles of some strategies, each once, with commas between; a name that is none stands for itself."""
    titles = {item.name: item.title for item in (*STRATEGIES, OWN_SEARCHER)}
    return ", ".join(dict.fromkeys(titles.get(name, name) for name in names))


def strategy_sentences(names: Iterable[str], words: Words) -> list[str]:
    """What some strategies are, each once; a name that is none is left out."""
    known = {item.name: item for item in (*STRATEGIES, OWN_SEARCHER)}
    return [
        words("exp.who", title=known[name].title, what=words(f"exp.what.{name}"))
        for name in dict.fromkeys(names)
        if name in known
    ]


def strategy(name: str) -> Strategy:
    """The strategy of that name.

    :raises SettingsError: if there is none.
    """
    found = {item.name: item for item in (*STRATEGIES, OWN_SEARCHER)}
    if name not in found:
        raise SettingsError(one_of("strategy", name, found))
    return found[name]
