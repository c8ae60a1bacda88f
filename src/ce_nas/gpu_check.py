"""``python -m ce_nas.gpu_check --out DIR``: in at most eight minutes, what only a GPU can tell of this package.

Needs torch, numpy and nvidia-ml-py alone (``PYTHONPATH=src`` in a clone). Each step is bounded in time, and a failure
of one is a line of the result, not its end. Without a GPU it runs on the CPU with small networks and leaves out what
needs one. Writes ``gpu_check.json`` and ``gpu_check.html``.
"""

from __future__ import annotations

import argparse
import html
import itertools
import json
import os
import sys
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import CeNasError
from ce_nas.space.darts import DartsSpace, Genotype
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.data.images import ImageDataset, Images, build_image_dataset
from ce_nas.training.networks.darts_network import DartsNetwork
from ce_nas.training.networks.nasbench201_network import NasBench201Network, count_flops
from ce_nas.training.networks.supernet import NasBench201Supernet
from ce_nas.training.recipe import Recipe
from ce_nas.training.supernet_trainer import SupernetTrainer, score_paths
from ce_nas.training.trainer import NetworkTrainer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CheckSettings", "main", "run_check"]

#: the second cells of DARTS' paper
_DARTS_V2 = Genotype(
    [
        *(("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
        *(("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)),
    ],
    [2, 3, 4, 5],
    [
        *(("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1)),
        *(("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)),
    ],
    [2, 3, 4, 5],
)
#: multiply-accumulates of forward and backward pass, over those of the forward pass
_PASSES = 3.0
_CLASSES = 10


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """How much is done."""

    device: str
    #: most that one step may take, and all together, s
    step_s: float = 45.0
    total_s: float = 460.0
    #: channels and cells of the network of DARTS' space, images per batch, and training images
    channels: int = 36
    cells: int = 20
    batch: int = 96
    images: int = 50_000
    #: CIFAR-10 in a layout that ce-nas reads; None: generated images
    data: str | None = None
    #: change the power limit, where the system permits it, and set it back
    power_limits: bool = False

    @property
    def is_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.startswith("cuda")

    @classmethod
    def for_cpu(cls, step_s: float = 6.0, total_s: float = 90.0) -> CheckSettings:
        """Small enough for a CPU."""
        return cls("cpu", step_s, total_s, channels=4, cells=3, batch=16, images=160)


def run_check(settings: CheckSettings, out: Path) -> dict[str, Any]:
    """Run every step within its time, and write the result; returns it, step by step.

    :raises OSError: if ``out`` cannot be written.
    """
    steps: dict[str, Callable[[CheckSettings, float], dict[str, Any]]] = {
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
    out.mkdir(parents=True, exist_ok=True)
    start_s = monotonic_s()
    found: dict[str, dict[str, Any]] = {}
    for name, step in steps.items():
        begin_s = monotonic_s()
        left_s = settings.total_s - (begin_s - start_s)
        if left_s < min(settings.step_s, 5.0):
            result: dict[str, Any] = {"skipped": "no time left"}
        else:
            try:
                result = step(settings, min(settings.step_s, left_s))
            except (CeNasError, RuntimeError, ValueError, ImportError, OSError) as error:
                result = {"failed": f"{type(error).__name__}: {error}"}
        found[name] = {**result, "took_s": round(monotonic_s() - begin_s, 2)}
        sys.stdout.write(f"{name}: {json.dumps(found[name])}\n")
        sys.stdout.flush()
        content = {"device": settings.device, "torch": torch.__version__, "steps": found}
        (out / "gpu_check.json").write_text(json.dumps(content, indent=2) + "\n")
        (out / "gpu_check.html").write_text(_render_page(content))
    return found


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

    meter, nvml, handle = _gpu_meter(settings)
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
    _wait(settings)
    start_s, count = monotonic_s(), 0
    while monotonic_s() - start_s < min(limit_s / 3, 4.0):
        matrix @ matrix
        count += 1
        _wait(settings)
    return {"tflops": 2e-12 * side**3 * count / (monotonic_s() - start_s), "side": side}


def _check_resume(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """A training that is suspended and resumed ends with the weights of an uninterrupted one, bit for bit."""
    data, steps = _generated_images(settings, settings.batch * 12), 12
    recipe = Recipe(
        epochs=1,
        batch=settings.batch,
        cutout=16,
        drop_path=0.2,
        auxiliary=0.4,
        # oneDNN's bf16 on a CPU does not repeat itself even without a pause
        precision="bf16" if settings.is_gpu else "float32",
        learning_rate=0.025,
        ema=0.9,
    )
    start_s = monotonic_s()
    whole, first, second = (_darts_trainer(settings, data, recipe) for _ in range(3))
    whole.advance(steps=steps)
    first.advance(steps=5)
    with tempfile.TemporaryDirectory() as folder:
        first.save(Path(folder) / "checkpoint.pt")
        second.load(Path(folder) / "checkpoint.pt")
    second.advance(steps=steps - 5)
    pairs = zip(whole.network.state_dict().values(), second.network.state_dict().values(), strict=True)
    differing = sum(not torch.equal(one, other) for one, other in pairs)
    within = monotonic_s() - start_s <= limit_s
    return {"identical": differing == 0, "differing_tensors": differing, "steps": steps, "within_its_time": within}


def _check_throughput(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """Images per second of a training, against a plain loop on the same network."""
    data = _generated_images(settings, settings.images)
    recipe = Recipe(epochs=100, batch=settings.batch, precision="bf16", nesterov=False, cutout=16, deterministic=False)
    ours = _images_per_s(_darts_trainer(settings, data, recipe), settings, limit_s / 3)
    network = _darts_network(settings, auxiliary=False)
    plain = _plain_images_per_s(network, data, settings, limit_s / 3)
    macs = count_flops(_darts_network(settings, auxiliary=False), (3, 32, 32))
    return {
        "images_per_s": ours,
        "plain_loop_images_per_s": plain,
        "times_the_plain_loop": ours / plain,
        "macs": macs,
        "tflops": 2e-12 * _PASSES * macs * ours,
    }


def _check_supernet_throughput(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """Images per second of NAS-Bench-201's supernet along random paths."""
    data = _generated_images(settings, settings.images)
    return {"images_per_s": _images_per_s(_supernet(settings, data, 100), settings, limit_s / 2)}


def _check_watched(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """A training that is asked before each step and metered, against one that is alone, in alternation."""
    data = _generated_images(settings, settings.images)
    recipe = Recipe(epochs=100, batch=settings.batch, precision="bf16", deterministic=False)
    trainer = _darts_trainer(settings, data, recipe)
    trainer.advance(steps=3)
    meter = _gpu_meter(settings)[0] if settings.is_gpu else None
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
        _wait(settings)
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

    meter, nvml, handle = _gpu_meter(settings)
    before_mw = nvml.nvmlDeviceGetPowerManagementLimit(handle)
    lowest_mw, _ = nvml.nvmlDeviceGetPowerManagementLimitConstraints(handle)
    data = _generated_images(settings, settings.images)
    recipe = Recipe(epochs=100, batch=settings.batch, precision="bf16", deterministic=False)
    trainer, found = _darts_trainer(settings, data, recipe), {}
    trainer.advance(steps=10)
    try:
        for share in (1.0, 0.8, 0.6):
            nvml.nvmlDeviceSetPowerManagementLimit(handle, max(int(share * before_mw), lowest_mw))
            first, start_s, step = meter.snapshot(), monotonic_s(), trainer.step
            while monotonic_s() - start_s < limit_s / 4:
                trainer.advance(steps=10)
            _wait(settings)
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
    data = _load_cifar(settings) if settings.data else _generated_images(settings, settings.images)
    recipe = Recipe(
        epochs=5,
        batch=min(512, len(data.train)),
        optimiser="muon",
        learning_rate=0.05,
        momentum=0.85,
        weight_decay=0.0,
        schedule="one-cycle",
        warmup=0.23,
        start_factor=0.2,
        final_factor=0.07,
        label_smoothing=0.2,
        alternating_flip=True,
        shift=2,
        precision="bf16",
    )
    torch.manual_seed(0)
    cell = (4, 4, 1, 4, 3, 4)
    network = NasBench201Network(cell, channels=16 if settings.is_gpu else 4, cells=3 if settings.is_gpu else 1)
    trainer = NetworkTrainer(network, data, recipe, device=settings.device)
    start_s = monotonic_s()
    finished = trainer.advance(lambda: monotonic_s() - start_s > 0.9 * limit_s)
    _wait(settings)
    took_s = monotonic_s() - start_s
    accuracy_pct = trainer.evaluate(data.test).accuracy_pct
    return {"data": data.name, "finished": finished, "accuracy_pct": accuracy_pct, "seconds": took_s}


def _check_supernet_tau(settings: CheckSettings, limit_s: float) -> dict[str, Any]:
    """Kendall's tau between a short supernet's scores and short trainings of a few cells."""
    data = _load_cifar(settings) if settings.data else _generated_images(settings, settings.images)
    start_s = monotonic_s()
    trainer = _supernet(settings, data, 20)
    trainer.advance(lambda: monotonic_s() - start_s > limit_s / 3)
    cells = NasBench201Space().sample(np.random.default_rng(0), 12)
    sample = data.test.subset(np.arange(min(2000, len(data.test))))
    recipe, scores, truths = replace(trainer.recipe, epochs=1), [], []
    for cell in cells:
        if monotonic_s() - start_s > 0.85 * limit_s:
            break
        scores.append(float(score_paths(trainer, trainer.network, [cell], sample, recalibration_batches=4)[0]))  # type: ignore[arg-type]
        torch.manual_seed(0)
        width = 16 if settings.is_gpu else 4
        alone = NetworkTrainer(NasBench201Network(cell, channels=width, cells=1), data, recipe, device=settings.device)
        alone.advance(steps=100)
        truths.append(alone.evaluate(sample).accuracy_pct)
    return {"cells": len(truths), "tau": _kendall_tau(scores, truths), "supernet_steps": trainer.step}


def _kendall_tau(first: list[float], second: list[float]) -> float | None:
    """Kendall's tau-b; None without two different values on both sides."""
    pairs = list(itertools.combinations(range(len(first)), 2))
    signs = [(np.sign(first[i] - first[j]), np.sign(second[i] - second[j])) for i, j in pairs]
    ties = np.prod([sum(bool(sign[side]) for sign in signs) for side in (0, 1)])
    return float(sum(a * b for a, b in signs) / np.sqrt(ties)) if ties else None


def _generated_images(settings: CheckSettings, count: int) -> ImageDataset:
    """Ten classes of noise around a pattern of their own, of CIFAR-10's size."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 256, (_CLASSES, 3, 8, 8)).repeat(4, axis=2).repeat(4, axis=3)

    def draw(number: int) -> Images:
        labels = np.arange(number) % _CLASSES
        noise = rng.integers(0, 256, (number, 3, 32, 32), dtype=np.int16)
        return Images(((patterns[labels] + 3 * noise) // 4).astype(np.uint8), labels.astype(np.int64))

    number = max(min(count, settings.images), 4 * _CLASSES)
    return build_image_dataset("generated images", "noise around ten patterns", draw(number), draw(number // 4))


def _load_cifar(settings: CheckSettings) -> ImageDataset:
    from ce_nas.training.data.sources import load_images

    return load_images(settings.data or "")


def _darts_network(settings: CheckSettings, *, auxiliary: bool = True) -> DartsNetwork:
    torch.manual_seed(0)
    space = DartsSpace()
    return DartsNetwork(
        space.architecture(_DARTS_V2), channels=settings.channels, cells=settings.cells, auxiliary=auxiliary
    )


def _darts_trainer(settings: CheckSettings, data: ImageDataset, recipe: Recipe) -> NetworkTrainer:
    network = _darts_network(settings, auxiliary=recipe.auxiliary > 0)
    return NetworkTrainer(network, data, recipe, seed=0, device=settings.device)


def _supernet(settings: CheckSettings, data: ImageDataset, epochs: int) -> SupernetTrainer:
    torch.manual_seed(0)
    width, cells = (16, 5) if settings.is_gpu else (4, 1)
    recipe = Recipe(epochs=epochs, batch=min(256, len(data.train)), precision="bf16", deterministic=False)
    network = NasBench201Supernet(channels=width, cells=cells)
    return SupernetTrainer(network, NasBench201Space(), data, recipe, device=settings.device)


def _images_per_s(trainer: NetworkTrainer, settings: CheckSettings, limit_s: float) -> float:
    trainer.advance(steps=3)
    _wait(settings)
    start_s, first = monotonic_s(), trainer.step
    while monotonic_s() - start_s < limit_s:
        trainer.advance(steps=10 if settings.is_gpu else 1)
        _wait(settings)
    return (trainer.step - first) * trainer.recipe.batch / (monotonic_s() - start_s)


def _plain_images_per_s(network: torch.nn.Module, data: ImageDataset, settings: CheckSettings, limit_s: float) -> float:
    """A loop as in any tutorial: the same network, batch and precision, images on the device, no augmentation."""
    network.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(network.parameters(), 0.025, 0.9, weight_decay=3e-4)
    pixels = torch.from_numpy(data.train.pixels[: settings.batch]).to(settings.device).float() / 255.0
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(data.train.labels[: settings.batch]).to(settings.device)

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast(settings.device.partition(":")[0], torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(network(pixels), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    for _ in range(3):
        step()
    _wait(settings)
    start_s, count = monotonic_s(), 0
    while monotonic_s() - start_s < limit_s:
        for _ in range(10 if settings.is_gpu else 1):
            step()
            count += 1
        _wait(settings)
    return count * len(labels) / (monotonic_s() - start_s)


def _gpu_meter(settings: CheckSettings) -> tuple[Any, Any, Any]:
    """The meter, NVML's bindings, and the GPU's handle, found by its UUID."""
    from ce_nas.energy.cuda_devices import resolve_cuda_device
    from ce_nas.energy.nvml import load_nvml, nvml_meter

    nvml = load_nvml()
    device = resolve_cuda_device(torch.device(settings.device).index or 0, nvml, os.environ)
    return nvml_meter(device, nvml=nvml), nvml, nvml.nvmlDeviceGetHandleByUUID(device.uuid)


def _wait(settings: CheckSettings) -> None:
    if settings.is_gpu:
        torch.cuda.synchronize(settings.device)


def _render_page(content: dict[str, Any]) -> str:
    rows = "\n".join(
        f"<tr><th>{html.escape(name)}</th><td>"
        + "<br>".join(f"{html.escape(key)}: {html.escape(_format(value))}" for key, value in step.items())
        + "</td></tr>"
        for name, step in content["steps"].items()
    )
    style = (
        "body{font:15px sans-serif;margin:2em}th{text-align:left;vertical-align:top;padding-right:2em}td{padding:.3em}"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>GPU check</title><style>{style}</style>'
        f"<h1>GPU check</h1><p>{html.escape(content['device'])}, torch {html.escape(content['torch'])}</p>"
        f"<table>{rows}</table></html>\n"
    )


def _format(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(arguments: list[str] | None = None) -> int:
    """Run the check as the command line says; returns the exit status, 1 if a step failed."""
    parser = argparse.ArgumentParser(prog="python -m ce_nas.gpu_check", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of gpu_check.json and gpu_check.html")
    parser.add_argument("--data", help="CIFAR-10: its archive or folder; without it, generated images")
    parser.add_argument("--power-limits", action="store_true", help="also change the power limit, and set it back")
    parser.add_argument("--seconds", type=float, help="most that all steps may take together; 460 on a GPU, 90 else")
    given = parser.parse_args(arguments)
    settings = CheckSettings("cuda:0") if torch.cuda.is_available() else CheckSettings.for_cpu()
    if given.seconds:
        step_s = settings.step_s * given.seconds / settings.total_s
        settings = replace(settings, total_s=given.seconds, step_s=step_s)
    settings = replace(settings, data=given.data, power_limits=given.power_limits)
    steps = run_check(settings, given.out)
    return int(any("failed" in step for step in steps.values()))


if __name__ == "__main__":
    sys.exit(main())
