"""Hypervolume over time and over carbon, for every strategy (the paper's Figures 3 and 4)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.hypervolume_gap import log_hypervolume_gap
from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.core.formatting import format_interval, format_wins
from ce_nas.core.units import G_PER_KG
from ce_nas.experiments.base import ENGLISH, Experiment, ExperimentReport, results_of_strategy
from ce_nas.experiments.comparison import StrategySummary, find_largest_hypervolume, gap_note, summarise_strategy
from ce_nas.experiments.figures import create_panels, draw_band
from ce_nas.experiments.provenance import provenance_notes
from ce_nas.experiments.strategies import CE_NAS, STRATEGIES, get_strategy
from ce_nas.experiments.trials import build_trial
from ce_nas.report.page import ReportTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from ce_nas.analysis.trajectory import ResourceUsage
    from ce_nas.experiments.base import ExperimentConfig
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult
    from ce_nas.report.i18n.translator import Translator

__all__ = ["HypervolumeOverTimeExperiment"]

#: of a curve over time, and over carbon
CURVE_POINTS = 81
#: shares of the time budget that the table shows
TABLE_TIME_SHARES = (0.125, 0.25, 0.5, 1.0)


class HypervolumeOverTimeExperiment(Experiment):
    """Runs every strategy with every seed to the end of the time budget."""

    name = "hypervolume-over-time"

    def __init__(self, config: ExperimentConfig) -> None:
        self._config = config

    def trials(self) -> list[ExperimentTrial]:
        """See :meth:`Experiment.trials`."""
        return [
            build_trial(strategy, self._config.flags, seed) for strategy in STRATEGIES for seed in self._config.seeds
        ]

    def build_report(self, results: Sequence[TrialResult], translate: Translator = ENGLISH) -> ExperimentReport:
        """See :meth:`Experiment.build_report`."""
        largest = find_largest_hypervolume(results)
        last_h = max(result.trajectory.hours[-1] for result in results if result.trajectory.hours)
        hours = [share * last_h for share in TABLE_TIME_SHARES]
        summaries = [summarise_strategy(results, strategy.name, CE_NAS.name, largest.value) for strategy in STRATEGIES]
        curves = {
            strategy.name: _strategy_curves(results_of_strategy(results, strategy.name), hours, largest.value)
            for strategy in STRATEGIES
        }
        return ExperimentReport(
            title=translate("exp.over_time"),
            content={
                "experiment": self.name,
                "seeds": list(self._config.seeds),
                "hypervolume_max": largest.value,
                "hours": hours,
                "curves": curves,
                "final": [asdict(summary) for summary in summaries],
            },
            tables=[_curve_table(curves, hours, translate), _final_table(summaries, translate)],
            figures={self.name: lambda: _draw_figure(results, largest.value, last_h)},
            notes=[*provenance_notes(results, self._config.seeds, translate), gap_note(largest, translate)],
        )


def _strategy_curves(
    results: Sequence[TrialResult], hours: Sequence[float], hypervolume_max: float
) -> dict[str, list[Interval]]:
    """Compute the medians at each of ``hours``."""
    return {
        "log_hypervolume_gap": [_gap_at_hour(results, hour, hypervolume_max) for hour in hours],
        "carbon_kg": [_usage_at_hour(results, hour, lambda usage: usage.carbon_g / G_PER_KG) for hour in hours],
        "paper_carbon_kg": [
            _usage_at_hour(results, hour, lambda usage: usage.paper_carbon_g / G_PER_KG) for hour in hours
        ],
        "evaluations": [_usage_at_hour(results, hour, lambda usage: usage.evaluations) for hour in hours],
    }


def _gap_at_hour(results: Sequence[TrialResult], hour: float, hypervolume_max: float) -> Interval:
    return bootstrap_median(
        [
            log_hypervolume_gap(hypervolume_max, run.outcome_within(run.hours, hour)[0])
            for run in (result.trajectory for result in results)
        ]
    )


def _usage_at_hour(
    results: Sequence[TrialResult], hour: float, read_amount: Callable[[ResourceUsage], float]
) -> Interval:
    return bootstrap_median(
        [read_amount(run.outcome_within(run.hours, hour)[1]) for run in (result.trajectory for result in results)]
    )


def _curve_table(
    curves: dict[str, dict[str, list[Interval]]], hours: Sequence[float], translate: Translator
) -> ReportTable:
    rows = [
        (get_strategy(name).title, *(format_interval(interval) for interval in curve["log_hypervolume_gap"]))
        for name, curve in curves.items()
    ]
    return ReportTable(
        translate("exp.log_missing"),
        (translate("exp.over_time.after"), *(f"{hour:g} h" for hour in hours)),
        rows,
        copyable=True,
    )


def _final_table(summaries: Sequence[StrategySummary], translate: Translator) -> ReportTable:
    rows = [
        (
            get_strategy(summary.strategy).title,
            format_interval(summary.hypervolume),
            format_interval(summary.log_hypervolume_gap),
            format_interval(summary.log_missing_share),
            format_interval(summary.carbon_kg),
            format_interval(summary.paper_carbon_kg),
            format_interval(summary.evaluations),
            format_wins(summary.paired_test, translate),
        )
        for summary in summaries
    ]
    header = (
        translate("exp.over_time.end.head"),
        translate("exp.hypervolume"),
        translate("exp.over_time.missing"),
        translate("exp.over_time.share"),
        translate("exp.kg.co2"),
        translate("exp.kg.paper"),
        translate("exp.trainings"),
        translate("exp.better"),
    )
    return ReportTable(translate("exp.over_time.end"), header, rows, copyable=True)


def _draw_figure(results: Sequence[TrialResult], hypervolume_max: float, last_h: float) -> Figure:
    figure, (gap_over_time, gap_over_carbon, carbon_over_time) = create_panels(3, width=4.6)
    hours = np.linspace(0.0, last_h, CURVE_POINTS)[1:].tolist()
    for strategy in STRATEGIES:
        name, title, runs = strategy.name, strategy.title, results_of_strategy(results, strategy.name)
        carbon_kg = _carbon_points_kg(runs)
        by_hour = [_gap_at_hour(runs, hour, hypervolume_max) for hour in hours]
        by_carbon = [_gap_at_carbon(runs, kg, hypervolume_max) for kg in carbon_kg]
        used_kg = [_usage_at_hour(runs, hour, lambda usage: usage.carbon_g / G_PER_KG) for hour in hours]
        draw_band(gap_over_time, hours, by_hour, name, title)
        draw_band(gap_over_carbon, carbon_kg, by_carbon, name, title)
        draw_band(carbon_over_time, hours, used_kg, name, title)
    gap_over_time.set(xlabel="hours", ylabel="log10 of the hypervolume gap", title="Gap over time")
    gap_over_carbon.set(xlabel="kg CO2eq, full accounting", xscale="log", title="Gap over carbon")
    carbon_over_time.set(xlabel="hours", ylabel="kg CO2eq, full accounting", title="Carbon over time")
    gap_over_time.legend(fontsize=8, frameon=False)
    return figure


def _carbon_points_kg(results: Sequence[TrialResult]) -> list[float]:
    """Return points up to the median run's total, evenly spaced in the logarithm."""
    totals: list[Any] = [result.trajectory.carbon_g[-1] for result in results if result.trajectory.carbon_g]
    end_kg = float(np.median(totals)) / G_PER_KG if totals else 0.0
    return np.geomspace(end_kg / 100, end_kg, CURVE_POINTS).tolist() if end_kg > 0 else []


def _gap_at_carbon(results: Sequence[TrialResult], carbon_kg: float, hypervolume_max: float) -> Interval:
    grams = carbon_kg * G_PER_KG
    return bootstrap_median(
        [
            log_hypervolume_gap(hypervolume_max, run.outcome_within(run.carbon_g, grams)[0])
            for run in (result.trajectory for result in results)
        ]
    )
