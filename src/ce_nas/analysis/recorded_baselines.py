"""Baselines of a run's savings: searches of other seeds on the same table, at all hours and without a stop.

Those of the embedded tables ship with the package (``scripts/record_baselines.py`` records them); random search on any
other table is simulated here, since it needs no searcher. A baseline keeps the device time at each of its gains, so
that its grams on any grid and any number of devices follow.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ce_nas.core.rng import random_stream
from ce_nas.pareto.dominance import ParetoFront
from ce_nas.pareto.hypervolume import hypervolume

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ce_nas.engine.inputs import RunInputs

__all__ = ["BASELINES_FILE", "Baseline", "key_of", "random_baseline", "recorded_baselines"]

BASELINES_FILE = Path(str(files("ce_nas.data") / "baselines.json"))
#: digits of a recorded hypervolume, as many as tell two fronts apart
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Baseline:
    """One search at all hours; the tuples have an entry for each gain of hypervolume, in order."""

    searcher: str
    seed: int
    #: device time of all work so far, s
    device_s: tuple[float, ...]
    #: full trainings finished
    trainings: tuple[int, ...]
    hypervolume: tuple[float, ...]

    def device_s_to(self, hypervolume: float) -> float | None:
        """Return the device time to a hypervolume, s; None if the search did not reach it."""
        index = bisect_left(self.hypervolume, hypervolume)
        return self.device_s[index] if index < len(self.hypervolume) else None

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain containers, rounded: seconds, and nine digits of a hypervolume."""
        return {
            "searcher": self.searcher,
            "seed": self.seed,
            "device_s": [round(time_s) for time_s in self.device_s],
            "trainings": list(self.trainings),
            # rounded up, so that a search that reached a level still does
            "hypervolume": [float(f"{value * (1 + 1e-8):.{_DIGITS}g}") for value in self.hypervolume],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Restore a baseline from what :meth:`to_dict` returned."""
        return cls(
            content["searcher"],
            content["seed"],
            tuple(map(float, content["device_s"])),
            tuple(content["trainings"]),
            tuple(content["hypervolume"]),
        )


def key_of(header: Mapping[str, Any]) -> str:
    """Return what baselines must share with a run: its table, its objectives and its constraints.

    :param header: content of the first entry of a journal.
    """
    objectives = [[one["name"], one["maximise"], one["reference"], one["is_known"]] for one in header["objectives"]]
    constraints = list(header["settings"]["problem"]["constraints"])
    return json.dumps([header["benchmark"]["sha256"], objectives, constraints])


def recorded_baselines(header: Mapping[str, Any]) -> tuple[Baseline, ...]:
    """Return the baselines that ship with the package for a run's table and objectives; empty if there are none."""
    return tuple(map(Baseline.from_dict, _read_recorded().get(key_of(header), ())))


@cache
def _read_recorded() -> dict[str, list[dict[str, Any]]]:
    if not BASELINES_FILE.is_file():
        return {}
    content: dict[str, list[dict[str, Any]]] = json.loads(BASELINES_FILE.read_text())
    return content


def random_baseline(inputs: RunInputs, seed: int) -> Baseline:
    """Simulate random search on a table: all architectures in random order.

    :raises SettingsError: if the benchmark is not a table.
    """
    table, objectives = inputs.table, inputs.objectives
    columns = [table.all_values(objective.name) for objective in objectives]
    values = np.column_stack([one.sign * column for one, column in zip(objectives, columns, strict=True)])
    reference = [objective.sign * objective.reference for objective in objectives]
    order = random_stream(seed, "baseline").permutation(np.flatnonzero(np.isfinite(values).all(axis=1)))
    elapsed_s = np.cumsum(table.train_s[order])
    front: ParetoFront[int] = ParetoFront()
    reached, gains = 0.0, []
    for count, row in enumerate(order.tolist(), 1):
        if front.add(values[row].tolist(), row):
            gained = hypervolume(front.values, reference)
            if gained > reached:
                reached = gained
                gains.append((float(elapsed_s[count - 1]), count, reached))
    device_s, trainings, hypervolumes = zip(*gains, strict=True) if gains else ((), (), ())
    return Baseline("random", seed, device_s, trainings, hypervolumes)
