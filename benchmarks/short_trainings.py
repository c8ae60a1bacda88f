"""How well short trainings rank cells as a long training does, and at what price.

    python benchmarks/short_trainings.py [--quick] [--json FILE] [--data digits|PATH] [--halve] [--images N]
        [--compare-on N] [--cells N] [--epochs N] [--record FILE]

Cells of NAS-Bench-201's space drawn at random, 8 channels and one cell a stage, are trained for ``--epochs`` by
NAS-Bench-201's recipe (the truth), and scored by: the same training with another seed (as well as a training can),
the same recipe in a fifth of the epochs, the fast recipe in a fifth of the epochs (whitening, alternating flip, label
smoothing, Muon, one-cycle). Kendall's tau, the share of the best tenth (at least two cells) that is found again, and
nDCG, each with the 95 % bootstrap interval over the cells; processor seconds per cell. Accuracies are those on a
quarter of ``--images``, or on ``--compare-on`` images that are not trained on. With ``--record`` a stopped run
continues.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy

import numpy as np
import torch

from ce_nas.config.recipe_files import read_recipe_file
from ce_nas.core.rank_correlation import kendall_tau
from ce_nas.core.rng import random_stream
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.data.images import ImageDataset, Images, build_image_dataset
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.factory import build_network
from ce_nas.training.recipe import Recipe
from ce_nas.training.trainer import NetworkTrainer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CHANNELS, CELLS = 8, 1
#: the long training with another seed
AGAIN = "long again"
#: bootstrap draws
DRAWS = 2000


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    torch.set_num_threads(1)
    space, data = NasBench201Space(), load_images(stated.data)
    if stated.halve:
        data = halve_images(data)
    order = random_stream(stated.seed, "images").permutation(len(data.train))
    others = np.sort(order[stated.images : stated.images + stated.compare_on])
    every, chosen = data.train, np.sort(order[: stated.images])
    data = replace(data, train=every.subset(chosen)).split(0.25, stated.seed)
    if stated.compare_on:
        data = replace(data, validation=every.subset(others))
    flips = data.image_shape[0] == 3
    shift, short = (2 if data.image_shape[1] > 16 else 1), max(round(stated.epochs / 5), 1)
    recipes = _recipes(stated.epochs, short, shift, flips=flips)
    cells = space.sample(random_stream(stated.seed, "cells"), stated.cells)
    record = Record(stated.record)
    accuracies: dict[str, list[float]] = {}
    price_s: dict[str, float] = {}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in recipes}
    for cell in cells:  # cell by cell, so that a record of fewer cells is complete
        for name, recipe in recipes.items():
            seed = stated.seed + (name == AGAIN)
            one = record.get(f"{name} {cell}", lambda c=cell, r=recipe, s=seed: train_cell(c, data, r, s))
            found[name].append(one)
    for name, each in found.items():
        accuracies[name], price_s[name] = [one[0] for one in each], float(np.mean([one[1] for one in each]))
    rows: list[dict[str, Any]] = [
        {"scores": name, "processor_s_per_cell": price_s[name], **rank_scores([accuracies[name]], accuracies["long"])}
        for name in accuracies
    ]
    header = {
        "data": data.name,
        "images": stated.images,
        "cells": stated.cells,
        "epochs": stated.epochs,
        "short": short,
    }
    print(json.dumps({**header, "rows": rows}, indent=2))
    if stated.json:
        stated.json.write_text(json.dumps({**header, "rows": rows}, indent=2) + "\n")


def _recipes(epochs: int, short: int, shift: int, *, flips: bool) -> dict[str, Recipe]:
    """The long training, and the two short ones."""
    plain = Recipe(epochs=epochs, batch=128, shift=shift, flip=flips)
    shipped = read_recipe_file("cifar10-fast")["live"]["recipe"]
    own = {name: getattr(plain, name) for name in ("batch", "shift", "precision", "deterministic")}
    fast = replace(plain, **{**shipped, **own, "epochs": short, "alternating_flip": flips})
    return {"long": plain, "short": replace(plain, epochs=short), "fast": fast, AGAIN: plain}


class Record:
    """Results on file, so that a stopped run continues."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[str, Any] = {}
        if path and path.exists():
            self._found = dict(json.loads(line) for line in path.read_text().splitlines())

    def get(self, key: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what JSON holds
        """The result of ``work``, on record or computed."""
        if key not in self._found:
            self._found[key] = work()
            if self._path:
                with self._path.open("a") as file:
                    file.write(json.dumps([key, self._found[key]]) + "\n")
        return self._found[key]


def halve_images(data: ImageDataset) -> ImageDataset:
    """The images averaged over squares of 2x2 pixels."""

    def halve(images: Images) -> Images:
        count, channels, height, width = images.pixels.shape
        squares = images.pixels.reshape(count, channels, height // 2, 2, width // 2, 2)
        return Images(np.round(squares.mean(axis=(3, 5))).astype(np.uint8), images.labels)

    return build_image_dataset(f"{data.name}, halved", data.origin, halve(data.train), halve(data.test))


def train_cell(cell, data, recipe, seed) -> tuple[float, float]:  # noqa: ANN001 - a script's own
    """Validation accuracy in %, and processor seconds."""
    start_s = time.process_time()
    torch.manual_seed(seed)
    network = build_network(NasBench201Space(), cell, CHANNELS, CELLS, data, recipe)
    trainer = NetworkTrainer(network, data, recipe, seed=seed)
    trainer.advance()
    return trainer.evaluate(data.validation).accuracy_pct, time.process_time() - start_s


def rank_scores(scores: Sequence[Sequence[float]], truths: Sequence[float]) -> dict[str, list[float]]:
    """Each measure, the mean over some scorings of the same cells, with its interval over the cells."""
    scorings, second = np.array(scores), np.array(truths)
    rng = random_stream(0, "bootstrap")
    draws = [rng.integers(len(second), size=len(second)) for _ in range(DRAWS)]
    found = {}
    for name, measure in (("tau", _tau), ("best_tenth", _best_tenth), ("ndcg", _ndcg)):
        values = [np.mean([measure(first[rows], second[rows]) for first in scorings]) for rows in draws]
        whole = float(np.mean([measure(first, second) for first in scorings]))
        found[name] = [whole, *np.quantile(values, (0.025, 0.975)).tolist()]
    return found


def _tau(scores: np.ndarray, truths: np.ndarray) -> float:
    """Kendall's tau-b; 0 where all are equal, so that nothing is ranked."""
    return kendall_tau(scores, truths) or 0.0


def _best_tenth(scores: np.ndarray, truths: np.ndarray) -> float:
    """Share of the truly best tenth, two cells at least, among as many of the best scores."""
    count = max(round(len(scores) / 10), 2)
    best = [set(np.argsort(-values, kind="stable")[:count]) for values in (scores, truths)]
    return len(best[0] & best[1]) / count


def _ndcg(scores: np.ndarray, truths: np.ndarray) -> float:
    """Normalised discounted cumulative gain; the gain is the truth above the worst one."""
    gains = truths - truths.min()
    discounts = 1.0 / np.log2(np.arange(len(gains)) + 2.0)
    ideal = float(np.sort(gains)[::-1] @ discounts)
    return float(gains[np.argsort(-scores, kind="stable")] @ discounts) / ideal if ideal else 1.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--halve", action="store_true", help="average the images over squares of 2x2 pixels")
    parser.add_argument("--images", type=int, default=2000, help="training and validation images together")
    parser.add_argument("--compare-on", type=int, default=0, help="other images that accuracies are compared on")
    parser.add_argument("--cells", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=15, help="of the long training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path, help="file of results, with which a stopped run continues")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="four cells, five epochs")
    stated = parser.parse_args()
    if stated.quick:
        stated.cells, stated.epochs = 4, 5
    return stated


if __name__ == "__main__":
    main()
