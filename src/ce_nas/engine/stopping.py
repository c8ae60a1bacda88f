"""The stop rule: a search begins nothing new once more is not expected to be worth its carbon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ce_nas.energy.ledger import LedgerTotals
    from ce_nas.engine.search_progress import SearchProgress
    from ce_nas.search.base import Searcher

__all__ = ["StopRule", "StopThreshold"]

#: least gain for which a search goes on, percent of its hypervolume per kg of CO2eq; ``auto``: by what was spent
StopThreshold = float | Literal["auto", "never"]


class StopRule:
    """Decides after each training whether more is still worth its carbon.

    :param threshold: see :data:`StopThreshold`.
    """

    def __init__(self, threshold: StopThreshold, searcher: Searcher) -> None:
        self._threshold = threshold
        self._searcher = searcher
        #: why the search begins nothing new, a sentence with its figures; None while it goes on
        self.reason: str | None = None

    def update(self, progress: SearchProgress, totals: LedgerTotals) -> bool:
        """Take the result of a training into account, and return whether the search is to begin nothing new."""
        return False
