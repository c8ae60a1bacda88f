"""Noise: each training finds the validation accuracy of one seed, and the answer is judged on more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.engine.inputs import Materials
from ce_nas.experiments.base import ENGLISH, Experiment, Report
from ce_nas.experiments.comparison import REFERENCE, judged_by, versus, versus_table
from ce_nas.experiments.provenance import basis
from ce_nas.experiments.strategies import CE_NAS, strategy
from ce_nas.experiments.studies.devices import draw_ratios
from ce_nas.experiments.trials import cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.experiments.base import Scenario
    from ce_nas.experiments.trials import Cell, Finding
    from ce_nas.report.i18n.words import Words

__all__ = ["Noise"]

_ONE_SEED = re.compile(r"accuracy_s\d+")
#: judge to the metric that stands in for the accuracy
JUDGES = {"mean of seeds": "accuracy", "test accuracy": "test_accuracy"}


class Noise(Experiment):
    """Runs CE-NAS and vanilla LaMOO on single seeds' accuracies, run by run another seed's.

    :raises SettingsError: if the benchmark does not know the accuracies of single seeds, or a judge's metric.
    """

    name = "noise"

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        materials = Materials(settings_from_flags(**scenario.flags))
        self._observed = sorted(filter(_ONE_SEED.fullmatch, materials.table.metrics))
        missing = [name for name in JUDGES.values() if name not in materials.table.metrics]
        if not self._observed or missing:
            message = (
                f"Expected a benchmark that knows accuracy_s0 and test_accuracy, got {materials.table.name} with "
                f"{', '.join(materials.table.metrics)}; give a table with val200_<dataset>_s0 and test200_<dataset>."
            )
            raise SettingsError(message)
        self._costs = tuple(
            f"{item.name}:{'max' if item.maximise else 'min'}:{item.reference!r}"
            for item in materials.objectives
            if item.name != "accuracy"
        )

    def cells(self) -> list[Cell]:
        """See :meth:`Experiment.cells`."""
        judges = {judge: (metric, *self._costs) for judge, metric in JUDGES.items()}
        return [
            cell(strategy(name), self._flags(seed), seed, judges=judges)
            for name in (CE_NAS.name, REFERENCE, "vanilla-random")
            for seed in self._scenario.seeds
        ]

    def report(self, findings: Sequence[Finding], words: Words = ENGLISH) -> Report:
        """See :meth:`Experiment.report`."""
        shown = {f"judged by {judge}": words(f"exp.noise.{judge}") for judge in JUDGES}
        shown["as trained: one seed"] = words("exp.noise.one seed")
        rows = [versus("as trained: one seed", findings)]
        rows += [versus(f"judged by {judge}", judged_by(findings, judge)) for judge in JUDGES]
        random = [
            versus(f"judged by {judge}", judged_by(findings, judge), reference="vanilla-random") for judge in JUDGES
        ]
        return Report(
            title=words("exp.noise"),
            content={
                "experiment": self.name,
                "seeds": list(self._scenario.seeds),
                "against_vanilla_lamoo": [one.to_dict() for one in rows],
                "against_vanilla_random": [one.to_dict() for one in random],
            },
            tables=[
                versus_table(words("exp.against.lamoo"), "", rows, words, shown),
                versus_table(words("exp.against.random"), "", random, words, shown),
            ],
            figures={self.name: draw_ratios(rows, "Trainings of one seed: CE-NAS against vanilla LaMOO")},
            notes=[
                *basis(findings, self._scenario.seeds, words),
                words("exp.noise.judged", observed=", ".join(self._observed)),
            ],
        )

    def _flags(self, seed: int) -> dict[str, object]:
        observed = self._observed[seed % len(self._observed)]
        return dict(self._scenario.but(objectives=",".join([observed, *self._costs])))
