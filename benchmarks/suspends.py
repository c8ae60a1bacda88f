"""Trainings suspended at random steps and resumed: do they end bit for bit as if they never had been?

    python benchmarks/suspends.py [--quick] [--json FILE] [--seed N] [--device cpu|cuda] [--points N]

Nine trainings, of every space and with all that a recipe can ask for, are run through once without a break. Then each
random point is a training and a step of it: the training is started from the beginning, left at that step with a
checkpoint on disk, and continued with fresh objects as in another process, after random numbers were drawn from every
generator there is. Weights, their average, momenta, accuracy and loss on the validation images are compared to the
last bit.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import random
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from ce_nas.core.rng import random_stream
from ce_nas.training.data.images import ImageDataset, Images, build_image_dataset
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.factory import build_network, build_space, build_supernet
from ce_nas.training.recipe import Recipe
from ce_nas.training.supernet_trainer import SupernetTrainer
from ce_nas.training.trainer import NetworkTrainer

SMALL = {"batch": 64, "shift": 1, "flip": False}


@dataclass(frozen=True)
class Case:
    """One training."""

    name: str
    space: str
    recipe: Recipe
    #: digits, or random bytes of 32 x 32 pixels where a network needs larger images
    large: bool = False
    #: how a supernet's paths are drawn; none: a network of one architecture
    paths: str | None = None


CASES = [
    Case("plain", "nb201", Recipe(epochs=3, **SMALL)),
    Case("cutout, mixup, average", "nb201", Recipe(epochs=3, cutout=2, mixup=0.2, ema=0.9, **SMALL)),
    Case("warm-up, smoothing, clip", "nb201", Recipe(epochs=3, warmup=0.2, label_smoothing=0.1, clip=1.0, **SMALL)),
    Case("bf16", "nb201", Recipe(epochs=3, precision="bf16", **SMALL)),
    Case("drop-path", "darts", Recipe(epochs=2, drop_path=0.3, learning_rate=0.02, **SMALL)),
    Case("auxiliary head, drop-path", "darts",
         Recipe(epochs=3, batch=32, drop_path=0.2, auxiliary=0.4, clip=5.0, learning_rate=0.02), large=True),
    Case("cutout, flip", "fbnet", Recipe(epochs=3, batch=32, cutout=8, learning_rate=0.05), large=True),
    Case("supernet, uniform paths", "nb201", Recipe(epochs=3, **SMALL), paths="uniform"),
    Case("supernet, fair paths", "nb201", Recipe(epochs=2, **SMALL), paths="fair"),
]  # fmt: skip


@dataclass(frozen=True)
class Point:
    """One suspension."""

    space: str
    training: str
    #: suspended after so many steps of so many
    step: int
    steps: int
    #: whether weights, average and momenta are the same to the last bit, and accuracy and loss
    state_alike: bool
    score_alike: bool
    accuracy_pct: float


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    torch.set_num_threads(1)
    started_s = time.process_time()
    rng = random_stream(stated.seed, "suspends")
    straight = {}
    points = []
    print(f"{'space':6} {'training':27} {'suspended at':>14}  {'state':9} {'score':9} accuracy")
    for number in range(stated.points):
        case = CASES[number % len(CASES) if number < len(CASES) else int(rng.integers(len(CASES)))]
        if case.name not in straight:
            straight[case.name] = _ended(_training(case, stated), case, stated)
        points.append(_point(case, straight[case.name], rng, stated))
        print(_line(points[-1]), flush=True)
    alike = sum(point.state_alike and point.score_alike for point in points)
    print(f"{alike} of {len(points)} bit for bit alike; {time.process_time() - started_s:.0f} s of processor time")
    if stated.json:
        content = {"device": stated.device, "alike": alike, "points": [asdict(point) for point in points]}
        stated.json.write_text(json.dumps(content, indent=2) + "\n")


def _point(
    case: Case, expected: tuple[str, float, float], rng: np.random.Generator, stated: argparse.Namespace
) -> Point:
    """Suspend a training at a random step, and go on with it."""
    first = _training(case, stated)
    step = int(rng.integers(1, first.steps))
    with tempfile.TemporaryDirectory() as folder:
        first.advance(steps=step)
        first.save(Path(folder) / "task.pt")
        torch.rand(7), np.random.rand(7), random.random()  # noqa: NPY002, S311 - whatever else draws must not matter
        second = _training(case, stated, weights_seed=int(rng.integers(1 << 30)))
        second.load(Path(folder) / "task.pt")
    found = _ended(second, case, stated)
    return Point(case.space, case.name, step, first.steps, found[0] == expected[0], found[1:] == expected[1:], found[1])


def _training(case: Case, stated: argparse.Namespace, weights_seed: int | None = None) -> NetworkTrainer:
    """The training from its beginning; the weights of one that is to be resumed are others at first."""
    data, space = _images(stated.seed, large=case.large), build_space(case.space)
    torch.manual_seed(stated.seed if weights_seed is None else weights_seed)
    if case.paths is not None:
        network = build_supernet(space, 4, 1, data)
        return SupernetTrainer(
            network, space, data, case.recipe, path_sampling=case.paths, seed=stated.seed, device=stated.device
        )
    (architecture,) = space.sample(random_stream(stated.seed, case.name), 1)
    cells = 3 if case.space == "darts" else 1
    network = build_network(space, architecture, 4, cells, data, case.recipe)
    return NetworkTrainer(network, data, case.recipe, seed=stated.seed, device=stated.device)


def _ended(training: NetworkTrainer, case: Case, stated: argparse.Namespace) -> tuple[str, float, float]:
    """What a training ends with: a digest of its whole state, its accuracy and its loss."""
    training.advance()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "end.pt"
        training.save(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    digest = hashlib.sha256()
    for part in ("network", "average", "optimiser", "scaler"):
        _digest(digest, content[part])
    score = training.evaluate(_images(stated.seed, large=case.large).validation)
    return digest.hexdigest(), score.accuracy_pct, score.loss


def _digest(digest, content: object) -> None:  # noqa: ANN001 - hashlib names no type for it
    if isinstance(content, torch.Tensor):
        flat = content.detach().contiguous(memory_format=torch.contiguous_format).reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    elif isinstance(content, dict):
        for key in content:
            digest.update(repr(key).encode())
            _digest(digest, content[key])
    elif isinstance(content, list | tuple):
        for item in content:
            _digest(digest, item)
    else:
        digest.update(repr(content).encode())


@functools.cache
def _images(seed: int, *, large: bool) -> ImageDataset:
    """Digits, or random bytes of 32 x 32 pixels, with a quarter set apart."""
    if not large:
        return load_images("digits").split(0.25, seed)
    rng = random_stream(seed, "images")
    images = Images(rng.integers(0, 256, (256, 3, 32, 32), dtype=np.uint8), np.arange(256) % 10)
    return build_image_dataset("random", "random bytes", images, images).split(0.25, seed)


def _line(point: Point) -> str:
    state, score = ("alike" if alike else "DIFFERENT" for alike in (point.state_alike, point.score_alike))
    return (
        f"{point.space:6} {point.training:27} {point.step:6} of {point.steps:4}  {state:9} {score:9} "
        f"{point.accuracy_pct:.2f} %"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three points")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--points", type=int, default=None)
    stated = parser.parse_args()
    stated.points = stated.points or (3 if stated.quick else 20)
    return stated


if __name__ == "__main__":
    main()
