"""The names by which policies, searchers and forecasters are chosen."""

from __future__ import annotations

from ce_nas.core.errors import SettingsError, one_of

__all__ = ["FORECASTERS", "INNER_SEARCHERS", "POLICIES", "SEARCHERS", "canonical"]

#: other names for policies and searchers
ALIASES = {"vanilla": "all-evaluation", "one-shot": "all-sampling", "hotcarbon": "heuristic", "random": "uniform"}
POLICIES = ("all-evaluation", "all-sampling", "fixed", "heuristic", "suspend-resume", "threshold")
SEARCHERS = ("lamoo", "nsga2", "surrogate", "uniform")
#: searchers that LaMOO can search its regions with
INNER_SEARCHERS = ("nsga2", "surrogate", "uniform")
FORECASTERS = ("damped-profile", "persistence", "seasonal-naive")


def canonical(name: str, what: str, known: tuple[str, ...]) -> str:
    """The one name of a policy, searcher or forecaster that may be called by another.

    :raises SettingsError: if there is none.
    """
    name = ALIASES.get(name, name)
    if name not in known:
        aliases = [alias for alias, meant in ALIASES.items() if meant in known]
        raise SettingsError(one_of(what, name, [*known, *aliases]))
    return name
