"""How fast networks train: this package's loop against a plain one with a DataLoader, side by side in the same run.

    python benchmarks/training.py [--quick] [--json FILE] [--seed N] [--device cpu|cuda] [--repeats N]
                                  [--only overhead|rates]

Images are random bytes of CIFAR-10's size, so that nothing has to be fetched; what they show does not change the time.
Both loops train the same networks with the same optimiser, batch, shifts and mirroring: three cells of NAS-Bench-201
(16 channels, 5 cells a stage) and a network of DARTS' size (36 channels, 20 cells). The plain one changes images one
by one in a DataLoader, as most training scripts do. They take turns, and the figure is the median of the turns' ratios
with its bootstrap interval. On a CPU images are counted by a second of processor time, of one thread, since a machine
that is busy otherwise says nothing by its clock; images by the clock stand beside. On a GPU the clock counts.

Then the overhead, of which two things are measured:

- *in the worker*: a training that is asked before every step whether to leave, gives its signs of life, has its meter
  read beside it every second and writes a checkpoint a minute; each of these by itself, measured to more digits than a
  busy machine lets two trainings differ, and the same training so watched against alone, in turns (without
  checkpoints).
- *next to it*: the processor time of the engine's own process during a live search.

On a GPU the share of the device's peak of bf16 matrix products is stated besides, and the time that a 200-epoch
training of each cell on 25,000 images would take.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ce_nas.api import Search
from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace
from ce_nas.cluster.workers.local import LocalWorkerPool
from ce_nas.cluster.workers.process import HEARTBEAT_INTERVAL_S, PreemptionCheck
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.rng import random_stream
from ce_nas.energy.cpu_time import CpuTimeMeter
from ce_nas.engine.inputs import RunInputs
from ce_nas.space.darts import DartsSpace
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload
from ce_nas.training.data.images import ImageDataset, Images, build_image_dataset
from ce_nas.training.executor import CHECKPOINT_INTERVAL_S
from ce_nas.training.networks.darts_network import DartsNetwork
from ce_nas.training.networks.nasbench201_network import NasBench201Network, count_flops
from ce_nas.training.recipe import Recipe
from ce_nas.training.trainer import NetworkTrainer

CELLS = {
    "all 3x3": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "mixed": "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|nor_conv_3x3~1|skip_connect~2|",
    "light": "|nor_conv_1x1~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|skip_connect~2|",
}
DARTS = "darts"
#: bf16 matrix products without sparsity, from NVIDIA's data sheets, FLOP/s
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}


@dataclass(frozen=True)
class Row:
    """What one network did."""

    network: str
    #: images a second by this package's loop and the plain one, medians: of processor time on a CPU, else of the clock
    ours: float
    plain: float
    #: the same by the clock
    ours_clock: float
    plain_clock: float
    #: median of the turns' ratios, with its 95 % bootstrap interval
    ratio: float
    low: float
    high: float
    #: of the device's bf16 peak; None where it is not known
    peak_share: float | None
    #: s of 200 epochs of 25,000 images at this rate
    training_s: float


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    torch.manual_seed(stated.seed)
    if stated.device == "cpu":
        torch.set_num_threads(1)
    images = _images(1024 if stated.quick or stated.device == "cpu" else 25_000, stated.seed)
    rows = []
    for name in [] if stated.only == "overhead" else [*CELLS, DARTS]:
        rows.append(_compared(name, images, stated))
        print(_line(rows[-1], stated), flush=True)
    overhead = {} if stated.only == "rates" else _overhead(images, stated)
    for words, value in overhead.items():
        print(f"{words:60} {value}", flush=True)
    if stated.json:
        content = {"device": stated.device, "rows": [asdict(row) for row in rows], "overhead": overhead}
        stated.json.write_text(json.dumps(content, indent=2) + "\n")


def _line(row: Row, stated: argparse.Namespace) -> str:
    share = f", {row.peak_share:.1%} of the bf16 peak" if row.peak_share else ""
    clock = f" (by the clock {row.ours_clock:.1f} and {row.plain_clock:.1f})" if stated.device == "cpu" else ""
    return (
        f"{row.network:8} {row.ours:9.1f} images/s, plain {row.plain:9.1f}{clock}: "
        f"{row.ratio:.3f} times [{row.low:.3f}, {row.high:.3f}]{share}; "
        f"200 epochs of 25,000 images: {row.training_s:,.0f} s"
    )


def _compared(name: str, images: ImageDataset, stated: argparse.Namespace) -> Row:
    """One network by both loops, in turns."""
    recipe = Recipe(batch=stated.batch, precision="bf16" if stated.device == "cuda" else "float32", deterministic=False)
    training = NetworkTrainer(_network(name, stated), images, recipe, device=stated.device)
    loop = _PlainLoop(_network(name, stated), images, recipe, stated.device)
    training.advance(steps=1)
    loop.run(1)
    steps = 1 if name == DARTS and stated.device == "cpu" else stated.steps
    turns = []
    for turn in range(stated.repeats):
        pair = [lambda: training.advance(steps=steps), lambda: loop.run(steps)]
        order = (0, 1) if turn % 2 == 0 else (1, 0)  # whoever comes second finds another machine
        timed = {which: _timed(pair[which], stated.device) for which in order}
        turns.append((timed[0], timed[1]))
    count, used = steps * stated.batch, 1 if stated.device == "cpu" else 0
    ratio, low, high = _interval([plain[used] / ours[used] for ours, plain in turns], stated.seed)
    rates = [[count / statistics.median(turn[who][how] for turn in turns) for how in (used, 0)] for who in (0, 1)]
    flops = 3 * 2 * count_flops(_network(name, stated), (3, 32, 32))  # forward and twice that backward
    peak = next((peak for key, peak in PEAKS.items() if key in _device_name(stated.device)), None)
    share = rates[0][0] * flops / peak if peak else None
    return Row(
        name, rates[0][0], rates[1][0], rates[0][1], rates[1][1], ratio, low, high, share, 200 * 25_000 / rates[0][0]
    )


def _overhead(images: ImageDataset, stated: argparse.Namespace) -> dict[str, str]:
    """What watching a training and running a search around it takes, each of a training's processor time."""
    training, step_s = _watched_alone(images, stated)
    mine, theirs = multiprocessing.Pipe()
    leave = PreemptionCheck(theirs.poll)
    asking_s = _each(leave, 20_000)

    def beat() -> None:
        leave.life_signs()
        theirs.send(None)
        mine.recv()

    with CpuTimeMeter(os.getpid, interval_s=1e9) as meter:
        mark_s = _each(meter.snapshot, 2_000)
    with tempfile.TemporaryDirectory() as folder:
        saving_s = _each(lambda: training.save(Path(folder) / "task.pt"), 20)
    shares = {
        "asked before every step": asking_s / step_s,
        "a sign of life every second": _each(beat, 1_000) / HEARTBEAT_INTERVAL_S,
        "a checkpoint a minute": saving_s / CHECKPOINT_INTERVAL_S,
        "its meter's look every second": mark_s,
    }
    pairs = _pairs(training, leave, mine, stated)
    ratio, low, high = _interval(pairs, stated.seed)
    engine_s, search_s = _engine_share(stated)
    return {
        "a step of the smallest cell": f"{1e3 * step_s:.1f} ms of processor time",
        **{f"in the worker: {what}": f"{share:.4%}" for what, share in shares.items()},
        "in the worker: all of these": f"{sum(shares.values()):.3%}",
        "in the worker: watched against alone": (
            f"{ratio - 1:+.2%} [{low - 1:+.2%}, {high - 1:+.2%}], {len(pairs)} pairs"
        ),
        "beside it: the engine's process, one device": f"{engine_s / search_s:.3%} of {search_s:.0f} s",
    }


def _watched_alone(images: ImageDataset, stated: argparse.Namespace) -> tuple[NetworkTrainer, float]:
    """The training whose steps are shortest, and the processor time of one."""
    recipe = Recipe(epochs=10_000, batch=stated.batch, deterministic=False)
    training = NetworkTrainer(_network("light", stated), images, recipe, device=stated.device)
    training.advance(steps=2)
    return training, _timed(lambda: training.advance(steps=5), stated.device)[1] / 5


def _pairs(training: NetworkTrainer, leave: PreemptionCheck, mine, stated: argparse.Namespace) -> list[float]:  # noqa: ANN001 - a pipe's end
    """Ratios of processor time, watched by alone: the same training, in turns that begin with either."""
    ratios, steps = [], 4 * stated.steps
    for turn in range(3 * stated.repeats):
        timed = {}
        for watched in (turn % 2 == 0, turn % 2 == 1):
            if watched:
                with CpuTimeMeter(os.getpid):
                    timed[watched] = _timed(lambda: training.advance(leave, steps=steps), stated.device)[1]
            else:
                timed[watched] = _timed(lambda: training.advance(steps=steps), stated.device)[1]
        while mine.poll():
            mine.recv()
        ratios.append(timed[True] / timed[False])
    return ratios


def _engine_share(stated: argparse.Namespace) -> tuple[float, float]:
    """Processor time of the engine's process during a search of real seconds, and how long that took.

    Its trainings only wait, five seconds each, so that nothing else is in the figure; what is loaded before is not.
    """
    seconds = 10.0 if stated.quick else 60.0
    settings = settings_from_flags(
        {"live": {"devices": ["cpu"], "initial_duration": "5s"}, "schedule": {"period": f"{seconds / 3:g}s"}},
        live=True, searcher="lamoo", policy="vanilla", hours=seconds / 3600, time_scale=1.0, seed=stated.seed,
    )  # fmt: skip
    own = UserSpace.parse({f"c{number}": list(range(8)) for number in range(4)}, ["a:min:10", "b:min:10"], "SPACE")
    materials = RunInputs(settings, UserBenchmark(own, "rehearsal", "steps that only wait"))
    make = functools.partial(FakeExecutor, FakeWorkload(50, 0.1))
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        began = []
        study = Search.from_settings(settings, workers=LocalWorkerPool(make, ["cpu"], run / "work"), inputs=materials)

        def observe(_: object) -> None:
            began.append((time.process_time(), time.monotonic()))

        study.run(run, observe)
    (first_s, first_at), (last_s, last_at) = began[0], began[-1]
    return last_s - first_s, last_at - first_at


def _each(do, times: int) -> float:  # noqa: ANN001 - anything that is called
    """Processor time of one call, s."""
    started_s = time.process_time()
    for _ in range(times):
        do()
    return (time.process_time() - started_s) / times


def _interval(values: list[float], seed: int) -> tuple[float, float, float]:
    """The median, with its 95 % bootstrap interval."""
    rng = random_stream(seed, "bootstrap")
    draws = np.median(rng.choice(values, size=(2000, len(values))), axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(np.median(values)), float(low), float(high)


class _PlainLoop:
    """What most training scripts do."""

    def __init__(self, network: nn.Module, images: ImageDataset, recipe: Recipe, device: str) -> None:
        self._network = network.to(device)
        self._device, self._recipe = device, recipe
        self._optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
        workers = 8 if device == "cuda" else 0
        self._loader = DataLoader(
            _Changed(images), recipe.batch, shuffle=True, drop_last=True, num_workers=workers, pin_memory=workers > 0,
            persistent_workers=workers > 0,
        )  # fmt: skip
        self._batches = iter(self._loader)

    def run(self, steps: int) -> None:
        """So many steps."""
        self._network.train()
        for _ in range(steps):
            images, labels = self._next()
            with torch.autocast(self._device, dtype=torch.bfloat16, enabled=self._recipe.precision == "bf16"):
                loss = nn.functional.cross_entropy(self._network(images.to(self._device)), labels.to(self._device))
            self._optimiser.zero_grad()
            loss.backward()
            self._optimiser.step()

    def _next(self) -> tuple[torch.Tensor, torch.Tensor]:
        try:
            return next(self._batches)
        except StopIteration:
            self._batches = iter(self._loader)
            return next(self._batches)


class _Changed(Dataset):
    """Images that are changed one by one as they are asked for."""

    def __init__(self, images: ImageDataset) -> None:
        self._images = images.train
        self._mean, self._std = (
            torch.tensor(one, dtype=torch.float32)[:, None, None] for one in (images.mean, images.std)
        )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        image = torch.from_numpy(self._images.pixels[at]).float() / 255
        image = nn.functional.pad((image - self._mean) / self._std, (4, 4, 4, 4))
        top, left = torch.randint(0, 9, (2,)).tolist()
        image = image[:, top : top + 32, left : left + 32]
        return image.flip(2) if torch.rand(1) < 0.5 else image, int(self._images.labels[at])


def _network(name: str, stated: argparse.Namespace) -> nn.Module:
    if name == DARTS:
        (architecture,) = DartsSpace().sample(random_stream(stated.seed, "darts"), 1)
        channels, cells = (8, 3) if stated.quick else (36, 20)
        return DartsNetwork(architecture, channels=channels, cells=cells)
    channels, cells = (4, 1) if stated.quick else (16, 5)
    return NasBench201Network(NasBench201Space().parse(CELLS[name]), channels=channels, cells=cells)


def _images(count: int, seed: int) -> ImageDataset:
    rng = random_stream(seed, "images")
    images = Images(rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), np.arange(count) % 10)
    return build_image_dataset("random", "random bytes", images, images)


def _timed(run, device: str) -> tuple[float, float]:  # noqa: ANN001 - anything that is called
    """Seconds by the clock, and of processor time of all threads."""
    started_s, used_s = time.perf_counter(), time.process_time()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started_s, time.process_time() - used_s


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "CPU"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small networks, few steps")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--repeats", type=int, default=None)
    parser.add_argument("--only", choices=["overhead", "rates"], help="the overhead, or the images a second, alone")
    stated = parser.parse_args()
    gpu = stated.device == "cuda"
    stated.batch = 256 if gpu else 32
    stated.steps = 100 if gpu else 2
    stated.repeats = stated.repeats or (3 if stated.quick else 5)
    return stated


if __name__ == "__main__":
    main()
