"""A carbon budget for an Optuna study: grams of each trial, an end within the budget, and waiting for clean hours."""

from __future__ import annotations

import atexit
import logging
import math
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ce_nas.components.quantities import parse_stop_price
from ce_nas.core.clock import utc_now
from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.core.units import J_PER_KWH
from ce_nas.integrations.budget_books import Usage
from ce_nas.integrations.carbon_budget import CarbonBudget, carbon_budget
from ce_nas.integrations.marginal_gain import MarginalGainRule
from ce_nas.integrations.shared_room import SharedRoom, Verdict, largest_usage

try:
    from optuna.exceptions import TrialPruned
    from optuna.pruners import BasePruner, NopPruner
    from optuna.samplers import BaseSampler
    from optuna.study import StudyDirection
    from optuna.trial import TrialState
except ImportError as error:
    raise MissingExtraError(package="optuna", extra="optuna", purpose="ce_nas.integrations.optuna_budget") from error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from ce_nas.integrations.pause_rule import PauseRule

__all__ = ["CarbonCallback", "CarbonPruner"]

#: prefix of the study's attributes in which each worker says what it used
WORKER_PREFIX = "carbon_budget:"
#: pauses between two looks at the records of the other workers: at one that decides, at a first trial that runs, s
_LOOK_AGAIN_S, _FIRST_TRIAL_S = 0.05, 0.5
#: trials whose intermediate values a trial is compared with, at least
_MIN_COMPARED = 5

_logger = logging.getLogger(__name__)


class CarbonCallback:
    """Keeps an Optuna study within a budget of carbon, energy or money.

    Example:
        >>> import optuna
        >>> from ce_nas.integrations import CarbonCallback
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> study = optuna.create_study()
        >>> with CarbonCallback(study, budget="5kg", grid="solar") as callback:
        ...     study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3, callbacks=[callback])
        >>> all(trial.user_attrs["carbon_g"] >= 0 for trial in study.trials)
        True

    Each trial has the attributes ``carbon_g``, ``energy_kwh``, ``duration_metered_s``, ``intensity_g_per_kwh`` and
    ``carbon_reserved_g``; trials at the same time have equal shares of the energy. What every worker used is kept in
    the study's storage, so that a budget holds over threads, processes and resumptions.

    **What holds.** Before it starts, a trial reserves the largest usage of all trials so far and a tenth more, in a
    record that all workers see, and starts only if it fits next to what is used and reserved. Until a first trial has
    been completed, its usage is unknown and one runs at a time, but for trials that one thread asks for together. So
    the sum of all workers exceeds the budget by at most what running trials take above their reservations (the first
    one has none), in energy or by an intensity above the forecast, and by what workers use outside of trials: opening,
    closing, and idling in a pause.

    The sampler of the study is wrapped, which also meters trials of ``study.ask`` and ``study.tell``; there the caller
    looks at :attr:`is_exhausted`.

    :param budget: see :func:`ce_nas.carbon_budget`, likewise ``grid`` and the other keywords. With several processes on
        one machine, give each its ``share`` of the meter, or ``meter="modelled"``.
    :param pause: when to wait for a cleaner hour before a trial; None: never.
    :param stop: ``0.1%/kg``: stop once the next kilogram is expected to bring less than this share of the progress so
        far; ``never``.
    """

    def __init__(
        self,
        study: Study,
        budget: str | CarbonBudget,
        grid: str | None = None,
        *,
        pause: PauseRule | None = None,
        stop: str = "never",
        **keywords: Any,  # noqa: ANN401 - those of `carbon_budget`
    ) -> None:
        if isinstance(budget, CarbonBudget) and (grid is not None or keywords):
            message = "Expected no further settings with a budget that is made already; give them to carbon_budget."
            raise SettingsError(message)
        self._rule = MarginalGainRule(parse_stop_price(stop))
        self._pause = pause
        keywords.setdefault("description", f"Optuna study {study.study_name}")
        self.budget = budget if isinstance(budget, CarbonBudget) else carbon_budget(budget, grid, **keywords)
        self._study = study
        self._is_closed = False
        self.stop_reason: str | None = None
        self.budget.open()
        self._room = SharedRoom(
            WORKER_PREFIX + self.budget.id, self._records, study.set_user_attr, lambda: utc_now().timestamp()
        )
        self._lock = threading.RLock()
        #: number of each trial that was started here and has not ended to the thread that started it
        self._threads: dict[int, int] = {}
        #: what this worker had used when no trial ran, the last time; None: not since a pause
        self._idle_from: Usage | None = None
        #: what it used between two trials, at most
        self._between = Usage()
        self.budget.share_with(self._room.used_by_others, self._publish)
        study.sampler = _MeteringSampler(_unwrap(study.sampler), self)
        self._publish()
        atexit.register(self.close)

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Stop the study if the next trial does not fit; else wait for a clean hour. Called by Optuna after a trial."""
        del trial
        if self.is_exhausted or self._is_not_worth_it(study):
            study.stop()
        else:
            self._wait_for_clean_hour()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(finished=kind is None)

    def close(self, *, finished: bool = True) -> None:
        """End metering; the sampler of the study is as before."""
        if self._is_closed:
            return
        self._is_closed = True
        atexit.unregister(self.close)
        self._study.sampler = _unwrap(self._study.sampler)
        self.budget.close("done" if finished else None)
        self._publish()

    @property
    def is_exhausted(self) -> bool:
        """Whether another trial does not fit next to those that are running."""
        if self.stop_reason is not None:
            return True
        self.budget.read()
        self._publish()
        with self._lock:
            has_room = self.budget.fits_another(self._room.coming(more=1))
        if not has_room:
            self._end_budget()
        return not has_room

    def start_trial(self, trial: FrozenTrial) -> None:
        """Reserve what a trial may take, and book energy to it from now on; without room the budget ends."""
        if not self.is_exhausted:
            self._wait_for_clean_hour()
        own = self.budget.read(own=True)
        with self._lock:
            if self._idle_from is not None and not self.budget.open_parts:
                self._between = largest_usage(self._between, own.minus(self._idle_from))
        if self.stop_reason is None and not self._reserve(trial.number):
            self._end_budget()
        self.budget.start_part(_part(trial.number))
        self._publish()

    def _reserve(self, number: int) -> bool:
        """Whether there is room for a trial, which is then reserved; waits until a first trial has ended."""
        room, thread, pause = self._room, threading.get_ident(), threading.Event()
        while not self._is_closed and self.stop_reason is None:
            with self._lock:
                room.ask(number, self.budget.own_used)
            while True:
                with self._lock:
                    passed = [one for one, its_thread in self._threads.items() if its_thread == thread]
                    verdict = room.look(number, self.budget.fits_another, passed)
                    if verdict is not Verdict.LOOK_AGAIN:
                        room.settle(number, verdict, self.budget.own_used)
                        break
                pause.wait(_LOOK_AGAIN_S)
            if verdict is not Verdict.WAIT:
                if verdict is Verdict.START:
                    self._threads[number] = thread
                return verdict is Verdict.START
            pause.wait(_FIRST_TRIAL_S)
        with self._lock:
            room.settle(number, Verdict.REFUSE, self.budget.own_used)
        return False

    def end_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Write what a trial used to its attributes, and to the journal."""
        used = self.budget.end_part(_part(trial.number))
        attributes: dict[str, Any] = {
            "carbon_g": used.carbon_g,
            "energy_kwh": used.energy_j / J_PER_KWH,
            "duration_metered_s": used.duration_s,
            "intensity_g_per_kwh": used.intensity_g_per_kwh,
            "carbon_reserved_g": self._room.reserved_by(trial.number).carbon_g,
        }
        for name, value in attributes.items():
            study._storage.set_trial_user_attr(trial._trial_id, name, value)  # noqa: SLF001 - as Optuna's own samplers
        self.budget.record(
            "result",
            {
                "number": trial.number,
                "complete": state is TrialState.COMPLETE,
                "state": state.name.lower(),
                "values": None if values is None else [_finite(float(value)) for value in values],
                "params": {name: _to_json(value) for name, value in trial.params.items()},
                **attributes,
            },
        )
        with self._lock:
            self._threads.pop(trial.number, None)
            if not self.budget.open_parts:
                self._idle_from = self.budget.own_used
            taken = replace(self._between)
            taken.add(used)
            own = self.budget.own_used
            self._room.end(trial.number, taken, used=own, completed=state is TrialState.COMPLETE)

    def _wait_for_clean_hour(self) -> None:
        if self._pause is not None and self.budget.pause(self._pause) > 0:
            self._idle_from = None  # what a pause took is no trial's

    def _end_budget(self) -> None:
        self.stop_reason = self.stop_reason or "budget"
        self.budget.exhaust()

    def left(self) -> Usage:
        """What is left of each budget; infinite where there is none."""
        used, limits = self.budget.used, self.budget.limits
        return Usage(limits.carbon_g - used.carbon_g, limits.energy_j - used.energy_j, limits.cost - used.cost)

    def used_by(self, trial: FrozenTrial) -> Usage:
        """What a running trial of this process used so far."""
        self.budget.read()
        return self.budget.part(_part(trial.number))

    def _is_not_worth_it(self, study: Study) -> bool:
        if self._rule.threshold == "never":
            return False
        trials = [
            trial
            for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if trial.values is not None
        ]
        signs = np.array([-1.0 if one is StudyDirection.MAXIMIZE else 1.0 for one in study.directions])
        values = np.array([trial.values for trial in trials]).reshape(len(trials), len(signs)) * signs
        grams = np.array([float(trial.user_attrs.get("carbon_g", 0.0)) for trial in trials])
        reason = self._rule.why_stop(values, grams)
        if reason is None:
            return False
        self.stop_reason = reason
        _logger.info(reason)
        self.budget.record("stopping", {"reason": reason})
        return True

    def _publish(self) -> None:
        """Write what this worker and its trials used to the study's attributes."""
        with self._lock:
            self._room.update(self.budget.own_used, lambda number: self.budget.part(_part(number)))

    def _records(self) -> dict[str, Any]:
        """The records of all workers of the study, earlier ones included."""
        study = self._study
        attributes = study._storage.get_study_user_attrs(study._study_id)  # noqa: SLF001 - as Optuna's own samplers
        return {name: content for name, content in attributes.items() if name.startswith(WORKER_PREFIX)}


class CarbonPruner(BasePruner):
    """Prunes a trial whose remaining emissions exceed the budget, or are not justified by its intermediate value.

    A trial that would take a share s of what is left must be among the best 1 - s of the trials that came as far: what
    is cheap to finish is finished, what is expensive must promise more.

    Example:
        >>> import optuna
        >>> from ce_nas.integrations import CarbonCallback, CarbonPruner
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> study = optuna.create_study()
        >>> with CarbonCallback(study, "5kg", grid="solar") as callback:
        ...     study.pruner = CarbonPruner(callback, n_steps=10, inner=optuna.pruners.MedianPruner())

    :param n_steps: steps of a whole trial; a trial reports at steps 0 to ``n_steps - 1``.
    :param inner: another pruner that also decides; None: none.
    """

    def __init__(self, callback: CarbonCallback, n_steps: int, inner: BasePruner | None = None) -> None:
        if n_steps < 1:
            message = f"Expected at least one step of a trial, got n_steps={n_steps}."
            raise SettingsError(message)
        self._callback = callback
        self._n_steps = n_steps
        self._inner = inner or NopPruner()

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether to prune; see :class:`optuna.pruners.BasePruner`."""
        if self._inner.prune(study, trial):
            return True
        step = trial.last_step
        if step is None or step + 1 >= self._n_steps:
            return False
        remaining, left = Usage(), self._callback.left()
        remaining.add(self._callback.used_by(trial), (self._n_steps - step - 1) / (step + 1))
        budget = self._callback.budget
        carbon_g = remaining.energy_j / J_PER_KWH * budget.expected_intensity(remaining.duration_s)
        share = max(carbon_g / left.carbon_g, remaining.energy_j / left.energy_j, remaining.cost / left.cost)
        if not 0 <= share <= 1:  # more than is left, or nothing is left
            return True
        return self._rank(study, trial, step) > 1 - share

    def _rank(self, study: Study, trial: FrozenTrial, step: int) -> float:
        """The share of the other trials that were better at the step; 0 if they are too few."""
        others = np.array(
            [
                other.intermediate_values[step]
                for other in study.get_trials(deepcopy=False)
                if other.number != trial.number and step in other.intermediate_values
            ]
        )
        if len(others) < _MIN_COMPARED:
            return 0.0
        value = trial.intermediate_values[step]
        better = others > value if study.direction is StudyDirection.MAXIMIZE else others < value
        return float(np.mean(better)) if np.isfinite(value) else 1.0


class _MeteringSampler(BaseSampler):
    """The sampler of a study; Optuna lets it see the start of a trial, and its end before it is sealed."""

    def __init__(self, inner: BaseSampler, callback: CarbonCallback) -> None:
        self.inner = inner
        self._callback = callback

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of the sampler
        if name in ("inner", "_callback"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    def reseed_rng(self) -> None:
        self.inner.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """See :class:`BaseSampler`; nothing without a budget, so that the trial ends at its first parameter."""
        return {} if self._callback.stop_reason else self.inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {} if self._callback.stop_reason else self.inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401 - Optuna's own signature
        if self._callback.stop_reason == "budget" and not trial.params:
            message = "The budget is used."
            raise TrialPruned(message)
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self.inner.before_trial(study, trial)
        self._callback.start_trial(trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._callback.end_trial(study, trial, state, values)
        self.inner.after_trial(study, trial, state, values)


def _unwrap(sampler: BaseSampler) -> BaseSampler:
    return sampler.inner if isinstance(sampler, _MeteringSampler) else sampler


def _part(number: int) -> str:
    return f"trial {number}"


def _finite(value: float) -> float | None:
    """A number as JSON has it; None for one that is not finite."""
    return value if math.isfinite(value) else None


def _to_json(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
