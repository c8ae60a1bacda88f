"""What this package uses of ``lazy_loader``, for machines without it: those of :mod:`ce_nas.gpu_check`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["attach"]


def attach(
    package_name: str, submodules: Sequence[str] | None = None, submod_attrs: Mapping[str, Sequence[str]] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """A module's ``__getattr__``, ``__dir__`` and names, whose attributes are imported when they are first used.

    :param submodules: submodules that are attributes themselves.
    :param submod_attrs: submodule to the attributes that come from it.
    """
    sources = {name: module for module, names in (submod_attrs or {}).items() for name in names}
    names = sorted({*sources, *(submodules or ())})

    def get(name: str) -> Any:  # noqa: ANN401 - any attribute
        if name in sources:
            return getattr(importlib.import_module(f"{package_name}.{sources[name]}"), name)
        if name in (submodules or ()):
            return importlib.import_module(f"{package_name}.{name}")
        message = f"module {package_name!r} has no attribute {name!r}"
        raise AttributeError(message)

    return get, lambda: list(names), names
