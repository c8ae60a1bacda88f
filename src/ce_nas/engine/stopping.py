"""The stopping rule: a search starts no further task when the expected gain is not worth its carbon.

After each training the rule estimates what a third as many more trainings would add to the hypervolume: the larger of
what the last third of the trainings added, and of what the searcher's own model expects of the best candidates
(expected hypervolume improvement). The model finds remaining gain where the past is flat by chance; the past shows gain
that the model does not expect. Without a model the last half of the trainings counts instead of the last third, since
progress may be flat for long. Neither knows the table's optimum, and the rule is a function of the journal alone.

The constants were chosen on the embedded tables of NAS-Bench-201 with seeds from 1000 on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ce_nas.core.formatting import format_carbon, format_percentage
from ce_nas.core.units import G_PER_KG

if TYPE_CHECKING:
    from ce_nas.energy.ledger import LedgerTotals
    from ce_nas.engine.search_progress import SearchProgress
    from ce_nas.search.base import Searcher

__all__ = ["AUTO_GAIN", "StopRule", "StopThreshold"]

#: least gain for which a search continues, percent of its hypervolume per kg of CO2eq; ``auto``: by what was spent
StopThreshold = float | Literal["auto", "never"]

#: ``auto``: share of the hypervolume that a third as many more trainings must be expected to add
AUTO_GAIN = 1e-3
#: trainings to come, as a share of those done, that the expected gain is of
_WINDOW_SHARE = 1 / 3
#: share of the trainings done whose gain is compared, with and without a model of the searcher
_RECORD_SHARE, _RECORD_SHARE_ALONE = 1 / 3, 0.5
#: the fewest trainings before the rule applies, with and without a model of the searcher
_MIN_TRAININGS, _MIN_TRAININGS_ALONE = 20, 40


class StopRule:
    """Decides after each training whether more is still worth its carbon.

    :param threshold: see :data:`StopThreshold`.
    """

    def __init__(self, threshold: StopThreshold, searcher: Searcher) -> None:
        self._threshold = threshold
        self._searcher = searcher
        self._carbon_g: list[float] = []
        #: why the search begins nothing new, a sentence with its figures; None while it continues
        self.reason: str | None = None

    def update(self, progress: SearchProgress, totals: LedgerTotals) -> bool:
        """Take the results of trainings into account, and return whether the search is to begin nothing new.

        Once it does, it stays so: see :attr:`reason`.
        """
        if self._threshold == "never" or self.reason or len(self._carbon_g) == progress.evaluations:
            return self.reason is not None
        self._carbon_g += [totals.total_carbon_g] * (progress.evaluations - len(self._carbon_g))
        trainings, hypervolume = progress.evaluations, progress.hypervolume
        coming = int(trainings * _WINDOW_SHARE)
        modelled = self._searcher.expected_gain(coming)
        if hypervolume <= 0 or trainings < (_MIN_TRAININGS_ALONE if modelled is None else _MIN_TRAININGS):
            return False
        back = int(trainings * (_RECORD_SHARE_ALONE if modelled is None else _RECORD_SHARE))
        observed = hypervolume - progress.hypervolume_by_evaluation[trainings - 1 - back]
        gain = max(observed, modelled or 0.0) / hypervolume
        window_g = self._carbon_g[-1] - self._carbon_g[trainings - 1 - coming]
        required = self._required_gain(window_g)
        if gain < required:
            self.reason = (
                f"After {trainings} trainings, {coming} more, about {format_carbon(window_g)} of CO2eq, are expected "
                f"to add {format_percentage(gain, 3)} of the hypervolume at most; less than "
                f"{format_percentage(required, 3)} is not worth its carbon."
            )
        return self.reason is not None

    def _required_gain(self, carbon_g: float) -> float:
        """The relative gain of hypervolume that so much carbon must be expected to bring."""
        if self._threshold == "auto":
            return AUTO_GAIN
        return float(self._threshold) / 100.0 * carbon_g / G_PER_KG
