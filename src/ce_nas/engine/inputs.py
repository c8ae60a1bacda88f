"""What settings refer to, read and checked: benchmark, objectives, cheap scores, grid and prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.benchmarks.tabular import require_table
from ce_nas.components.base import ComponentSettings
from ce_nas.components.registry import POLICIES, PROBLEMS, SEARCHERS
from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.energy.ledger import Prices
from ce_nas.engine.live_inputs import build_live_provider, live_grid_metadata, measured_before_training
from ce_nas.engine.site_inputs import TYPICAL_START, load_trace, name_keys_of_site, settings_at_site
from ce_nas.engine.warm_start_inputs import EarlierTrainings, list_warm_starts

if TYPE_CHECKING:
    from ce_nas.benchmarks.base import Benchmark, Evaluator, ProxyScores
    from ce_nas.benchmarks.nasbench301 import NasBench301
    from ce_nas.benchmarks.supernet_noise import SimulatedSupernetScores
    from ce_nas.benchmarks.tabular import BenchmarkTable
    from ce_nas.config.schema import Settings
    from ce_nas.core.records import Objective
    from ce_nas.energy.power_lever import PowerCapSchedule
    from ce_nas.energy.power_profile import PowerProfile
    from ce_nas.forecast.forecaster_selection import SelectedForecaster
    from ce_nas.forecast.history import RecordedHistory
    from ce_nas.grid.providers.fallback import Extrapolator, FallbackProvider
    from ce_nas.grid.trace import GridTrace, Series
    from ce_nas.policies.site_constraints import WeeklyWindow
    from ce_nas.search.constraints import Constraint, Constraints, KnownMetric

__all__ = ["TYPICAL_START", "RunInputs"]

#: the part of a trace before the default start of a run, where it is long enough; more if the forecaster needs it
MIN_HISTORY = timedelta(days=7)


@dataclass(frozen=True)
class RunInputs:
    """What settings refer to, read and checked: the part of a run that several runs may share."""

    settings: Settings
    #: the benchmark, where the settings cannot name it
    user_benchmark: Benchmark | None = None
    #: the live grid, where the settings cannot name it
    user_provider: FallbackProvider | None = None
    #: start of a run that is resumed, whose trace may have changed
    fixed_start: datetime | None = None

    def validate(self) -> None:
        """Read everything, so that an invalid input is reported before anything is written.

        :raises CeNasError: if an input is invalid.
        """
        _ = self.closed_windows, self.benchmark, self.objectives, self.constraints, self.proxy_scores, self.prices
        _ = self.power_profile
        if self.fixed_start is None:  # a run that began earlier is resumed with the constraints that it has
            _require_bounds_with_effect(self)
        _require_profile(self.settings)
        if self.provider:
            self.provider.provider.check_zone(self.zone)
        else:
            _ = self.history, self.power_cap
        _require_valid_sites(self)
        self.choose_forecaster()
        POLICIES.build(self.settings.policy)
        searcher = self.settings.searcher
        inner = [option.name for option in searcher.options().values() if isinstance(option, ComponentSettings)]
        for name in (searcher.name, *inner):
            SEARCHERS.require_extra(name)
        self.earlier_trainings.read(list_warm_starts(self.settings))
        if searcher.initial_fidelity is not None:
            self.benchmark.require_fidelity(searcher.initial_fidelity)

    @cached_property
    def benchmark(self) -> Benchmark:
        """The benchmark."""
        return self.user_benchmark or _build_benchmark(self.settings)

    @property
    def table(self) -> BenchmarkTable:
        """The benchmark, for what can be asked of a table alone.

        :raises SettingsError: if it is none.
        """
        return require_table(self.benchmark)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives."""
        from ce_nas.benchmarks.base import parse_objective

        names = self.settings.problem.objectives or self.benchmark.default_objectives
        chosen = tuple(parse_objective(self.benchmark, text) for text in names)
        if not 2 <= len({item.name for item in chosen}) == len(chosen) <= 5:
            metrics = ", ".join(self.benchmark.metric_specs)
            message = (
                f"Expected 2 to 5 different objectives, got: {', '.join(item.name for item in chosen) or 'none'}; "
                f"choose among {metrics} with --objectives, as NAME:max or NAME:min where a name does not say."
            )
            raise SettingsError(message)
        return chosen

    @cached_property
    def bounds(self) -> tuple[Constraint, ...]:
        """The constraints of the settings."""
        from ce_nas.search.constraints import Constraint

        return tuple(map(Constraint.parse, self.settings.problem.constraints))

    @cached_property
    def constraints(self) -> Constraints | None:
        """The constraints with what is known of their metrics; None if there are none."""
        from ce_nas.search.constraints import Constraints

        if not self.bounds:
            return None
        return Constraints(self.benchmark.space, self.objectives, self.bounds, self.known_costs, self.requires_training)

    @property
    def requires_training(self) -> list[bool] | None:
        """For each objective whether it takes a training; None where nothing is measured before one."""
        if not (measured := measured_before_training(self)):
            return None
        return [item.name not in measured and item.name not in self.known_costs for item in self.objectives]

    @cached_property
    def known_costs(self) -> dict[str, KnownMetric]:
        """Training-free metrics: values of every member of a listed space, else a function of architectures."""
        benchmark = self.benchmark
        names = [name for name, spec in benchmark.metric_specs.items() if not spec.requires_training]
        names += [item.name for item in self.objectives if item.is_known and item.name not in names]
        columns = {name: benchmark.all_values(name) for name in names}
        return {
            name: partial(benchmark.training_free_values, name) if column is None else column
            for name, column in columns.items()
        }

    @cached_property
    def closed_windows(self) -> tuple[WeeklyWindow, ...]:
        """When the cluster may not be used."""
        from ce_nas.policies.site_constraints import WeeklyWindow

        return tuple(map(WeeklyWindow.parse, self.settings.site.closed))

    @cached_property
    def power_profile(self) -> PowerProfile | None:
        """How the devices' power and speed follow their power limit; None where nothing changes it.

        For one that a live search measures stands the default one, until it is measured and in rehearsals.
        """
        from ce_nas.energy.power_lever import DEFAULT_PROFILE, MEASURED_PROFILE
        from ce_nas.energy.power_profile import read_power_profile

        power = self.settings.power
        known = DEFAULT_PROFILE if power.profile == MEASURED_PROFILE else power.profile
        return read_power_profile(known) if power.is_used else None

    @cached_property
    def power_cap(self) -> PowerCapSchedule | None:
        """What the site may draw over time; None without a cap."""
        from ce_nas.energy.power_lever import PowerCapSchedule

        cap = self.settings.power.cap
        return PowerCapSchedule.read(cap, self.start) if cap else None

    @cached_property
    def proxy_scores(self) -> ProxyScores | SimulatedSupernetScores | None:
        """The proxy scores that a sampling task returns; None without them."""
        from ce_nas.benchmarks.nasbench301 import NasBench301
        from ce_nas.benchmarks.proxy_scores import load_builtin_scores, read_supernet_scores

        wanted = self.settings.problem.proxy_scores
        if wanted == "none" or self.settings.live.enabled:  # a live search scores by a supernet that it trains itself
            return None
        if isinstance(self.benchmark, NasBench301):
            return _build_noisy_scores(wanted, self.benchmark, self.settings.seed)
        if not wanted:
            return load_builtin_scores(self.benchmark.space)
        from ce_nas.datasets.lookup import resolve_supernet_file
        from ce_nas.datasets.store import DataStore

        return read_supernet_scores(resolve_supernet_file(DataStore(), wanted), self.table)

    @property
    def earlier_trainings(self) -> EarlierTrainings:
        """What earlier searches trained, as far as this one can learn from it."""
        return EarlierTrainings(self.settings.problem, self.benchmark.space, self.objectives, self.known_costs)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator of tasks on the benchmark."""
        return self.benchmark.build_evaluator(self.objectives, self.proxy_scores)

    @cached_property
    def provider(self) -> FallbackProvider | None:
        """The live grid; None where a trace is the grid.

        :raises SettingsError: if a setting conflicts with a live grid.
        """
        return self.user_provider or build_live_provider(self.settings, self._build_extrapolator)

    @property
    def zone(self) -> str:
        """The grid's zone."""
        return str(self.settings.grid.zone) if self.settings.grid.provider or self.user_provider else self.trace.zone

    def grid_metadata(self) -> dict[str, Any]:
        """Metadata of the grid, for the journal."""
        if self.provider:
            return live_grid_metadata(self.provider, self.zone)
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
            "notes": list(trace.notes),
            "sha256": trace.fingerprint,
            "mix": sorted(trace.mix_mw),
            "future_covariates_sha256": self.history.covariate_fingerprints,
        }

    def _build_extrapolator(self) -> Extrapolator:
        from ce_nas.forecast.live_history import build_extrapolator

        return build_extrapolator(self.choose_forecaster().forecaster)

    @cached_property
    def trace(self) -> GridTrace:
        """The grid."""
        return load_trace(self.settings)

    @cached_property
    def start(self) -> datetime:
        """Start of the run, UTC."""
        grid = self.settings.grid
        if stated := self.fixed_start or grid.start:
            return stated
        if self.trace.synthetic:
            return TYPICAL_START
        from ce_nas.forecast.forecaster_selection import history_needed_s

        needed = timedelta(seconds=history_needed_s(self.settings.forecaster))
        for history in (max(needed, MIN_HISTORY), MIN_HISTORY):
            start = self.trace.start + history
            if (self.trace.end - start).total_seconds() >= self.settings.budget.time_s:
                return start
        return self.trace.start

    @cached_property
    def intensity(self) -> Series:
        """The true carbon intensity, its seconds counted from the run's start, checked to outlast it."""
        series = self.trace.relative_to(self.start)
        series.require_coverage(0.0, self.settings.budget.time_s)
        return series

    @cached_property
    def history(self) -> RecordedHistory:
        """What is on record of the grid, its seconds counted from the run's start, checked to outlast it."""
        _ = self.intensity
        return self.full_history.with_time_origin(self.start)

    @cached_property
    def full_history(self) -> RecordedHistory:
        """What is on record of the grid: intensity, mix and what is known ahead."""
        from ce_nas.forecast.history import RecordedHistory
        from ce_nas.grid.readers import read_future_covariates
        from ce_nas.grid.weather_issues import WeatherIssues

        grid = self.settings.grid
        if grid.weather and WeatherIssues.is_table(grid.weather):
            if grid.weather_zone or grid.weather_offset:
                message = (
                    "Expected no --weather-zone and no --weather-offset with a table of 'ce-nas grid weather', which "
                    "is of one place and stamped by the hours that it describes; leave them out."
                )
                raise SettingsError(message)
            return RecordedHistory.from_trace(self.trace, weather=WeatherIssues.read(grid.weather))
        zone, later_s = grid.weather_zone or self.trace.zone, grid.weather_offset or 0.0
        layout = {"time_column": grid.time_column, "timezone": grid.weather_timezone}
        known = read_future_covariates(grid.weather, zone, later_s, **layout) if grid.weather else {}
        return RecordedHistory.from_trace(self.trace, known)

    @cached_property
    def other_sites(self) -> tuple[RunInputs, ...]:
        """The same run at each of the other sites: their grids and prices."""
        return tuple(
            RunInputs(settings_at_site(self.settings, other, self.start)) for other in self.settings.site.others
        )

    def choose_forecaster(self) -> SelectedForecaster:
        """The forecaster, a new one each time, since it may cache results."""
        from ce_nas.datasets.store import DataStore
        from ce_nas.forecast.forecaster_selection import select_forecaster

        start = None if self.settings.grid.provider or self.user_provider else self.start
        return select_forecaster(self.settings.forecaster, self.zone, DataStore().root / "forecasters", start)

    @cached_property
    def hypervolume_max(self) -> float | None:
        """The hypervolume of all feasible architectures, for reports only, never for a search.

        None where the architectures are not all listed.
        """
        from ce_nas.pareto.hypervolume import hypervolume

        names = [*(goal.name for goal in self.objectives), *(bound.name for bound in self.bounds)]
        columns = {name: column for name in names if (column := self.benchmark.all_values(name)) is not None}
        if len(columns) < len(set(names)):
            return None
        reference = [item.sign * item.reference for item in self.objectives]
        values = np.column_stack([item.sign * columns[item.name] for item in self.objectives])
        kept = [bound.violation(columns[bound.name]) == 0 for bound in self.bounds]
        return hypervolume(values[np.logical_and.reduce([np.ones(len(values), dtype=bool), *kept])], reference)

    @cached_property
    def prices(self) -> Prices:
        """The prices; that of a device is of all its GPUs."""
        stated = self.settings.prices
        device_hour_price = stated.gpu_hour_price * self.settings.live.gpus_per_device
        if isinstance(stated.electricity_price, float):
            return Prices(stated.electricity_price, device_hour_price, stated.billing_period or 0.0)
        from ce_nas.grid.price_files import read_prices

        series = read_prices(
            stated.electricity_price,
            time_column=stated.time_column,
            price_column=stated.price_column,
            unit=stated.price_unit,
            timezone=stated.timezone or self.settings.grid.timezone,
        ).relative_to(self.start)
        series.require_coverage(0.0, self.settings.budget.time_s)
        return Prices(series, device_hour_price, stated.billing_period or 0.0)


def _build_benchmark(settings: Settings) -> Benchmark:
    if settings.live.enabled:
        from ce_nas.engine.live_inputs import build_live_benchmark

        return build_live_benchmark(settings)
    benchmark: Benchmark = PROBLEMS.build(settings.problem)
    return benchmark


def _build_noisy_scores(wanted: str, benchmark: NasBench301, seed: int) -> SimulatedSupernetScores:
    """Scores with a supernet's noise; each seed of a run trains a supernet of its own."""
    from ce_nas.benchmarks.supernet_noise import DEFAULT_NOISE_MODEL, SimulatedSupernetScores, read_noise_model

    noise, epoch_s = read_noise_model(wanted or DEFAULT_NOISE_MODEL), benchmark.mean_epoch_s
    return SimulatedSupernetScores(
        noise, benchmark.space, benchmark.reference_sample, benchmark.normal_scores, epoch_s=epoch_s, seed=seed
    )


def _require_bounds_with_effect(inputs: RunInputs) -> None:
    """Check that each constraint excludes an architecture, where all are listed with a cost that is known beforehand.

    :raises SettingsError: if one excludes none.
    """
    for bound, text in zip(inputs.bounds, inputs.settings.problem.constraints, strict=True):
        column = inputs.known_costs.get(bound.name)
        if isinstance(column, np.ndarray) and column.size and (bound.violation(column) == 0.0).all():
            end, value = ("smallest", column.min()) if bound.at_least else ("largest", column.max())
            message = (
                f"Expected a constraint that excludes some of the {column.size:,} architectures, got {text}, which has "
                f"no effect: the {end} {bound.name} is {value:.6g}; "
                f"{'raise' if bound.at_least else 'lower'} the bound, or leave it out."
            )
            raise SettingsError(message)


def _require_profile(settings: Settings) -> None:
    """Check that a profile that is to be measured can be.

    :raises SettingsError: if the search is simulated.
    """
    from ce_nas.energy.power_lever import MEASURED_PROFILE

    if settings.power.profile == MEASURED_PROFILE and not settings.live.enabled:
        message = (
            "Expected a power profile in a simulated search, which has no GPU to measure, got power.profile = "
            "'measured'; name a built-in one or a file, or search with --live."
        )
        raise SettingsError(message)


def _require_valid_sites(inputs: RunInputs) -> None:
    """Read the inputs of the other sites, and check that they can be compared.

    :raises SettingsError: if names are equal, a move is shorter than a checkpoint, or signals are mixed.
    """
    site = inputs.settings.site
    names = [site.name, *(other.name for other in site.others)]
    if len(set(names)) < len(names):
        message = f"Expected sites of different names, got: {', '.join(names)}; give each its own."
        raise SettingsError(message)
    if site.others and site.move_time < inputs.settings.cluster.checkpoint_s:
        message = (
            f"Expected a site.move_time of {inputs.settings.cluster.checkpoint_s:g} s or more, in which checkpoints "
            f"are written, got {site.move_time:g} s."
        )
        raise SettingsError(message)
    for other, there in zip(site.others, inputs.other_sites, strict=True):
        trace = inputs.trace
        try:
            _ = (there.history, there.prices)
        except TraceError as error:
            message = name_keys_of_site(str(error), other.name)
            raise TraceError(message) from error
        if (there.trace.factors, there.trace.signal) != (trace.factors, trace.signal):
            message = (
                f"Expected {trace.factors} factors and a {trace.signal} signal at every site, as at {site.name}, got "
                f"{there.trace.factors} and {there.trace.signal} for zone {there.trace.zone}; the two do not compare."
            )
            raise SettingsError(message)
