"""Trials of an experiment: one run each, and the result that an experiment keeps of it."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from ce_nas.analysis.trajectory import Trajectory
from ce_nas.config.schema import settings_from_flags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.benchmarks.base import Benchmark
    from ce_nas.config.schema import Settings
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.experiments.strategies import Strategy

__all__ = [
    "ExperimentTrial",
    "TrialLabels",
    "TrialResult",
    "build_trial",
    "run_trial",
    "trial_inputs",
    "with_reevaluation",
]

#: what distinguishes a trial from the others: strategy, seed, and the experiment's own axes
TrialLabels = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExperimentTrial:
    """One run of an experiment."""

    labels: TrialLabels
    settings: Settings
    #: name of each re-evaluation to the objectives that the front is re-evaluated by
    reevaluations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """SHA-256 of the run's inputs, in hexadecimal: trials with the same key have the same result."""
        objectives = {name: list(names) for name, names in self.reevaluations.items()}
        inputs = [self.settings.model_dump(mode="json"), objectives]
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The result that an experiment keeps of a run."""

    labels: TrialLabels
    trajectory: Trajectory
    #: name of a :class:`~ce_nas.core.records.StopReason`, lower case
    stop: str
    #: hypervolume of the whole table; None if it is unknown
    hypervolume_max: float | None
    #: architectures scored
    samples: int
    #: full accounting
    carbon_g_by_activity: Mapping[str, float]
    #: data sources and assumptions: name to description
    provenance: Mapping[str, str]
    #: name of each re-evaluation to its hypervolume at each point of the trajectory
    reevaluated_hypervolume: Mapping[str, list[float]] = field(default_factory=dict)
    #: name of each re-evaluation to the hypervolume of the whole table
    reevaluated_hypervolume_max: Mapping[str, float] = field(default_factory=dict)

    def with_labels(self, **labels: object) -> Self:
        """Return a copy with some labels replaced."""
        return replace(self, labels={**self.labels, **labels})

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain containers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Restore a result from what :meth:`to_dict` returned."""
        return cls(**{**content, "trajectory": Trajectory(**content["trajectory"])})


def build_trial(
    strategy: Strategy,
    flags: Mapping[str, object],
    seed: int,
    axes: TrialLabels | None = None,
    reevaluations: Mapping[str, tuple[str, ...]] | None = None,
) -> ExperimentTrial:
    """Build the run of a strategy with a seed.

    :param flags: shared by all runs, as the flags of ``ce-nas search``.
    :param axes: further labels.
    :raises SettingsError: if a flag is invalid.
    """
    shared = {name: value for name, value in flags.items() if name not in strategy.fixed_flags}
    settings = settings_from_flags(strategy.settings, **{**shared, "seed": seed})
    return ExperimentTrial({"strategy": strategy.name, "seed": seed, **(axes or {})}, settings, reevaluations or {})


def with_reevaluation(results: Sequence[TrialResult], reevaluation: str) -> list[TrialResult]:
    """Replace the hypervolume of each result by that of a re-evaluation."""
    return [
        replace(
            result,
            trajectory=replace(result.trajectory, hypervolume=list(result.reevaluated_hypervolume[reevaluation])),
            hypervolume_max=result.reevaluated_hypervolume_max[reevaluation],
        )
        for result in results
    ]


def trial_inputs(trial: ExperimentTrial) -> RunInputs:
    """The inputs of a trial; trials of one problem that follow each other share its benchmark."""
    from ce_nas.engine.inputs import RunInputs

    return RunInputs(trial.settings, _load_benchmark(json.dumps(trial.settings.problem.model_dump(mode="json"))))


@functools.lru_cache(maxsize=2)
def _load_benchmark(problem: str) -> Benchmark:
    """The benchmark of a section ``[problem]``, read once for the trials that follow each other."""
    from ce_nas.engine.inputs import RunInputs

    return RunInputs(settings_from_flags(problem=json.loads(problem))).benchmark


def run_trial(trial: ExperimentTrial) -> tuple[ExperimentTrial, TrialResult]:
    """Run a trial, and return it with its result."""
    from ce_nas.analysis.summary import run_header
    from ce_nas.analysis.trajectory import build_trajectory
    from ce_nas.api import Search
    from ce_nas.experiments.provenance import describe_provenance
    from ce_nas.experiments.reevaluation import reevaluate_front

    inputs = trial_inputs(trial)
    result = Search.from_settings(trial.settings, inputs=inputs).run()
    summary = result.summary
    fronts = {
        name: reevaluate_front(objectives, inputs, result.entries) for name, objectives in trial.reevaluations.items()
    }
    return trial, TrialResult(
        labels=trial.labels,
        trajectory=build_trajectory(result.entries),
        stop=summary.stop,
        hypervolume_max=inputs.hypervolume_max,
        samples=summary.samples,
        carbon_g_by_activity=summary.carbon_g_by_activity,
        provenance=describe_provenance(summary, run_header(result.entries)),
        reevaluated_hypervolume={name: front.hypervolume for name, front in fronts.items()},
        reevaluated_hypervolume_max={name: front.hypervolume_max for name, front in fronts.items()},
    )
