"""How well a supernet ranks architectures, at which price, and how long to train one.

    python benchmarks/supernet.py [--quick] [--json FILE] [--seed N] [--seeds N] [--data digits|PATH] [--halve]
        [--images N] [--cells N] [--truths trained|cifar10|cifar100|imagenet16-120] [--lengths N,N] [--record FILE]

A supernet of NAS-Bench-201's space (8 channels, one cell a stage) is trained for each length with uniform paths, and
with fair ones for a fifth of it, which sees as many images. Its scores of ``--cells`` random cells, with the
normalisation of each path measured again and without, are compared with the truth: NAS-Bench-201's accuracies of full
trainings on the images named by ``--truths``, or trainings here. Two peers need no supernet: the number of parameters,
and the vote of the zero-cost scores that the package ships; trainings here of ``PRICED_CELLS`` cells are a third, and
what a supernet of this size can be taken to rank at best. Kendall's tau, the share of the best tenth (at least two
cells) that is found again, and nDCG are means over ``--seeds`` supernets, with the 95 % bootstrap interval over the
cells.

``worth`` chooses the length: random trainings that find as good a cell as the favourite of ``SCORED`` cells, less that
one training and the price of the scores and their supernet in trainings (of the same cells, for ``--epochs``). Scores
and truths are taken as jointly normal, of correlation sin(pi tau / 2) [Kruskal]. Below 0 a supernet costs more than it
finds. With ``--record`` a stopped run continues.

Source
    [Kruskal] Kruskal. Ordinal Measures of Association. JASA 1958: tau and the correlation of a normal pair.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy

import numpy as np
import torch
from short_trainings import CELLS, CHANNELS, Record, halve_images, rank_scores, train_cell

from ce_nas.benchmarks.nasbench201 import DATASETS, load_embedded_table
from ce_nas.benchmarks.proxy_scores import load_builtin_scores
from ce_nas.core.rng import random_stream
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.factory import build_supernet
from ce_nas.training.recipe import Recipe
from ce_nas.training.supernet_trainer import SupernetTrainer, score_paths

TRAINED = "trained"
#: cells that a supernet is taken to score in a search
SCORED = 500
#: cells whose trainings give the price of one
PRICED_CELLS = 40
#: paths of a step of a fair supernet
FAIR_PATHS = 5
AGAIN, AS_TRAINED = "normalised again", "as trained"


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    torch.set_num_threads(1)
    space, data = NasBench201Space(), load_images(stated.data)
    if stated.halve:
        data = halve_images(data)
    if stated.images:
        order = random_stream(stated.seed, "images").permutation(len(data.train))
        data = replace(data, train=data.train.subset(np.sort(order[: stated.images])))
    data = data.split(0.25, stated.seed)
    plain = Recipe(
        epochs=stated.epochs, batch=128, shift=2 if data.image_shape[1] > 16 else 1, flip=data.image_shape[0] == 3
    )
    cells, record = space.sample(random_stream(stated.seed, "cells"), stated.cells), Record(stated.record)
    trained = [
        record.get(f"training {cell}", lambda c=cell: train_cell(c, data, plain, stated.seed))
        for cell in (cells if stated.truths == TRAINED else cells[:PRICED_CELLS])
    ]
    training_s = float(np.mean([seconds for _, seconds in trained]))
    truths = [accuracy for accuracy, _ in trained]
    if stated.truths != TRAINED:
        table = load_embedded_table(stated.truths)
        accuracy = table.metric("accuracy").values
        truths = [float(accuracy[table.space.index[cell]]) for cell in cells]
    rows = _peers(space, cells, truths)
    if stated.truths != TRAINED:  # how well a training here ranks: a supernet cannot be taken to do better
        here = [accuracy for accuracy, _ in trained]
        rows.append({"scores": f"training of {stated.epochs} epochs", **rank_scores([here], truths[: len(here)])})
    for length in stated.lengths:
        for sampling in ("uniform", "fair"):
            recipe = replace(plain, epochs=length if sampling == "uniform" else max(round(length / FAIR_PATHS), 1))
            found = [
                record.get(
                    f"{sampling} {recipe.epochs} {seed} {stated.cells}",
                    lambda r=recipe, s=seed, p=sampling: _score_by_supernet(cells, data, r, p, s),
                )
                for seed in range(stated.seed, stated.seed + stated.seeds)
            ]
            rows += _judge(sampling, recipe.epochs, found, truths, training_s)
            print(json.dumps(rows[-1]), flush=True)
    header = {"data": data.name, "images": len(data.train) + len(data.validation), "cells": len(cells),
              "supernets": stated.seeds, "truths": stated.truths, "training_s": training_s}  # fmt: skip
    print(json.dumps({**header, "rows": rows}, indent=2))
    if stated.json:
        stated.json.write_text(json.dumps({**header, "rows": rows}, indent=2) + "\n")


def _peers(space: NasBench201Space, cells: list[Any], truths: list[float]) -> list[dict[str, Any]]:
    """Scores that need no supernet; their price is taken as nothing."""
    table = load_embedded_table()
    members = [table.space.index[cell] for cell in cells]
    found = {"parameters": table.metric("params").values[members]}
    if vote := load_builtin_scores(space):
        found["zero-cost vote"] = vote.mean_rank[members]
    rows = [{"scores": name, **rank_scores([scores], truths)} for name, scores in found.items()]
    return [{**row, "price": 0.0, "worth": [supernet_worth(tau, 0.0) for tau in row["tau"]]} for row in rows]


def _judge(sampling, epochs, found, truths, training_s) -> list[dict[str, Any]]:  # noqa: ANN001 - a script's own
    """A row for each way to score, of one length and way to train."""
    supernet_s, score_s = (float(np.mean([one[part] for one in found])) for part in ("supernet_s", "score_s"))
    price = (supernet_s + SCORED * score_s) / training_s
    rows = []
    for how in (AS_TRAINED, AGAIN):
        measures = rank_scores([one[how] for one in found], truths)
        row = {"scores": f"{sampling}, {epochs} epochs, {how}", "supernet_s": supernet_s, "score_s": score_s}
        row |= {"price": price, **measures, "worth": [supernet_worth(tau, price) for tau in measures["tau"]]}
        row |= {"taus": [rank_scores([one[how]], truths)["tau"][0] for one in found]}
        rows.append(row | {"highest": [max(one[how]) for one in found]})
    return rows


def _score_by_supernet(cells, data, recipe, sampling, seed) -> dict[str, Any]:  # noqa: ANN001 - a script's own
    """Scores in %, as trained and normalised again, and processor seconds of the training and of a score."""
    start_s = time.process_time()
    torch.manual_seed(seed)
    space = NasBench201Space()
    network = build_supernet(space, CHANNELS, CELLS, data, recipe)
    trainer = SupernetTrainer(network, space, data, recipe, path_sampling=sampling, seed=seed)
    trainer.advance()
    trained_s = time.process_time()
    plain = []
    for cell in cells:
        network.path = cell
        plain.append(trainer.evaluate(data.validation).accuracy_pct)
    plain_s = time.process_time()
    scores = score_paths(trainer, network, cells, data.validation, seed=seed)
    score_s = (time.process_time() - plain_s) / len(cells)
    return {AS_TRAINED: plain, AGAIN: scores.tolist(), "supernet_s": trained_s - start_s, "score_s": score_s}


def supernet_worth(tau: float, price: float) -> float:
    """Random trainings that a supernet saves, less its price; both in trainings of a cell.

    :param tau: Kendall's tau of its scores and the truths.
    :param price: its training and its scores.
    """
    favourite = np.sin(0.5 * np.pi * max(tau, 0.0)) * _expected_best(SCORED)
    trainings = next((count for count in range(1, SCORED) if _expected_best(count) >= favourite - 1e-9), SCORED)
    return trainings - 1.0 - price


def _expected_best(count: int) -> float:
    """The expected largest of ``count`` standard normal values."""
    x = np.linspace(-8.0, 8.0, 4001)
    share = 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))
    density = np.exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi)
    return float(np.trapezoid(x * count * share ** (count - 1) * density, x))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few cells, short supernets")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="supernets of each length")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--halve", action="store_true", help="average the images over squares of 2x2 pixels")
    parser.add_argument("--images", type=int, default=None, help="training and validation images together")
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--truths", choices=(TRAINED, *DATASETS), default=TRAINED)
    parser.add_argument("--epochs", type=int, default=15, help="of the training of a cell")
    parser.add_argument("--lengths", type=lambda text: [int(part) for part in text.split(",")], default=[3, 9, 27, 81])
    parser.add_argument("--record", type=Path, help="file of results, with which a stopped run continues")
    stated = parser.parse_args()
    if stated.quick:
        stated.cells, stated.epochs, stated.lengths = 8, 5, [1, 3]
    return stated


if __name__ == "__main__":
    main()
