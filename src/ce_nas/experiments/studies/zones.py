"""Zones and seasons: whether the comparison holds on grids and at times that nothing was tuned on."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.analysis.carbon_ratio import decompose_ratio, pair_runs
from ce_nas.analysis.statistics import paired_test
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_interval, format_wins
from ce_nas.engine.inputs import RunInputs
from ce_nas.experiments.base import ENGLISH, Experiment, ExperimentReport, results_of_strategy
from ce_nas.experiments.comparison import REFERENCE_STRATEGY, compare_with_reference, comparison_table
from ce_nas.experiments.figures import draw_ratios
from ce_nas.experiments.provenance import provenance_notes
from ce_nas.experiments.strategies import CE_NAS, get_strategy
from ce_nas.experiments.trials import build_trial
from ce_nas.report.page import ReportTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.carbon_ratio import PairedUsage
    from ce_nas.analysis.statistics import PairedTest
    from ce_nas.experiments.base import ExperimentConfig
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult
    from ce_nas.report.i18n.translator import Translator

__all__ = ["ZoneExperiment", "list_zones", "season_starts"]

#: a month of each season
SEASON_MONTHS = (1, 4, 7, 10)


def list_zones(flags: dict[str, object]) -> list[str]:
    """List the zones of the user's trace, or else ten of the built-in ones."""
    if flags.get("trace"):
        from ce_nas.grid.readers import list_zones

        return sorted(list_zones(str(flags["trace"])))
    from ce_nas.grid.synthetic import builtin_zones

    return [zone.name for zone in builtin_zones()][:10]


def season_starts(flags: dict[str, object], zone: str) -> list[datetime]:
    """Return the 15th of January, April, July and October, 06:00 UTC, of the last year that a zone's trace covers.

    :raises SettingsError: if it covers no such year.
    """
    settings = settings_from_flags(**{**flags, "zone": zone})
    trace, length = RunInputs(settings).trace, timedelta(seconds=settings.budget.time_s)
    for year in range(trace.end.year, trace.start.year - 1, -1):
        starts = [datetime(year, month, 15, 6, tzinfo=UTC) for month in SEASON_MONTHS]
        if starts[0] >= trace.start and starts[-1] + length <= trace.end:
            return starts
    message = (
        f"Expected January to October of one year in the trace of zone {zone}, got {trace.start:%Y-%m-%d} to "
        f"{trace.end:%Y-%m-%d}; give the start times with --starts."
    )
    raise SettingsError(message)


class ZoneExperiment(Experiment):
    """Runs CE-NAS and vanilla LaMOO in every zone, from every start, with every seed."""

    name = "zones"

    def __init__(self, config: ExperimentConfig, zones: Sequence[str], starts: Sequence[datetime]) -> None:
        if not zones or not starts:
            message = f"Expected at least one zone and one start, got {len(zones)} and {len(starts)}."
            raise SettingsError(message)
        self._config = config
        self._zones = tuple(zones)
        self._starts = tuple(start.isoformat() for start in starts)

    def trials(self) -> list[ExperimentTrial]:
        """See :meth:`Experiment.trials`."""
        return [
            build_trial(
                get_strategy(name),
                self._config.merge_flags(zone=zone, start=start),
                seed,
                {"zone": zone, "start": start},
            )
            for zone in self._zones
            for start in self._starts
            for name in (CE_NAS.name, REFERENCE_STRATEGY)
            for seed in self._config.seeds
        ]

    def build_report(self, results: Sequence[TrialResult], translate: Translator = ENGLISH) -> ExperimentReport:
        """See :meth:`Experiment.build_report`."""
        zones = [compare_with_reference(zone, _pool_results(results, zone=zone)) for zone in self._zones]
        starts = [compare_with_reference(start[:10], _pool_results(results, start=start)) for start in self._starts]
        pairs = _pair_pooled_runs(_pool_results(results))
        overall = decompose_ratio(pairs)
        return ExperimentReport(
            title=translate("exp.zones"),
            content={
                "experiment": self.name,
                "seeds": list(self._config.seeds),
                "overall": overall,
                "zones": [row.to_dict() for row in zones],
                "starts": [row.to_dict() for row in starts],
                "lower_carbon_test": asdict(_test_lower_carbon(pairs)),
            },
            tables=[
                comparison_table(translate("exp.zones.by_zone"), translate("exp.zones.zone"), zones, translate),
                comparison_table(translate("exp.zones.by_start"), translate("exp.zones.start"), starts, translate),
                _overall_table(pairs, translate),
            ],
            figures={self.name: draw_ratios([*zones, *starts], "CE-NAS against vanilla LaMOO")},
            notes=provenance_notes(results, self._config.seeds, translate),
        )


def _pool_results(results: Sequence[TrialResult], **axes: object) -> list[TrialResult]:
    """Select results, and renumber the seeds so that those of different zones and starts can be pooled."""
    selected = [result for result in results if all(result.labels[key] == value for key, value in axes.items())]
    keys = [(result.labels["zone"], result.labels["start"], result.labels["seed"]) for result in selected]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [result.with_labels(seed=numbers[key]) for result, key in zip(selected, keys, strict=True)]


def _pair_pooled_runs(results: Sequence[TrialResult]) -> list[PairedUsage]:
    ours, theirs = results_of_strategy(results, CE_NAS.name), results_of_strategy(results, REFERENCE_STRATEGY)
    return pair_runs([result.trajectory for result in ours], [result.trajectory for result in theirs])


def _test_lower_carbon(pairs: Sequence[PairedUsage]) -> PairedTest:
    """Test whether CE-NAS needs less carbon, pair by pair; an unreached hypervolume counts as a ratio of 1e-6."""
    logs = [float(np.log10(max(pair.carbon_ratio, 1e-6))) for pair in pairs]
    return paired_test(logs, [0.0] * len(logs))


def _overall_table(pairs: Sequence[PairedUsage], translate: Translator) -> ReportTable:
    overall, test = decompose_ratio(pairs), _test_lower_carbon(pairs)
    row = (
        format_interval(overall.carbon_ratio),
        format_interval(overall.energy_ratio),
        format_interval(overall.intensity_ratio),
        f"{overall.reached_share:.0%}",
        format_wins(test, translate),
    )
    header = (
        translate("exp.zones.times_less"),
        translate("exp.versus.fewer"),
        translate("exp.versus.hours"),
        translate("exp.zones.reached"),
        translate("exp.zones.fewer_grams"),
    )
    return ReportTable(translate("exp.zones.overall"), header, [row], copyable=True)
