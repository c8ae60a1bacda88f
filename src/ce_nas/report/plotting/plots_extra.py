"""The extra ``plots``: matplotlib, which draws what is not SVG by this package's own renderer."""

from __future__ import annotations

from importlib.util import find_spec

from ce_nas.core.errors import MissingExtraError

__all__ = ["has_plots", "require_plots"]


def has_plots() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def require_plots(purpose: str, extra: str = "plots") -> None:
    """Make sure that matplotlib is installed.

    :param purpose: what needs it, as the beginning of a sentence.
    :param extra: to name; one that includes ``plots``, where the purpose needs more.
    :raises MissingExtraError: if it is not.
    """
    if not has_plots():
        package = "matplotlib"
        raise MissingExtraError(package, extra, purpose)
