"""Re-evaluates a run's front by other objectives than it was found by, for searches with noisy trainings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.benchmarks.base import parse_objective
from ce_nas.benchmarks.tabular import objective_matrix
from ce_nas.pareto.dominance import ParetoFront
from ce_nas.pareto.hypervolume import hypervolume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.store.journal import JournalEntry

__all__ = ["ReevaluatedFront", "reevaluate_front"]


@dataclass(frozen=True, slots=True)
class ReevaluatedFront:
    """Hypervolume of a run's front by other objectives."""

    #: at each point of the run's trajectory
    hypervolume: list[float]
    #: of the whole table
    hypervolume_max: float


def reevaluate_front(
    objectives: Sequence[str], run_inputs: RunInputs, entries: Iterable[JournalEntry]
) -> ReevaluatedFront:
    """Evaluate the front at each point of a run's trajectory by other objectives of its table.

    The front is chosen by the values that the trainings returned; its hypervolume by other objectives may decrease.

    :param objectives: as in the settings.
    """
    chosen = [parse_objective(run_inputs.table, text) for text in objectives]
    values = objective_matrix(run_inputs.table, chosen)
    reference = [objective.sign * objective.reference for objective in chosen]
    index = run_inputs.table.space.index
    front: ParetoFront[Architecture] = ParetoFront()
    points: list[float] = []
    current = 0.0
    for entry in entries:
        if entry.kind == "evaluated" and entry.content["feasible"] and entry.content["fidelity"] == 1.0:
            content = entry.content
            if front.add(content["values"], tuple(content["architecture"])):
                current = hypervolume(values[[index[architecture] for architecture in front.items]], reference)
            if content["improved"]:
                points.append(current)
        elif entry.kind == "period":
            points.append(current)
    return ReevaluatedFront(points, hypervolume(values, reference))
