"""The benchmark that stands in for a team's own search, with trainings as long as the team's own.

Today's way trains on every GPU at every hour, so what it finds, and when, does not depend on the grid: one run a seed
tells its course for every zone and day. Its time is stretched so that the whole search takes the team's own GPU-hours;
trainings and cheap scores of CE-NAS are stretched by the same factor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.trajectory import track
from ce_nas.api import Study
from ce_nas.benchmarks.nasbench201 import embedded_table
from ce_nas.benchmarks.proxy_scores import CheapScores
from ce_nas.config.schema import ClusterSettings, settings_from_flags
from ce_nas.core.units import HOUR_S
from ce_nas.engine.inputs import Materials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.apps.pilot.inputs import PilotFigures
    from ce_nas.benchmarks.tabular import BenchmarkTable
    from ce_nas.config.schema import Settings
    from ce_nas.grid.trace import GridTrace

__all__ = ["Course", "StandIn", "power_settings"]

IMAGE_SET = "cifar10"
#: longer than any search of the benchmark that a pilot may ask for, h
_NO_LIMIT_H = 4000.0


@dataclass(frozen=True, slots=True)
class Course:
    """Today's search with one seed: all GPUs train from its beginning to its end."""

    seed: int
    #: at its end: the quality that is asked of every other way
    hypervolume: float
    #: when it was first there, seconds since it began
    reached_s: float
    #: full trainings until then
    trainings: int
    #: when the whole search was over, s
    end_s: float
    #: time of GPUs in training in the whole search, s; in the end some of them have no more to do
    training_s: float

    def stretched(self, factor: float) -> Course:
        """The same with every training longer by a factor."""
        return replace(
            self,
            reached_s=self.reached_s * factor,
            end_s=self.end_s * factor,
            training_s=self.training_s * factor,
        )


class StandIn:
    """The stretched benchmark, and today's courses on it.

    :param seeds: of the searches.
    """

    def __init__(self, figures: PilotFigures, seeds: Sequence[int]) -> None:
        self.figures = figures
        table = embedded_table(IMAGE_SET)
        plain = [_course(figures, table, seed) for seed in seeds]
        #: by how much trainings are longer than the benchmark's own
        self.factor = figures.at_once_s / median(one.end_s for one in plain)
        self.courses = tuple(one.stretched(self.factor) for one in plain)
        self.table: BenchmarkTable = replace(table, train_s=table.train_s * self.factor)

    def materials(self, settings: Settings, trace: GridTrace) -> Materials:
        """What a search of CE-NAS on the stretched benchmark refers to, on a grid that was read already."""
        return _Stretched(settings, self.table, grid_trace=trace, factor=self.factor)


def power_settings(figures: PilotFigures) -> dict[str, Any]:
    """What the team's GPUs draw, as settings; checkpoints and start-ups take the usual time at full power."""
    usual, power_w = ClusterSettings(), figures.gpu_power_w
    moves = {f"{name}_j": getattr(usual, f"{name}_s") * power_w for name in ("checkpoint", "restore", "startup")}
    return {"training_w": power_w, "sampling_w": power_w, "idle_w": figures.idle_w, **moves}


@dataclass(frozen=True)
class _Stretched(Materials):
    """Materials whose grid was read already, and whose cheap scores take longer, as trainings do."""

    grid_trace: GridTrace | None = None
    factor: float = 1.0

    @cached_property
    def trace(self) -> GridTrace:
        """See :attr:`Materials.trace`."""
        return super().trace if self.grid_trace is None else self.grid_trace

    @cached_property
    def cheap_scores(self) -> CheapScores | None:
        """See :attr:`Materials.cheap_scores`."""
        scores = super().cheap_scores
        if not isinstance(scores, CheapScores):  # a table's are never noisy ones
            return None
        return replace(scores, score_s=scores.score_s * self.factor)


def _course(figures: PilotFigures, table: BenchmarkTable, seed: int) -> Course:
    settings = settings_from_flags(
        policy="all-evaluation",
        searcher="lamoo",
        cheap_scores="none",
        forecaster="persistence",
        gpus=figures.gpus,
        evaluations=figures.trainings,
        hours=_NO_LIMIT_H,
        seed=seed,
    )
    result = Study(settings, materials=Materials(settings, table)).run()
    course, hours = track(result.entries), result.summary.device_hours_by_activity
    first = course.to_reach(course.final)
    assert first is not None  # noqa: S101 - it was reached, at the latest at the end
    end_s = result.summary.simulated_hours * HOUR_S
    return Course(seed, course.final, first.hours * HOUR_S, first.evaluations, end_s, hours["training"] * HOUR_S)
