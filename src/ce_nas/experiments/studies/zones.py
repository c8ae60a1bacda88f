"""Many zones and seasons: whether the comparison holds on grids and at times that nothing was tuned on."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.analysis.statistics import paired_test
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import better_text, interval_text
from ce_nas.engine.inputs import Materials
from ce_nas.experiments.base import ENGLISH, Experiment, Report, Table, of_strategy
from ce_nas.experiments.comparison import REFERENCE, paired, split_of, versus, versus_table
from ce_nas.experiments.provenance import basis
from ce_nas.experiments.strategies import CE_NAS, strategy
from ce_nas.experiments.studies.devices import draw_ratios
from ce_nas.experiments.trials import cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.statistics import Paired
    from ce_nas.experiments.base import Scenario
    from ce_nas.experiments.comparison import Pair
    from ce_nas.experiments.trials import Cell, Finding
    from ce_nas.report.i18n.words import Words

__all__ = ["Zones", "four_seasons", "zones_known"]

#: a month of each season
MONTHS = (1, 4, 7, 10)


def zones_known(flags: dict[str, object]) -> list[str]:
    """The zones of the user's trace, or else ten of the built-in ones."""
    if flags.get("trace"):
        from ce_nas.grid.readers import zones_in

        return sorted(zones_in(str(flags["trace"])))
    from ce_nas.grid.synthetic import zones

    return [zone.name for zone in zones()][:10]


def four_seasons(flags: dict[str, object], zone: str) -> list[datetime]:
    """The 15th of January, April, July and October, 06:00 UTC, of the last year that a zone's trace holds whole.

    :raises SettingsError: if it holds no whole year.
    """
    settings = settings_from_flags(**{**flags, "zone": zone})
    trace, room = Materials(settings).trace, timedelta(seconds=settings.budget.time)
    for year in range(trace.end.year, trace.start.year - 1, -1):
        starts = [datetime(year, month, 15, 6, tzinfo=UTC) for month in MONTHS]
        if starts[0] >= trace.start and starts[-1] + room <= trace.end:
            return starts
    message = (
        f"Expected January to October of one year in the trace of zone {zone}, which goes from {trace.start:%Y-%m-%d} "
        f"to {trace.end:%Y-%m-%d}; say when runs begin with --starts."
    )
    raise SettingsError(message)


class Zones(Experiment):
    """Runs CE-NAS and vanilla LaMOO in every zone, from every start, with every seed."""

    name = "zones"

    def __init__(self, scenario: Scenario, zones: Sequence[str], starts: Sequence[datetime]) -> None:
        if not zones or not starts:
            message = f"Expected a zone and a start or more, got {len(zones)} and {len(starts)}."
            raise SettingsError(message)
        self._scenario = scenario
        self._zones = tuple(zones)
        self._starts = tuple(start.isoformat() for start in starts)

    def cells(self) -> list[Cell]:
        """See :meth:`Experiment.cells`."""
        return [
            cell(strategy(name), self._scenario.but(zone=zone, start=start), seed, {"zone": zone, "start": start})
            for zone in self._zones
            for start in self._starts
            for name in (CE_NAS.name, REFERENCE)
            for seed in self._scenario.seeds
        ]

    def report(self, findings: Sequence[Finding], words: Words = ENGLISH) -> Report:
        """See :meth:`Experiment.report`."""
        zones = [versus(zone, _pooled(findings, zone=zone)) for zone in self._zones]
        starts = [versus(start[:10], _pooled(findings, start=start)) for start in self._starts]
        pairs = _pairs(_pooled(findings))
        overall = split_of(pairs)
        return Report(
            title=words("exp.zones"),
            content={
                "experiment": self.name,
                "seeds": list(self._scenario.seeds),
                "overall": overall,
                "zones": [one.to_dict() for one in zones],
                "starts": [one.to_dict() for one in starts],
                "cheaper": asdict(_cheaper(pairs)),
            },
            tables=[
                versus_table(words("exp.zones.by_zone"), words("exp.zones.zone"), zones, words),
                versus_table(words("exp.zones.by_start"), words("exp.zones.start"), starts, words),
                _overall_table(pairs, words),
            ],
            figures={self.name: draw_ratios([*zones, *starts], "CE-NAS against vanilla LaMOO")},
            notes=basis(findings, self._scenario.seeds, words),
        )


def _pooled(findings: Sequence[Finding], **axes: object) -> list[Finding]:
    """The findings at a place, each with a number of its own in place of its seed, so that seeds of places pool."""
    chosen = [one for one in findings if all(one.labels[key] == value for key, value in axes.items())]
    places = {
        place: number
        for number, place in enumerate(
            dict.fromkeys((one.labels["zone"], one.labels["start"], one.labels["seed"]) for one in chosen)
        )
    }
    return [one.labelled(seed=places[one.labels["zone"], one.labels["start"], one.labels["seed"]]) for one in chosen]


def _pairs(findings: Sequence[Finding]) -> list[Pair]:
    ours, theirs = of_strategy(findings, CE_NAS.name), of_strategy(findings, REFERENCE)
    return paired([one.track for one in ours], [one.track for one in theirs])


def _cheaper(pairs: Sequence[Pair]) -> Paired:
    """Whether CE-NAS needs fewer grams, pair by pair; where it falls short, as if it needed a million times more."""
    logs = [float(np.log10(max(pair.ratio, 1e-6))) for pair in pairs]
    return paired_test(logs, [0.0] * len(logs))


def _overall_table(pairs: Sequence[Pair], words: Words) -> Table:
    split, cheaper = split_of(pairs), _cheaper(pairs)
    row = (
        interval_text(split.ratio),
        interval_text(split.fewer_trainings),
        interval_text(split.better_hours),
        f"{split.reached:.0%}",
        better_text(cheaper, words),
    )
    head = (
        words("exp.zones.times_less"),
        words("exp.versus.fewer"),
        words("exp.versus.hours"),
        words("exp.zones.reached"),
        words("exp.zones.fewer_grams"),
    )
    return Table(words("exp.zones.overall"), head, [row])
