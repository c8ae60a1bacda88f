"""The one place that says what a decision may be based on: nothing of the future passes here.

What the journal keeps of a forecast: enough to show what a decision was based on, and little of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.records import Activity, TaskKind, View
from ce_nas.core.units import DAY_S

if TYPE_CHECKING:
    from ce_nas.cluster.base import Cluster
    from ce_nas.core.records import Allocation, Forecast, Rates
    from ce_nas.energy.ledger import Books
    from ce_nas.engine.candidate_queue import Backlog
    from ce_nas.engine.components import Plan
    from ce_nas.engine.scheduler import Agenda
    from ce_nas.engine.search_progress import Progress
    from ce_nas.forecast.base import Forecaster, Past
    from ce_nas.forecast.history import Memory

__all__ = ["AHEAD", "Outlook", "noted"]

#: how far a forecast reaches, and how much of the past an allocator sees
HORIZON_S = 4 * DAY_S
MEMORY_S = 14 * DAY_S


class Outlook:
    """Draws up views.

    :param memory: what is known of the grid.
    """

    def __init__(self, memory: Memory, forecaster: Forecaster, plan: Plan) -> None:
        self._memory = memory
        self._forecaster = forecaster
        self._plan = plan
        self._lookback_s = max(MEMORY_S, forecaster.lookback_s)

    def view(  # noqa: PLR0913 - a view gathers what every part of a run knows
        self,
        *,
        now_s: float,
        cluster: Cluster,
        books: Books,
        progress: Progress,
        backlog: Backlog,
        agenda: Agenda,
        allocation: Allocation | None,
        allocated_s: float,
        rates: Rates,
    ) -> View:
        """All that may be known at ``now_s``."""
        limits = self._plan.limits
        past = self._memory.past(now_s, self._lookback_s, HORIZON_S)
        carbon_g = limits.carbon_spent_g(books)
        return View(
            now_s=now_s,
            period_s=self._plan.period_s,
            devices=cluster.devices,
            past_g_per_kwh=past.intensity_g_per_kwh[-round(MEMORY_S / past.step_s) :] if past else np.empty(0),
            past_step_s=self._memory.step_s,
            forecast=self._forecast(past),
            evaluations=progress.evaluations,
            samples=len(progress.scored),
            hypervolume=progress.hypervolume,
            hypervolume_history=tuple(progress.history),
            front_size=len(progress.front),
            backlog=len(backlog),
            backlog_capacity=backlog.capacity,
            backlog_front=backlog.front,
            running=sum(task.kind is TaskKind.EVALUATION for task in cluster.running()),
            suspended=sum(task.kind is TaskKind.EVALUATION for task in agenda.suspended),
            can_sample=agenda.can_sample,
            samplings=agenda.samplings,
            trained_s=books.device_s.get(Activity.TRAINING, 0.0) * self._plan.time_scale,
            carbon_spent_g=carbon_g,
            energy_spent_j=books.total_energy_j,
            cost_spent=books.cost,
            time_left_s=limits.time_s - now_s,
            carbon_left_g=limits.carbon_g - carbon_g,
            energy_left_j=limits.energy_j - books.total_energy_j,
            cost_left=limits.cost - books.cost,
            evaluations_left=limits.evaluations - progress.evaluations,
            device_s_left=limits.device_s - books.total_device_s,
            target=limits.target,
            course=tuple(progress.course),
            allocation=allocation,
            allocated_s=allocated_s,
            rates=rates,
        )

    def _forecast(self, past: Past | None) -> Forecast | None:
        return self._forecaster.predict(past, HORIZON_S) if past else None


#: how many of the coming periods are kept
AHEAD = 24


def noted(view: View) -> dict[str, Any]:
    """What is expected of the coming period, with quantiles where they are known, and of those after it; g CO2eq/kWh.

    ``ahead_g_per_kwh`` begins with the coming period and ends with the run's time at the latest.
    """
    forecast = view.forecast
    if forecast is None:
        return {"forecast_g_per_kwh": None, "quantiles_g_per_kwh": {}, "ahead_g_per_kwh": []}
    periods = min(AHEAD, max(math.ceil(view.time_left_s / view.period_s), 1))
    quantiles = {
        f"{level:g}": round(float(forecast.ahead(view.now_s, view.period_s, 1, level)[0]), 1)
        for level in sorted(forecast.quantiles_g_per_kwh)
    }
    ahead = forecast.ahead(view.now_s, view.period_s, periods)
    return {
        "forecast_g_per_kwh": forecast.over(view.now_s, view.now_s + view.period_s),
        "quantiles_g_per_kwh": quantiles,
        "ahead_g_per_kwh": [round(value, 1) for value in ahead.tolist()],
    }
