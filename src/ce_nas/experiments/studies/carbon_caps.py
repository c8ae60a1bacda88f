"""Hypervolume under carbon caps: what each strategy reaches within a carbon budget."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ce_nas.analysis.hypervolume_gap import log_hypervolume_gap
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_interval, format_wins
from ce_nas.core.units import G_PER_KG, parse_carbon_g
from ce_nas.experiments.base import ENGLISH, Experiment, ExperimentReport, results_of_strategy
from ce_nas.experiments.comparison import StrategySummary, find_largest_hypervolume, gap_note, summarise_strategy
from ce_nas.experiments.figures import create_panels
from ce_nas.experiments.provenance import provenance_notes
from ce_nas.experiments.strategies import CE_NAS, STRATEGIES, get_strategy
from ce_nas.experiments.trials import build_trial
from ce_nas.report.page import ReportTable
from ce_nas.report.plotting.palette import strategy_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from ce_nas.experiments.base import ExperimentConfig
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult
    from ce_nas.report.i18n.translator import Translator

__all__ = ["CarbonCapExperiment", "parse_caps_kg"]

#: problem to the caps of the paper's experiments; the default is that of NAS-Bench-201 with HW-NAS-Bench
PAPER_CAPS_KG = {"nasbench301": (25.0, 50.0, 75.0, 100.0)}
DEFAULT_CAPS_KG = (5.0, 10.0, 30.0, 50.0)


def parse_caps_kg(text: str | None, problem: object) -> tuple[float, ...]:
    """Parse carbon budgets such as ``5kg,10kg``, to kg; None: those of the paper for a problem.

    :raises SettingsError: if one cannot be parsed.
    """
    if text is None:
        return PAPER_CAPS_KG.get(str(problem), DEFAULT_CAPS_KG)
    caps = tuple(parse_carbon_g(part.strip()) / G_PER_KG for part in text.split(",") if part.strip())
    if not caps:
        message = f"Expected comma-separated carbon budgets, such as 5kg,10kg, got {text!r}."
        raise SettingsError(message)
    return caps


class CarbonCapExperiment(Experiment):
    """Runs every strategy with every seed under every cap.

    :param caps_kg: carbon budgets by full accounting.
    """

    name = "caps"

    def __init__(self, config: ExperimentConfig, caps_kg: Sequence[float]) -> None:
        self._config = config
        self._caps_kg = tuple(caps_kg)

    def trials(self) -> list[ExperimentTrial]:
        """See :meth:`Experiment.trials`."""
        return [
            build_trial(strategy, self._config.merge_flags(carbon_budget=f"{cap:g} kg"), seed, {"cap_kg": cap})
            for cap in self._caps_kg
            for strategy in STRATEGIES
            for seed in self._config.seeds
        ]

    def build_report(self, results: Sequence[TrialResult], translate: Translator = ENGLISH) -> ExperimentReport:
        """See :meth:`Experiment.build_report`."""
        largest = find_largest_hypervolume(results)
        summaries = {
            cap: [
                summarise_strategy(results, strategy.name, CE_NAS.name, largest.value, cap_kg=cap)
                for strategy in STRATEGIES
            ]
            for cap in self._caps_kg
        }
        return ExperimentReport(
            title=translate("exp.caps"),
            content={
                "experiment": self.name,
                "seeds": list(self._config.seeds),
                "hypervolume_max": largest.value,
                "caps": [_cap_content(cap, by_strategy) for cap, by_strategy in summaries.items()],
            },
            tables=[_cap_table(cap, by_strategy, translate) for cap, by_strategy in summaries.items()],
            figures={self.name: lambda: self._draw_figure(results, largest.value)},
            notes=[*provenance_notes(results, self._config.seeds, translate), gap_note(largest, translate)],
        )

    def _draw_figure(self, results: Sequence[TrialResult], hypervolume_max: float) -> Figure:
        figure, axes = create_panels(len(self._caps_kg), width=3.2)
        for panel, cap in zip(axes, self._caps_kg, strict=True):
            gaps = [
                [
                    log_hypervolume_gap(hypervolume_max, run.trajectory.final_hypervolume)
                    for run in results_of_strategy(results, strategy.name, cap_kg=cap)
                ]
                for strategy in STRATEGIES
            ]
            boxes = panel.boxplot(gaps, patch_artist=True, medianprops={"color": "black"}, widths=0.6)
            for box, strategy in zip(boxes["boxes"], STRATEGIES, strict=True):
                box.set_facecolor(strategy_colour(strategy.name))
            titles = [strategy.title for strategy in STRATEGIES]
            panel.set_xticks(range(1, len(STRATEGIES) + 1), titles, rotation=40, ha="right")
            panel.set_title(f"{cap:g} kg CO2eq")
        axes[0].set_ylabel("log10 of the hypervolume gap")
        return figure


def _cap_content(cap_kg: float, summaries: Sequence[StrategySummary]) -> dict[str, object]:
    ours, *others = summaries
    return {
        "cap_kg": cap_kg,
        "above_every_baseline": all(ours.hypervolume.median > other.hypervolume.median for other in others),
        "strategies": [asdict(summary) for summary in summaries],
    }


def _cap_table(cap_kg: float, summaries: Sequence[StrategySummary], translate: Translator) -> ReportTable:
    rows = [
        (
            get_strategy(summary.strategy).title,
            format_interval(summary.log_hypervolume_gap),
            format_interval(summary.hypervolume),
            format_interval(summary.carbon_kg),
            format_interval(summary.paper_carbon_kg),
            format_interval(summary.evaluations),
            format_wins(summary.paired_test, translate),
        )
        for summary in summaries
    ]
    header = (
        translate("exp.strategy"),
        translate("exp.log_missing"),
        translate("exp.hypervolume"),
        translate("exp.kg.full"),
        translate("exp.kg.paper"),
        translate("exp.trainings"),
        translate("exp.better"),
    )
    return ReportTable(translate("exp.caps.table", cap=f"{cap_kg:g}"), header, rows, copyable=True)
