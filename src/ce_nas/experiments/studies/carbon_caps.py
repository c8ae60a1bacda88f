"""Hypervolume under caps: what each strategy finds before a budget of carbon is used up."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ce_nas.analysis.metrics import log_gap, top_of
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import better_text, interval_text
from ce_nas.core.units import G_PER_KG, parse_carbon_g
from ce_nas.experiments.base import ENGLISH, Experiment, Report, Table, of_strategy
from ce_nas.experiments.comparison import Standing, standing
from ce_nas.experiments.output import colour_of, panels
from ce_nas.experiments.provenance import basis
from ce_nas.experiments.strategies import CE_NAS, STRATEGIES, strategy
from ce_nas.experiments.trials import cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from ce_nas.experiments.base import Scenario
    from ce_nas.experiments.trials import Cell, Finding
    from ce_nas.report.i18n.words import Words

__all__ = ["Caps", "caps_of"]

#: of the paper's experiments, kg: of NAS-Bench-201 with HW-NAS-Bench, and of NAS-Bench-301
PAPER_KG = {"nasbench301": (25.0, 50.0, 75.0, 100.0)}
DEFAULT_KG = (5.0, 10.0, 30.0, 50.0)


def caps_of(text: str | None, benchmark: object) -> tuple[float, ...]:
    """Carbon budgets in kg, from ``5kg,10kg``, or those of the paper for a benchmark.

    :raises SettingsError: if one is none.
    """
    if text is None:
        return PAPER_KG.get(str(benchmark), DEFAULT_KG)
    caps = tuple(parse_carbon_g(part.strip()) / G_PER_KG for part in text.split(",") if part.strip())
    if not caps:
        message = f"Expected carbon budgets with commas between, such as 5kg,10kg, got {text!r}."
        raise SettingsError(message)
    return caps


class Caps(Experiment):
    """Runs every strategy with every seed under every cap.

    :param caps_kg: carbon budgets in the full book, kg.
    """

    name = "caps"

    def __init__(self, scenario: Scenario, caps_kg: Sequence[float]) -> None:
        self._scenario = scenario
        self._caps_kg = tuple(caps_kg)

    def cells(self) -> list[Cell]:
        """See :meth:`Experiment.cells`."""
        return [
            cell(one, self._scenario.but(carbon_budget=f"{cap:g} kg"), seed, {"cap_kg": cap})
            for cap in self._caps_kg
            for one in STRATEGIES
            for seed in self._scenario.seeds
        ]

    def report(self, findings: Sequence[Finding], words: Words = ENGLISH) -> Report:
        """See :meth:`Experiment.report`."""
        top, meaning = top_of(findings)
        found = {
            cap: [standing(findings, one.name, CE_NAS.name, top, cap_kg=cap) for one in STRATEGIES]
            for cap in self._caps_kg
        }
        return Report(
            title=words("exp.caps"),
            content={
                "experiment": self.name,
                "seeds": list(self._scenario.seeds),
                "hypervolume_top": top,
                "caps": [_content(cap, standings) for cap, standings in found.items()],
            },
            tables=[_table(cap, standings, words) for cap, standings in found.items()],
            figures={self.name: self._figure(findings, top)},
            notes=[
                *basis(findings, self._scenario.seeds, words),
                words("exp.gaps", top=words(meaning), value=f"{top:,.6g}"),
            ],
        )

    def _figure(self, findings: Sequence[Finding], top: float) -> Figure:
        figure, axes = panels(len(self._caps_kg), width=3.2)
        for panel, cap in zip(axes, self._caps_kg, strict=True):
            gaps = [
                [log_gap(top, run.track.final) for run in of_strategy(findings, one.name, cap_kg=cap)]
                for one in STRATEGIES
            ]
            boxes = panel.boxplot(gaps, patch_artist=True, medianprops={"color": "black"}, widths=0.6)
            for box, one in zip(boxes["boxes"], STRATEGIES, strict=True):
                box.set_facecolor(colour_of(one.name))
            panel.set_xticks(range(1, len(STRATEGIES) + 1), [one.title for one in STRATEGIES], rotation=40, ha="right")
            panel.set_title(f"{cap:g} kg CO2eq")
        axes[0].set_ylabel("log10 of the missing hypervolume")
        return figure


def _content(cap: float, standings: Sequence[Standing]) -> dict[str, object]:
    ours, *others = standings
    return {
        "cap_kg": cap,
        "above_every_baseline": all(ours.hypervolume.median > other.hypervolume.median for other in others),
        "strategies": [asdict(one) for one in standings],
    }


def _table(cap: float, standings: Sequence[Standing], words: Words) -> Table:
    rows = [
        (
            strategy(one.strategy).title,
            interval_text(one.log_gap),
            interval_text(one.hypervolume),
            interval_text(one.carbon_kg),
            interval_text(one.paper_carbon_kg),
            interval_text(one.evaluations),
            better_text(one.paired, words),
        )
        for one in standings
    ]
    head = (
        words("exp.strategy"),
        words("exp.log_missing"),
        words("exp.hypervolume"),
        words("exp.kg.full"),
        words("exp.kg.paper"),
        words("exp.trainings"),
        words("exp.better"),
    )
    return Table(words("exp.caps.table", cap=f"{cap:g}"), head, rows)
