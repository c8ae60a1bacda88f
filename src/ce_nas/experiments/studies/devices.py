"""Every device and image set: the comparison with each latency and energy that the benchmark knows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError, TableError
from ce_nas.engine.inputs import Materials
from ce_nas.experiments.base import ENGLISH, Experiment, Report
from ce_nas.experiments.comparison import REFERENCE, Versus, versus, versus_table
from ce_nas.experiments.output import colour_of, panels
from ce_nas.experiments.provenance import basis
from ce_nas.experiments.strategies import CE_NAS, strategy
from ce_nas.experiments.trials import cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from ce_nas.experiments.base import Scenario
    from ce_nas.experiments.trials import Cell, Finding
    from ce_nas.report.i18n.words import Words

__all__ = ["Devices", "draw_ratios"]

IMAGE_SETS = ("cifar10", "cifar100", "imagenet16-120")
_COST = re.compile(r"(\w+_)?(latency|energy)")


@dataclass(frozen=True, slots=True)
class _Place:
    """One problem: an image set and a cost."""

    dataset: str
    cost: str

    def __str__(self) -> str:
        return f"{self.dataset}, {self.cost}"


class Devices(Experiment):
    """Runs CE-NAS and vanilla LaMOO on every image set against every latency and energy that the benchmark knows.

    An image set that the user's table does not hold is left out, and named.

    :param costs: names of metrics to keep to; all latencies and energies without it.
    """

    name = "devices"

    def __init__(self, scenario: Scenario, datasets: Sequence[str] = IMAGE_SETS, costs: Sequence[str] = ()) -> None:
        self._scenario = scenario
        self._places: list[_Place] = []
        self._missing: list[str] = []
        for dataset in datasets:
            found = self._costs(dataset, costs)
            self._places += [_Place(dataset, cost) for cost in found]
            self._missing += [] if found else [dataset]
        if not self._places:
            message = (
                f"Expected a latency or an energy in the benchmark for one of the image sets {', '.join(datasets)}, "
                f"found none{' of ' + ', '.join(costs) if costs else ''}; look at the table's columns."
            )
            raise SettingsError(message)

    def cells(self) -> list[Cell]:
        """See :meth:`Experiment.cells`."""
        return [
            cell(strategy(name), self._flags(place), seed, {"dataset": place.dataset, "cost": place.cost})
            for place in self._places
            for name in (CE_NAS.name, REFERENCE)
            for seed in self._scenario.seeds
        ]

    def report(self, findings: Sequence[Finding], words: Words = ENGLISH) -> Report:
        """See :meth:`Experiment.report`."""
        rows = [versus(str(place), findings, dataset=place.dataset, cost=place.cost) for place in self._places]
        missing = [words("exp.devices.missing", names=", ".join(self._missing))] if self._missing else []
        return Report(
            title=words("exp.devices"),
            content={
                "experiment": self.name,
                "seeds": list(self._scenario.seeds),
                "places": [one.to_dict() for one in rows],
                "missing_image_sets": self._missing,
            },
            tables=[versus_table(words("exp.against.lamoo"), words("exp.devices.place"), rows, words)],
            figures={self.name: draw_ratios(rows, "CE-NAS against vanilla LaMOO")},
            notes=[*basis(findings, self._scenario.seeds, words), *missing],
        )

    def _flags(self, place: _Place) -> dict[str, object]:
        return dict(self._scenario.but(dataset=place.dataset, objectives=f"accuracy,{place.cost}"))

    def _costs(self, dataset: str, wanted: Sequence[str]) -> list[str]:
        """The costs of an image set, or nothing if the benchmark has no such image set."""
        try:
            table = Materials(settings_from_flags(**self._scenario.but(dataset=dataset))).table
        except TableError:
            return []
        known = [name for name, metric in table.metrics.items() if not metric.trained and _COST.fullmatch(name)]
        return [name for name in sorted(known) if not wanted or name in wanted]


def draw_ratios(rows: Sequence[Versus], title: str) -> Figure:
    """A bar a place: the median ratio with its interval."""
    figure, (axes,) = panels(1, width=7.0, height=1.2 + 0.28 * len(rows))
    for at, one in enumerate(rows):
        ratio = one.split.ratio
        axes.barh(at, ratio.median, color=colour_of(CE_NAS.name), alpha=0.8)
        axes.plot([ratio.low, ratio.high], [at, at], color="black", linewidth=1.0)
    axes.axvline(1.0, color="grey", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(rows)), [one.place for one in rows])
    axes.invert_yaxis()
    axes.set(xlabel="times less CO2eq to vanilla LaMOO's final hypervolume, full book", title=title)
    return figure
