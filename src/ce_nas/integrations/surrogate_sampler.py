"""The surrogate searcher as a sampler for Optuna: Gaussian processes and expected hypervolume improvement.

It is made for discrete spaces and few, expensive trials, with one objective or several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.integrations.optuna import SearcherSampler
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

if TYPE_CHECKING:
    import numpy as np

    from ce_nas.search.base import Searcher
    from ce_nas.space.mixed import MixedSpace

__all__ = ["SurrogateSampler"]


class SurrogateSampler(SearcherSampler):
    """Samples the candidate of the largest expected hypervolume improvement by Gaussian processes.

    Example:
        >>> import optuna
        >>> from ce_nas.integrations import SurrogateSampler
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> def objective(trial):
        ...     kinds = ["plain", "gated", "wide"]
        ...     layers = [trial.suggest_categorical(f"layer {number}", kinds) for number in range(4)]
        ...     return layers.count("gated") + 2 * layers.count("plain")
        >>> study = optuna.create_study(sampler=SurrogateSampler(seed=0, n_startup_trials=6))
        >>> study.optimize(objective, n_trials=20)
        >>> study.best_value
        0.0

    :param seed: equal seeds give equal trials, if they run one after the other.
    :param n_startup_trials: completed trials before the model; independent samples until then.
    :param reference_point: see :class:`~ce_nas.integrations.optuna.LamooSampler`, likewise the others.
    """

    def _build_searcher(self, space: MixedSpace, reference: np.ndarray) -> Searcher:
        return SurrogateSearcher(space, self._rng, reference, initial_proposals=1)
