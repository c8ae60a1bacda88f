"""The energy of a training by several meters side by side, and of the same trainings by each kind of worker.

    python benchmarks/meters.py [--quick] [--json FILE] [--seed N] [--pools local,loop,ray,slurm]

First one network of NAS-Bench-201 is trained on digits, in one thread, while every meter of this machine's processors
watches it: RAPL where it can be read (the whole machine), CPU time (the process), and two models that know the time
alone: the limit of the processors, and the wattage of a published GPU training, which a search uses where it knows
nothing of a device.

Then six trainings, each a second of CPU time, are searched by local processes, by a loop of one's own, by Ray and by
Slurm's jobs (run on this machine by submitit): each of them meters where it runs, so that they tell the same energy but
for what starting their processes takes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import textwrap
import time
from pathlib import Path

import torch

from ce_nas.api import Search
from ce_nas.cluster.workers.slurm import SlurmWorkerPool
from ce_nas.components.registry import METERS
from ce_nas.energy.base import EnergyMeter, EnergyUsage, usage_between
from ce_nas.energy.cpu_time import CpuTimeMeter
from ce_nas.energy.device_power import device_power
from ce_nas.energy.power_model import PowerModel
from ce_nas.energy.rapl import RaplMeter, has_rapl, rapl_obstacle
from ce_nas.energy.reported_meter import WorkerMeter
from ce_nas.integrations.training_loop import TrainingLoop
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.factory import build_network
from ce_nas.training.recipe import default_recipe
from ce_nas.training.trainer import NetworkTrainer

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
TRAININGS = 6
OWN = """
    import time

    SPACE = {"width": [1, 2, 3, 4, 5, 6]}
    OBJECTIVES = ["quality:max:0", "size:min:9"]


    def evaluate(architecture, fidelity, checkpoint):
        start_s = time.process_time()
        while time.process_time() - start_s < 1.0:
            if checkpoint is not None and checkpoint.should_stop():
                return None
        return {"quality": architecture["width"], "size": architecture["width"]}
"""


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    torch.set_num_threads(1)
    one = _one_training(stated)
    for name, row in one.items():
        print(f"{name:58} {row['wh']:9.5f} Wh {row['w']:8.2f} W", flush=True)
    pools = {name: _six_trainings(name, stated) for name in stated.pools.split(",") if name}
    for name, wh in pools.items():
        print(f"{TRAININGS} trainings by {name:43} {wh:9.5f} Wh", flush=True)
    if stated.json:
        stated.json.write_text(json.dumps({"one training": one, "six trainings, Wh": pools}, indent=2) + "\n")


def _one_training(stated: argparse.Namespace) -> dict[str, dict[str, float]]:
    meters: dict[str, EnergyMeter] = {"CPU time of the process": CpuTimeMeter(os.getpid)}
    if has_rapl():
        meters["RAPL, the whole machine"] = RaplMeter()
    else:
        print(f"RAPL: {rapl_obstacle() or 'this machine has no such counters'}")
    images = load_images("digits").split(0.25, stated.seed)
    recipe = default_recipe(min(images.image_shape[1:]))
    architecture = NasBench201Space().parse(CELL)
    torch.manual_seed(stated.seed)
    network = build_network(NasBench201Space(), architecture, 8, 1, images, recipe)
    training = NetworkTrainer(network, images, recipe, seed=stated.seed, epochs=2 if stated.quick else 10)
    before = {name: meter.snapshot() for name, meter in meters.items()}
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    training.advance()
    took_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    usages = {name: usage_between(before[name], meter.snapshot()) for name, meter in meters.items()}
    for meter in meters.values():
        meter.close()
    print(f"one training: {took_s:.1f} s, {cpu_s:.1f} s of CPU time")
    power = device_power("cpu", 1, PowerModel())
    for name, watts in {
        f"model: {power.origin}": power.model.training_w,
        "model: a published GPU training with its host": PowerModel().training_w,
    }.items():
        usages[name] = EnergyUsage(took_s, watts * took_s, 0.0)
    return {name: {"wh": usage.energy_j / 3600, "w": usage.mean_power_w} for name, usage in usages.items()}


def _six_trainings(pool: str, stated: argparse.Namespace) -> float:
    """The energy of six trainings by a kind of worker, without the centre's overhead, Wh."""
    with tempfile.TemporaryDirectory() as place:
        own, out = Path(place) / "own.py", Path(place) / "run"
        own.write_text(textwrap.dedent(OWN))
        flags = {"searcher": "random", "policy": "vanilla", "evaluations": TRAININGS, "hours": 100, "gpus": 1}
        flags |= {"seed": stated.seed, "time_scale": 1.0, "pue": 1.0}
        if pool == "loop":
            energy_j = _by_a_loop(own, out, flags)
        else:
            search = Search.from_settings(_live_settings(pool, own, flags), **_workers(pool, own, out))
            energy_j = search.run(out).summary.energy_j
    return energy_j / 3600


def _live_settings(pool: str, own: Path, flags: dict[str, object]) -> object:
    from ce_nas.config.schema import settings_from_flags

    workers: object = {"name": "ray", "gpu_share": 0.0} if pool == "ray" else "local"
    return settings_from_flags({"live": {"workers": workers}}, live=True, evaluate=own, **flags)


def _workers(pool: str, own: Path, out: Path) -> dict[str, object]:
    """Slurm's pool with jobs on this machine; the others are built from the settings."""
    if pool != "slurm":
        return {}
    from functools import partial

    from ce_nas.benchmarks.user_function import UserFunctionExecutor

    meter = partial(WorkerMeter, METERS.validate("auto"))
    workers = SlurmWorkerPool(
        partial(UserFunctionExecutor, own),
        ["cpu"],
        out / "work",
        {"timeout_min": 10},
        make_meter=meter,
        cluster="local",
        poll_interval_s=0.2,
    )
    return {"workers": workers}


def _by_a_loop(own: Path, out: Path, flags: dict[str, object]) -> float:
    import runpy

    content = runpy.run_path(str(own))
    with TrainingLoop(content["SPACE"], content["OBJECTIVES"], out, **flags) as loop:
        for trial in loop:
            loop.tell(trial, content["evaluate"](trial.architecture, trial.fidelity, None))
    return loop.result.summary.energy_j


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a training of two epochs instead of ten")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pools", default="local,loop,ray,slurm", help="kinds of workers, by commas; empty: none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
