"""The benchmark that serves as a proxy for a team's own search, with trainings of the team's own length.

The current method trains on every GPU at every hour, so its results and their times do not depend on the grid: one run
per seed gives its trajectory for every zone and day. Its time is stretched so that the whole search takes the team's
GPU-hours; trainings and proxy scores of CE-NAS are stretched by the same factor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.trajectory import build_trajectory
from ce_nas.api import Search
from ce_nas.benchmarks.base import ProxyScores
from ce_nas.benchmarks.nasbench201 import load_embedded_table
from ce_nas.config.schema import ClusterSettings, settings_from_flags
from ce_nas.core.units import HOUR_S
from ce_nas.engine.inputs import RunInputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.apps.pilot.questionnaire import PilotInputs
    from ce_nas.benchmarks.tabular import BenchmarkTable
    from ce_nas.config.schema import Settings
    from ce_nas.grid.trace import GridTrace

__all__ = ["BASELINE_SEARCHER", "BaselineSearch", "ProxyBenchmark", "build_power_settings"]

#: what the current method proposes with
BASELINE_SEARCHER = "lamoo"

IMAGE_DATASET = "cifar10"
#: time budget beyond the longest search that a pilot can ask for, h
_UNLIMITED_TIME_H = 4000.0


@dataclass(frozen=True, slots=True)
class BaselineSearch:
    """A search with the current method and one seed: all GPUs train from the start to the end."""

    seed: int
    #: the final one: the quality that the other methods have to reach
    hypervolume: float
    #: when it was first reached, seconds since the start
    reached_s: float
    #: full trainings until then
    trainings: int
    #: when the whole search ended, s
    end_s: float
    #: time of GPUs in training in the whole search, s; at the end some GPUs are idle
    training_s: float

    def stretch(self, factor: float) -> BaselineSearch:
        """The same search with every training longer by a factor."""
        return replace(
            self,
            reached_s=self.reached_s * factor,
            end_s=self.end_s * factor,
            training_s=self.training_s * factor,
        )


class ProxyBenchmark:
    """The stretched benchmark, and the searches of the current method on it.

    :param seeds: those of the searches.
    """

    def __init__(self, inputs: PilotInputs, seeds: Sequence[int]) -> None:
        self.inputs = inputs
        table = load_embedded_table(IMAGE_DATASET)
        unstretched = [_run_baseline(inputs, table, seed) for seed in seeds]
        #: length of a training in units of the benchmark's own
        self.stretch_factor = inputs.baseline_duration_s / median(search.end_s for search in unstretched)
        self.baselines = tuple(search.stretch(self.stretch_factor) for search in unstretched)
        self.table: BenchmarkTable = replace(table, train_s=table.train_s * self.stretch_factor)

    def build_run_inputs(self, settings: Settings, trace: GridTrace) -> RunInputs:
        """The inputs of a CE-NAS search on the stretched benchmark and a grid that was read already."""
        return _StretchedRunInputs(settings, self.table, grid_trace=trace, stretch_factor=self.stretch_factor)


def build_power_settings(inputs: PilotInputs) -> dict[str, Any]:
    """The power of the team's GPUs as settings; checkpoints and start-ups take the default time at full power."""
    default, power_w = ClusterSettings(), inputs.gpu_power_w
    overheads = {f"{name}_j": getattr(default, f"{name}_s") * power_w for name in ("checkpoint", "restore", "startup")}
    return {"training_w": power_w, "sampling_w": power_w, "idle_w": inputs.effective_idle_power_w, **overheads}


@dataclass(frozen=True)
class _StretchedRunInputs(RunInputs):
    """Inputs with a grid that was read already, and with proxy scores that take longer, as trainings do."""

    grid_trace: GridTrace | None = None
    stretch_factor: float = 1.0

    @cached_property
    def trace(self) -> GridTrace:
        """See :attr:`RunInputs.trace`."""
        return super().trace if self.grid_trace is None else self.grid_trace

    @cached_property
    def proxy_scores(self) -> ProxyScores | None:
        """See :attr:`RunInputs.proxy_scores`."""
        scores = super().proxy_scores
        if not isinstance(scores, ProxyScores):  # never the noisy ones of nasbench301: the problem is a table
            return None
        return replace(scores, scoring_time_s=scores.scoring_time_s * self.stretch_factor)


def _run_baseline(inputs: PilotInputs, table: BenchmarkTable, seed: int) -> BaselineSearch:
    settings = settings_from_flags(
        policy="vanilla",
        searcher=BASELINE_SEARCHER,
        proxy_scores="none",
        forecaster="persistence",
        gpus=inputs.gpus,
        evaluations=inputs.trainings,
        stop="never",
        hours=_UNLIMITED_TIME_H,
        seed=seed,
    )
    result = Search.from_settings(settings, inputs=RunInputs(settings, table)).run()
    hypervolume = (trajectory := build_trajectory(result.entries)).final_hypervolume
    usage = trajectory.usage_at_hypervolume(hypervolume)
    assert usage is not None  # noqa: S101 - the final hypervolume was reached
    return BaselineSearch(
        seed=seed,
        hypervolume=hypervolume,
        reached_s=usage.hours * HOUR_S,
        trainings=usage.evaluations,
        end_s=result.summary.simulated_hours * HOUR_S,
        training_s=result.summary.device_hours_by_activity["training"] * HOUR_S,
    )
