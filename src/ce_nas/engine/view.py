"""The one place that says what a decision may be based on: nothing of the future passes here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import TaskKind, View
from ce_nas.core.units import DAY_S
from ce_nas.forecast.forecaster import Past

if TYPE_CHECKING:
    from ce_nas.cluster.cluster import Cluster
    from ce_nas.core.records import Forecast
    from ce_nas.energy.ledger import Books
    from ce_nas.engine.backlog import Backlog
    from ce_nas.engine.plan import Plan
    from ce_nas.engine.progress import Progress
    from ce_nas.forecast.forecaster import Forecaster
    from ce_nas.grid.trace import Series

__all__ = ["Outlook"]

#: how far a forecast reaches, and how much of the past an allocator sees
HORIZON_S = 4 * DAY_S
MEMORY_S = 14 * DAY_S


class Outlook:
    """Draws up views.

    :param intensity: the true intensity; only its steps that have ended are ever looked at.
    """

    def __init__(self, intensity: Series, forecaster: Forecaster, plan: Plan) -> None:
        self._intensity = intensity
        self._forecaster = forecaster
        self._plan = plan
        self._memory = round(max(MEMORY_S, forecaster.lookback_s) / intensity.step_s)

    def view(  # noqa: PLR0913 - a view gathers what every part of a run knows
        self,
        *,
        now_s: float,
        cluster: Cluster,
        books: Books,
        progress: Progress,
        backlog: Backlog,
        suspended: int,
        can_sample: bool,
    ) -> View:
        """All that may be known at ``now_s``."""
        limits = self._plan.limits
        past = self._intensity.past(now_s, self._memory)
        return View(
            now_s=now_s,
            period_s=self._plan.period_s,
            devices=cluster.devices,
            past_g_per_kwh=past,
            past_step_s=self._intensity.step_s,
            forecast=self._forecast(past, now_s),
            evaluations=progress.evaluations,
            samples=len(progress.scored),
            hypervolume=progress.hypervolume,
            hypervolume_history=tuple(progress.history),
            front_size=len(progress.front),
            backlog=len(backlog),
            backlog_capacity=backlog.capacity,
            running=sum(task.kind is TaskKind.EVALUATION for task in cluster.running()),
            suspended=suspended,
            can_sample=can_sample,
            time_left_s=limits.time_s - now_s,
            carbon_left_g=limits.carbon_g - limits.carbon_spent_g(books),
            energy_left_j=limits.energy_j - books.total_energy_j,
            cost_left=limits.cost - books.cost,
            evaluations_left=limits.evaluations - progress.evaluations,
        )

    def _forecast(self, past: np.ndarray, now_s: float) -> Forecast | None:
        if len(past) == 0:
            return None
        ended_s = self._ended_s(now_s)
        end = self._plan.start + timedelta(seconds=ended_s)
        known = Past(past, self._intensity.step_s, ended_s, end, self._plan.zone)
        return self._forecaster.predict(known, HORIZON_S)

    def _ended_s(self, now_s: float) -> float:
        """When the last step that has ended by now did so; the steps need not begin with the run."""
        off_s = (self._intensity.start - self._plan.start).total_seconds() % self._intensity.step_s
        return float(np.floor((now_s - off_s) / self._intensity.step_s) * self._intensity.step_s + off_s)
