"""Carbon to equal quality: what each strategy emits until it reaches a hypervolume."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.carbon_ratio import PairedUsage, decompose_ratio, pair_runs
from ce_nas.analysis.hypervolume_gap import log_missing_share
from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.core.formatting import format_interval, format_percentage
from ce_nas.core.units import G_PER_KG
from ce_nas.experiments.base import ENGLISH, Experiment, ExperimentReport, results_of_strategy
from ce_nas.experiments.comparison import find_largest_hypervolume, gap_note
from ce_nas.experiments.figures import PAPER_CARBON_RATIO, create_panels, draw_band
from ce_nas.experiments.provenance import provenance_notes
from ce_nas.experiments.strategies import CE_NAS, get_strategy
from ce_nas.experiments.trials import build_trial
from ce_nas.report.page import ReportTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ce_nas.analysis.trajectory import Trajectory
    from ce_nas.experiments.base import ExperimentConfig
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult
    from ce_nas.report.i18n.translator import Translator

__all__ = ["EqualQualityExperiment"]

#: baselines; the last is CE-NAS's own searcher without proxy scores and a carbon-aware policy
REFERENCE_STRATEGIES = ("vanilla-lamoo", "vanilla-random", "one-shot-lamoo", "hotcarbon-lamoo", "vanilla-surrogate")
#: hypervolume levels: log10 of the missing share of the largest, from 10 % down
FIRST_LOG_SHARE, LAST_LOG_SHARE, LOG_SHARE_STEP = -1.0, -4.0, -0.05
TABLE_LOG_SHARES = (-1.5, -2.0, -2.3, -2.5, -2.7, -3.0)
NOTE_KEYS = ("exp.equal.times_less", "exp.equal.split", "exp.equal.most")


@dataclass(frozen=True, slots=True)
class QualityLevel:
    """CE-NAS against another strategy at one hypervolume level."""

    #: log10 of the missing share of the largest hypervolume
    log_missing_share: float
    hypervolume: float
    carbon_ratio: Interval
    #: seeds in which the other strategy reached the level
    seed_count: int


class EqualQualityExperiment(Experiment):
    """Runs every strategy with every seed, and compares their carbon at equal hypervolume."""

    name = "equal-quality"

    def __init__(self, config: ExperimentConfig) -> None:
        self._config = config
        self._strategies = (CE_NAS, *map(get_strategy, REFERENCE_STRATEGIES))

    def trials(self) -> list[ExperimentTrial]:
        """See :meth:`Experiment.trials`."""
        return [
            build_trial(strategy, self._config.flags, seed)
            for strategy in self._strategies
            for seed in self._config.seeds
        ]

    def build_report(self, results: Sequence[TrialResult], translate: Translator = ENGLISH) -> ExperimentReport:
        """See :meth:`Experiment.build_report`."""
        largest = find_largest_hypervolume(results)
        finals = {
            name: pair_runs(_trajectories_of(results, CE_NAS.name), _trajectories_of(results, name))
            for name in REFERENCE_STRATEGIES
        }
        levels = {name: self._compare_at_levels(results, name, largest.value) for name in REFERENCE_STRATEGIES}
        content = {
            "experiment": self.name,
            "seeds": list(self._config.seeds),
            "hypervolume_max": largest.value,
            **_headline_ratios(finals),
            "references": {name: _reference_details(finals[name], levels[name]) for name in REFERENCE_STRATEGIES},
            "strategies": {
                strategy.name: _strategy_usage(results_of_strategy(results, strategy.name), largest.value)
                for strategy in self._strategies
            },
        }
        return ExperimentReport(
            title=translate("exp.equal"),
            content=content,
            tables=[_final_table(finals, levels, translate), _level_table(results, largest.value, translate)],
            figures={self.name: lambda: self._draw_figure(results, levels, largest.value)},
            notes=[
                *provenance_notes(results, self._config.seeds, translate),
                gap_note(largest, translate, "exp.equal.gaps"),
                *map(translate, NOTE_KEYS),
            ],
        )

    def _compare_at_levels(
        self, results: Sequence[TrialResult], reference: str, hypervolume_max: float
    ) -> list[QualityLevel]:
        """Compare at every level that the other strategy reached in at least half of the seeds."""
        ours, theirs = _trajectories_of(results, CE_NAS.name), _trajectories_of(results, reference)
        levels = []
        for share in _log_missing_shares():
            hypervolume = hypervolume_max * (1.0 - 10.0**share)
            pairs = [pair for pair in pair_runs(ours, theirs, hypervolume) if pair.theirs is not None]
            if 2 * len(pairs) < len(theirs) or not pairs:
                break
            ratio = bootstrap_median([pair.carbon_ratio for pair in pairs])
            levels.append(QualityLevel(share, hypervolume, ratio, len(pairs)))
        return levels

    def _draw_figure(
        self, results: Sequence[TrialResult], levels: dict[str, list[QualityLevel]], hypervolume_max: float
    ) -> Figure:
        figure, (carbon, ratios) = create_panels(2)
        shares = _log_missing_shares()
        for strategy in self._strategies:
            runs = results_of_strategy(results, strategy.name)
            carbon_kg = [_carbon_kg_to_level(runs, share, hypervolume_max) for share in shares]
            draw_band(carbon, shares, carbon_kg, strategy.name, strategy.title)
        for name in ("vanilla-lamoo", "vanilla-random", "vanilla-surrogate"):
            title = f"against {get_strategy(name).title}"
            draw_band(
                ratios,
                [level.log_missing_share for level in levels[name]],
                [level.carbon_ratio for level in levels[name]],
                name,
                title,
            )
        carbon.set(ylabel="kg CO2eq, full accounting", title="Carbon to a hypervolume level")
        if any(np.size(line.get_ydata()) for line in carbon.lines):
            carbon.set_yscale("log")
        ratios.set(ylabel="carbon ratio, full accounting", title="CE-NAS against the others", ylim=(0, None))
        ratios.axhline(
            PAPER_CARBON_RATIO,
            color="black",
            linewidth=0.8,
            linestyle="--",
            label=f"the paper's best: {PAPER_CARBON_RATIO}",
        )
        for axes in (carbon, ratios):
            _label_levels(axes)
        return figure


def _label_levels(axes: Axes) -> None:
    axes.set_xlabel("log10 of the missing share of the largest hypervolume")
    axes.invert_xaxis()
    axes.legend(fontsize=8, frameon=False)


def _log_missing_shares() -> list[float]:
    return [
        round(float(share), 2)
        for share in np.arange(FIRST_LOG_SHARE, LAST_LOG_SHARE + LOG_SHARE_STEP / 2, LOG_SHARE_STEP)
    ]


def _trajectories_of(results: Sequence[TrialResult], name: str) -> list[Trajectory]:
    return [result.trajectory for result in results_of_strategy(results, name)]


def _headline_ratios(final_pairs: dict[str, list[PairedUsage]]) -> dict[str, Any]:
    """Return the headline ratios, each with its decomposition."""
    content: dict[str, Any] = {}
    for name in ("vanilla-lamoo", "vanilla-random"):
        pairs, decomposition = final_pairs[name], decompose_ratio(final_pairs[name])
        factors = {
            "energy_ratio": decomposition.energy_ratio,
            "intensity_ratio": decomposition.intensity_ratio,
        }
        key = f"ratio_vs_{name.replace('-', '_')}"
        content[f"{key}_full"] = {**asdict(decomposition.carbon_ratio), **factors}
        content[f"{key}_paper"] = asdict(bootstrap_median([pair.paper_carbon_ratio for pair in pairs]))
    first = decompose_ratio(final_pairs["vanilla-lamoo"])
    return {**content, "energy_ratio": first.energy_ratio, "intensity_ratio": first.intensity_ratio}


def _reference_details(pairs: Sequence[PairedUsage], levels: Sequence[QualityLevel]) -> dict[str, Any]:
    best = _best_level(levels)
    return {
        "at_final": asdict(decompose_ratio(pairs)),
        "best_level": asdict(best) if best else None,
        "levels": [asdict(level) for level in levels],
        "seeds": [
            {
                "hypervolume": pair.hypervolume,
                "carbon_ratio": pair.carbon_ratio,
                "paper_carbon_ratio": pair.paper_carbon_ratio,
                "energy_ratio": pair.energy_ratio,
                "intensity_ratio": pair.intensity_ratio,
                "ours": asdict(pair.ours) if pair.ours else None,
                "theirs": asdict(pair.theirs) if pair.theirs else None,
            }
            for pair in pairs
        ],
    }


def _best_level(levels: Sequence[QualityLevel]) -> QualityLevel | None:
    return max(levels, key=lambda level: level.carbon_ratio.median, default=None)


def _strategy_usage(results: Sequence[TrialResult], hypervolume_max: float) -> dict[str, Any]:
    runs = [result.trajectory for result in results]
    return {
        "final_log_missing_share": bootstrap_median(
            [log_missing_share(hypervolume_max, run.final_hypervolume) for run in runs]
        ),
        "carbon_kg": bootstrap_median([_last_or_zero(run.carbon_g) / G_PER_KG for run in runs]),
        "paper_carbon_kg": bootstrap_median([_last_or_zero(run.paper_carbon_g) / G_PER_KG for run in runs]),
        "trainings": bootstrap_median([_last_or_zero(run.evaluations) for run in runs]),
    }


def _last_or_zero(amounts: Sequence[float]) -> float:
    return amounts[-1] if amounts else 0.0


def _carbon_kg_to_level(results: Sequence[TrialResult], log_missing_share: float, hypervolume_max: float) -> Interval:
    """Compute the carbon to a level; infinite in seeds that did not reach it."""
    level = hypervolume_max * (1.0 - 10.0**log_missing_share)
    usages = [result.trajectory.usage_at_hypervolume(level) for result in results]
    return bootstrap_median([usage.carbon_g / G_PER_KG if usage else math.inf for usage in usages])


def _final_table(
    final_pairs: dict[str, list[PairedUsage]], levels: dict[str, list[QualityLevel]], translate: Translator
) -> ReportTable:
    rows = []
    for name, pairs in final_pairs.items():
        decomposition, best = decompose_ratio(pairs), _best_level(levels[name])
        rows.append(
            (
                get_strategy(name).title,
                format_interval(decomposition.carbon_ratio),
                format_interval(decomposition.energy_ratio),
                format_interval(decomposition.intensity_ratio),
                format_interval(decomposition.training_count_ratio),
                format_interval(bootstrap_median([pair.paper_carbon_ratio for pair in pairs])),
                format_percentage(decomposition.reached_share),
                translate("exp.equal.at", ratio=format_interval(best.carbon_ratio), level=f"{best.log_missing_share:g}")
                if best
                else "",
            )
        )
    header = (
        translate("exp.equal.against"),
        translate("exp.equal.full"),
        translate("exp.versus.fewer"),
        translate("exp.versus.hours"),
        translate("exp.equal.counts"),
        translate("exp.equal.paper"),
        translate("exp.versus.reached"),
        translate("exp.equal.at_most"),
    )
    return ReportTable(translate("exp.equal.final"), header, rows, copyable=True)


def _level_table(results: Sequence[TrialResult], hypervolume_max: float, translate: Translator) -> ReportTable:
    names = (CE_NAS.name, *REFERENCE_STRATEGIES)
    rows = [
        (
            get_strategy(name).title,
            *(
                format_interval(_carbon_kg_to_level(results_of_strategy(results, name), share, hypervolume_max))
                for share in TABLE_LOG_SHARES
            ),
        )
        for name in names
    ]
    header = (translate("exp.equal.levels.head"), *(f"{share:g}" for share in TABLE_LOG_SHARES))
    return ReportTable(translate("exp.equal.levels"), header, rows, copyable=True)
