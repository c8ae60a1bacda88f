"""The protocol of ``ce-nas bench suite``: problems, zones, years and seeds of the tuning half and of the test half.

Settings are chosen on the tuning half. The test half is for reporting: ``docs/protocol.md`` lists each look at it.

A case is a problem with a seed. Each seed has a zone, a season and a random hour in it at which the search begins, the
same for all problems and strategies, so that cases are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError, TableError, unknown_choice_message
from ce_nas.core.rng import random_stream
from ce_nas.core.units import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.benchmarks.tabular import BenchmarkTable

__all__ = [
    "HALVES",
    "LEVELS",
    "Half",
    "SuiteProblem",
    "SuiteStart",
    "choose_problems",
    "choose_starts",
    "get_half",
    "most_valuable_cells",
]

#: shares of the largest hypervolume at which strategies are compared
LEVELS = (0.99, 0.995, 0.998, 0.999)
#: costs of HW-NAS-Bench's columns, and of the embedded table
DEVICE_COSTS = ("raspi4_latency", "pixel3_latency", "fpga_energy", "params", "edgegpu_energy")
EMBEDDED_COSTS = ("params", "flops", "latency")
#: the largest cost times this is the reference, but for the paper's 50 mJ
REFERENCE_MARGIN = 1.01
PAPER_REFERENCES = {"edgegpu_energy": 50.0}
#: hours of a trace before the earliest start, for forecasts
HISTORY_HOURS = 28 * 24
SEASON_COUNT = 4


@dataclass(frozen=True, slots=True)
class Half:
    """One half of the protocol."""

    name: str
    #: image set of the accuracies
    dataset: str
    #: zones of a trace in files
    zones: tuple[str, ...]
    #: built-in zones, where no trace is given
    builtin_zones: tuple[str, ...]
    #: year of the starts in a trace; built-in zones have one typical year
    year: int
    first_seed: int


HALVES = {
    half.name: half
    for half in (
        Half("tuning", "cifar10", ("CISO", "PJM"), ("solar", "coal"), 2020, 1000),
        Half("test", "cifar100", ("DE", "ERCO", "SE"), ("wind", "gas-nuclear"), 2021, 0),
    )
}


@dataclass(frozen=True, slots=True)
class SuiteProblem:
    """Accuracy against one cost, of cells or averaged over the cells that compute the same function."""

    dataset: str
    cost: str
    functions: bool
    table: Path | None = None
    training_time_factor: float = 1.0
    #: cells that are left out, in the notation of NAS-Bench-201
    leave_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name in tables."""
        kind = "functions" if self.functions else "cells"
        less = f", less {len(self.leave_out)}" if self.leave_out else ""
        return f"{self.dataset}, {self.cost}, {kind}{less}"

    @property
    def settings(self) -> dict[str, Any]:
        """The section ``[problem]``."""
        view = {
            "dataset": self.dataset,
            "average_equivalent": self.functions,
            "leave_out": list(self.leave_out),
            "training_time_factor": self.training_time_factor,
        }
        if self.table is None:
            return {"name": "nb201", "objectives": self._objectives(), **view}
        return {
            "name": "hwnasbench",
            "objectives": self._objectives(),
            "table": str(self.table),
            "measured_only": True,
            **view,
        }

    def with_reference(self, table: BenchmarkTable) -> dict[str, Any]:
        """The section ``[problem]`` with the reference of its cost stated: the largest cost of ``table``, plus 1 %."""
        largest = float(table.metric(self.cost).values.max())
        reference = PAPER_REFERENCES.get(self.cost, float(f"{REFERENCE_MARGIN * largest:.6g}"))
        return {**self.settings, "objectives": ["accuracy:max:0", f"{self.cost}:min:{reference!r}"]}

    def _objectives(self) -> list[str]:
        return ["accuracy", self.cost]


@dataclass(frozen=True, slots=True)
class SuiteStart:
    """Where and when the searches of one seed begin."""

    seed: int
    zone: str
    #: 0 is January to March
    season: int
    start: datetime


def get_half(name: str) -> Half:
    """Return the half of that name.

    :raises SettingsError: if there is none.
    """
    if name not in HALVES:
        raise SettingsError(unknown_choice_message("half of the protocol", name, HALVES))
    return HALVES[name]


def choose_problems(
    half: Half, table: Path | None, costs: Sequence[str] = (), *, training_time_factor: float = 1.0
) -> list[SuiteProblem]:
    """The problems of a half, each as functions and as cells.

    :param table: a table with HW-NAS-Bench's columns; None: the embedded one.
    :param costs: names of costs; empty: all.
    :raises SettingsError: if there is no such cost.
    """
    known = EMBEDDED_COSTS if table is None else DEVICE_COSTS
    for cost in costs:
        if cost not in known:
            raise SettingsError(unknown_choice_message("cost of the suite", cost, known))
    return [
        SuiteProblem(half.dataset, cost, functions, table, training_time_factor)
        for cost in costs or known
        for functions in (True, False)
    ]


def choose_starts(
    half: Half, seeds: Sequence[int], zones: Sequence[str], deadline_s: float, year: int
) -> list[SuiteStart]:
    """For each seed a zone and a season in turn, and a random hour in the season.

    :param zones: of the half; seeds take turns in them.
    :param deadline_s: the search has to end within the year.
    :raises SettingsError: if it is longer than a season.
    """
    starts = []
    for index, seed in enumerate(seeds):
        season = (index // len(zones) + index % len(zones)) % SEASON_COUNT
        first = datetime(year, 3 * season + 1, 1, tzinfo=UTC)
        if season == 0:
            first += timedelta(hours=HISTORY_HOURS)
        next_season = datetime(year + (season == SEASON_COUNT - 1), (3 * season + 3) % 12 + 1, 1, tzinfo=UTC)
        hours = int((next_season - first).total_seconds() / HOUR_S - deadline_s / HOUR_S)
        if hours < 1:
            message = f"Expected a deadline within a season, got {deadline_s / HOUR_S:g} h; shorten it with --hours."
            raise SettingsError(message)
        hour = int(random_stream(seed, f"suite.start.{half.name}").integers(hours))
        starts.append(SuiteStart(seed, zones[index % len(zones)], season, first + timedelta(hours=hour)))
    return starts


def most_valuable_cells(values: Any, reference: Sequence[float], texts: Sequence[str], count: int) -> list[str]:  # noqa: ANN401 - an array
    """The members of a front that alone hold most of its hypervolume, the most valuable first."""
    import numpy as np

    from ce_nas.pareto.hypervolume import hypervolume_contributions

    contributions = hypervolume_contributions(values, values, reference)
    order = np.argsort(-contributions, kind="stable")[:count]
    if not contributions[order].all():
        message = f"Expected at least {count} members of the front, got {int((contributions > 0).sum())}."
        raise TableError(message)
    return [texts[row] for row in order]
