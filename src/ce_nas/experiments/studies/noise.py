"""Noisy trainings: each observes the accuracy of one seed, and the front is re-evaluated on other accuracies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.engine.inputs import RunInputs
from ce_nas.experiments.base import ENGLISH, Experiment, ExperimentReport
from ce_nas.experiments.comparison import REFERENCE_STRATEGY, compare_with_reference, comparison_table
from ce_nas.experiments.figures import draw_ratios
from ce_nas.experiments.provenance import provenance_notes
from ce_nas.experiments.strategies import CE_NAS, get_strategy
from ce_nas.experiments.trials import build_trial, with_reevaluation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.experiments.base import ExperimentConfig
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult
    from ce_nas.report.i18n.translator import Translator

__all__ = ["NoiseExperiment"]

_SINGLE_SEED_METRIC = re.compile(r"accuracy_s\d+")
#: name of each re-evaluation to the metric that replaces the accuracy
REEVALUATION_METRICS = {"mean of seeds": "accuracy", "test accuracy": "test_accuracy"}


class NoiseExperiment(Experiment):
    """Runs CE-NAS, vanilla LaMOO and vanilla random on the accuracy of a single seed, another one for each run.

    :raises SettingsError: if the problem lacks the accuracies of single seeds, or a metric of a re-evaluation.
    """

    name = "noise"

    def __init__(self, config: ExperimentConfig) -> None:
        self._config = config
        inputs = RunInputs(settings_from_flags(**config.flags))
        self._single_seed_metrics = sorted(filter(_SINGLE_SEED_METRIC.fullmatch, inputs.table.metrics))
        missing = [name for name in REEVALUATION_METRICS.values() if name not in inputs.table.metrics]
        if not self._single_seed_metrics or missing:
            message = (
                f"Expected a problem with the metrics accuracy_s0 and test_accuracy, got {inputs.table.name} with "
                f"{', '.join(inputs.table.metrics)}; use a table with val200_<dataset>_s0 and test200_<dataset>."
            )
            raise SettingsError(message)
        self._cost_objectives = tuple(
            f"{objective.name}:{'max' if objective.maximise else 'min'}:{objective.reference!r}"
            for objective in inputs.objectives
            if objective.name != "accuracy"
        )

    def trials(self) -> list[ExperimentTrial]:
        """See :meth:`Experiment.trials`."""
        reevaluations = {name: (metric, *self._cost_objectives) for name, metric in REEVALUATION_METRICS.items()}
        return [
            build_trial(get_strategy(name), self._objective_flags(seed), seed, reevaluations=reevaluations)
            for name in (CE_NAS.name, REFERENCE_STRATEGY, "vanilla-random")
            for seed in self._config.seeds
        ]

    def build_report(self, results: Sequence[TrialResult], translate: Translator = ENGLISH) -> ExperimentReport:
        """See :meth:`Experiment.build_report`."""
        titles = {name: translate(f"exp.noise.{name}") for name in ("one seed", *REEVALUATION_METRICS)}
        reevaluated = {name: with_reevaluation(results, name) for name in REEVALUATION_METRICS}
        rows = [compare_with_reference("one seed", results)]
        rows += [compare_with_reference(name, by_metric) for name, by_metric in reevaluated.items()]
        random = [
            compare_with_reference(name, by_metric, reference="vanilla-random")
            for name, by_metric in reevaluated.items()
        ]
        return ExperimentReport(
            title=translate("exp.noise"),
            content={
                "experiment": self.name,
                "seeds": list(self._config.seeds),
                "against_vanilla_lamoo": [row.to_dict() for row in rows],
                "against_vanilla_random": [row.to_dict() for row in random],
            },
            tables=[
                comparison_table(translate("exp.against.lamoo"), "", rows, translate, titles),
                comparison_table(translate("exp.against.random"), "", random, translate, titles),
            ],
            figures={self.name: lambda: draw_ratios(rows, "Trainings of one seed: CE-NAS against vanilla LaMOO")},
            notes=[
                *provenance_notes(results, self._config.seeds, translate),
                translate("exp.noise.judged", observed=", ".join(self._single_seed_metrics)),
            ],
        )

    def _objective_flags(self, seed: int) -> dict[str, object]:
        observed = self._single_seed_metrics[seed % len(self._single_seed_metrics)]
        return dict(self._config.merge_flags(objectives=",".join([observed, *self._cost_objectives])))
