"""States of a search for tests and examples, made from the few fields that matter to them."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import unknown_choice_message
from ce_nas.core.records import BudgetState, ClusterState, Forecast, GridState, SearchState, State
from ce_nas.core.units import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["make_state", "replace_state"]

_FIELD_PART = {
    field.name: part
    for part, record in {
        "grid": GridState,
        "search": SearchState,
        "budget": BudgetState,
        "cluster": ClusterState,
    }.items()
    for field in fields(record)
}
_STATE_FIELDS = {field.name for field in fields(State)}


def make_state(**changes: Any) -> State:  # noqa: ANN401 - any field of any part
    """A state 20 trainings into a search on 8 devices with 40 h left; ``changes`` replace fields of any part by name.

    ``forecast`` may also be one intensity or a sequence of them, g CO2eq/kWh per ``past_step_s``, issued at 0 s.

    Example:
        >>> from ce_nas.testing import make_state
        >>> state = make_state(forecast=[200.0, 300.0], devices=4, time_left_s=7200.0)
        >>> state.cluster.devices, state.budget.time_left_s, state.grid.forecast.mean_between(0.0, 7200.0)
        (4, 7200.0, 250.0)

    :raises TypeError: if no part of a state has such a field.
    """
    step_s = changes.get("past_step_s", HOUR_S)
    forecast = changes.pop("forecast", 300.0)
    state = State(
        now_s=0.0,
        period_s=HOUR_S,
        grid=GridState(np.linspace(100.0, 500.0, 168), step_s, _as_forecast(forecast, step_s)),
        search=SearchState(
            evaluations=20,
            samples=200,
            hypervolume=4000.0,
            hypervolume_history=(),
            front_size=7,
            queue_length=5,
            queue_capacity=10,
            queue_front_size=2,
            can_sample=True,
            trained_s=20 * 1500.0,
            hypervolume_by_evaluation=(4000.0,) * 20,
        ),
        budget=BudgetState(
            time_left_s=40 * HOUR_S,
            carbon_spent_g=9000.0,
            carbon_left_g=math.inf,
            energy_spent_j=30e6,
            energy_left_j=math.inf,
            cost_spent=0.0,
            cost_left=math.inf,
            evaluations_left=math.inf,
        ),
        cluster=ClusterState(devices=8, running=3, suspended=1),
    )
    return replace_state(state, **changes)


def replace_state(state: State, **changes: Any) -> State:  # noqa: ANN401 - any field of any part
    """A copy of ``state`` with fields of any part replaced, each by its name.

    Example:
        >>> from ce_nas.testing import make_state, replace_state
        >>> replace_state(make_state(), now_s=3600.0, evaluations=21).search.evaluations
        21

    :raises TypeError: if no part of a state has such a field.
    """
    top: dict[str, Any] = {}
    by_part: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        if name in _STATE_FIELDS:
            top[name] = value
        elif name in _FIELD_PART:
            by_part.setdefault(_FIELD_PART[name], {})[name] = value
        else:
            raise TypeError(unknown_choice_message("field of a state", name, [*_STATE_FIELDS, *_FIELD_PART]))
    if "past_g_per_kwh" in changes:
        by_part["grid"]["past_g_per_kwh"] = np.asarray(changes["past_g_per_kwh"], dtype=float)
    parts = {part: replace(getattr(state, part), **values) for part, values in by_part.items()}
    return replace(state, **parts, **top)


def _as_forecast(forecast: Forecast | float | Sequence[float] | np.ndarray | None, step_s: float) -> Forecast | None:
    if forecast is None or isinstance(forecast, Forecast):
        return forecast
    return Forecast("test", 0.0, 0.0, step_s, np.atleast_1d(np.asarray(forecast, dtype=float)))
