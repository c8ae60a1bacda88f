"""What settings refer to, read and checked: benchmark, objectives, cheap scores, grid and prices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.benchmarks.evaluators import evaluator_of, table_of
from ce_nas.config.registry import INNER_SEARCHERS, POLICIES, SEARCHERS, canonical, require_extra
from ce_nas.config.schema import SiteSettings
from ce_nas.core.errors import SettingsError, one_of
from ce_nas.energy.ledger import Prices
from ce_nas.engine.build_live import live_facts, live_feed_of

if TYPE_CHECKING:
    from pathlib import Path

    from ce_nas.benchmarks.base import Benchmark, Evaluator
    from ce_nas.benchmarks.nasbench301 import NasBench301
    from ce_nas.benchmarks.proxy_scores import CheapScores
    from ce_nas.benchmarks.supernet_noise import NoisyScores
    from ce_nas.benchmarks.tabular import BenchmarkTable
    from ce_nas.config.schema import BenchmarkSettings, OtherSiteSettings, Settings
    from ce_nas.core.records import Objective
    from ce_nas.forecast.history import History
    from ce_nas.forecast.registry import Choice
    from ce_nas.grid.providers.fallback import Extend, Feed
    from ce_nas.grid.trace import GridTrace, Series
    from ce_nas.policies.site_constraints import Window
    from ce_nas.search.constraints import Constraint, Constraints, Costs

__all__ = ["Materials"]

#: the built-in zones' typical year, and the day of it on which a run begins where nothing else is said
TYPICAL_YEAR = 2023
TYPICAL_START = datetime(TYPICAL_YEAR, 7, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Materials:
    """What settings refer to, read and checked: the part of a run that several runs may share."""

    settings: Settings
    #: what is searched, where the settings cannot name it
    own: Benchmark | None = None
    #: the live grid, where the settings cannot name it
    own_feed: Feed | None = None

    def check(self) -> None:
        """Read everything, so that whatever is of no use is said before anything is written.

        :raises CeNasError: if something is.
        """
        _ = self.closed, self.benchmark, self.objectives, self.constraints, self.cheap_scores, self.prices
        if self.feed:
            self.feed.source.check(self.zone)
        else:
            _ = self.history
        _require_sites(self)
        for name, what, known in self._names():
            canonical(name, what, known)
        self.forecaster()
        searcher = self.settings.searcher
        require_extra(searcher.inner if searcher.name == "lamoo" else searcher.name)
        if searcher.early is not None:
            self.benchmark.require_share(searcher.early)

    def _names(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        settings = self.settings
        return (
            (settings.policy.name, "policy", POLICIES),
            (settings.searcher.name, "searcher", SEARCHERS),
            (settings.searcher.inner, "inner searcher", INNER_SEARCHERS),
        )

    @cached_property
    def benchmark(self) -> Benchmark:
        """What is searched."""
        return self.own or _benchmark(self.settings)

    @property
    def table(self) -> BenchmarkTable:
        """The benchmark, for what can be asked of a table alone.

        :raises SettingsError: if it is none.
        """
        return table_of(self.benchmark)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What is optimised."""
        from ce_nas.benchmarks.base import objective

        names = self.settings.benchmark.objectives or self.benchmark.default_objectives
        chosen = tuple(objective(self.benchmark, text) for text in names)
        if not 2 <= len({item.name for item in chosen}) == len(chosen) <= 5:
            message = f"Expected 2 to 5 different objectives, got: {', '.join(item.name for item in chosen)}."
            raise SettingsError(message)
        return chosen

    @cached_property
    def bounds(self) -> tuple[Constraint, ...]:
        """The constraints of the settings."""
        from ce_nas.search.constraints import Constraint

        return tuple(map(Constraint.parse, self.settings.benchmark.constraints))

    @cached_property
    def constraints(self) -> Constraints | None:
        """The bounds that an answer has to keep; None where there are none."""
        from ce_nas.search.constraints import Constraints

        stated = self.bounds
        return Constraints(self.benchmark.space, self.objectives, stated, self.known_costs) if stated else None

    @cached_property
    def known_costs(self) -> dict[str, Costs]:
        """What is known without a training: of every member where they are listed, else by asking."""
        benchmark = self.benchmark
        names = [name for name, quantity in benchmark.quantities.items() if not quantity.trained]
        columns = {name: benchmark.column(name) for name in names}
        return {name: partial(benchmark.costs, name) if column is None else column for name, column in columns.items()}

    @cached_property
    def closed(self) -> tuple[Window, ...]:
        """When the cluster may not be used."""
        from ce_nas.policies.site_constraints import Window

        return tuple(map(Window.parse, self.settings.site.closed))

    @cached_property
    def cheap_scores(self) -> CheapScores | NoisyScores | None:
        """What a sampling task finds; None without it."""
        from ce_nas.benchmarks.nasbench301 import NasBench301
        from ce_nas.benchmarks.proxy_scores import builtin_scores, read_scores

        wanted = self.settings.benchmark.cheap_scores
        if wanted == "none" or self.settings.live.on:  # a live search scores by a supernet that it trains itself
            return None
        if isinstance(self.benchmark, NasBench301):
            return _noisy_scores(wanted, self.benchmark, self.settings.seed)
        if not wanted:
            return builtin_scores(self.benchmark.space)
        from ce_nas.datasets.lookup import supernet_file
        from ce_nas.datasets.store import Library

        return read_scores(supernet_file(Library(), wanted), self.table)

    @cached_property
    def evaluator(self) -> Evaluator:
        """Who carries tasks out on the benchmark."""
        return evaluator_of(self.benchmark, self.objectives, self.cheap_scores)

    @cached_property
    def feed(self) -> Feed | None:
        """The grid as it is now, by a live source; None where a trace tells it.

        :raises SettingsError: if the settings do not go with a live grid.
        """
        return self.own_feed or live_feed_of(self.settings, self._extending)

    @property
    def zone(self) -> str:
        """The grid's zone."""
        return str(self.settings.grid.zone) if self.settings.grid.live or self.own_feed else self.trace.zone

    def grid_facts(self) -> dict[str, Any]:
        """What the grid stands for, for the journal."""
        if self.feed:
            return live_facts(self.feed, self.zone)
        trace = self.trace
        return {
            "zone": trace.zone,
            "synthetic": trace.synthetic,
            "factors": trace.factors,
            "signal": trace.signal,
            "origin": trace.origin,
            "step_s": trace.step_s,
            "duplicates": trace.duplicates,
            "gaps": [str(gap) for gap in trace.gaps],
            "sha256": trace.fingerprint,
            "mix": sorted(trace.mix_mw),
            "known_ahead_sha256": self.history.known_fingerprints,
        }

    def _extending(self) -> Extend:
        from ce_nas.forecast.live_history import extending

        return extending(self.forecaster().forecaster)

    @cached_property
    def trace(self) -> GridTrace:
        """The grid."""
        return _trace(self.settings)

    @cached_property
    def start(self) -> datetime:
        """When the run begins by the calendar, UTC."""
        grid = self.settings.grid
        if grid.start:
            return grid.start
        if self.trace.synthetic:
            return TYPICAL_START
        week_later = self.trace.start + timedelta(days=7)
        room_s = (self.trace.end - week_later).total_seconds()
        return week_later if room_s >= self.settings.budget.time else self.trace.start

    @cached_property
    def intensity(self) -> Series:
        """The true carbon intensity, its seconds counted from the run's start, checked to outlast it."""
        series = self.trace.since(self.start)
        series.require(0.0, self.settings.budget.time)
        return series

    @cached_property
    def history(self) -> History:
        """What is on record of the grid, its seconds counted from the run's start, checked to outlast it."""
        _ = self.intensity
        return self.record.since(self.start)

    @cached_property
    def record(self) -> History:
        """What is on record of the grid: intensity, mix and what is known ahead."""
        from ce_nas.forecast.history import History
        from ce_nas.grid.readers import read_known

        grid = self.settings.grid
        zone, later_s = grid.weather_zone or self.trace.zone, grid.weather_later or 0.0
        known = read_known(grid.weather, zone, later_s) if grid.weather else {}
        return History.of(self.trace, known)

    @cached_property
    def others(self) -> tuple[Materials, ...]:
        """The same run at each of the other sites: their grids and prices."""
        return tuple(Materials(_at_site(self.settings, other, self.start)) for other in self.settings.site.others)

    def forecaster(self) -> Choice:
        """The forecaster, a new one each time: it may remember what it worked out."""
        from ce_nas.datasets.store import Library
        from ce_nas.forecast.registry import choose

        return choose(self.settings.forecaster, self.zone, Library().root / "forecasters")

    @cached_property
    def hypervolume_max(self) -> float | None:
        """The hypervolume of all that is feasible: shown beside a result, never handed to a search.

        None where the architectures are not all listed, so that nobody knows it.
        """
        from ce_nas.pareto.hypervolume import hypervolume

        names = [*(item.name for item in self.objectives), *(one.name for one in self.bounds)]
        columns = {name: column for name in names if (column := self.benchmark.column(name)) is not None}
        if len(columns) < len(set(names)):
            return None
        reference = [item.sign * item.reference for item in self.objectives]
        values = np.column_stack([item.sign * columns[item.name] for item in self.objectives])
        kept = [one.excess(columns[one.name]) == 0 for one in self.bounds]
        return hypervolume(values[np.logical_and.reduce([np.ones(len(values), dtype=bool), *kept])], reference)

    @cached_property
    def prices(self) -> Prices:
        """What is paid."""
        stated = self.settings.prices
        if isinstance(stated.electricity_per_kwh, float):
            return Prices(stated.electricity_per_kwh, stated.gpu_hour, stated.billing or 0.0)
        from ce_nas.grid.readers import read_prices

        series = read_prices(stated.electricity_per_kwh).since(self.start)
        series.require(0.0, self.settings.budget.time)
        return Prices(series, stated.gpu_hour, stated.billing or 0.0)


def _benchmark(settings: Settings) -> Benchmark:
    if settings.live.on:
        from ce_nas.engine.build_live import live_benchmark

        return live_benchmark(settings)
    return _table(settings)


def _table(settings: Settings) -> Benchmark:
    from ce_nas.benchmarks.nasbench201 import embedded_table
    from ce_nas.benchmarks.table_reader import read_table

    stated = settings.benchmark
    if stated.name == "nasbench301":
        return _nasbench301(stated.table)
    if stated.table is None:
        return _imported(stated) or embedded_table(stated.dataset)
    table = read_table(
        stated.table,
        dataset=stated.dataset,
        operations=stated.operations,
        training_column=stated.training_column,
    )
    if stated.name == "hwnasbench" and not any(name.startswith(_DEVICES) for name in table.metrics):
        message = (
            f"Expected HW-NAS-Bench's columns (hwnb_edgegpu_energy and the like) in {stated.table.name}, got the "
            f"metrics: {', '.join(table.metrics)}; use --benchmark table for a table of your own."
        )
        raise SettingsError(message)
    return table


def _imported(stated: BenchmarkSettings) -> BenchmarkTable | None:
    """The benchmark from the user's data folder; None for the embedded one.

    :raises SettingsError: if it was not imported, and is not embedded either.
    """
    from ce_nas.datasets import lookup as tables
    from ce_nas.datasets.store import Library

    library = Library()
    if stated.name == "nb201":
        return tables.nas_bench_201(library, stated.dataset)
    table = tables.hw_nas_bench(library, stated.dataset) if stated.name == "hwnasbench" else None
    if table is None:
        way_out = "get it with: ce-nas data fetch hwnasbench, or " if stated.name == "hwnasbench" else ""
        message = f"Benchmark {stated.name!r} needs a table: {way_out}give a CSV or Parquet file with --table FILE."
        raise SettingsError(message)
    return table


_DEVICES = ("edgegpu", "fpga", "raspi4", "pixel3", "edgetpu", "eyeriss")


def _nasbench301(stated: Path | None) -> NasBench301:
    """The surrogate in the file that is stated, else the imported one.

    :raises SettingsError: if there is neither.
    """
    from ce_nas.benchmarks.nasbench301 import NasBench301, Surrogate
    from ce_nas.datasets.importers.nasbench301 import SURROGATE_FILE
    from ce_nas.datasets.store import Library

    path = stated or Library().file("nasbench301", SURROGATE_FILE)
    if path is None:
        message = (
            "Benchmark 'nasbench301' needs its surrogate: get it with: ce-nas data fetch nasbench301, or give "
            "nb301_surrogate.onnx, with encoding.json beside it, as --table FILE."
        )
        raise SettingsError(message)
    return NasBench301(Surrogate(path))


def _noisy_scores(wanted: str, benchmark: NasBench301, seed: int) -> NoisyScores:
    """Scores with a supernet's noise; each seed of a run trains a supernet of its own."""
    from ce_nas.benchmarks.supernet_noise import ONE_SHOT, NoisyScores, read_noise

    noise, epoch_s = read_noise(wanted or ONE_SHOT), benchmark.mean_epoch_s
    return NoisyScores(noise, benchmark.space, benchmark.sample, benchmark.normal_scores, epoch_s=epoch_s, seed=seed)


def _trace(settings: Settings) -> GridTrace:
    grid = settings.grid
    if grid.trace is None:
        from ce_nas.grid.synthetic import DEFAULT_ZONE, synthetic_trace

        if imported := _imported_trace(settings):
            return imported
        return synthetic_trace(grid.zone or DEFAULT_ZONE, seed=grid.seed, year=(grid.start or TYPICAL_START).year)
    return _read(grid.trace, settings)


def _imported_trace(settings: Settings) -> GridTrace | None:
    """The trace of a zone that was imported and is no built-in one; None if there is none.

    :raises SettingsError: if there are imported zones, and it is none of these either.
    """
    from ce_nas.datasets import lookup as tables
    from ce_nas.datasets.store import Library
    from ce_nas.grid.synthetic import zones

    zone, built_in, library = settings.grid.zone, [item.name for item in zones()], Library()
    if zone is None or zone in built_in:
        return None
    path = tables.trace_file(library, zone)
    if path is None and (imported := tables.trace_zones(library)):
        raise SettingsError(one_of("zone", zone, [*built_in, *imported]))
    return replace(_read(path, settings), origin=tables.origin_of(library, path)) if path else None


def _read(path: Path, settings: Settings) -> GridTrace:
    from ce_nas.grid.readers import read_trace

    grid = settings.grid
    return read_trace(
        path,
        zone=grid.zone,
        factors=grid.factors,
        signal=grid.signal,
        time_column=grid.time_column,
        intensity_column=grid.intensity_column,
    )


def _at_site(settings: Settings, other: OtherSiteSettings, start: datetime) -> Settings:
    """The settings as they would be if the run were at home there."""
    grid = settings.grid.model_copy(
        update={
            "trace": other.trace,
            "zone": other.zone,
            "factors": other.factors,
            "signal": other.signal,
            "start": start,
            "weather": None,
        }
    )
    paid = {name: getattr(other, name) for name in ("electricity_per_kwh", "gpu_hour")}
    prices = settings.prices.model_copy(update={name: what for name, what in paid.items() if what is not None})
    return settings.model_copy(update={"grid": grid, "prices": prices, "site": SiteSettings()})


def _require_sites(materials: Materials) -> None:
    """Read what the other sites need, and see that they can be told apart and compared.

    :raises SettingsError: if two have one name, the way is shorter than a checkpoint, or signals are mixed.
    """
    site = materials.settings.site
    names = [site.name, *(other.name for other in site.others)]
    if len(set(names)) < len(names):
        message = f"Expected sites of different names, got: {', '.join(names)}; give each its own."
        raise SettingsError(message)
    if site.others and site.move < materials.settings.cluster.checkpoint_s:
        message = (
            f"Expected a site.move of {materials.settings.cluster.checkpoint_s:g} s or more, in which checkpoints are "
            f"written, got {site.move:g} s."
        )
        raise SettingsError(message)
    for there in materials.others:
        _, trace = (there.history, there.prices), materials.trace
        if (there.trace.factors, there.trace.signal) != (trace.factors, trace.signal):
            message = (
                f"Expected {trace.factors} factors and a {trace.signal} signal at every site, as at {site.name}, got "
                f"{there.trace.factors} and {there.trace.signal} for zone {there.trace.zone}; the two do not compare."
            )
            raise SettingsError(message)
