"""The keywords of a search: every flag of ``ce-nas search`` and every section of its file, with types and defaults."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from ce_nas.config.schema import Settings, setting_flags

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["with_setting_keywords"]

DocumentedT = TypeVar("DocumentedT", bound="Callable[..., Any]")


def with_setting_keywords(documented: DocumentedT) -> DocumentedT:
    """Give a class or a function of ``**keywords`` the signature that the settings define, and a class their help."""
    signature = inspect.signature(documented)
    own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    returned = inspect.Signature.empty if isinstance(documented, type) else signature.return_annotation
    documented.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*own, *_keyword_parameters()], return_annotation=returned
    )
    if isinstance(documented, type):
        documented.__doc__ = (documented.__doc__ or "").rstrip() + _keyword_documentation()
    return documented


def _keyword_parameters() -> list[inspect.Parameter]:
    """The keywords of a search with their types and defaults: every flag, and every section."""
    from ce_nas.cluster.workers.base import WorkerPool
    from ce_nas.forecast.base import Forecaster
    from ce_nas.policies.base import Policy
    from ce_nas.search.base import Searcher

    objects = {"policy": Policy, "searcher": Searcher, "forecaster": Forecaster, "workers": WorkerPool}
    table = dict[str, Any]
    keywords: dict[str, tuple[Any, Any]] = {}
    for name, flag in setting_flags().items():
        if flag.section == "grid" and "grid" not in keywords:
            keywords["grid"] = (str | table, None)
        annotation = flag.annotation | objects[name] if name in objects else flag.annotation
        # an empty default is that of an option which only some components have
        keywords[name] = (
            bool | table if name == "live" else annotation,
            None if flag.default in {"", ()} else flag.default,
        )
    keywords |= {name: (table, None) for name in Settings.model_fields if name not in keywords}
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=annotation | None if default is None else annotation,
        )
        for name, (annotation, default) in keywords.items()
    ]


def _keyword_documentation() -> str:
    """The keywords for ``help()``, a line each."""
    lines = [f"    {name}: {flag.description}" for name, flag in setting_flags().items()]
    return "\n\n    Keywords\n    --------\n" + "\n".join(lines) + "\n"
