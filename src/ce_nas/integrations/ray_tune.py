"""A carbon budget for Ray Tune: a callback, and the wrapper of a scheduler."""

from __future__ import annotations

import atexit
import logging
import math
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import ClusterError, MissingExtraError, SettingsError
from ce_nas.core.units import J_PER_KWH
from ce_nas.integrations.budget_books import Usage
from ce_nas.integrations.carbon_budget import CarbonBudget, carbon_budget

try:
    import ray
    from ray.tune import Callback
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler
except ImportError as error:
    raise MissingExtraError(package="ray[tune]", extra="tune", purpose="ce_nas.integrations.ray_tune") from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.integrations.pause_rule import PauseRule

__all__ = ["CarbonScheduler", "TuneCarbonCallback"]

_logger = logging.getLogger(__name__)


class TuneCarbonCallback(Callback):
    """Keeps an experiment of Ray Tune within a budget; its :meth:`scheduler` goes into the ``TuneConfig``.

    Every result of a trial is given ``carbon_g``, ``energy_kwh`` and ``intensity_g_per_kwh`` of the trial so far. No
    trial starts that might exceed the budget, and the experiment ends with it; with a rule, trials start in clean hours
    alone, while those that run go on. The driver meters its own machine, on which the trials must run.

    :param budget: see :func:`ce_nas.carbon_budget`, likewise ``grid`` and the other keywords.
    :param pause: when to start no trial; None: always start them.
    """

    def __init__(
        self,
        budget: str | CarbonBudget,
        grid: str | None = None,
        *,
        pause: PauseRule | None = None,
        **keywords: Any,  # noqa: ANN401 - those of `carbon_budget`
    ) -> None:
        if isinstance(budget, CarbonBudget) and (grid is not None or keywords):
            message = "Expected no further settings with a budget that is made already; give them to carbon_budget."
            raise SettingsError(message)
        if isinstance(budget, str):
            keywords.setdefault("description", "Ray Tune experiment")
            budget = carbon_budget(budget, grid, **keywords)
        self.budget: CarbonBudget = budget
        self._pause = pause
        self._is_open = False
        self._largest = Usage()
        #: what each trial used at its last result
        self._latest: dict[str, dict[str, float]] = {}
        self.stop_reason: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to this process: Ray keeps copies of a callback."""
        return {**self.__dict__, "_is_open": False}

    def scheduler(self, inner: TrialScheduler | None = None) -> CarbonScheduler:
        """The scheduler to give to the ``TuneConfig``.

        :param inner: the scheduler that decides otherwise; None: first in, first out.
        """
        return CarbonScheduler(self, inner or FIFOScheduler())  # type: ignore[no-untyped-call]

    def open(self) -> None:
        """Start metering.

        :raises ClusterError: if the cluster has other machines, whose energy nothing would meter.
        """
        if self._is_open:
            return
        nodes = sum(bool(node["Alive"]) for node in ray.nodes())  # type: ignore[no-untyped-call]
        if nodes > 1:
            message = f"Expected a Ray cluster of this machine alone, which is metered here, got {nodes} machines."
            raise ClusterError(message)
        self.budget.open()
        self._is_open = True
        atexit.register(self.close)

    def close(self) -> None:
        """End metering."""
        if self._is_open:
            self._is_open = False
            atexit.unregister(self.close)
            self.budget.close("done")

    def on_trial_result(
        self,
        iteration: int,
        trials: Sequence[Any],
        trial: Any,  # noqa: ANN401 - Ray's own signature
        result: dict[str, Any],
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Add what the trial used to the result that is kept; the scheduler is given a copy alone."""
        del iteration, trials
        result.update(self._latest.get(trial.trial_id, {}))

    def on_experiment_end(self, trials: Sequence[Any], **_: Any) -> None:  # noqa: ANN401 - Ray's own signature
        """End metering."""
        del trials
        self.close()

    def may_start(self) -> bool:
        """Whether another trial may start: it fits next to those that run, and the hour is clean enough."""
        self.open()
        coming = Usage()
        coming.add(self._largest, 1.0 + len(self.budget.open_parts))
        if self.stop_reason is None and not self.budget.fits_another(coming):
            self.stop_reason = "The budget is used."
            _logger.info("no further trial: %s", self.budget.describe())
        if self.stop_reason is not None:
            return False
        return self._pause is None or self.budget.why_wait(self._pause) is None

    def start_trial(self, name: str) -> None:
        """Book energy to a trial from now on."""
        if name not in self.budget.open_parts:
            self.budget.start_part(name)

    def meter_result(self, name: str, result: dict[str, Any]) -> bool:
        """Add what a trial used to its result, and return whether the budget is used up."""
        total = self.budget.read()
        used = self.budget.part(name)
        self._latest[name] = {
            "carbon_g": used.carbon_g,
            "energy_kwh": used.energy_j / J_PER_KWH,
            "intensity_g_per_kwh": self.budget.intensity_g_per_kwh,
        }
        result.update(self._latest[name])
        return self.budget.limits.exceeded_by(total) is not None or not self.budget.end_step()

    def end_trial(self, name: str, result: dict[str, Any] | None) -> None:
        """Book nothing more to a trial, and write what it used to the journal."""
        used = self.budget.end_part(name)
        largest = self._largest
        self._largest = Usage(
            max(largest.carbon_g, used.carbon_g),
            max(largest.energy_j, used.energy_j),
            max(largest.cost, used.cost),
            max(largest.duration_s, used.duration_s),
        )
        kept = {key: value for key, value in (result or {}).items() if isinstance(value, int | float | str)}
        numbers = {key: value for key, value in kept.items() if isinstance(value, str) or math.isfinite(value)}
        self.budget.record(
            "result",
            {
                "trial": name,
                "complete": result is not None,
                **numbers,
                "carbon_g": used.carbon_g,
                "energy_kwh": used.energy_j / J_PER_KWH,
            },
        )


class CarbonScheduler(TrialScheduler):
    """A scheduler that starts a trial only within a budget and, with a rule, in clean hours; made by the callback.

    :param carbon: the callback of the experiment.
    :param inner: the scheduler that decides otherwise.
    """

    def __init__(self, carbon: TuneCarbonCallback, inner: TrialScheduler) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._carbon = carbon
        self._inner = inner

    @property
    def metric(self) -> Any:  # noqa: ANN401 - Ray's own
        """The metric of the inner scheduler."""
        return self._inner.metric

    @property
    def supports_buffered_results(self) -> bool:
        """Each result is metered when it comes."""
        return False

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:  # noqa: ANN401
        """See the inner scheduler."""
        return bool(self._inner.set_search_properties(metric, mode, **spec))

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:  # noqa: ANN401
        """See the inner scheduler."""
        self._inner.on_trial_add(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:  # noqa: ANN401
        """End a failed trial."""
        self._carbon.end_trial(trial.trial_id, None)
        self._inner.on_trial_error(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ANN401
        """Add what the trial used to its result; stop it where the budget ends."""
        is_used = self._carbon.meter_result(trial.trial_id, result)
        decision = str(self._inner.on_trial_result(tune_controller, trial, result))
        if is_used:
            decision = TrialScheduler.STOP
            _stop(tune_controller)
        if decision != TrialScheduler.CONTINUE:
            self._carbon.end_trial(trial.trial_id, result)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:  # noqa: ANN401
        """End a trial."""
        if trial.trial_id in self._carbon.budget.open_parts:
            self._carbon.end_trial(trial.trial_id, result)
        self._inner.on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:  # noqa: ANN401
        """See the inner scheduler."""
        self._inner.on_trial_remove(tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:  # noqa: ANN401
        """The inner scheduler's choice, if another trial may start; the end of the experiment if none ever may."""
        if not self._carbon.may_start():
            if self._carbon.stop_reason is not None and not self._carbon.budget.open_parts:
                _stop(tune_controller)
            return None
        trial = self._inner.choose_trial_to_run(tune_controller)
        if trial is not None:
            self._carbon.start_trial(trial.trial_id)
        return trial

    def debug_string(self) -> str:
        """For Ray's own display."""
        return f"{self._inner.debug_string()}; {self._carbon.budget.describe()}"


def _stop(tune_controller: Any) -> None:  # noqa: ANN401 - Ray's own
    getattr(tune_controller, "_tune_controller", tune_controller).request_stop_experiment()
