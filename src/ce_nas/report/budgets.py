"""What a run has used of each of its budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.core.units import HOUR_S, as_carbon, as_duration, as_energy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ce_nas.report.summary import Summary

__all__ = ["SHOWN", "Used", "used"]

#: an amount of each budget, for people
SHOWN: dict[str, Callable[[float], str]] = {
    "time": as_duration,
    "carbon": as_carbon,
    "energy": as_energy,
    "cost": "{:,.2f}".format,
    "gpu_hours": "{:,.1f} h".format,
    "evaluations": "{:,.0f}".format,
    "target": "{:,.6g}".format,
}
#: what was used in the budget's own unit, and the limit if one is set
Used = tuple[float, float | None]


def used(summary: Summary, budget: Mapping[str, Any]) -> dict[str, Used]:
    """Name of each budget, in the order of a report, to what was used of it and its limit.

    :param budget: the budgets as the journal keeps them.
    """
    spent = {
        "time": summary.simulated_hours * HOUR_S,
        "carbon": summary.carbon_g[budget["book"]],
        "energy": summary.energy_j,
        "cost": summary.cost,
        "gpu_hours": sum(summary.device_hours_by_activity.values()),
        "evaluations": float(summary.evaluations),
        "target": summary.hypervolume,
    }
    return {name: (amount, _limit(budget[name])) for name, amount in spent.items()}


def _limit(stated: float | str | None) -> float | None:
    """A limit as the settings keep it: a number, with or without its SI unit."""
    return None if stated is None else float(str(stated).split()[0])
