"""LaMOO as a sampler for Optuna: any multi-objective study over float, int and categorical parameters.

>>> import optuna
>>> from ce_nas.integrations.optuna import LamooSampler
>>> def objective(trial):
...     x = trial.suggest_float("x", 0, 2)
...     layers = trial.suggest_int("layers", 1, 8, log=True)
...     kind = trial.suggest_categorical("kind", ["plain", "gated"])
...     return x**2 + layers, (x - 2) ** 2 + 8 / layers + (kind == "plain")
>>> study = optuna.create_study(directions=["minimize", "minimize"], sampler=LamooSampler(seed=0))
>>> study.optimize(objective, n_trials=40)
>>> len(study.best_trials) > 3
True

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from ce_nas.core.errors import MissingExtraError, SettingsError, one_of
from ce_nas.core.records import Observation
from ce_nas.search.bayesopt.ehvi import EhviSearcher
from ce_nas.search.cma_es import CmaSearcher
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.lamoo.searcher import LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import UniformSearcher
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
    from ce_nas.search.regions import RegionalSearcher

__all__ = ["LamooSampler"]

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution
SearchSpace = dict[str, Distribution]
Inner = Literal["cma", "ehvi", "nsga2", "qlognehvi", "uniform"]
INNERS = ("cma", "ehvi", "nsga2", "qlognehvi", "uniform")

#: the objectives of a trial that breaks a constraint, before the violation is counted: behind any that breaks none
_FAR = 1e100
#: how far behind the worst trial the reference point lies, as a share of the objective's range
_MARGIN = 0.1

_logger = logging.getLogger(__name__)


class LamooSampler(BaseSampler):
    """Learning space partitions for Optuna: samples where the better half of the better half of the trials lie [LaMOO].

    Trials are read from the study's storage, so a study may be resumed, shared or added to. Pruned and failed trials
    are ignored. Parameters that not every trial has are sampled independently, as by Optuna's own samplers.

    :param seed: the same seed gives the same trials, if they run one after the other.
    :param n_startup_trials: completed trials before the first partition; independent samples until then.
    :param inner: who searches inside a region: ``nsga2``, ``uniform``, ``ehvi`` (few trials, little noise),
        ``qlognehvi`` (few trials, noise; needs the extra ``bo``) or ``cma``, which is for real parameters above all:
        over mixed ones a run may stick to a wrong choice, and it fell behind random sampling with 2 of 13 seeds.
    :param settings: how the space is divided; None for the usual way, around ``cma`` with ``select="share"``.
    :param outside: the share of trials drawn outside the chosen region, against pruning too much; 0 to 1.
    :param reference_point: the worst value of each objective that counts, in the study's own directions; None for a
        little worse than the worst of the first trials.
    :param independent_sampler: samples the first trials, and parameters that not every trial has; None for random.
    :param constraints_func: as in Optuna's NSGA-II: values above 0 are violations; constraints that a trial sets itself
        count as well.
    :param warn_independent_sampling: whether to log when a parameter is sampled independently after the first trials.
    """

    def __init__(  # noqa: PLR0913 - the settings of Optuna's own samplers, and of the partition
        self,
        *,
        seed: int | None = None,
        n_startup_trials: int = 10,
        inner: Inner = "nsga2",
        settings: PartitionSettings | None = None,
        outside: float = 0.1,
        reference_point: Sequence[float] | None = None,
        independent_sampler: BaseSampler | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        if inner not in INNERS:
            raise SettingsError(one_of("searcher inside a region", inner, INNERS))
        if n_startup_trials < 1 or not 0 <= outside <= 1:
            message = (
                "Expected at least 1 startup trial and a share outside the region from 0 to 1, got "
                f"n_startup_trials={n_startup_trials} and outside={outside}."
            )
            raise SettingsError(message)
        self._rng = np.random.default_rng(seed)
        self._n_startup_trials = n_startup_trials
        self._inner: Inner = inner
        self._settings = settings
        self._outside = outside
        self._reference_point = reference_point
        self._independent_sampler = independent_sampler or RandomSampler(seed=seed)
        self._constraints_func = constraints_func
        self._warn_independent_sampling = warn_independent_sampling
        self._search_space = IntersectionSearchSpace()
        self._search: _Search | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock, and the search, which is built anew from the storage."""
        return {**self.__dict__, "_lock": None, "_search": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`__getstate__` gave."""
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def reseed_rng(self) -> None:
        """Draw from fresh generators, as every thread of ``n_jobs`` must."""
        with self._lock:
            self._rng = np.random.default_rng()
            self._search = None
        self._independent_sampler.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """The parameters that every completed trial has, but for those with a single value."""
        common = self._search_space.calculate(study)
        return {name: distribution for name, distribution in common.items() if not distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parameters of the next trial; none while there are too few trials to learn from."""
        completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if not search_space or len(completed) < self._n_startup_trials:
            return {}
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        with self._lock:
            return self._searching(study, search_space, completed).next(
                completed, [other for other in running if other.number != trial.number]
            )

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401 - Optuna's own signature
        """A parameter's value from the independent sampler."""
        if self._warn_independent_sampling and not param_distribution.single():
            states = (TrialState.COMPLETE,)
            if len(study.get_trials(deepcopy=False, states=states)) >= self._n_startup_trials:
                _logger.warning(
                    "Trial %d samples the parameter %r independently, because not every trial before it has that "
                    "parameter with the same range; LamooSampler(warn_independent_sampling=False) says no more of it.",
                    trial.number,
                    param_name,
                )
        return self._independent_sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Let the independent sampler prepare."""
        self._independent_sampler.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Store the trial's constraints, if there are any."""
        if self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)
        self._independent_sampler.after_trial(study, trial, state, values)

    def _searching(
        self, study: Study, search_space: dict[str, BaseDistribution], completed: list[FrozenTrial]
    ) -> _Search:
        """The search at work, or a new one for a new study, other parameters, or the first trial without violations."""
        signs = np.array([-1.0 if way == StudyDirection.MAXIMIZE else 1.0 for way in study.directions])
        allowed = [trial for trial in completed if _violation(trial) == 0]
        key = (study.study_name, tuple(search_space.items()), bool(allowed))
        if self._search is None or self._search.key != key:
            reference = self._reference(np.array([trial.values for trial in allowed or completed]) * signs, signs)
            parameters = _Parameters(cast("SearchSpace", search_space))
            self._search = _Search(key, parameters, self._searcher(parameters.space, reference), signs)
        return self._search

    def _reference(self, values: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """The reference point, minimised, shape ``(m,)``."""
        if self._reference_point is not None:
            return np.asarray(np.asarray(self._reference_point, dtype=float) * signs)
        columns = [column[np.isfinite(column)] for column in values.T]
        ends = np.array([(column.min(), column.max()) if len(column) else (0.0, 1.0) for column in columns])
        return np.asarray(ends[:, 1] + _MARGIN * np.where(np.ptp(ends, axis=1) > 0, np.ptp(ends, axis=1), 1.0))

    def _searcher(self, space: MixedSpace, reference: np.ndarray) -> LamooSearcher:
        inner: RegionalSearcher
        if self._inner == "qlognehvi":
            from ce_nas.search.bayesopt.qlognehvi import QLogNehviSearcher

            inner = QLogNehviSearcher(space, self._rng, reference)
        elif self._inner in ("cma", "ehvi"):
            inner = (CmaSearcher if self._inner == "cma" else EhviSearcher)(space, self._rng, reference)
        else:
            inner = (Nsga2Searcher if self._inner == "nsga2" else UniformSearcher)(space, self._rng)
        settings = self._settings or PartitionSettings(select="share" if self._inner == "cma" else "leaf")
        return LamooSearcher(space, self._rng, reference, inner, settings, outside=self._outside)


class _Search:
    """A searcher, and which trials it knows."""

    def __init__(self, key: object, parameters: _Parameters, searcher: LamooSearcher, signs: np.ndarray) -> None:
        self.key = key
        self._parameters = parameters
        self._searcher = searcher
        self._signs = signs
        self._known: dict[int, Architecture] = {}

    def next(self, completed: list[FrozenTrial], running: list[FrozenTrial]) -> dict[str, Any]:
        """The parameters of a trial; none where every combination has been tried or is under way."""
        news = [trial for trial in completed if trial.number not in self._known]
        told = [self._observation(trial) for trial in news]
        self._known.update((trial.number, one.architecture) for trial, one in zip(news, told, strict=True))
        self._searcher.tell(told)
        under_way = [trial.params for trial in running if self._parameters.names <= trial.params.keys()]
        taken = {*self._known.values(), *map(self._parameters.architecture, under_way)}
        asked = self._searcher.ask(1, taken)
        return self._parameters.values(asked[0]) if asked else {}

    def _observation(self, trial: FrozenTrial) -> Observation:
        values = np.array(trial.values) * self._signs
        if (violation := _violation(trial)) > 0:
            values = np.full(len(values), _FAR * (1.0 + violation))
        return Observation(self._parameters.architecture(trial.params), tuple(values.tolist()))


class _Parameters:
    """Optuna's parameters as a space: what has steps is counted in steps."""

    def __init__(self, search_space: SearchSpace) -> None:
        self._distributions = search_space
        self.names = search_space.keys()
        self.space = MixedSpace("study", {name: _domain(one) for name, one in search_space.items()})

    def architecture(self, params: dict[str, Any]) -> Architecture:
        """The space's architecture of a trial's parameters."""
        places = [_place(distribution, params[name]) for name, distribution in self._distributions.items()]
        return cast("Architecture", tuple(places))

    def values(self, architecture: Architecture) -> dict[str, Any]:
        """A trial's parameters of an architecture."""
        parts = zip(self._distributions.items(), architecture, strict=True)
        return {name: _value(distribution, place) for (name, distribution), place in parts}


def _domain(distribution: Distribution) -> Domain:
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(tuple(map(str, range(len(distribution.choices)))))
    if isinstance(distribution, FloatDistribution) and distribution.step is None:
        return Float(distribution.low, distribution.high, distribution.log)
    if isinstance(distribution, IntDistribution) and distribution.log:
        return Integer(distribution.low, distribution.high, log=True)
    return Integer(0, round((distribution.high - distribution.low) / (distribution.step or 1)))


def _stepped(distribution: FloatDistribution | IntDistribution) -> float:
    """The step in which a parameter is counted; 0 where its values stand for themselves."""
    return 0 if distribution.log else distribution.step or 0


def _place(distribution: Distribution, value: Any) -> float:  # noqa: ANN401 - a choice may be anything
    """A parameter's value as a value of its domain."""
    if isinstance(distribution, CategoricalDistribution):
        return int(distribution.to_internal_repr(value))
    if step := _stepped(distribution):
        steps: int = round((value - distribution.low) / step)
        return steps
    return float(value) if isinstance(distribution, FloatDistribution) else int(value)


def _value(distribution: Distribution, place: float) -> Any:  # noqa: ANN401 - a choice may be anything
    """The inverse of :func:`_place`."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(place)]
    if step := _stepped(distribution):
        return min(distribution.low + place * step, distribution.high)
    return place


def _violation(trial: FrozenTrial) -> float:
    """By how much a trial breaks its constraints, all together; 0 for none."""
    constraints = trial.constraints.values() if hasattr(trial, "constraints") else _older_constraints(trial)
    return float(sum(max(value, 0.0) for value in constraints))


def _older_constraints(trial: FrozenTrial) -> Sequence[float]:
    """A trial's constraints where Optuna is older than 5."""
    return trial.system_attrs.get("constraints") or ()
