"""What a run has used of each of its budgets.

From which place to which a search was carried, and what the way took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.core.units import HOUR_S, as_carbon, as_duration, as_energy
from ce_nas.report.page import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ce_nas.analysis.summary import Summary
    from ce_nas.report.i18n.words import Words
    from ce_nas.store.journal import Entry

__all__ = ["SHOWN", "Used", "moves_table", "used"]

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


def moves_table(entries: Sequence[Entry], words: Words) -> Table | None:
    """A line a move; None of a search that stayed where it began."""
    moved = [entry for entry in entries if entry.kind == "moved"]
    if not moved:
        return None
    rows = [
        (
            as_duration(entry.at_s),
            entry.content["left"],
            entry.content["site"],
            as_duration(entry.content["move_s"]),
            as_energy(entry.content["energy_j"]),
            as_carbon(entry.content["carbon_g"]),
        )
        for entry in moved
    ]
    head = ("moves.there", "moves.left", "moves.site", "moves.took", "energy.pue", "co2eq")
    return Table(words("moves.caption"), tuple(words(name) for name in head), rows)
