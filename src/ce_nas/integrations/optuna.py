"""LaMOO as a sampler for Optuna: any multi-objective study over float, int and categorical parameters.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from ce_nas.core.errors import MissingExtraError, SettingsError, unknown_choice_message
from ce_nas.core.records import Observation
from ce_nas.search.bayesopt.ehvi_searcher import EhviSearcher
from ce_nas.search.cma_es import CmaSearcher
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.space.distributions import Categorical, Domain, Float, Integer
from ce_nas.space.mixed import MixedSpace

try:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.samplers import BaseSampler, RandomSampler
    from optuna.samplers._base import _process_constraints_after_trial
    from optuna.search_space import IntersectionSearchSpace
    from optuna.study import StudyDirection
    from optuna.trial import TrialState
except ImportError as error:
    raise MissingExtraError(package="optuna", extra="optuna", purpose="ce_nas.integrations.optuna") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from ce_nas.core.records import Architecture
    from ce_nas.search.base import Searcher
    from ce_nas.search.regions import RegionalSearcher

__all__ = ["LamooSampler", "SearcherSampler"]

OptunaDistribution = CategoricalDistribution | FloatDistribution | IntDistribution
SearchSpace = dict[str, OptunaDistribution]
InnerSearcher = Literal["cma", "ehvi", "nsga2", "qlognehvi", "random"]
INNER_SEARCHERS = ("cma", "ehvi", "nsga2", "qlognehvi", "random")

#: objective values of an infeasible trial, scaled by one plus its violation: worse than those of any feasible one
_INFEASIBLE_VALUE = 1e100
#: distance of the reference point from the worst trial in units of the objective's range
_REFERENCE_MARGIN = 0.1

_logger = logging.getLogger(__name__)


class SearcherSampler(BaseSampler):
    """Samples by one of the package's searchers; the base of the samplers.

    Trials are read from the study's storage, so a study may be resumed, shared or extended. Pruned and failed trials
    are ignored. Parameters that not every trial has are sampled independently, as by Optuna's own samplers.
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
        if n_startup_trials < 1:
            message = f"Expected at least 1 startup trial, got n_startup_trials={n_startup_trials}."
            raise SettingsError(message)
        self._rng = np.random.default_rng(seed)
        self._n_startup_trials = n_startup_trials
        self._reference_point = reference_point
        self._independent_sampler = independent_sampler or RandomSampler(seed=seed)
        self._constraints_func = constraints_func
        self._warn_independent_sampling = warn_independent_sampling
        self._search_space = IntersectionSearchSpace()
        self._session: _SearchSession | None = None
        self._lock = threading.Lock()

    def _build_searcher(self, space: MixedSpace, reference: np.ndarray) -> Searcher:
        """The searcher of a space, with the reference point of the hypervolume, minimised, shape ``(m,)``."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        """The state without the lock, and without the session, which is rebuilt from the storage."""
        return {**self.__dict__, "_lock": None, "_session": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state of :meth:`__getstate__`."""
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def reseed_rng(self) -> None:
        """Use a new random generator, as each thread of ``n_jobs`` has to."""
        with self._lock:
            self._rng = np.random.default_rng()
            self._session = None
        self._independent_sampler.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """The parameters that every completed trial has, without those with a single value."""
        common = self._search_space.calculate(study)
        return {name: distribution for name, distribution in common.items() if not distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parameters of the next trial; empty while there are too few completed trials."""
        completed = _usable_trials(study)
        if not search_space or len(completed) < self._n_startup_trials:
            return {}
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        with self._lock:
            return self._session_for(study, search_space, completed).suggest(
                completed, [other for other in running if other.number != trial.number]
            )

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401 - Optuna's own signature
        """A parameter's value from the independent sampler."""
        if self._warn_independent_sampling and not param_distribution.single():
            n_usable = len(_usable_trials(study))
            if n_usable >= self._n_startup_trials:
                _logger.warning(
                    "Trial %d samples the parameter %r independently, because not every trial before it has that "
                    "parameter with the same range; %s(warn_independent_sampling=False) disables this message.",
                    trial.number,
                    param_name,
                    type(self).__name__,
                )
        return self._independent_sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Prepare the independent sampler."""
        self._independent_sampler.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Store the trial's constraints, if any."""
        if self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)
        self._independent_sampler.after_trial(study, trial, state, values)

    def _session_for(
        self, study: Study, search_space: dict[str, BaseDistribution], completed: list[FrozenTrial]
    ) -> _SearchSession:
        """The current session; a new one for a new study, other parameters, or the first feasible trial."""
        signs = _signs(study)
        feasible = [trial for trial in completed if _total_violation(trial) == 0]
        key = (study.study_name, tuple(search_space.items()), bool(feasible))
        if self._session is None or self._session.key != key:
            values = np.array([trial.values for trial in feasible or completed]) * signs
            reference = self._compute_reference_point(values, signs)
            encoder = _ParameterEncoder(cast("SearchSpace", search_space))
            self._session = _SearchSession(key, encoder, self._build_searcher(encoder.space, reference), signs)
        return self._session

    def _compute_reference_point(self, values: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """The reference point, minimised, shape ``(m,)``."""
        if self._reference_point is not None:
            return np.asarray(np.asarray(self._reference_point, dtype=float) * signs)
        columns = [column[np.isfinite(column)] for column in values.T]
        bounds = np.array([(column.min(), column.max()) if len(column) else (0.0, 1.0) for column in columns])
        ranges = np.ptp(bounds, axis=1)
        return np.asarray(bounds[:, 1] + _REFERENCE_MARGIN * np.where(ranges > 0, ranges, 1.0))


class LamooSampler(SearcherSampler):
    """Samples from the regions of a learned partition of the space that hold the better trials [LaMOO].

    Trials are read from the study's storage, so a study may be resumed, shared or extended. Pruned and failed trials
    are ignored. Parameters that not every trial has are sampled independently, as by Optuna's own samplers.

    Example:
        >>> import optuna
        >>> from ce_nas.integrations.optuna import LamooSampler
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> def objective(trial):
        ...     x = trial.suggest_float("x", 0, 2)
        ...     layers = trial.suggest_int("layers", 1, 8, log=True)
        ...     kind = trial.suggest_categorical("kind", ["plain", "gated"])
        ...     return x**2 + layers, (x - 2) ** 2 + 8 / layers + (kind == "plain")
        >>> study = optuna.create_study(directions=["minimize", "minimize"], sampler=LamooSampler(seed=0))
        >>> study.optimize(objective, n_trials=40)
        >>> len(study.best_trials) > 3
        True

    :param seed: equal seeds give equal trials, if they run one after the other.
    :param n_startup_trials: completed trials before the first partition; independent samples until then.
    :param inner: the searcher inside a region: ``nsga2``, ``random``, ``ehvi`` (few trials, little noise),
        ``qlognehvi`` (few trials, noise; needs the extra ``bo``) or ``cma``, which is mainly for real parameters: over
        mixed ones a run may be trapped by a bad choice, and it was worse than random sampling with 2 of 13 seeds.
    :param partition_settings: settings of the partition; None: the defaults, for ``cma`` with
        ``select="proportional"``.
    :param exploration_share: share of trials sampled outside the selected region, against excessive pruning; 0 to 1.
    :param reference_point: the worst value of each objective that counts, in the study's own directions; None: slightly
        worse than the worst of the first trials.
    :param independent_sampler: samples the first trials, and parameters that not every trial has; None: at random.
    :param constraints_func: as in Optuna's NSGA-II: values above 0 are violations; constraints set by a trial itself
        count as well.
    :param warn_independent_sampling: whether to log when a parameter is sampled independently after the first trials.
    """

    def __init__(  # noqa: PLR0913 - the settings of Optuna's own samplers, and of the partition
        self,
        *,
        seed: int | None = None,
        n_startup_trials: int = 10,
        inner: InnerSearcher = "nsga2",
        partition_settings: PartitionSettings | None = None,
        exploration_share: float = 0.1,
        reference_point: Sequence[float] | None = None,
        independent_sampler: BaseSampler | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        if inner not in INNER_SEARCHERS:
            raise SettingsError(unknown_choice_message("searcher inside a region", inner, INNER_SEARCHERS))
        if not 0 <= exploration_share <= 1:
            message = f"Expected a share outside the region from 0 to 1, got exploration_share={exploration_share}."
            raise SettingsError(message)
        super().__init__(
            seed=seed,
            n_startup_trials=n_startup_trials,
            reference_point=reference_point,
            independent_sampler=independent_sampler,
            constraints_func=constraints_func,
            warn_independent_sampling=warn_independent_sampling,
        )
        self._inner: InnerSearcher = inner
        self._partition_settings = partition_settings
        self._exploration_share = exploration_share

    def _build_searcher(self, space: MixedSpace, reference: np.ndarray) -> LamooSearcher:
        inner: RegionalSearcher
        if self._inner == "qlognehvi":
            from ce_nas.search.bayesopt.qlognehvi_searcher import QLogNehviSearcher

            inner = QLogNehviSearcher(space, self._rng, reference)
        elif self._inner in ("cma", "ehvi"):
            inner = (CmaSearcher if self._inner == "cma" else EhviSearcher)(space, self._rng, reference)
        else:
            inner = (Nsga2Searcher if self._inner == "nsga2" else RandomSearcher)(space, self._rng)
        settings = self._partition_settings or PartitionSettings(
            select="proportional" if self._inner == "cma" else "leaf"
        )
        return LamooSearcher(space, self._rng, reference, inner, settings, exploration_share=self._exploration_share)


class _SearchSession:
    """A searcher, and the trials that it has observed."""

    def __init__(self, key: object, encoder: _ParameterEncoder, searcher: Searcher, signs: np.ndarray) -> None:
        self.key = key
        self._encoder = encoder
        self._searcher = searcher
        self._signs = signs
        self._observed: dict[int, Architecture] = {}

    def suggest(self, completed: list[FrozenTrial], running: list[FrozenTrial]) -> dict[str, Any]:
        """The parameters of a trial; empty if every combination was tried or is running."""
        new_trials = [trial for trial in completed if trial.number not in self._observed]
        observations = [self._observation(trial) for trial in new_trials]
        for trial, observation in zip(new_trials, observations, strict=True):
            self._observed[trial.number] = observation.architecture
        self._searcher.tell(observations)
        pending = [trial.params for trial in running if self._encoder.names <= trial.params.keys()]
        proposals = self._searcher.ask(1, {*self._observed.values(), *map(self._encoder.encode, pending)})
        return self._encoder.decode(proposals[0]) if proposals else {}

    def _observation(self, trial: FrozenTrial) -> Observation:
        values = np.array(trial.values) * self._signs
        if (violation := _total_violation(trial)) > 0:
            values = np.full(len(values), _INFEASIBLE_VALUE * (1.0 + violation))
        return Observation(self._encoder.encode(trial.params), tuple(values.tolist()))


class _ParameterEncoder:
    """Optuna's parameters as a space; a parameter with a step is an integer number of steps."""

    def __init__(self, search_space: SearchSpace) -> None:
        self._distributions = search_space
        self.names = search_space.keys()
        domains = {name: _convert_distribution(distribution) for name, distribution in search_space.items()}
        self.space = MixedSpace("study", domains)

    def encode(self, params: dict[str, Any]) -> Architecture:
        """Convert a trial's parameters to an architecture of the space."""
        values = [_encode_value(distribution, params[name]) for name, distribution in self._distributions.items()]
        return cast("Architecture", tuple(values))

    def decode(self, architecture: Architecture) -> dict[str, Any]:
        """Convert an architecture to a trial's parameters."""
        pairs = zip(self._distributions.items(), architecture, strict=True)
        return {name: _decode_value(distribution, value) for (name, distribution), value in pairs}


def _convert_distribution(distribution: OptunaDistribution) -> Domain:
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(tuple(map(str, range(len(distribution.choices)))))
    if isinstance(distribution, FloatDistribution) and distribution.step is None:
        return Float(distribution.low, distribution.high, distribution.log)
    if isinstance(distribution, IntDistribution) and distribution.log:
        return Integer(distribution.low, distribution.high, log=True)
    return Integer(0, round((distribution.high - distribution.low) / (distribution.step or 1)))


def _step_size(distribution: FloatDistribution | IntDistribution) -> float:
    """The step of a parameter; 0 if its values are used directly."""
    return 0 if distribution.log else distribution.step or 0


def _encode_value(distribution: OptunaDistribution, value: Any) -> float:  # noqa: ANN401 - a choice may be anything
    """Convert a parameter's value to a value of its domain."""
    if isinstance(distribution, CategoricalDistribution):
        return int(distribution.to_internal_repr(value))
    if step := _step_size(distribution):
        steps: int = round((value - distribution.low) / step)
        return steps
    return float(value) if isinstance(distribution, FloatDistribution) else int(value)


def _decode_value(distribution: OptunaDistribution, encoded: float) -> Any:  # noqa: ANN401 - a choice may be anything
    """The inverse of :func:`_encode_value`."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(encoded)]
    if step := _step_size(distribution):
        return min(distribution.low + encoded * step, distribution.high)
    return encoded


def _signs(study: Study) -> np.ndarray:
    """1 for each objective to minimise, -1 for each to maximise."""
    return np.array([-1.0 if way == StudyDirection.MAXIMIZE else 1.0 for way in study.directions])


def _usable_trials(study: Study) -> list[FrozenTrial]:
    """The completed trials without a value of NaN or of minus infinity (plus infinity where it is maximised)."""
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    signs = _signs(study)
    return [trial for trial in completed if (np.array(trial.values) * signs > -np.inf).all()]


def _total_violation(trial: FrozenTrial) -> float:
    """The total violation of a trial's constraints; 0 if it is feasible."""
    constraints = trial.constraints.values() if hasattr(trial, "constraints") else _legacy_constraints(trial)
    return float(sum(max(value, 0.0) for value in constraints))


def _legacy_constraints(trial: FrozenTrial) -> Sequence[float]:
    """A trial's constraints in Optuna before version 5."""
    return trial.system_attrs.get("constraints") or ()
