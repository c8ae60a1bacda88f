"""Forecasters by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError, one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ce_nas.forecast.forecaster import Forecaster

__all__ = ["named"]


def named(name: str) -> Forecaster:
    """The forecaster of a name, which needs no training.

    :raises SettingsError: if there is none.
    :raises MissingExtraError: if it is built on a package that is not installed.
    """
    from ce_nas.forecast import naive
    from ce_nas.forecast.adaptive import AdaptiveRidge
    from ce_nas.forecast.mstl import Mstl

    makers: Mapping[str, Callable[[], Forecaster]] = {
        made.name: made for made in (AdaptiveRidge, naive.DampedProfile, Mstl, naive.Persistence, naive.SeasonalNaive)
    }
    if name not in makers:
        raise SettingsError(one_of("forecaster", name, makers))
    return makers[name]()
