"""Strategies: combinations of a policy and a searcher that experiments compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ce_nas.components.registry import POLICIES, SEARCHERS
from ce_nas.core.errors import SettingsError, unknown_choice_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ce_nas.report.i18n.translator import Translator

__all__ = [
    "CE_NAS",
    "FACTORS",
    "NEED_PARTIAL_TRAININGS",
    "STRATEGIES",
    "SUITE_STRATEGIES",
    "VANILLA_SURROGATE",
    "Strategy",
    "combine",
    "describe_strategies",
    "get_strategy",
    "list_strategy_titles",
]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A policy with a searcher, and the settings that define them.

    Example:
        >>> combine("threshold", "lamoo").settings
        {'policy': {'name': 'threshold'}, 'searcher': {'name': 'lamoo'}}
    """

    #: identifier in results
    name: str
    #: name in tables and figures
    title: str
    #: settings that define it, as in a file; all other settings come from the user's flags
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    #: flags that the settings fix: the user's values are ignored
    fixed_flags: tuple[str, ...] = ("policy", "searcher", "forecaster")


def combine(policy: str, searcher: str) -> Strategy:
    """Return the strategy of a policy and a searcher by their names, with all other settings from the user's flags."""
    title = f"{policy} + {searcher}"
    return Strategy(title, title, {"policy": {"name": policy}, "searcher": {"name": searcher}}, ("policy", "searcher"))


CE_NAS = Strategy(
    "ce-nas",
    "CE-NAS",
    # as a search without flags
    {"policy": {"name": POLICIES.default}, "searcher": {"name": SEARCHERS.default}},
    fixed_flags=(),
)
#: CE-NAS, and the baselines of the method's own experiments
STRATEGIES = (
    CE_NAS,
    Strategy(
        "vanilla-lamoo",
        "vanilla LaMOO",
        {"policy": {"name": "vanilla"}, "searcher": {"name": "lamoo", "inner": "random"}},
    ),
    Strategy(
        "vanilla-random",
        "vanilla random",
        {"policy": {"name": "vanilla"}, "searcher": {"name": "random"}},
    ),
    Strategy(
        "one-shot-lamoo",
        "one-shot LaMOO",
        {"policy": {"name": "one-shot"}, "searcher": {"name": "lamoo", "inner": "random"}},
    ),
    Strategy(
        "hotcarbon-lamoo",
        "HotCarbon LaMOO",
        {"policy": {"name": "hotcarbon"}, "searcher": {"name": "lamoo", "inner": "random"}},
    ),
)
#: CE-NAS's searcher without proxy scores and without a carbon-aware policy: a ratio to it isolates the effect of these
VANILLA_SURROGATE = Strategy(
    "vanilla-surrogate",
    "vanilla surrogate",
    {
        "policy": {"name": "vanilla"},
        "searcher": {"name": "surrogate"},
        "problem": {"proxy_scores": "none"},
        "budget": {"evaluations": 400},
    },
    fixed_flags=("policy", "searcher", "forecaster", "proxy_scores", "evaluations"),
)


def _surrogate_under(
    name: str,
    title: str,
    policy: str,
    *,
    scores: bool,
    policy_options: Mapping[str, Any] | None = None,
    **sections: Mapping[str, Any],
) -> Strategy:
    """CE-NAS's searcher under a policy, with the problem's own proxy scores or without any.

    :param policy_options: settings of the policy; None: its defaults.
    :param sections: further settings, by section.
    """
    settings: dict[str, Any] = {**sections, "policy": {"name": policy, **(policy_options or {})}}
    settings["searcher"] = {"name": "surrogate", **sections.get("searcher", {})}
    if not scores:
        settings["problem"] = {"proxy_scores": "none"}
    return Strategy(name, title, settings, ("policy", "searcher", "proxy_scores", "power_lever"))


LEVER = {"lever": True}
#: the suite's strategies: each part of CE-NAS is added to vanilla LaMOO in turn
SUITE_STRATEGIES = (
    STRATEGIES[1],
    VANILLA_SURROGATE,
    _surrogate_under("scored-surrogate", "surrogate, scores, all hours", "fixed", scores=True),
    _surrogate_under("threshold-surrogate", "threshold + surrogate", "threshold", scores=True),
    _surrogate_under("look-ahead-unscored", "look-ahead + surrogate, no scores", "look-ahead", scores=False),
    _surrogate_under("look-ahead-surrogate", "look-ahead + surrogate", "look-ahead", scores=True),
    _surrogate_under(
        "unplanned-surrogate",
        "look-ahead + surrogate, planned as for any searcher",
        "look-ahead",
        scores=True,
        policy_options={"plan_for_searcher": False},
    ),
    _surrogate_under("learned-surrogate", "learned + surrogate", "learned", scores=True),
    Strategy(
        "look-ahead-lamoo",
        "look-ahead + LaMOO",
        {"policy": {"name": "look-ahead"}, "searcher": {"name": "lamoo", "inner": "random"}},
        ("policy", "searcher", "proxy_scores"),
    ),
    _surrogate_under(
        "short-surrogate",
        "look-ahead + surrogate, short trainings first",
        "look-ahead",
        scores=True,
        searcher={"initial_fidelity": 0.06, "short_trainings": 64},
    ),
    _surrogate_under(
        "power-surrogate", "look-ahead + surrogate, power", "look-ahead", scores=True, power={"lever": True}
    ),
)
#: strategies that need a table with partial trainings
NEED_PARTIAL_TRAININGS = ("short-surrogate",)
#: name of a part, and the strategies with and without it
FACTORS = (
    ("searcher", "vanilla-surrogate", "vanilla-lamoo"),
    ("scores", "scored-surrogate", "vanilla-surrogate"),
    ("scores-last", "look-ahead-surrogate", "look-ahead-unscored"),
    ("hours", "look-ahead-unscored", "vanilla-surrogate"),
    ("hours-threshold", "threshold-surrogate", "scored-surrogate"),
    ("hours-look-ahead", "look-ahead-surrogate", "scored-surrogate"),
    ("hours-learned", "learned-surrogate", "scored-surrogate"),
    ("hours-unplanned", "unplanned-surrogate", "scored-surrogate"),
    ("plan-for-searcher", "look-ahead-surrogate", "unplanned-surrogate"),
)
_KNOWN_STRATEGIES = {strategy.name: strategy for strategy in (*STRATEGIES, VANILLA_SURROGATE, *SUITE_STRATEGIES)}


def list_strategy_titles(names: Iterable[str]) -> str:
    """Join the titles of strategies, each once; an unknown name is its own title."""
    known = _KNOWN_STRATEGIES
    return ", ".join(dict.fromkeys(known[name].title if name in known else name for name in names))


def describe_strategies(names: Iterable[str], translate: Translator) -> list[str]:
    """Describe strategies in a sentence each, every one once; unknown names are left out."""
    return [
        translate("exp.who", title=_KNOWN_STRATEGIES[name].title, what=translate(f"exp.what.{name}"))
        for name in dict.fromkeys(names)
        if name in _KNOWN_STRATEGIES
    ]


def get_strategy(name: str) -> Strategy:
    """Return the strategy of that name.

    :raises SettingsError: if there is none.
    """
    if name not in _KNOWN_STRATEGIES:
        raise SettingsError(unknown_choice_message("strategy", name, _KNOWN_STRATEGIES))
    return _KNOWN_STRATEGIES[name]
