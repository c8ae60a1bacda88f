"""The steps of :mod:`ce_nas.gpu_check`: each is given the settings and the seconds that it may take.

They run in a process of their own, which is ended where one exceeds its time.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ce_nas.config.recipe_files import read_recipe_file
from ce_nas.core.clock import monotonic_s
from ce_nas.core.rank_correlation import kendall_tau
from ce_nas.core.rng import seeded_torch
from ce_nas.gpu_workloads import (
    CheckSettings,
    build_darts_network,
    build_darts_trainer,
    build_supernet_trainer,
    generate_images,
    load_cifar,
    measure_images_per_s,
    measure_plain_loop,
    open_gpu_meter,
    wait,
)
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.networks.factory import build_network
from ce_nas.training.networks.nasbench201_network import NasBench201Network, count_flops
from ce_nas.training.recipe import Recipe
from ce_nas.training.supernet_trainer import score_paths
from ce_nas.training.trainer import NetworkTrainer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STEPS"]

#: multiply-accumulates of forward and backward pass, over those of the forward pass
_PASSES = 3.0


def _check_device(settings: CheckSettings, _: float) -> dict[str, Any]:
    """Name, UUID by CUDA and by NVML, memory, power limit."""
    if not settings.is_gpu:
        return {"name": "cpu", "threads": torch.get_num_threads()}
    from ce_nas.energy.cuda_devices import resolve_cuda_device
    from ce_nas.energy.nvml import gpu_power_limit_w, load_nvml

    properties = torch.cuda.get_device_properties(settings.device)
    found = resolve_cuda_device(torch.device(settings.device).index or 0, load_nvml(), os.environ)
    return {
        "name": properties.name,
        "uuid_by_cuda": f"GPU-{properties.uuid}",
        "uuid_by_nvml": found.uuid,
        "same": found.uuid == f"GPU-{properties.uuid}",
        "memory_gb": properties.total_memory / 1e9,
        "power_limit_w": gpu_power_limit_w(found),
    }


def _check_meter(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """The energy counter against power samples integrated over the same seconds of work."""
    if not settings.is_gpu:
        return {"skipped": "needs a GPU"}
    from ce_nas.energy.base import usage_between

    meter, nvml, handle = open_gpu_meter(settings)
    samples: list[tuple[float, float]] = []
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(0.05):
            samples.append((monotonic_s(), nvml.nvmlDeviceGetPowerUsage(handle) / 1e3))

    thread = threading.Thread(target=sample)
    thread.start()
    first, start_s = meter.snapshot(), monotonic_s()
    matrix = torch.randn(4096, 4096, device=settings.device, dtype=torch.bfloat16)
    while monotonic_s() - start_s < min(limit_s / 2, 12.0):
        for _ in range(20):
            matrix @ matrix
        torch.cuda.synchronize()
    used = usage_between(first, meter.snapshot())
    stop.set()
    thread.join()
    times, powers = np.array(samples).T
    integrated_j = float(np.trapezoid(powers, times)) * used.duration_s / (times[-1] - times[0])
    return {
        "source": str(meter.source),
        "meter_j": used.energy_j,
        "integrated_j": integrated_j,
        "ratio": used.energy_j / integrated_j,
        "mean_w": used.energy_j / used.duration_s,
    }


def _check_peak(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """Multiplications of large matrices in bf16, the practical peak."""
    side = 8192 if settings.is_gpu else 256
    matrix = torch.randn(side, side, device=settings.device, dtype=torch.bfloat16)
    matrix @ matrix
    wait(settings)
    start_s, count = monotonic_s(), 0
    while monotonic_s() - start_s < min(limit_s / 3, 4.0):
        matrix @ matrix
        count += 1
        wait(settings)
    return {"tflops": 2e-12 * side**3 * count / (monotonic_s() - start_s), "side": side}


def _check_resume(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """A training that is suspended and resumed ends with the weights of an uninterrupted one, bit for bit."""
    data, most = generate_images(settings, settings.batch * 12), 12
    recipe = Recipe(
        epochs=1,
        batch=settings.batch,
        cutout=16,
        drop_path=0.2,
        auxiliary=0.4,
        precision="bf16",
        learning_rate=0.025,
        ema=0.9,
    )
    start_s = monotonic_s()
    whole, first, second = (build_darts_trainer(settings, data, recipe) for _ in range(3))
    # a third of the time for the uninterrupted training, as much for the suspended one, the rest is spare
    whole.advance(lambda: whole.step >= 2 and monotonic_s() - start_s > limit_s / 3, steps=most)
    steps = whole.step

    def is_late() -> bool:
        return monotonic_s() - start_s > 0.95 * limit_s

    first.advance(is_late, steps=steps // 2)
    with tempfile.TemporaryDirectory() as folder:
        first.save(Path(folder) / "checkpoint.pt")
        second.load(Path(folder) / "checkpoint.pt")
    second.advance(is_late, steps=steps - second.step)
    if second.step < steps:
        return {"skipped": f"no time left: {steps} steps took more than a third of it, {second.step} were resumed"}
    pairs = zip(whole.network.state_dict().values(), second.network.state_dict().values(), strict=True)
    differing = sum(not torch.equal(one, other) for one, other in pairs)
    return {"identical": differing == 0, "differing_tensors": differing, "steps": steps, "suspended_at": steps // 2}


def _check_throughput(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """Images per second of a training, against a plain loop on the same network."""
    data = generate_images(settings, settings.images)
    recipe = Recipe(epochs=100, batch=settings.batch, precision="bf16", nesterov=False, cutout=16, deterministic=False)
    ours = measure_images_per_s(build_darts_trainer(settings, data, recipe), settings, limit_s / 3)
    network = build_darts_network(settings, auxiliary=False)
    plain = measure_plain_loop(network, data, settings, limit_s / 3)
    macs = count_flops(build_darts_network(settings, auxiliary=False), (3, 32, 32))
    return {
        "images_per_s": ours,
        "plain_loop_images_per_s": plain,
        "times_the_plain_loop": ours / plain,
        "macs": macs,
        "tflops": 2e-12 * _PASSES * macs * ours,
    }


def _check_supernet_throughput(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """Images per second of NAS-Bench-201's supernet along random paths."""
    data = generate_images(settings, settings.images)
    return {"images_per_s": measure_images_per_s(build_supernet_trainer(settings, data, 100), settings, limit_s / 2)}


def _check_watched(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """A training that is asked before each step and metered, against one that is alone, in alternation."""
    data = generate_images(settings, settings.images)
    recipe = Recipe(epochs=100, batch=settings.batch, precision="bf16", deterministic=False)
    trainer = build_darts_trainer(settings, data, recipe)
    trainer.advance(steps=3)
    meter = open_gpu_meter(settings)[0] if settings.is_gpu else None
    rates: dict[bool, list[float]] = {True: [], False: []}
    deadline_s = monotonic_s() + 0.7 * limit_s
    for is_watched in itertools.cycle((False, True)):
        start_s, first = monotonic_s(), trainer.step
        if is_watched:
            until_s = start_s + limit_s / 15

            def ask(until_s: float = until_s) -> bool:
                if meter is not None and trainer.step % 10 == 0:
                    meter.snapshot()
                return monotonic_s() >= until_s

            trainer.advance(ask)
        else:
            while monotonic_s() - start_s < limit_s / 15:
                trainer.advance(steps=10 if settings.is_gpu else 1)
        wait(settings)
        rates[is_watched].append((trainer.step - first) / (monotonic_s() - start_s))
        if monotonic_s() > deadline_s and len(rates[True]) == len(rates[False]):
            break
    alone, watched = (float(np.median(rates[key])) for key in (False, True))
    return {"alone_steps_per_s": alone, "watched_steps_per_s": watched, "overhead_pct": 100.0 * (alone / watched - 1.0)}


def _check_power_limits(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """Energy and time of a training at three power limits; the limit is set back in any case."""
    if not settings.is_gpu:
        return {"skipped": "needs a GPU"}
    if not settings.power_limits:
        return {"skipped": "not asked for: --power-limits"}
    from ce_nas.energy.base import usage_between

    meter, nvml, handle = open_gpu_meter(settings)
    before_mw = nvml.nvmlDeviceGetPowerManagementLimit(handle)
    lowest_mw, _ = nvml.nvmlDeviceGetPowerManagementLimitConstraints(handle)
    data = generate_images(settings, settings.images)
    recipe = Recipe(epochs=100, batch=settings.batch, precision="bf16", deterministic=False)
    trainer, found = build_darts_trainer(settings, data, recipe), {}
    trainer.advance(steps=10)
    try:
        for share in (1.0, 0.8, 0.6):
            nvml.nvmlDeviceSetPowerManagementLimit(handle, max(int(share * before_mw), lowest_mw))
            first, start_s, step = meter.snapshot(), monotonic_s(), trainer.step
            while monotonic_s() - start_s < limit_s / 4:
                trainer.advance(steps=10)
            wait(settings)
            used, steps = usage_between(first, meter.snapshot()), trainer.step - step
            found[f"{share:.0%}"] = {"j_per_step": used.energy_j / steps, "s_per_step": used.duration_s / steps}
    except nvml.NVMLError as error:
        return {"skipped": f"not permitted: {error}", **found}
    finally:
        if found:
            nvml.nvmlDeviceSetPowerManagementLimit(handle, before_mw)
    return found


def _check_fast_recipe(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """The short recipe of candidates on CIFAR-10, or on generated images."""
    data = load_cifar(settings) if settings.data else generate_images(settings, settings.images)
    shipped = read_recipe_file("cifar10-fast")["live"]["recipe"]
    recipe = Recipe(**{**shipped, "batch": min(shipped["batch"], len(data.train))})
    width, cells = (16, 3) if settings.is_gpu else (4, 1)
    with seeded_torch(0):
        network = build_network(NasBench201Space(), (4, 4, 1, 4, 3, 4), width, cells, data, recipe)
    trainer = NetworkTrainer(network, data, recipe, device=settings.device)
    start_s = monotonic_s()
    finished = trainer.advance(lambda: monotonic_s() - start_s > 0.9 * limit_s)
    wait(settings)
    took_s = monotonic_s() - start_s
    accuracy_pct = trainer.evaluate(data.test).accuracy_pct
    return {"data": data.name, "finished": finished, "accuracy_pct": accuracy_pct, "seconds": took_s}


def _check_supernet_tau(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """Kendall's tau between a short supernet's scores and short trainings of a few cells."""
    data = load_cifar(settings) if settings.data else generate_images(settings, settings.images)
    start_s = monotonic_s()
    trainer = build_supernet_trainer(settings, data, 20)
    trainer.advance(lambda: monotonic_s() - start_s > limit_s / 3)
    cells = NasBench201Space().sample(np.random.default_rng(0), 12)
    sample = data.test.subset(np.arange(min(2000, len(data.test))))
    recipe, scores, truths = replace(trainer.recipe, epochs=1), [], []
    for cell in cells:
        if monotonic_s() - start_s > 0.85 * limit_s:
            break
        scores.append(float(score_paths(trainer, trainer.network, [cell], sample, recalibration_batches=4)[0]))  # type: ignore[arg-type]
        with seeded_torch(0):
            network = NasBench201Network(cell, channels=16 if settings.is_gpu else 4, cells=1)
        alone = NetworkTrainer(network, data, recipe, device=settings.device)
        alone.advance(steps=100)
        truths.append(alone.evaluate(sample).accuracy_pct)
    return {"cells": len(truths), "tau": kendall_tau(scores, truths), "supernet_steps": trainer.step}


#: the steps, in the order in which they run
STEPS: dict[str, Callable[[CheckSettings, float], dict[str, Any]]] = {
    "device": _check_device,
    "meter": _check_meter,
    "peak": _check_peak,
    "resume": _check_resume,
    "throughput": _check_throughput,
    "supernet_throughput": _check_supernet_throughput,
    "watched": _check_watched,
    "power_limits": _check_power_limits,
    "fast_recipe": _check_fast_recipe,
    "supernet_tau": _check_supernet_tau,
}
