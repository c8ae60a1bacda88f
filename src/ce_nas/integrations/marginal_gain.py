"""When more trials are not expected to be worth their carbon, by the record of a study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ce_nas.core.formatting import format_carbon, format_percentage
from ce_nas.core.units import G_PER_KG
from ce_nas.engine.stopping import AUTO_GAIN, StopThreshold
from ce_nas.pareto.hypervolume import hypervolume

__all__ = ["MarginalGainRule"]

#: share of the trials so far whose gain is expected once more
_WINDOW_SHARE = 1 / 3
#: the fewest trials before the rule applies
_MIN_TRIALS = 20
#: trials that show where a study begins
_FIRST_TRIALS = 10
#: distance of the reference point from the worst trial, in units of the objective's range
_REFERENCE_MARGIN = 0.1


@dataclass(frozen=True)
class MarginalGainRule:
    """Stops once the next kilogram is expected to bring less than a share of the progress so far.

    Expected is what the last third of the trials brought. Progress is, with one objective, from the median of the
    first ten trials to the best; with several, the hypervolume beyond the worst trial.

    Example:
        >>> values = np.array([[1.0 / (1 + min(number, 10))] for number in range(40)])
        >>> MarginalGainRule(0.1).why_stop(values, np.full(40, 100.0)) is not None
        True

    :param threshold: percent of the progress per kg of CO2eq; ``auto``: as the stop rule of a search; ``never``.
    """

    threshold: StopThreshold

    def why_stop(self, values: np.ndarray, carbon_g: np.ndarray) -> str | None:
        """The reason to stop, as a sentence; None to continue.

        :param values: objectives of the finished trials in order, minimised, shape ``(trials, objectives)``.
        :param carbon_g: grams of each, shape ``(trials,)``.
        """
        kept = np.isfinite(values).all(axis=1)
        values, carbon_g = values[kept], carbon_g[kept]
        trials = len(values)
        if self.threshold == "never" or trials < _MIN_TRIALS:
            return None
        window = max(int(trials * _WINDOW_SHARE), 1)
        now, before = self._progress(values, values), self._progress(values[:-window], values)
        window_g = float(carbon_g[-window:].sum())
        if window_g <= 0:
            return None
        gain = (now - before) / now if now > 0 else 0.0
        required = AUTO_GAIN if self.threshold == "auto" else float(self.threshold) / 100 * window_g / G_PER_KG
        if gain >= required:
            return None
        return (
            f"After {trials} trials, {window} more, about {format_carbon(window_g)} of CO2eq, are expected to bring "
            f"{format_percentage(gain, 3)} of the progress so far; less than {format_percentage(required, 3)} "
            "is not worth its carbon."
        )

    @staticmethod
    def _progress(values: np.ndarray, everything: np.ndarray) -> float:
        """The progress of some trials, measured on a scale of all of them."""
        if values.shape[1] == 1:
            return float(np.median(everything[:_FIRST_TRIALS]) - values.min())
        low, high = everything.min(axis=0), everything.max(axis=0)
        reference = high + _REFERENCE_MARGIN * np.where(high > low, high - low, 1.0)
        return float(hypervolume(values, reference))
