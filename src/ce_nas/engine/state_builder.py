"""Builds the state that a policy decides on, from nothing later than the present; summarises it for the journal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, BudgetState, ClusterState, GridState, SearchState, State, TaskKind
from ce_nas.forecast.base import FORECAST_HORIZON_S, PAST_WINDOW_S

if TYPE_CHECKING:
    from ce_nas.cluster.base import Cluster
    from ce_nas.core.records import Allocation, Forecast, Rates
    from ce_nas.energy.ledger import LedgerTotals
    from ce_nas.engine.candidate_queue import CandidateQueue
    from ce_nas.engine.run_config import RunConfig
    from ce_nas.engine.scheduler import TaskScheduler
    from ce_nas.engine.search_progress import SearchProgress
    from ce_nas.forecast.base import Forecaster, ForecastInput
    from ce_nas.forecast.history import ZoneHistory
    from ce_nas.search.base import Searcher

__all__ = ["MAX_JOURNALED_PERIODS", "StateBuilder", "acting_record", "forecast_record"]

#: the most coming periods whose forecast the journal keeps
MAX_JOURNALED_PERIODS = 24


class StateBuilder:
    """Builds states from the parts of a run.

    :param zone_history: carbon intensity of the zone up to a moment.
    :param searcher: what policies may know of it: :attr:`~ce_nas.search.base.Searcher.parallel_loss` and the like.
    """

    def __init__(
        self, zone_history: ZoneHistory, forecaster: Forecaster, config: RunConfig, searcher: Searcher
    ) -> None:
        self._zone_history = zone_history
        self._forecaster = forecaster
        self._config = config
        self._searcher = searcher
        if not 0.0 <= searcher.parallel_loss < 1.0:
            message = (
                f"Expected a parallel_loss of searcher {searcher.name} from 0 to less than 1, got "
                f"{searcher.parallel_loss}; correct the searcher."
            )
            raise SettingsError(message)
        self._lookback_s = max(PAST_WINDOW_S, forecaster.lookback_s)

    def build(  # noqa: PLR0913 - a state has fields of every part of a run
        self,
        *,
        now_s: float,
        cluster: Cluster,
        books: LedgerTotals,
        progress: SearchProgress,
        queue: CandidateQueue,
        scheduler: TaskScheduler,
        allocation: Allocation | None,
        allocated_since_s: float,
        rates: Rates,
    ) -> State:
        """The state at ``now_s``."""
        budgets, gpus = self._config.budgets, self._config.gpus_per_device
        past = self._zone_history.inputs_at(now_s, self._lookback_s, FORECAST_HORIZON_S)
        carbon_g = budgets.carbon_spent_g(books)
        return State(
            now_s=now_s,
            period_s=self._config.period_s,
            grid=GridState(
                past_g_per_kwh=past.intensity_g_per_kwh[-round(PAST_WINDOW_S / past.step_s) :] if past else np.empty(0),
                past_step_s=self._zone_history.step_s,
                forecast=self._predict(past),
            ),
            search=SearchState(
                evaluations=progress.evaluations,
                samples=len(progress.scored),
                hypervolume=progress.hypervolume,
                hypervolume_history=tuple(progress.hypervolume_history),
                front_size=len(progress.front),
                queue_length=len(queue),
                queue_capacity=queue.capacity,
                queue_front_size=queue.front_size,
                can_sample=scheduler.can_sample,
                trained_s=books.device_s.get(Activity.TRAINING, 0.0) / gpus * self._config.time_scale,
                target_hypervolume=budgets.target_hypervolume,
                hypervolume_by_evaluation=tuple(progress.hypervolume_by_evaluation),
                sampling_demand=scheduler.sampling_demand,
                parallel_loss=self._searcher.parallel_loss,
                usual_trainings=self._searcher.usual_trainings,
            ),
            budget=BudgetState(
                time_left_s=budgets.time_s - now_s,
                carbon_spent_g=carbon_g,
                carbon_left_g=budgets.carbon_g - carbon_g,
                energy_spent_j=books.total_energy_j,
                energy_left_j=budgets.energy_j - books.total_energy_j,
                cost_spent=books.cost,
                cost_left=budgets.cost - books.cost,
                evaluations_left=budgets.evaluations - progress.evaluations,
                device_s_left=(budgets.device_s - books.total_device_s) / gpus,
            ),
            cluster=ClusterState(
                devices=cluster.devices,
                running=sum(task.kind is TaskKind.EVALUATION for task in cluster.running_tasks()),
                suspended=sum(task.kind is TaskKind.EVALUATION for task in scheduler.suspended),
                allocation=allocation,
                allocated_since_s=allocated_since_s,
                rates=rates,
            ),
        )

    def _predict(self, past: ForecastInput | None) -> Forecast | None:
        return self._forecaster.predict(past, FORECAST_HORIZON_S) if past else None


def forecast_record(state: State) -> dict[str, Any]:
    """The journal's record of a forecast: the coming period with its quantiles, and later ones, g CO2eq/kWh.

    ``ahead_g_per_kwh`` starts with the coming period and ends with the deadline at the latest. ``forecaster`` has the
    weights of an ensemble's parts, the size of its latest errors, and the fallback that acted; absent without.
    """
    forecast = state.grid.forecast
    if forecast is None:
        return {"forecast_g_per_kwh": None, "quantiles_g_per_kwh": {}, "ahead_g_per_kwh": []}
    periods = min(MAX_JOURNALED_PERIODS, max(math.ceil(state.budget.time_left_s / state.period_s), 1))
    quantiles = {
        f"{level:g}": round(float(forecast.resample(state.now_s, state.period_s, 1, level)[0]), 1)
        for level in sorted(forecast.quantiles_g_per_kwh)
    }
    ahead = forecast.resample(state.now_s, state.period_s, periods)
    return {
        "forecast_g_per_kwh": forecast.mean_between(state.now_s, state.now_s + state.period_s),
        "quantiles_g_per_kwh": quantiles,
        "ahead_g_per_kwh": [round(value, 1) for value in ahead.tolist()],
        **acting_record(forecast),
    }


def acting_record(forecast: Forecast) -> dict[str, Any]:
    """The journal's record of the forecasters behind a forecast; empty for a single forecaster that acts itself."""
    acting: dict[str, Any] = {}
    if forecast.members:
        acting["weights"] = dict(forecast.members)
    if forecast.rolling_error_pct is not None:
        acting["error_pct"] = round(forecast.rolling_error_pct, 2)
    if forecast.fallback:
        acting["fallback"] = forecast.fallback
    return {"forecaster": acting} if acting else {}
