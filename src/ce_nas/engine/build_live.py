"""Builds the live components that settings describe: workers, meters, the live problem, and the live grid."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ce_nas.config.registry import METERS, WORKERS
from ce_nas.core.clock import utc_now
from ce_nas.core.errors import SettingsError
from ce_nas.store.checkpoint_gc import CheckpointQuota
from ce_nas.store.event_log import EventLog
from ce_nas.training.problem import LiveProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import Benchmark, Executor
    from ce_nas.cluster.live_cluster import LiveCluster
    from ce_nas.cluster.replay_clock import ReplayableClock
    from ce_nas.cluster.workers.base import WorkerPool
    from ce_nas.config.schema import Settings
    from ce_nas.energy.base import EnergyMeter
    from ce_nas.energy.power_model import PowerModel
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.grid.providers.fallback import Extrapolator, FallbackProvider
    from ce_nas.training.recipe import Recipe

__all__ = [
    "build_live_benchmark",
    "build_live_cluster",
    "build_live_problem",
    "build_live_provider",
    "live_grid_metadata",
    "resolve_devices",
]

EVENT_LOG_FILENAME = "events.jsonl"
WORK_DIRNAME = "work"


def resolve_devices(settings: Settings) -> Settings:
    """The settings with the devices of a live search, and its start on a live grid; others unchanged."""
    live, grid = settings.live, settings.grid
    if not live.enabled:
        return settings
    devices = live.devices or _detect_devices(settings)
    if grid.provider and grid.start is None:
        grid = grid.model_copy(update={"start": utc_now().replace(microsecond=0)})
    return settings.model_copy(
        update={
            "live": live.model_copy(update={"devices": devices}),
            "cluster": settings.cluster.model_copy(update={"gpus": len(devices)}),
            "grid": grid,
        }
    )


def build_live_benchmark(settings: Settings) -> Benchmark:
    """The benchmark of a live search: a user function, or networks on images.

    :raises CeNasError: if the file or the images cannot be used.
    """
    live = settings.live
    if live.evaluate:
        from ce_nas.benchmarks.user_function import UserFunctionFile

        return UserFunctionFile.read(live.evaluate).benchmark
    from ce_nas.training.network_benchmark import NetworkBenchmark

    if live.supernet and live.path_sampling == "fair" and live.space == "darts":
        message = (
            "Expected live.path_sampling 'uniform' for darts, got 'fair', which needs equally many operations "
            "everywhere; remove it."
        )
        raise SettingsError(message)
    return NetworkBenchmark(live.data, live.channels, live.cells, _training_recipe(settings), live.space)


def build_live_problem(inputs: RunInputs) -> LiveProblem:
    """The problem of a live search."""
    live = inputs.settings.live
    networks = not (live.evaluate or inputs.user_benchmark)
    supernet = live.supernet and networks and _uses_proxy_scores(inputs.settings)
    return LiveProblem(inputs.benchmark.space, inputs.objectives, live.initial_duration, has_supernet=supernet)


def build_live_cluster(
    inputs: RunInputs, power_model: PowerModel, folder: Path, workers: WorkerPool | None = None
) -> tuple[ReplayableClock, LiveCluster, EventLog]:
    """Devices that work in ``folder``, their clock, and its event log, which is replayed first.

    :param workers: the caller's pool in place of the one that the settings name.
    """
    from ce_nas.cluster.live_cluster import LiveCluster
    from ce_nas.cluster.replay_clock import ReplayableClock

    settings = inputs.settings
    recording = EventLog(folder / EVENT_LOG_FILENAME)
    clock = ReplayableClock(recording, settings.live.time_scale, inputs.provider.now if inputs.provider else utc_now)
    workers = workers or WORKERS.build(
        settings.live.workers, _executor_factory(inputs), settings.live.devices, folder / WORK_DIRNAME
    )
    shelf = CheckpointQuota(folder / WORK_DIRNAME, int(settings.live.checkpoint_quota_gb * 1e9))
    return (
        clock,
        LiveCluster(workers, clock, recording, power_model, _build_meters(settings, workers), shelf),
        recording,
    )


def _uses_proxy_scores(settings: Settings) -> bool:
    return settings.problem.proxy_scores != "none"


def _detect_devices(settings: Settings) -> tuple[str, ...]:
    """Up to ``cluster.gpus`` devices of this machine; as many of other machines."""
    wanted, workers = settings.cluster.gpus, settings.live.workers
    if hasattr(workers, "device_names"):
        names: tuple[str, ...] = workers.device_names(wanted)
        return names
    import torch

    gpus = torch.cuda.device_count()
    if gpus:
        return tuple(f"cuda:{number}" for number in range(min(wanted, gpus)))
    return ("cpu",) * min(wanted, os.cpu_count() or 1)


def _executor_factory(inputs: RunInputs) -> Callable[[str], Executor]:
    """Creates an executor in the process in which it is called."""
    settings = inputs.settings
    if settings.live.evaluate:
        from ce_nas.benchmarks.user_function import UserFunctionExecutor

        return partial(UserFunctionExecutor, settings.live.evaluate)
    from ce_nas.training.executor import TrainingConfig, TrainingExecutor

    live, recipe = settings.live, _training_recipe(settings)
    plan = TrainingConfig(
        space=inputs.benchmark.space,
        objectives=inputs.objectives,
        data=live.data,
        validation_share=live.validation_share,
        channels=live.channels,
        cells=live.cells,
        recipe=recipe,
        supernet_recipe=replace(recipe, epochs=max(round(live.supernet_epochs * recipe.epochs), 1)),
        path_sampling=live.path_sampling,
        seed=settings.seed,
    )
    return partial(TrainingExecutor, plan)


def _training_recipe(settings: Settings) -> Recipe:
    from ce_nas.training.data.sources import load_images
    from ce_nas.training.recipe import default_recipe

    return settings.live.recipe or default_recipe(min(load_images(settings.live.data).image_shape[1:]))


def _build_meters(settings: Settings, workers: WorkerPool) -> Sequence[EnergyMeter | None]:
    """The meter of each device; None for devices of other machines."""
    from ce_nas.cluster.workers.local import LocalWorkerPool

    live = settings.live
    if not isinstance(workers, LocalWorkerPool):
        return [None] * workers.devices
    share = 1.0 / sum(name.startswith("cpu") for name in live.devices) if "cpu" in live.devices else 1.0
    return [
        METERS.build(live.meter, name, partial(workers.process_id, number), share)
        for number, name in enumerate(live.devices)
    ]


def build_live_provider(settings: Settings, build_extrapolator: Callable[[], Extrapolator]) -> FallbackProvider | None:
    """The provider that the settings name, with its fallbacks; None if they name none.

    :param build_extrapolator: creates the forecast from the last good data.
    :raises SettingsError: if a setting conflicts with a live grid, or a key is not set.
    """
    grid = settings.grid
    if grid.provider is None:
        return None
    for hindrance, words in _find_conflicts(settings).items():
        if hindrance:
            message = f"A live grid ({grid.provider.name}) {words}."
            raise SettingsError(message)
    from ce_nas.core.clock import utc_now
    from ce_nas.grid.providers.fallback_levels import FallbackLevel
    from ce_nas.grid.providers.registry import build_fallback_provider

    return build_fallback_provider(
        grid.provider,
        now=utc_now,
        cache=grid.cache,
        factors=grid.factors,
        reference_zone=grid.reference_zone,
        max_fallback=FallbackLevel(grid.max_fallback),
        extrapolate=build_extrapolator(),
    )


def _find_conflicts(settings: Settings) -> dict[bool, str]:
    """Conflicts of the settings with a live grid, in words; those that hold have the key True."""
    grid, live = settings.grid, settings.live
    found = [
        (not live.enabled, "needs a search on real devices: add --live, or give a trace instead"),
        (grid.zone is None, "needs a zone, as the provider calls it: add --zone"),
        (live.time_scale != 1.0, f"runs in real time: remove time_scale {live.time_scale:g}"),
        (grid.trace is not None, f"and a trace ({grid.trace}) cannot both be the grid: remove one"),
        (bool(settings.site.others), "has one site: remove site.others"),
        (
            not isinstance(settings.prices.electricity_price, float),
            "needs a constant price of electricity: give a number, not a file",
        ),
    ]
    return dict(reversed(found))


def live_grid_metadata(provider: FallbackProvider, zone: str) -> dict[str, Any]:
    """Metadata of a live grid, for the journal, which records its values as they are read."""
    source = provider.provider
    return {
        "zone": zone,
        "synthetic": False,
        "factors": source.factors,
        "signal": source.signal,
        "origin": f"live, {source.name}",
        "step_s": source.step_s,
        "duplicates": 0,
        "gaps": [],
        "notes": [],
        "sha256": None,
        "mix": [],
        "future_covariates_sha256": {},
    }
