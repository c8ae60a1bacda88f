"""All devices and image data sets: the comparison on every latency and energy metric of the problem."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError, TableError
from ce_nas.engine.inputs import RunInputs
from ce_nas.experiments.base import ENGLISH, Experiment, ExperimentReport
from ce_nas.experiments.comparison import REFERENCE_STRATEGY, compare_with_reference, comparison_table
from ce_nas.experiments.figures import draw_ratios
from ce_nas.experiments.provenance import provenance_notes
from ce_nas.experiments.strategies import CE_NAS, get_strategy
from ce_nas.experiments.trials import build_trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.experiments.base import ExperimentConfig
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult
    from ce_nas.report.i18n.translator import Translator

__all__ = ["DeviceExperiment"]

IMAGE_DATASETS = ("cifar10", "cifar100", "imagenet16-120")
_COST_METRIC = re.compile(r"(\w+_)?(latency|energy)")


@dataclass(frozen=True, slots=True)
class _DeviceProblem:
    """An image data set with a cost metric."""

    dataset: str
    cost: str

    def __str__(self) -> str:
        return f"{self.dataset}, {self.cost}"


class DeviceExperiment(Experiment):
    """Runs CE-NAS and vanilla LaMOO on every image data set with every latency and energy metric of the problem.

    Data sets that the user's table lacks are left out and listed in the report.

    :param costs: names of the cost metrics; empty: all latencies and energies.
    """

    name = "devices"

    def __init__(
        self, config: ExperimentConfig, datasets: Sequence[str] = IMAGE_DATASETS, costs: Sequence[str] = ()
    ) -> None:
        self._config = config
        self._problems: list[_DeviceProblem] = []
        self._missing_datasets: list[str] = []
        for dataset in datasets:
            known = self._known_costs(dataset, costs)
            self._problems += [_DeviceProblem(dataset, cost) for cost in known]
            self._missing_datasets += [] if known else [dataset]
        if not self._problems:
            message = (
                f"Expected a latency or energy metric for one of the data sets {', '.join(datasets)}, "
                f"got none{' of ' + ', '.join(costs) if costs else ''}; check the table's columns."
            )
            raise SettingsError(message)

    def trials(self) -> list[ExperimentTrial]:
        """See :meth:`Experiment.trials`."""
        return [
            build_trial(
                get_strategy(name),
                self._problem_flags(problem),
                seed,
                {"dataset": problem.dataset, "cost": problem.cost},
            )
            for problem in self._problems
            for name in (CE_NAS.name, REFERENCE_STRATEGY)
            for seed in self._config.seeds
        ]

    def build_report(self, results: Sequence[TrialResult], translate: Translator = ENGLISH) -> ExperimentReport:
        """See :meth:`Experiment.build_report`."""
        rows = [
            compare_with_reference(str(problem), results, dataset=problem.dataset, cost=problem.cost)
            for problem in self._problems
        ]
        missing = (
            [translate("exp.devices.missing", names=", ".join(self._missing_datasets))]
            if self._missing_datasets
            else []
        )
        return ExperimentReport(
            title=translate("exp.devices"),
            content={
                "experiment": self.name,
                "seeds": list(self._config.seeds),
                "problems": [row.to_dict() for row in rows],
                "missing_datasets": self._missing_datasets,
            },
            tables=[comparison_table(translate("exp.against.lamoo"), translate("exp.devices.place"), rows, translate)],
            figures={self.name: draw_ratios(rows, "CE-NAS against vanilla LaMOO")},
            notes=[*provenance_notes(results, self._config.seeds, translate), *missing],
        )

    def _problem_flags(self, problem: _DeviceProblem) -> dict[str, object]:
        return dict(self._config.merge_flags(dataset=problem.dataset, objectives=f"accuracy,{problem.cost}"))

    def _known_costs(self, dataset: str, selected: Sequence[str]) -> list[str]:
        """List the cost metrics of a data set; empty if the problem lacks it."""
        try:
            table = RunInputs(settings_from_flags(**self._config.merge_flags(dataset=dataset))).table
        except TableError:
            return []
        known = [
            name
            for name, metric in table.metrics.items()
            if not metric.requires_training and _COST_METRIC.fullmatch(name)
        ]
        return [name for name in sorted(known) if not selected or name in selected]
