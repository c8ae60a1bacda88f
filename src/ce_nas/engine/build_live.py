"""Builds the live components that settings describe: workers, meters and the live problem."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ce_nas.config.registry import METERS, WORKERS
from ce_nas.core.clock import utc_now
from ce_nas.engine.live_inputs import training_recipe
from ce_nas.store.checkpoint_gc import CheckpointQuota
from ce_nas.store.event_log import EventLog
from ce_nas.training.problem import LiveProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.cluster.live_cluster import LiveCluster
    from ce_nas.cluster.replay_clock import ReplayableClock
    from ce_nas.cluster.workers.base import WorkerPool
    from ce_nas.config.schema import Settings
    from ce_nas.energy.base import EnergyMeter
    from ce_nas.energy.power_model import PowerModel
    from ce_nas.engine.inputs import RunInputs

__all__ = [
    "build_live_cluster",
    "build_live_problem",
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

    live, recipe = settings.live, training_recipe(settings)
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
