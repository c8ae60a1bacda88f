"""From settings to real devices: who works, what meters them, and what they work on.

From settings to a live grid's feed.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ce_nas.core.clock import utc_now
from ce_nas.core.errors import SettingsError
from ce_nas.store.checkpoint_gc import Shelf
from ce_nas.store.event_log import Recording
from ce_nas.training.problem import LiveProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import Benchmark, Executor
    from ce_nas.cluster.live_cluster import LiveCluster
    from ce_nas.cluster.replay_clock import LiveClock
    from ce_nas.cluster.workers.base import Crew
    from ce_nas.config.schema import Settings
    from ce_nas.energy.base import Meter
    from ce_nas.energy.power_model import PowerModel
    from ce_nas.engine.inputs import Materials
    from ce_nas.grid.providers.fallback import Extend, Feed
    from ce_nas.training.recipe import Recipe

__all__ = ["live_benchmark", "live_cluster", "live_facts", "live_feed_of", "live_problem", "with_devices"]

RECORDING = "recording.jsonl"
WORK = "work"


def with_devices(settings: Settings) -> Settings:
    """The settings of a live search with its devices named, and its beginning on a live grid; others as they are."""
    live, grid = settings.live, settings.grid
    if not live.on:
        return settings
    devices = live.devices or _found(settings)
    if grid.live and grid.start is None:
        grid = grid.model_copy(update={"start": utc_now().replace(microsecond=0)})
    return settings.model_copy(
        update={
            "live": live.model_copy(update={"devices": devices}),
            "cluster": settings.cluster.model_copy(update={"gpus": len(devices)}),
            "grid": grid,
        }
    )


def live_benchmark(settings: Settings) -> Benchmark:
    """What a live search is about: a user's function, or networks on images.

    :raises CeNasError: if the file or the images cannot be used.
    """
    live = settings.live
    if live.evaluate:
        from ce_nas.benchmarks.user_function import OwnFile

        return OwnFile.read(live.evaluate).benchmark
    from ce_nas.training.network_benchmark import NetworkBenchmark

    if live.supernet and live.paths == "fair" and live.space == "darts":
        message = (
            "Expected live.paths 'uniform' for darts, got 'fair', which needs as many choices everywhere; leave it out."
        )
        raise SettingsError(message)
    return NetworkBenchmark(live.data, live.channels, live.cells, _recipe(settings), live.space)


def live_problem(materials: Materials) -> LiveProblem:
    """The same for the engine."""
    live = materials.settings.live
    networks = not (live.evaluate or materials.own)
    supernet = live.supernet and networks and _scores_cheaply(materials.settings)
    return LiveProblem(materials.benchmark.space, materials.objectives, live.guess, supernet=supernet)


def live_cluster(
    materials: Materials, power: PowerModel, folder: Path, crew: Crew | None = None
) -> tuple[LiveClock, LiveCluster, Recording]:
    """Devices that work in ``folder``, their clock, and the recording there, which is lived through again first.

    :param crew: one's own, instead of the one that the settings name.
    """
    from ce_nas.cluster.live_cluster import LiveCluster
    from ce_nas.cluster.replay_clock import LiveClock

    settings = materials.settings
    recording = Recording(folder / RECORDING)
    clock = LiveClock(recording, settings.live.time_scale, materials.feed.now if materials.feed else utc_now)
    crew = crew or _crew(settings, _executor(materials), folder / WORK)
    shelf = Shelf(folder / WORK, int(settings.live.checkpoint_quota_gb * 1e9))
    return clock, LiveCluster(crew, clock, recording, power, _meters(settings, crew), shelf), recording


def _scores_cheaply(settings: Settings) -> bool:
    return settings.benchmark.cheap_scores != "none"


def _found(settings: Settings) -> tuple[str, ...]:
    """The devices of this machine, as many as are wanted; of other machines, as many as are asked for."""
    if settings.live.crew != "local":
        return ("cuda" if settings.live.gpu_share else "cpu",) * settings.cluster.gpus
    import torch

    wanted, gpus = settings.cluster.gpus, torch.cuda.device_count()
    if gpus:
        return tuple(f"cuda:{number}" for number in range(min(wanted, gpus)))
    return ("cpu",) * min(wanted, os.cpu_count() or 1)


def _crew(settings: Settings, make: Callable[[str], Executor], folder: Path) -> Crew:
    live = settings.live
    if live.crew == "ray":
        from ce_nas.cluster.workers.ray import RayCrew, Share

        share = Share(live.cpus, live.gpu_share)
        return RayCrew(make, live.devices, folder, share, address=live.ray_address)
    if live.crew == "slurm":
        from ce_nas.cluster.workers.slurm import SlurmCrew

        return SlurmCrew(make, live.devices, folder, live.slurm)
    from ce_nas.cluster.workers.local import LocalCrew, Patience

    patience = Patience(live.start, live.silence, live.grace)
    return LocalCrew(make, live.devices, folder, patience)


def _executor(materials: Materials) -> Callable[[str], Executor]:
    """Makes an executor in whatever process it is called in."""
    settings = materials.settings
    if settings.live.evaluate:
        from ce_nas.benchmarks.user_function import FunctionExecutor

        return partial(FunctionExecutor, settings.live.evaluate)
    from ce_nas.training.executor import TrainingExecutor, TrainingPlan

    live, recipe = settings.live, _recipe(settings)
    plan = TrainingPlan(
        space=materials.benchmark.space,
        objectives=materials.objectives,
        data=live.data,
        validation=live.validation,
        channels=live.channels,
        cells=live.cells,
        recipe=recipe,
        supernet_recipe=replace(recipe, epochs=max(round(live.supernet_epochs * recipe.epochs), 1)),
        paths=live.paths,
        seed=settings.seed,
    )
    return partial(TrainingExecutor, plan)


def _recipe(settings: Settings) -> Recipe:
    from ce_nas.training.data.sources import load_images
    from ce_nas.training.recipe import default_recipe

    return settings.live.recipe or default_recipe(min(load_images(settings.live.data).shape[1:]))


def _meters(settings: Settings, crew: Crew) -> Sequence[Meter | None]:
    """The meter of each device; on other machines nothing of this one measures them."""
    from ce_nas.cluster.workers.local import LocalCrew
    from ce_nas.energy.meter_selection import best_meter

    live = settings.live
    if not isinstance(crew, LocalCrew):
        return [None] * crew.devices
    share = 1.0 / sum(name.startswith("cpu") for name in live.devices) if "cpu" in live.devices else 1.0
    return [
        best_meter(name, partial(crew.process_id, number), share, live.meter)
        for number, name in enumerate(live.devices)
    ]


def live_feed_of(settings: Settings, extend: Callable[[], Extend]) -> Feed | None:
    """The feed that the settings name; None if they name none.

    :param extend: makes our own forecast from the last good data.
    :raises SettingsError: if something of the settings does not go with a live grid, or a key is not set.
    """
    grid = settings.grid
    if grid.live is None:
        return None
    for hindrance, words in _hindrances(settings).items():
        if hindrance:
            message = f"A live grid ({grid.live}) {words}."
            raise SettingsError(message)
    from ce_nas.core.clock import utc_now
    from ce_nas.grid.providers.fallback_levels import Step
    from ce_nas.grid.providers.registry import live_feed

    return live_feed(
        grid.live,
        now=utc_now,
        cache=grid.cache,
        factors=grid.factors,
        like=grid.like,
        worst=Step(grid.worst),
        extend=extend(),
    )


def _hindrances(settings: Settings) -> dict[bool, str]:
    """What keeps a live grid from being one, in words, by whether it is there."""
    grid, live = settings.grid, settings.live
    found = [
        (not live.on, "is the grid of a search on real devices: add --live, or give a trace instead"),
        (grid.zone is None, "needs a zone, as the source calls it: add --zone"),
        (live.time_scale != 1.0, f"passes in real time: leave out time_scale {live.time_scale:g}"),
        (grid.trace is not None, f"and a trace ({grid.trace}) cannot both be the grid: leave one out"),
        (bool(settings.site.others), "is that of one site: leave out site.others"),
        (
            not isinstance(settings.prices.electricity_per_kwh, float),
            "goes with one price of electricity: give a number, no file",
        ),
    ]
    return dict(reversed(found))


def live_facts(feed: Feed, zone: str) -> dict[str, Any]:
    """What a live grid stands for, for the journal; its values are told as they are read."""
    source = feed.source
    return {
        "zone": zone,
        "synthetic": False,
        "factors": source.factors,
        "signal": source.signal,
        "origin": f"live, {source.name}",
        "step_s": source.step_s,
        "duplicates": 0,
        "gaps": [],
        "sha256": None,
        "mix": [],
        "known_ahead_sha256": {},
    }
