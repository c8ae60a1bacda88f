"""An answer judged by other figures than it was found by: for searches whose trainings are noisy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.evaluate.table import objective, table_values
from ce_nas.pareto.dominance import Front
from ce_nas.pareto.hypervolume import hypervolume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.engine.materials import Materials
    from ce_nas.store.journal import Entry

__all__ = ["Verdict", "judged"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run's answers are worth by other objectives."""

    #: of the answer at each mark of the run's track
    hypervolume: list[float]
    #: of the whole table
    hypervolume_max: float


def judged(objectives: Sequence[str], materials: Materials, entries: Iterable[Entry]) -> Verdict:
    """The answer, as the run itself believed in it, at each mark of its track, by other objectives of the table.

    An answer is the front of what was evaluated, by the values that the evaluations returned; it may lose by the
    other objectives where it wins by these.

    :param objectives: as in the settings.
    """
    chosen = [objective(materials.table, text) for text in objectives]
    values = table_values(materials.table, chosen)
    reference = [item.sign * item.reference for item in chosen]
    index = materials.table.space.index
    front: Front[Architecture] = Front()
    marks: list[float] = []
    worth = 0.0
    for entry in entries:
        if entry.kind == "evaluated" and entry.content["feasible"] and entry.content["fidelity"] == 1.0:
            found = entry.content
            if front.add(found["values"], tuple(found["architecture"])):
                worth = hypervolume(values[[index[item] for item in front.items]], reference)
            if found["grew"]:
                marks.append(worth)
        elif entry.kind == "period":
            marks.append(worth)
    return Verdict(marks, hypervolume(values, reference))
