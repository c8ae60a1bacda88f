"""The surrogate searcher as a sampler for Optuna: Gaussian processes and expected hypervolume improvement.

It is made for discrete spaces and few, expensive trials, with one objective or several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.integrations.optuna import SearcherSampler
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

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

    def __init__(  # noqa: PLR0913 - the settings of Optuna's own samplers
        self,
        *,
        seed: int | None = None,
        n_startup_trials: int = 10,
        reference_point: Sequence[float] | None = None,
        independent_sampler: BaseSampler | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        super().__init__(
            seed=seed,
            n_startup_trials=n_startup_trials,
            reference_point=reference_point,
            independent_sampler=independent_sampler,
            constraints_func=constraints_func,
            warn_independent_sampling=warn_independent_sampling,
        )

    def _build_searcher(self, space: MixedSpace, reference: np.ndarray) -> Searcher:
        return SurrogateSearcher(space, self._rng, reference, initial_proposals=1)
