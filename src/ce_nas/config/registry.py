"""The names by which policies and searchers are chosen."""

from __future__ import annotations

from importlib.util import find_spec

from ce_nas.core.errors import MissingExtraError, SettingsError, one_of

__all__ = ["INNER_SEARCHERS", "POLICIES", "SEARCHERS", "canonical", "require_extra"]

#: other names for policies and searchers
ALIASES = {
    "vanilla": "all-evaluation",
    "one-shot": "all-sampling",
    "hotcarbon": "heuristic",
    "carbonscaler": "marginal",
    "random": "uniform",
}
POLICIES = (
    "all-evaluation",
    "all-sampling",
    "fixed",
    "heuristic",
    "learned",
    "look-ahead",
    "marginal",
    "suspend-resume",
    "threshold",
)
SEARCHERS = ("cma", "ehvi", "lamoo", "nsga2", "qlognehvi", "surrogate", "uniform")
#: searchers that LaMOO can search its regions with
INNER_SEARCHERS = ("cma", "ehvi", "nsga2", "qlognehvi", "surrogate", "uniform")
#: the package that a searcher needs, and the extra that brings it
EXTRAS = {"qlognehvi": ("botorch", "bo")}


def canonical(name: str, what: str, known: tuple[str, ...]) -> str:
    """The one name of a policy or searcher that may be called by another.

    :raises SettingsError: if there is none.
    """
    name = ALIASES.get(name, name)
    if name not in known:
        aliases = [alias for alias, meant in ALIASES.items() if meant in known]
        raise SettingsError(one_of(what, name, [*known, *aliases]))
    return name


def require_extra(searcher: str) -> None:
    """Make sure that what a searcher is built on is installed.

    :raises MissingExtraError: if it is not.
    """
    package, extra = EXTRAS.get(searcher, (None, ""))
    if package and find_spec(package) is None:
        raise MissingExtraError(package, extra, purpose=f"The searcher {searcher}")
