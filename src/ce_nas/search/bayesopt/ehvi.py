"""Bayesian optimisation without noise: batches by the exact expected hypervolume improvement.

Sources
    [qEHVI] Daulton, Balandat, Bakshy. Differentiable Expected Hypervolume Improvement for Parallel Multi-Objective
    Bayesian Optimization. NeurIPS 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.search.bayesopt.base import BayesianSearcher
from ce_nas.search.bayesopt.gp import SmoothProcess, fit_lengths, prior_lengths
from ce_nas.search.bayesopt.log_ehvi import Boxes, LogGain

if TYPE_CHECKING:
    import numpy as np


__all__ = ["EhviSearcher"]


class EhviSearcher(BayesianSearcher):
    """Expected hypervolume improvement in closed form, a Gaussian process an objective [qEHVI].

    For objectives that come out the same each time, or nearly so, and change smoothly with the variables. Of the
    earlier proposals of a batch, and of those under way, the outcomes that are expected are taken for granted. A batch
    takes milliseconds, and no package beyond the core's.

    The parameters are those of :class:`BayesianSearcher`.
    """

    name = "ehvi"

    def _promise(self, features: np.ndarray, values: np.ndarray) -> LogGain:
        begin = prior_lengths(features.shape[1])
        lengths = [fit_lengths(features, column, begin) for column in values.T]
        processes = [SmoothProcess(features, *pair) for pair in zip(values.T, lengths, strict=True)]
        return LogGain(processes, Boxes.of(values, self._reference))
