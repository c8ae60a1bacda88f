"""How well a supernet ranks architectures: Kendall's tau of its scores with real trainings, on built-in images.

    python benchmarks/supernet.py [--quick] [--json FILE] [--seed N] [--architectures N] [--data digits|PATH]

A supernet of NAS-Bench-201's cells is trained once with uniform and once with fair paths, for as many images; then
cells drawn at random are trained for real and scored by both, with the normalisation of each path measured again and
without. The interval is the bootstrap's over the cells.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import kendalltau

from ce_nas.core.rng import random_stream
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.data.sources import load_images
from ce_nas.training.networks.factory import build_network, build_supernet
from ce_nas.training.recipe import default_recipe
from ce_nas.training.supernet_trainer import SupernetTrainer, score_paths
from ce_nas.training.trainer import NetworkTrainer

CHANNELS, CELLS = 8, 1


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    torch.set_num_threads(1)
    space, data = NasBench201Space(), load_images(stated.data).split(0.25, stated.seed)
    recipe = default_recipe(data.image_shape[1])
    cells = space.sample(random_stream(stated.seed, "cells"), stated.architectures)
    started_s = time.perf_counter()
    trained = np.array([_trained(space, cell, data, recipe, stated.seed) for cell in cells])
    real_s = (time.perf_counter() - started_s) / len(cells)
    print(f"{len(cells)} cells trained for {recipe.epochs} epochs, {real_s:.1f} s each: "
          f"{trained.min():.1f} to {trained.max():.1f} %")  # fmt: skip
    found = {}
    for paths in ("uniform", "fair"):
        # fair steps go along five paths: a fifth of the steps sees as many images
        epochs = round((1.0 if paths == "uniform" else 0.2) * stated.epochs * recipe.epochs)
        started_s = time.perf_counter()
        scored = _scores(space, cells, data, replace(recipe, epochs=max(epochs, 1)), paths, stated.seed)
        seconds = time.perf_counter() - started_s
        print(f"{paths:8} supernet of {epochs} epochs, trained and {len(cells)} cells scored twice in {seconds:.0f} s")
        for how, scores in scored.items():
            tau, low, high = _tau(scores, trained, stated.seed)
            found[f"{paths}, {how}"] = {"tau": tau, "low": low, "high": high, "seconds": seconds}
            print(f"         {how:20} tau {tau:5.2f} [{low:.2f}, {high:.2f}], "
                  f"scores {scores.min():.1f} to {scores.max():.1f} %")  # fmt: skip
    if stated.json:
        stated.json.write_text(json.dumps({"cells": len(cells), "training_s": real_s, **found}, indent=2) + "\n")


def _trained(space, cell, data, recipe, seed) -> float:  # noqa: ANN001 - see Training
    torch.manual_seed(seed)
    training = NetworkTrainer(build_network(space, cell, CHANNELS, CELLS, data), data, recipe, seed=seed)
    training.advance()
    return training.evaluate(data.validation).accuracy_pct


def _scores(space, cells, data, recipe, paths, seed) -> dict[str, np.ndarray]:  # noqa: ANN001, PLR0913, PLR0917 - see SupernetTraining
    torch.manual_seed(seed)
    network = build_supernet(space, CHANNELS, CELLS, data)
    training = SupernetTrainer(network, space, data, recipe, path_sampling=paths, seed=seed)
    training.advance()
    plain = []
    for cell in cells:
        network.path = cell
        plain.append(training.evaluate(data.validation).accuracy_pct)
    return {
        "as trained": np.array(plain),
        "normalised again": score_paths(training, network, cells, data.validation, seed=seed),
    }


def _tau(scores: np.ndarray, trained: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Kendall's tau with its 95 % bootstrap interval over the cells."""
    rng, n = random_stream(seed, "bootstrap"), len(scores)
    draws = [rng.integers(n, size=n) for _ in range(1000)]
    taus = [kendalltau(scores[rows], trained[rows]).statistic for rows in draws]
    low, high = np.nanquantile(taus, [0.025, 0.975])
    return float(kendalltau(scores, trained).statistic), float(low), float(high)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few cells, a short supernet")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--architectures", type=int, default=None)
    parser.add_argument("--data", default="digits")
    stated = parser.parse_args()
    stated.architectures = stated.architectures or (8 if stated.quick else 40)
    stated.epochs = 1.0 if stated.quick else 8.0
    return stated


if __name__ == "__main__":
    main()
