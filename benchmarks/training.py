"""How fast networks train: this package's loop against a plain one with a DataLoader, side by side in the same run.

    python benchmarks/training.py [--quick] [--json FILE] [--seed N] [--device cpu|cuda] [--repeats N]

Images are random bytes of CIFAR-10's size, so that nothing has to be fetched; what they show does not change the time.
Both loops train the same networks with the same optimiser, batch, shifts and mirroring. The plain one changes images
one by one in a DataLoader's workers, as most training scripts do. They take turns, and the figure is the median ratio.

Then the overhead: the loop with a meter that is read every tenth of a second and a pipe that is asked before every
step, as a worker of a live search has them, against the loop alone, in turns again.

On a GPU the share of the device's peak of bf16 matrix products is stated besides, and the time that a 200-epoch
training of each cell on 25,000 images would take.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ce_nas.cluster.worker import _Leave
from ce_nas.core.rng import stream
from ce_nas.energy.process import ProcessMeter
from ce_nas.space.cells import NasBench201Space
from ce_nas.space.network.nb201 import NasBench201Network, count_flops
from ce_nas.training.images import DataSet, Images, data_set
from ce_nas.training.recipe import Recipe
from ce_nas.training.trainer import Training

CELLS = {
    "all 3x3": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "mixed": "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|nor_conv_3x3~1|skip_connect~2|",
    "light": "|nor_conv_1x1~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|skip_connect~2|",
}
#: bf16 matrix products without sparsity, from NVIDIA's data sheets, FLOP/s
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}


@dataclass(frozen=True)
class Row:
    """What one network did."""

    network: str
    #: images a second by this package's loop and by the plain one, medians
    ours: float
    plain: float
    #: median of the turns' ratios
    ratio: float
    #: of the device's bf16 peak; None where it is not known
    peak_share: float | None
    #: s of 200 epochs of 25,000 images at this rate
    training_s: float


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    torch.manual_seed(stated.seed)
    images = _images(2048 if stated.quick or stated.device == "cpu" else 25_000, stated.seed)
    rows = [_compared(name, text, images, stated) for name, text in CELLS.items()]
    for row in rows:
        share = f", {row.peak_share:.1%} of the bf16 peak" if row.peak_share else ""
        print(f"{row.network:8} {row.ours:9.1f} images/s, plain {row.plain:9.1f}: {row.ratio:.2f} times{share}; "
              f"200 epochs of 25,000 images: {row.training_s:,.0f} s")  # fmt: skip
    overhead = _overhead(images, stated)
    print(f"meter and orders: {100 * (overhead - 1):+.2f} % of a training's time (median of paired turns)")
    if stated.json:
        content = {"device": stated.device, "rows": [asdict(row) for row in rows], "overhead": overhead - 1}
        stated.json.write_text(json.dumps(content, indent=2) + "\n")


def _compared(name: str, text: str, images: DataSet, stated: argparse.Namespace) -> Row:
    """One network by both loops, in turns."""
    recipe = Recipe(batch=stated.batch, precision="bf16" if stated.device == "cuda" else "float32", deterministic=False)
    ours, plain = [], []
    training = Training(_network(text, stated), images, recipe, device=stated.device)
    loop = _PlainLoop(_network(text, stated), images, recipe, stated.device)
    training.advance(steps=2)
    loop.run(2)
    for _ in range(stated.repeats):
        ours.append(stated.steps * stated.batch / _timed(lambda: training.advance(steps=stated.steps), stated.device))
        plain.append(stated.steps * stated.batch / _timed(lambda: loop.run(stated.steps), stated.device))
    ratio = statistics.median(one / other for one, other in zip(ours, plain, strict=True))
    flops = 3 * 2 * count_flops(_network(text, stated), (3, 32, 32))  # forward and twice that backward
    peak = next((peak for key, peak in PEAKS.items() if key in _device_name(stated.device)), None)
    rate = statistics.median(ours)
    share = rate * flops / peak if peak else None
    return Row(name, rate, statistics.median(plain), ratio, share, 200 * 25_000 / rate)


def _overhead(images: DataSet, stated: argparse.Namespace) -> float:
    """Time of a training that is metered and may be told to leave, per time of one that is alone."""
    mine, theirs = multiprocessing.Pipe()
    recipe, text = Recipe(batch=stated.batch, deterministic=False), CELLS["light"]
    alone, watched = (Training(_network(text, stated), images, recipe, device=stated.device) for _ in range(2))
    alone.advance(steps=2)
    watched.advance(steps=2)
    ratios, leave = [], _Leave(theirs, _never())
    for _ in range(3 * stated.repeats):
        alone_s = _timed(lambda: alone.advance(steps=stated.steps), stated.device)
        with ProcessMeter(os.getpid, every_s=0.1):
            watched_s = _timed(lambda: watched.advance(leave, steps=stated.steps), stated.device)
        while mine.poll():
            mine.recv()
        ratios.append(watched_s / alone_s)
    return statistics.median(ratios)


class _PlainLoop:
    """What most training scripts do."""

    def __init__(self, network: nn.Module, images: DataSet, recipe: Recipe, device: str) -> None:
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

    def __init__(self, images: DataSet) -> None:
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


def _network(text: str, stated: argparse.Namespace) -> NasBench201Network:
    channels, cells = (4, 1) if stated.quick else (16, 5)
    return NasBench201Network(NasBench201Space().parse(text), channels=channels, cells=cells)


def _images(count: int, seed: int) -> DataSet:
    rng = stream(seed, "images")
    images = Images(rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), np.arange(count) % 10)
    return data_set("random", "random bytes", images, images)


def _timed(run, device: str) -> float:  # noqa: ANN001 - anything that is called
    started_s = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started_s


def _never():  # noqa: ANN202 - an event that is never set
    import threading

    return threading.Event()


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "CPU"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small networks, few steps")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--repeats", type=int, default=None)
    stated = parser.parse_args()
    gpu = stated.device == "cuda"
    stated.batch = 256 if gpu else 64
    stated.steps = 100 if gpu else (3 if stated.quick else 4)
    stated.repeats = stated.repeats or (3 if stated.quick else 5)
    return stated


if __name__ == "__main__":
    main()
