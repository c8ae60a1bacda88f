"""Grams to equal quality: what each strategy spends until it reaches a hypervolume."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.metrics import log_share, top_of
from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.core.formatting import interval_text
from ce_nas.core.units import G_PER_KG
from ce_nas.experiments.base import ENGLISH, Experiment, Report, Table, of_strategy
from ce_nas.experiments.comparison import Pair, paired, split_of
from ce_nas.experiments.output import PAPER_RATIO, band, panels
from ce_nas.experiments.provenance import basis
from ce_nas.experiments.strategies import CE_NAS, strategy
from ce_nas.experiments.trials import cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ce_nas.experiments.base import Scenario
    from ce_nas.experiments.trials import Cell, Finding
    from ce_nas.report.i18n.words import Words

__all__ = ["EqualQuality"]

#: whom CE-NAS is put beside; the last is CE-NAS's own searcher without scores and hours
REFERENCES = ("vanilla-lamoo", "vanilla-random", "one-shot-lamoo", "heuristic-lamoo", "vanilla-surrogate")
#: levels of hypervolume: log10 of the share of the largest that is missing, from 10 % down
FIRST, LAST, STEP = -1.0, -4.0, -0.05
NOTES = ("exp.equal.times_less", "exp.equal.split", "exp.equal.most")


@dataclass(frozen=True, slots=True)
class Level:
    """CE-NAS against another strategy at one level of hypervolume."""

    #: log10 of the missing share of the largest hypervolume
    log_share: float
    hypervolume: float
    ratio: Interval
    #: seeds in which the other reached the level, all of which count
    seeds: int


class EqualQuality(Experiment):
    """Runs every strategy with every seed, and compares what they had spent at equal hypervolume."""

    name = "equal-quality"

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._strategies = (CE_NAS, *map(strategy, REFERENCES))

    def cells(self) -> list[Cell]:
        """See :meth:`Experiment.cells`."""
        return [cell(one, self._scenario.flags, seed) for one in self._strategies for seed in self._scenario.seeds]

    def report(self, findings: Sequence[Finding], words: Words = ENGLISH) -> Report:
        """See :meth:`Experiment.report`."""
        top, meaning = top_of(findings)
        finals = {name: paired(_tracks(findings, CE_NAS.name), _tracks(findings, name)) for name in REFERENCES}
        curves = {name: self._levels(findings, name, top) for name in REFERENCES}
        content = {
            "experiment": self.name,
            "seeds": list(self._scenario.seeds),
            "hypervolume_top": top,
            **_headline(finals),
            "references": {name: _details(finals[name], curves[name]) for name in REFERENCES},
            "strategies": {one.name: _spending(of_strategy(findings, one.name), top) for one in self._strategies},
        }
        return Report(
            title=words("exp.equal"),
            content=content,
            tables=[_final_table(finals, curves, words), _level_table(findings, top, words)],
            figures={self.name: self._figure(findings, curves, top)},
            notes=[
                *basis(findings, self._scenario.seeds, words),
                words("exp.equal.gaps", top=words(meaning), value=f"{top:,.6g}"),
                *map(words, NOTES),
            ],
        )

    def _levels(self, findings: Sequence[Finding], other: str, top: float) -> list[Level]:
        """Every level that the other strategy reached in at least half of the seeds."""
        ours, theirs = _tracks(findings, CE_NAS.name), _tracks(findings, other)
        levels = []
        for share in _shares():
            hypervolume = top * (1.0 - 10.0**share)
            pairs = [pair for pair in paired(ours, theirs, hypervolume) if pair.theirs is not None]
            if 2 * len(pairs) < len(theirs) or not pairs:
                break
            ratio = bootstrap_median([pair.ratio for pair in pairs])
            levels.append(Level(share, hypervolume, ratio, len(pairs)))
        return levels

    def _figure(self, findings: Sequence[Finding], curves: dict[str, list[Level]], top: float) -> Any:  # noqa: ANN401
        figure, (grams, ratios) = panels(2)
        for one in self._strategies:
            reached = [(share, _kg_to(of_strategy(findings, one.name), share, top)) for share in _shares()]
            band(grams, [share for share, _ in reached], [kg for _, kg in reached], one.name, one.title)
        for name in ("vanilla-lamoo", "vanilla-random", "vanilla-surrogate"):
            title = f"against {strategy(name).title}"
            band(ratios, [one.log_share for one in curves[name]], [one.ratio for one in curves[name]], name, title)
        grams.set(ylabel="kg CO2eq, full book", title="Grams to a level of hypervolume")
        if any(np.size(line.get_ydata()) for line in grams.lines):
            grams.set_yscale("log")
        ratios.set(ylabel="times less CO2eq, full book", title="CE-NAS against the others", ylim=(0, None))
        ratios.axhline(
            PAPER_RATIO, color="black", linewidth=0.8, linestyle="--", label=f"the paper's best: {PAPER_RATIO}"
        )
        for axes in (grams, ratios):
            _label_levels(axes)
        return figure


def _label_levels(axes: Axes) -> None:
    axes.set_xlabel("log10 of the share of the largest hypervolume that is missing")
    axes.invert_xaxis()
    axes.legend(fontsize=8, frameon=False)


def _shares() -> list[float]:
    return [round(float(share), 2) for share in np.arange(FIRST, LAST + STEP / 2, STEP)]


def _tracks(findings: Sequence[Finding], name: str) -> list[Any]:
    return [one.track for one in of_strategy(findings, name)]


def _headline(finals: dict[str, list[Pair]]) -> dict[str, Any]:
    """The ratios that the experiment is asked for, each with its split."""
    content: dict[str, Any] = {}
    for name in ("vanilla-lamoo", "vanilla-random"):
        pairs, split = finals[name], split_of(finals[name])
        factors = {"fewer_trainings": split.fewer_trainings, "better_hours": split.better_hours}
        key = f"ratio_vs_{name.replace('-', '_')}"
        content[f"{key}_full"] = {**asdict(split.ratio), **factors}
        content[f"{key}_paper"] = asdict(bootstrap_median([pair.paper_ratio for pair in pairs]))
    first = split_of(finals["vanilla-lamoo"])
    return {**content, "fewer_trainings": first.fewer_trainings, "better_hours": first.better_hours}


def _details(pairs: Sequence[Pair], levels: Sequence[Level]) -> dict[str, Any]:
    best = max(levels, key=lambda one: one.ratio.median, default=None)
    return {
        "at_final": asdict(split_of(pairs)),
        "at_most": asdict(best) if best else None,
        "levels": [asdict(one) for one in levels],
        "seeds": [
            {
                "hypervolume": pair.hypervolume,
                "ratio": pair.ratio,
                "paper_ratio": pair.paper_ratio,
                "fewer_trainings": pair.fewer_trainings,
                "better_hours": pair.better_hours,
                "ours": asdict(pair.ours) if pair.ours else None,
                "theirs": asdict(pair.theirs) if pair.theirs else None,
            }
            for pair in pairs
        ],
    }


def _spending(findings: Sequence[Finding], top: float) -> dict[str, Any]:
    return {
        "final_log_share": bootstrap_median([log_share(top, one.track.final) for one in findings]),
        "kg": bootstrap_median([_last(one.track.carbon_g) / G_PER_KG for one in findings]),
        "paper_kg": bootstrap_median([_last(one.track.paper_carbon_g) / G_PER_KG for one in findings]),
        "trainings": bootstrap_median([_last(one.track.evaluations) for one in findings]),
    }


def _last(amounts: Sequence[float]) -> float:
    return amounts[-1] if amounts else 0.0


def _kg_to(findings: Sequence[Finding], share: float, top: float) -> Interval:
    """Kilograms to a level, infinite in seeds that never reached it."""
    reached = [one.track.to_reach(top * (1.0 - 10.0**share)) for one in findings]
    return bootstrap_median([one.carbon_g / G_PER_KG if one else math.inf for one in reached])


def _final_table(finals: dict[str, list[Pair]], curves: dict[str, list[Level]], words: Words) -> Table:
    rows = []
    for name, pairs in finals.items():
        split, best = split_of(pairs), max(curves[name], key=lambda one: one.ratio.median, default=None)
        rows.append(
            (
                strategy(name).title,
                interval_text(split.ratio),
                interval_text(split.fewer_trainings),
                interval_text(split.better_hours),
                interval_text(split.training_count_ratio),
                interval_text(bootstrap_median([pair.paper_ratio for pair in pairs])),
                f"{split.reached:.0%}",
                words("exp.equal.at", ratio=interval_text(best.ratio), level=f"{best.log_share:g}") if best else "",
            )
        )
    head = (
        words("exp.equal.against"),
        words("exp.equal.full"),
        words("exp.versus.fewer"),
        words("exp.versus.hours"),
        words("exp.equal.counts"),
        words("exp.equal.paper"),
        words("exp.versus.reached"),
        words("exp.equal.at_most"),
    )
    return Table(words("exp.equal.final"), head, rows)


def _level_table(findings: Sequence[Finding], top: float, words: Words) -> Table:
    shares = (-1.5, -2.0, -2.3, -2.5, -2.7, -3.0)
    names = (CE_NAS.name, *REFERENCES)
    rows = [
        (strategy(name).title, *(interval_text(_kg_to(of_strategy(findings, name), share, top)) for share in shares))
        for name in names
    ]
    head = (words("exp.equal.levels.head"), *(f"{share:g}" for share in shares))
    return Table(words("exp.equal.levels"), head, rows)
