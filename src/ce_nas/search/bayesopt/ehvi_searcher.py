"""Noise-free Bayesian optimisation by the exact expected hypervolume improvement.

Sources
    [qEHVI] Daulton, Balandat, Bakshy. Differentiable Expected Hypervolume Improvement for Parallel Multi-Objective
    Bayesian Optimization. NeurIPS 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.components.registry import SEARCHERS
from ce_nas.search.bayesopt.base import BayesianSearcher
from ce_nas.search.bayesopt.log_ehvi import BoxDecomposition, LogEhvi
from ce_nas.search.bayesopt.noise_free_gp import NoiseFreeGaussianProcess, fit_length_scales, prior_length_scales

if TYPE_CHECKING:
    import numpy as np

__all__ = ["EhviSearcher"]


@SEARCHERS.register("ehvi")
class EhviSearcher(BayesianSearcher):
    """Expected hypervolume improvement in closed form, with one Gaussian process per objective [qEHVI].

    For objectives that are nearly deterministic and change smoothly with the variables. Earlier points of a batch, and
    running trainings, are set to their expected values. A batch takes milliseconds; no extra package is needed.

    Example:
        >>> import numpy as np
        >>> from ce_nas.core.records import Observation
        >>> from ce_nas.space.distributions import Float
        >>> from ce_nas.space.mixed import MixedSpace
        >>> space = MixedSpace("plane", {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
        >>> searcher = EhviSearcher(space, np.random.default_rng(0), reference=(2.0, 2.0), candidates=64)
        >>> points = searcher.ask(10, exclude=set())  # random
        >>> searcher.tell([Observation((x, y), (x**2 + y**2, (x - 1.0) ** 2 + y**2)) for x, y in points])
        >>> all(y < 0.2 for _, y in searcher.ask(2, exclude=set(points)))  # the front is y = 0
        True

    The parameters are those of :class:`BayesianSearcher`.
    """

    name = "ehvi"

    def _build_acquisition(self, features: np.ndarray, values: np.ndarray) -> LogEhvi:
        start = prior_length_scales(features.shape[1])
        length_scales = [fit_length_scales(features, column, start) for column in values.T]
        processes = [NoiseFreeGaussianProcess(features, *pair) for pair in zip(values.T, length_scales, strict=True)]
        return LogEhvi(processes, BoxDecomposition.from_points(values, self._reference))
