"""Builds the live components that settings describe: workers, meters and the live problem."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.benchmarks.user_space import UserBenchmark
from ce_nas.components.registry import METERS, WORKERS
from ce_nas.config.live_schema import CALLER_DEVICE
from ce_nas.core.clock import utc_now
from ce_nas.core.errors import EnergyError, MissingExtraError, SettingsError
from ce_nas.energy.power_model import PowerModel
from ce_nas.energy.reported_meter import WorkerMeter
from ce_nas.engine.live_inputs import measures_costs, training_recipe, trains_supernet
from ce_nas.store.checkpoint_gc import CheckpointQuota
from ce_nas.store.event_log import EventLog
from ce_nas.training.problem import LiveProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.benchmarks.base import Executor
    from ce_nas.cluster.live_cluster import LiveCluster
    from ce_nas.cluster.replay_clock import ReplayableClock
    from ce_nas.cluster.workers.base import WorkerPool
    from ce_nas.components.base import ComponentSettings
    from ce_nas.config.live_schema import LiveSettings
    from ce_nas.config.schema import Settings
    from ce_nas.energy.base import EnergyMeter
    from ce_nas.energy.cuda_devices import CudaDevice
    from ce_nas.energy.device_power import DevicePower
    from ce_nas.energy.gpu_limits import GpuLimits
    from ce_nas.energy.meter_selection import DividedMeter
    from ce_nas.energy.power_measurement import MixedMeasurement, PowerMeasurement
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.search.base import Searcher

__all__ = [
    "build_live_cluster",
    "build_live_problem",
    "count_visible_gpus",
    "resolve_devices",
]

EVENT_LOG_FILENAME = "events.jsonl"
WORK_DIRNAME = "work"
#: the measured power profile, for ``power.profile`` of other searches
POWER_PROFILE_FILENAME = "power-profile.json"


def resolve_devices(settings: Settings) -> Settings:
    """The settings with the devices of a live search, and its start on a live grid; others unchanged."""
    live, grid = settings.live, settings.grid
    if not live.enabled:
        return settings
    devices = _group_devices(live.devices or _detect_devices(settings), live)
    if grid.provider and grid.start is None:
        grid = grid.model_copy(update={"start": utc_now().replace(microsecond=0)})
    return settings.model_copy(
        update={
            "live": live.model_copy(update={"devices": devices}),
            "cluster": settings.cluster.model_copy(update={"gpus": len(devices) * live.devices_per_trial}),
            "grid": grid,
        }
    )


def build_live_problem(inputs: RunInputs, searcher: Searcher) -> LiveProblem:
    """The problem of a live search by ``searcher``."""
    live = inputs.settings.live
    scores = isinstance(inputs.benchmark, UserBenchmark) and inputs.benchmark.has_scores
    return LiveProblem(
        inputs.benchmark.space,
        inputs.objectives,
        live.initial_duration,
        has_supernet=trains_supernet(inputs),
        has_scores=scores and inputs.settings.problem.proxy_scores != "none",
        measures_costs=measures_costs(inputs, searcher),
    )


def build_live_cluster(
    inputs: RunInputs, power_model: PowerModel, folder: Path, workers: WorkerPool | None = None
) -> tuple[ReplayableClock, LiveCluster, EventLog]:
    """Devices that work in ``folder``, their clock, and its event log, which is replayed first.

    :param workers: the caller's pool in place of the one that the settings name.
    """
    from ce_nas.cluster.failure_watch import FailureWatch
    from ce_nas.cluster.live_cluster import LiveCluster
    from ce_nas.cluster.replay_clock import ReplayableClock

    live = inputs.settings.live
    recording = EventLog(folder / EVENT_LOG_FILENAME)
    clock = ReplayableClock(recording, live.time_scale, inputs.provider.now if inputs.provider else utc_now)
    workers = workers or WORKERS.build(
        live.workers,
        _executor_factory(inputs),
        live.devices,
        folder / WORK_DIRNAME,
        partial(WorkerMeter, live.meter),
    )
    names, together = _physical_devices(live.devices, workers), power_model.times(live.devices_per_trial)
    shelf = CheckpointQuota(folder / WORK_DIRNAME, int(live.checkpoint_quota_gb * 1e9))
    limits = _open_gpu_limits(inputs, names, workers)
    cluster = LiveCluster(
        workers,
        clock,
        recording,
        together,
        _build_meters(live.meter, names, workers),
        shelf,
        _device_power(names, together) if workers.is_local else None,
        FailureWatch(folder / WORK_DIRNAME, _continue_by(folder, live)),
        gpu_limits=limits,
        power_measurement=_power_measurement(inputs, names, workers, limits, folder),
    )
    return clock, cluster, recording


def _continue_by(folder: Path, live: LiveSettings) -> str:
    """How a search in a folder is continued, in words."""
    if CALLER_DEVICE in live.devices:
        return f"run the program again with out={str(folder)!r}"
    return f"continue with: ce-nas resume {shlex.quote(str(folder))} --accept-changes"


def _detect_devices(settings: Settings) -> tuple[str, ...]:
    """Up to ``cluster.gpus`` devices of this machine; as many of other machines."""
    wanted, workers = settings.cluster.gpus, settings.live.workers
    if not workers.is_local:
        return workers.device_names(wanted)
    try:
        import torch
    except ImportError:  # code of one's own needs none
        gpus = count_visible_gpus()
    else:
        gpus = torch.cuda.device_count()
    if gpus:
        return tuple(f"cuda:{number}" for number in range(min(wanted, gpus)))
    return ("cpu",) * min(wanted, os.cpu_count() or 1)


def _group_devices(devices: tuple[str, ...], live: LiveSettings) -> tuple[str, ...]:
    """The devices of the search: each is those of one trial, joined by ``+``; grouped ones stay as they are.

    :raises SettingsError: if there are fewer than a trial needs, or no function that could use several.
    """
    size = live.devices_per_trial
    if size == 1 or all(device.count("+") == size - 1 for device in devices):
        return devices
    if live.evaluate is None:
        message = (
            f"Expected live.evaluate with live.devices_per_trial = {size}, got no function of your own: the built-in "
            "networks train on one device each; remove it."
        )
        raise SettingsError(message)
    # workers on other machines are given their own GPUs, and number them from 0
    names = [f"cuda:{number % size}" if name == "cuda" else name for number, name in enumerate(devices)]
    if len(names) < size:
        message = f"Expected at least {size} devices for live.devices_per_trial = {size}, got {len(names)}; lower it."
        raise SettingsError(message)
    return tuple("+".join(names[start : start + size]) for start in range(0, len(names) - size + 1, size))


def _executor_factory(inputs: RunInputs) -> Callable[[str], Executor]:
    """Creates an executor in the process in which it is called."""
    settings = inputs.settings
    if settings.live.evaluate:
        from ce_nas.benchmarks.user_function import UserFunctionCopy, UserFunctionExecutor

        own = settings.live.evaluate
        make_executor: Callable[[str], Executor]
        if not settings.live.workers.is_local:  # other machines may lack the file
            make_executor = UserFunctionCopy.read(own, inputs.objectives, early_stopping=settings.live.early_stopping)
        else:
            make_executor = partial(
                UserFunctionExecutor,
                own,
                objectives=inputs.objectives,
                early_stopping=settings.live.early_stopping,
            )
        size = settings.live.devices_per_trial
        if size == 1:
            return make_executor
        from ce_nas.cluster.workers.distributed import DistributedExecutor

        return partial(DistributedExecutor, make_executor, size)
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
        latency_runtime=live.latency_runtime,
        has_supernet=trains_supernet(inputs),
        seed=settings.seed,
    )
    return partial(TrainingExecutor, plan)


def _physical_devices(names: Sequence[str], workers: WorkerPool) -> tuple[str, ...]:
    """The hardware of each device of this machine; for the caller's own loop, what its process would train on."""
    if CALLER_DEVICE not in names:
        return tuple(names)
    gpus = count_visible_gpus()
    return tuple(f"cuda:{number}" if number < gpus else "cpu" for number in range(workers.devices))


def count_visible_gpus() -> int:
    """The GPUs that CUDA shows to this process; 0 where NVML cannot tell."""
    from ce_nas.energy.cuda_devices import list_visible_gpus
    from ce_nas.energy.nvml import load_nvml

    try:
        return len(list_visible_gpus(load_nvml(), os.environ))
    except (EnergyError, MissingExtraError):
        return 0


def _open_gpu_limits(inputs: RunInputs, names: Sequence[str], workers: WorkerPool) -> GpuLimits | str | None:
    """What sets the GPUs' power limits, or why they cannot be set; None where the settings leave them alone."""
    profile = inputs.power_profile
    if profile is None:
        return None
    parts = [part.partition(":") for name in names for part in name.split("+")]
    if not workers.is_local:
        return "only those of this machine's own workers can be set."
    if {kind for kind, _, _ in parts} != {"cuda"}:
        return f"only GPUs have one, got {', '.join(dict.fromkeys(names))}."
    from ce_nas.energy.cuda_devices import cuda_uuid, resolve_cuda_device
    from ce_nas.energy.gpu_limits import GpuLimits
    from ce_nas.energy.nvml import load_nvml

    try:
        nvml = load_nvml()
        gpus = [resolve_cuda_device(int(number or 0), nvml, os.environ, cuda_uuid) for _, _, number in parts]
        return GpuLimits(list(dict.fromkeys(gpus)), profile.default_limit_w, nvml=nvml)
    except (EnergyError, MissingExtraError) as error:
        return str(error)


def _power_measurement(
    inputs: RunInputs, names: Sequence[str], workers: WorkerPool, limits: GpuLimits | str | None, folder: Path
) -> PowerMeasurement | MixedMeasurement | None:
    """What measures the power profile, on the first device of each type; None where it is not asked for, or no limit
    can be set.
    """
    from ce_nas.energy.gpu_limits import GpuLimits
    from ce_nas.energy.power_lever import MEASURED_PROFILE

    power, profile = inputs.settings.power, inputs.power_profile
    if not (profile and power.lever and power.profile == MEASURED_PROFILE and isinstance(limits, GpuLimits)):
        return None
    from ce_nas.energy.cuda_devices import cuda_uuid, resolve_cuda_device
    from ce_nas.energy.nvml import load_nvml
    from ce_nas.energy.power_measurement import MixedMeasurement

    nvml = load_nvml()
    types: dict[str, list[tuple[int, list[CudaDevice]]]] = {}
    for device, name in enumerate(names):
        numbers = [int(part.partition(":")[2] or 0) for part in name.split("+")]
        gpus = [resolve_cuda_device(number, nvml, os.environ, cuda_uuid) for number in numbers]
        types.setdefault(gpus[0].name, []).append((device, gpus))
    is_mixed, measurements = len(types) > 1, []
    for name, devices in types.items():
        kept = Path(POWER_PROFILE_FILENAME)
        file = f"{kept.stem}-{_file_words(name)}{kept.suffix}" if is_mixed else kept.name
        measurement = _measure_type(devices[0], workers, limits, power.profile_slice, folder / file)
        measurements.append((measurement, len(devices)))
    return MixedMeasurement(measurements, profile) if is_mixed else measurements[0][0]


def _measure_type(
    first: tuple[int, list[CudaDevice]], workers: WorkerPool, limits: GpuLimits, slice_s: float, path: Path
) -> PowerMeasurement:
    """What measures the profile of a type of GPU, on its first device.

    :param first: the number of the device, and its GPUs.
    """
    from ce_nas.energy.nvml import load_nvml, nvml_meter
    from ce_nas.energy.power_measurement import PowerMeasurement, ProfilingGpu

    device, gpus = first
    lowest_w, default_w = limits.range_w(gpus[0].uuid)

    def set_limit_w(limit_w: float) -> None:
        for gpu in gpus:
            limits.set_one(gpu.uuid, limit_w)

    meters, progress = [nvml_meter(gpu, nvml=load_nvml()) for gpu in gpus], partial(workers.progress, device)
    gpu = ProfilingGpu(gpus[0].name, default_w, lowest_w, set_limit_w, meters, progress)
    return PowerMeasurement(gpu, slice_s, path)


def _file_words(name: str) -> str:
    """A GPU's name for a file's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _device_power(names: Sequence[str], stated: PowerModel) -> list[DevicePower] | None:
    """The power of each device by its own limit; None where the settings state wattages."""
    from ce_nas.energy.device_power import device_power

    if not stated.origin.endswith(PowerModel().origin):
        return None
    return [device_power(name, len(names), stated) for name in names]


def _build_meters(
    settings: ComponentSettings, names: Sequence[str], workers: WorkerPool
) -> Sequence[EnergyMeter | None]:
    """The meter of each device: read here, or reported by its worker; None for a device without one."""
    if workers.reported_meters is not None:
        return workers.reported_meters.meters
    if not workers.is_local:
        return [None] * workers.devices
    host = _host_meter(settings, workers)
    return [
        METERS.build(settings, name, partial(workers.process_id, number), host) for number, name in enumerate(names)
    ]


def _host_meter(settings: ComponentSettings, workers: WorkerPool) -> DividedMeter | None:
    """The processors and memory of this machine where its devices share one meter of them, so that each joule is booked
    once: RAPL, or the CPU time of the one process in which all devices are; None: each device's process has its own.
    """
    from ce_nas.energy.cpu_time import BASELINE_W, CpuTimeMeter
    from ce_nas.energy.meter_selection import DividedMeter
    from ce_nas.energy.rapl import RaplMeter, has_rapl

    if has_rapl() and settings.name != "modelled":
        return DividedMeter(RaplMeter())
    if workers.process_id(0) == os.getpid():
        return DividedMeter(CpuTimeMeter(os.getpid, baseline_w=workers.devices * BASELINE_W))
    return None
