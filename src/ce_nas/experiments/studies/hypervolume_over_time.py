"""Hypervolume over time: how the strategies get on, hour by hour and gram by gram (the paper's Figures 3 and 4)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.metrics import log_gap, top_of
from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.core.formatting import better_text, interval_text
from ce_nas.core.units import G_PER_KG
from ce_nas.experiments.base import ENGLISH, Experiment, Report, Table, of_strategy
from ce_nas.experiments.comparison import Standing, standing
from ce_nas.experiments.output import band, panels
from ce_nas.experiments.provenance import basis
from ce_nas.experiments.strategies import CE_NAS, STRATEGIES, strategy
from ce_nas.experiments.trials import cell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from ce_nas.analysis.trajectory import Spent
    from ce_nas.experiments.base import Scenario
    from ce_nas.experiments.trials import Cell, Finding
    from ce_nas.report.i18n.words import Words

__all__ = ["HypervolumeOverTime"]

#: points of a curve over the hours, and over the grams
POINTS = 81
#: shares of the time budget that the table shows
MARKS = (0.125, 0.25, 0.5, 1.0)


class HypervolumeOverTime(Experiment):
    """Runs every strategy with every seed to the end of the time budget."""

    name = "hypervolume-over-time"

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def cells(self) -> list[Cell]:
        """See :meth:`Experiment.cells`."""
        return [cell(one, self._scenario.flags, seed) for one in STRATEGIES for seed in self._scenario.seeds]

    def report(self, findings: Sequence[Finding], words: Words = ENGLISH) -> Report:
        """See :meth:`Experiment.report`."""
        top, meaning = top_of(findings)
        last_h = max(one.track.hours[-1] for one in findings if one.track.hours)
        marks = [share * last_h for share in MARKS]
        standings = [standing(findings, one.name, CE_NAS.name, top) for one in STRATEGIES]
        courses = {one.name: _course(of_strategy(findings, one.name), marks, top) for one in STRATEGIES}
        return Report(
            title=words("exp.over_time"),
            content={
                "experiment": self.name,
                "seeds": list(self._scenario.seeds),
                "hypervolume_top": top,
                "hours": marks,
                "courses": courses,
                "final": [asdict(one) for one in standings],
            },
            tables=[_course_table(courses, marks, words), _final_table(standings, words)],
            figures={self.name: _figure(findings, top, last_h)},
            notes=[
                *basis(findings, self._scenario.seeds, words),
                words("exp.gaps", top=words(meaning), value=f"{top:,.6g}"),
            ],
        )


def _course(findings: Sequence[Finding], hours: Sequence[float], top: float) -> dict[str, list[Interval]]:
    """What there was at each of ``hours``."""
    return {
        "log_gap": [_gap_at(findings, hour, top) for hour in hours],
        "carbon_kg": [_spent_at(findings, hour, lambda one: one.carbon_g / G_PER_KG) for hour in hours],
        "paper_carbon_kg": [_spent_at(findings, hour, lambda one: one.paper_carbon_g / G_PER_KG) for hour in hours],
        "evaluations": [_spent_at(findings, hour, lambda one: one.evaluations) for hour in hours],
    }


def _gap_at(findings: Sequence[Finding], hour: float, top: float) -> Interval:
    return bootstrap_median([log_gap(top, one.track.within(one.track.hours, hour)[0]) for one in findings])


def _spent_at(findings: Sequence[Finding], hour: float, amount: Callable[[Spent], float]) -> Interval:
    return bootstrap_median([amount(one.track.within(one.track.hours, hour)[1]) for one in findings])


def _course_table(courses: dict[str, dict[str, list[Interval]]], hours: Sequence[float], words: Words) -> Table:
    rows = [
        (strategy(name).title, *(interval_text(interval) for interval in course["log_gap"]))
        for name, course in courses.items()
    ]
    return Table(words("exp.log_missing"), (words("exp.over_time.after"), *(f"{hour:g} h" for hour in hours)), rows)


def _final_table(standings: Sequence[Standing], words: Words) -> Table:
    rows = [
        (
            strategy(one.strategy).title,
            interval_text(one.hypervolume),
            interval_text(one.log_gap),
            interval_text(one.log_share),
            interval_text(one.carbon_kg),
            interval_text(one.paper_carbon_kg),
            interval_text(one.evaluations),
            better_text(one.paired, words),
        )
        for one in standings
    ]
    head = (
        words("exp.over_time.end.head"),
        words("exp.hypervolume"),
        words("exp.over_time.missing"),
        words("exp.over_time.share"),
        words("exp.kg.co2"),
        words("exp.kg.paper"),
        words("exp.trainings"),
        words("exp.better"),
    )
    return Table(words("exp.over_time.end"), head, rows)


def _figure(findings: Sequence[Finding], top: float, last_h: float) -> Figure:
    figure, (over_hours, over_grams, grams) = panels(3, width=4.6)
    hours = np.linspace(0.0, last_h, POINTS)[1:].tolist()
    for one in STRATEGIES:
        runs = of_strategy(findings, one.name)
        band(over_hours, hours, [_gap_at(runs, hour, top) for hour in hours], one.name, one.title)
        kilograms = _kilograms(runs)
        band(over_grams, kilograms, [_gap_within(runs, kg, top) for kg in kilograms], one.name, one.title)
        spent = [_spent_at(runs, hour, lambda spent: spent.carbon_g / G_PER_KG) for hour in hours]
        band(grams, hours, spent, one.name, one.title)
    over_hours.set(xlabel="hours", ylabel="log10 of the missing hypervolume", title="Over time")
    over_grams.set(xlabel="kg CO2eq, full book", xscale="log", title="For grams")
    grams.set(xlabel="hours", ylabel="kg CO2eq, full book", title="Grams over time")
    over_hours.legend(fontsize=8, frameon=False)
    return figure


def _kilograms(findings: Sequence[Finding]) -> list[float]:
    """Points over what the median run spent, evenly in its logarithm."""
    totals: list[Any] = [one.track.carbon_g[-1] for one in findings if one.track.carbon_g]
    end_kg = float(np.median(totals)) / G_PER_KG if totals else 0.0
    return np.geomspace(end_kg / 100, end_kg, POINTS).tolist() if end_kg > 0 else []


def _gap_within(findings: Sequence[Finding], kilograms: float, top: float) -> Interval:
    grams = kilograms * G_PER_KG
    return bootstrap_median([log_gap(top, one.track.within(one.track.carbon_g, grams)[0]) for one in findings])
