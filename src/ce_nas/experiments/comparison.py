"""Statistics over the seeds of an experiment: final results of a strategy, and its comparison with a reference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.carbon_ratio import RatioDecomposition, decompose_ratio, pair_runs
from ce_nas.analysis.hypervolume_gap import (
    LargestHypervolume,
    largest_hypervolume,
    log_hypervolume_gap,
    log_missing_share,
)
from ce_nas.analysis.statistics import Interval, PairedTest, bootstrap_median, paired_test
from ce_nas.core.formatting import format_interval, format_percentage, format_wins
from ce_nas.core.units import G_PER_KG
from ce_nas.experiments.base import ENGLISH, results_of_strategy
from ce_nas.experiments.strategies import CE_NAS
from ce_nas.report.page import ReportTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.experiments.trials import TrialResult
    from ce_nas.report.i18n.translator import Translator

__all__ = [
    "REFERENCE_STRATEGY",
    "ReferenceComparison",
    "StrategySummary",
    "compare_with_reference",
    "comparison_table",
    "find_largest_hypervolume",
    "gap_note",
    "summarise_strategy",
]

#: the baseline of the carbon ratios
REFERENCE_STRATEGY = "vanilla-lamoo"


@dataclass(frozen=True, slots=True)
class StrategySummary:
    """Final results of a strategy: medians over the seeds."""

    strategy: str
    hypervolume: Interval
    #: log10 of the distance to the largest hypervolume, in the product of the objectives' units
    log_hypervolume_gap: Interval
    #: log10 of the missing share of the largest hypervolume
    log_missing_share: Interval
    #: full accounting
    carbon_kg: Interval
    #: paper's accounting
    paper_carbon_kg: Interval
    evaluations: Interval
    #: CE-NAS's hypervolume against this strategy's, seed by seed; None for CE-NAS itself
    paired_test: PairedTest | None


@dataclass(frozen=True, slots=True)
class ReferenceComparison:
    """A strategy against the reference: medians over the seeds."""

    #: what the comparison was made under: a zone, a start, a variant
    condition: str
    #: carbon to the reference's final hypervolume, full accounting
    decomposition: RatioDecomposition
    #: log10 of the share of the largest hypervolume that is missing at the end
    log_missing_share: Interval
    reference_log_missing_share: Interval
    #: final hypervolumes, seed by seed
    paired_test: PairedTest

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain containers."""
        return asdict(self)


def find_largest_hypervolume(results: Sequence[TrialResult]) -> LargestHypervolume:
    """Return the hypervolume that the gaps of an experiment refer to."""
    return largest_hypervolume(
        (result.hypervolume_max for result in results), (result.trajectory.final_hypervolume for result in results)
    )


def gap_note(largest: LargestHypervolume, translate: Translator, key: str = "exp.gaps") -> str:
    """Say which hypervolume the gaps refer to."""
    meaning = translate("exp.top.table" if largest.is_exact else "exp.top.found")
    return translate(key, top=meaning, value=f"{largest.value:,.6g}")


def summarise_strategy(
    results: Sequence[TrialResult], name: str, compared_with: str, hypervolume_max: float, **axes: object
) -> StrategySummary:
    """Summarise the final results of one strategy, for one value of each axis.

    :param compared_with: strategy that is tested against it.
    """
    runs = [result.trajectory for result in results_of_strategy(results, name, **axes)]
    finals = [run.final_hypervolume for run in runs]
    usages = [run.outcome_within(run.hours, float("inf"))[1] for run in runs]
    other = [result.trajectory.final_hypervolume for result in results_of_strategy(results, compared_with, **axes)]
    return StrategySummary(
        strategy=name,
        hypervolume=bootstrap_median(finals),
        log_hypervolume_gap=bootstrap_median([log_hypervolume_gap(hypervolume_max, final) for final in finals]),
        log_missing_share=bootstrap_median([log_missing_share(hypervolume_max, final) for final in finals]),
        carbon_kg=bootstrap_median([usage.carbon_g / G_PER_KG for usage in usages]),
        paper_carbon_kg=bootstrap_median([usage.paper_carbon_g / G_PER_KG for usage in usages]),
        evaluations=bootstrap_median([usage.evaluations for usage in usages]),
        paired_test=None if name == compared_with else paired_test(other, finals),
    )


def compare_with_reference(
    condition: str,
    results: Sequence[TrialResult],
    name: str = CE_NAS.name,
    reference: str = REFERENCE_STRATEGY,
    **axes: object,
) -> ReferenceComparison:
    """Compare a strategy with the reference, for one value of each axis.

    :param condition: name of the condition in a table.
    """
    ours, theirs = results_of_strategy(results, name, **axes), results_of_strategy(results, reference, **axes)
    our_finals = [result.trajectory.final_hypervolume for result in ours]
    their_finals = [result.trajectory.final_hypervolume for result in theirs]
    maxima = [result.hypervolume_max or max([*our_finals, *their_finals]) for result in ours]
    shares, reference_shares = (
        [log_missing_share(maximum, final) for maximum, final in zip(maxima, finals, strict=True)]
        for finals in (our_finals, their_finals)
    )
    return ReferenceComparison(
        condition=condition,
        decomposition=decompose_ratio(
            pair_runs([result.trajectory for result in ours], [result.trajectory for result in theirs])
        ),
        log_missing_share=bootstrap_median(shares),
        reference_log_missing_share=bootstrap_median(reference_shares),
        paired_test=paired_test(our_finals, their_finals),
    )


def comparison_table(
    title: str,
    condition_header: str,
    rows: Sequence[ReferenceComparison],
    translate: Translator = ENGLISH,
    display_names: Mapping[str, str] | None = None,
) -> ReportTable:
    """Build a table with one row per condition.

    :param condition_header: what the conditions are.
    :param display_names: condition to its name in the table, if that differs.
    """
    columns = ("times_less", "fewer", "hours", "reached", "log_share", "other", "better")
    header = (condition_header, *(translate(f"exp.versus.{column}") for column in columns))
    names = display_names or {}
    cells = [_comparison_row(row, names.get(row.condition, row.condition), translate) for row in rows]
    return ReportTable(title, header, cells, copyable=True)


def _comparison_row(comparison: ReferenceComparison, condition: str, translate: Translator) -> tuple[str, ...]:
    return (
        condition,
        format_interval(comparison.decomposition.carbon_ratio),
        format_interval(comparison.decomposition.energy_ratio),
        format_interval(comparison.decomposition.intensity_ratio),
        format_percentage(comparison.decomposition.reached_share),
        format_interval(comparison.log_missing_share),
        format_interval(comparison.reference_log_missing_share),
        format_wins(comparison.paired_test, translate),
    )
