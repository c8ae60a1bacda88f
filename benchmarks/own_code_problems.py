"""Three small problems of a user's own, trained for real once: a table of every training for ``own_code.py``.

    python benchmarks/own_code_problems.py [--problems NAME ...] [--tables FILE.npz] [--curves EPOCHS]

- ``digits-cnn``: a convolutional network on scikit-learn's digits; accuracy against thousands of parameters;
- ``fashion-cnn``: one on 1,000 images of Fashion-MNIST (Debian's package ``dataset-fashion-mnist``), 14x14 pixels;
  accuracy against thousands of parameters and millions of multiply-accumulate operations;
- ``tabular-mlp``: a perceptron on scikit-learn's breast-cancer data; log loss against thousands of parameters; numbers,
  choices, and a momentum that only one of its optimisers has.

Every combination of the listed values is trained, about 1,600 trainings in 135 s of one core. The table
``own_code_tables.npz`` holds the metrics in the order of the combinations, NaN where a training diverged, and the
seconds that each took. With ``--curves 15`` the trainings are of 15 epochs, and the metric after each epoch is kept,
shape ``(configurations, epochs)``, as ``NAME:curves`` with ``NAME:curve_seconds``: learning curves, to be ended early.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TABLES = Path(__file__).with_name("own_code_tables.npz")
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3)


@dataclass(frozen=True)
class OwnProblem:
    """Variables with their values in order, objectives, and what trains a configuration."""

    name: str
    #: numbers have an order, texts none
    variables: Mapping[str, tuple[Any, ...]]
    #: variable to the variable on which it depends and the value with which it counts
    conditions: Mapping[str, tuple[str, Any]]
    #: ``NAME:max|min:REFERENCE``; the first takes a training, the others are counted
    objectives: tuple[str, ...]
    #: returns the metric after each epoch, NaN where it diverged; None: the problem's own number of epochs
    train: Callable[[Mapping[str, Any], int | None], list[float]]
    costs: Callable[[Mapping[str, Any]], dict[str, float]]

    def configurations(self) -> Iterator[dict[str, Any]]:
        """Every combination, without the variables that do not count in it."""
        seen = set()
        for values in itertools.product(*self.variables.values()):
            chosen = dict(zip(self.variables, values, strict=True))
            for variable, (parent, value) in self.conditions.items():
                if chosen[parent] != value:
                    del chosen[variable]
            key = tuple(chosen.items())
            if key not in seen:
                seen.add(key)
                yield chosen


def problems() -> dict[str, OwnProblem]:
    """All three, by name."""
    digits = {
        "width": (4, 8, 16, 24),
        "kernel": (3, 5),
        "layers": (1, 2),
        "learning_rate": RATES,
        "pooling": ("max", "average"),
    }
    fashion = {
        "width": (4, 8, 16),
        "layers": (1, 2, 3),
        "learning_rate": (0.0005, 0.001, 0.003, 0.01, 0.03, 0.1),
        "dropout": (0.0, 0.2, 0.4),
        "batch": (32, 128),
    }
    tabular = {
        "optimiser": ("sgd", "adam"),
        "momentum": (0.0, 0.5, 0.8, 0.95),
        "learning_rate": RATES[:7],
        "layers": (1, 2, 3),
        "width": (4, 8, 16, 32, 64),
        "activation": ("relu", "tanh"),
    }
    made = [
        OwnProblem("digits-cnn", digits, {}, ("accuracy:max:0", "kparams:min:50"), _train_digits, _digits_costs),
        OwnProblem(
            "fashion-cnn",
            fashion,
            {},
            ("accuracy:max:0", "kparams:min:100", "mmacs:min:4"),
            _train_fashion,
            _fashion_costs,
        ),
        OwnProblem(
            "tabular-mlp",
            tabular,
            {"momentum": ("optimiser", "sgd")},
            ("log_loss:min:0.7", "kparams:min:15"),
            _train_tabular,
            _tabular_costs,
        ),
    ]
    return {problem.name: problem for problem in made}


def _activation(name: str) -> Any:  # noqa: ANN401 - a module
    from torch import nn

    return {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}[name]()


def _convolutional(chosen: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a module
    """Stages of a convolution, an activation and a pooling that halves, then means of each channel and a classifier."""
    from torch import nn

    layers: list[nn.Module] = []
    channels, kernel = 1, chosen.get("kernel", 3)
    for stage in range(chosen["layers"]):
        width = chosen["width"] * 2**stage
        pool = nn.AvgPool2d(2) if chosen.get("pooling") == "average" else nn.MaxPool2d(2)
        layers += [nn.Conv2d(channels, width, kernel, padding=kernel // 2), nn.BatchNorm2d(width)]
        layers += [_activation(chosen.get("activation", "relu")), pool]
        channels = width
    layers += [nn.AdaptiveAvgPool2d(2 if chosen["layers"] < 3 else 1), nn.Flatten()]
    layers += [nn.Dropout(chosen.get("dropout", 0.0)), nn.Linear(channels * (4 if chosen["layers"] < 3 else 1), 10)]
    return nn.Sequential(*layers)


def _macs(chosen: Mapping[str, Any], pixels: int) -> float:
    total, channels, side = 0, 1, pixels
    for stage in range(chosen["layers"]):
        width = chosen["width"] * 2**stage
        total += channels * width * chosen.get("kernel", 3) ** 2 * side**2
        channels, side = width, side // 2
    return total / 1e6


def _kparams(network: Any) -> float:  # noqa: ANN401 - a module
    return sum(part.numel() for part in network.parameters()) / 1e3


def _digits_costs(chosen: Mapping[str, Any]) -> dict[str, float]:
    return {"kparams": _kparams(_convolutional(chosen))}


def _fashion_costs(chosen: Mapping[str, Any]) -> dict[str, float]:
    return {"kparams": _kparams(_convolutional(chosen)), "mmacs": _macs(chosen, 14)}


def _tabular_costs(chosen: Mapping[str, Any]) -> dict[str, float]:
    return {"kparams": _kparams(_perceptron(chosen))}


def _perceptron(chosen: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a module
    from torch import nn

    layers: list[nn.Module] = []
    inputs = 30
    for _ in range(chosen["layers"]):
        layers += [nn.Linear(inputs, chosen["width"]), _activation(chosen["activation"])]
        inputs = chosen["width"]
    return nn.Sequential(*layers, nn.Linear(inputs, 2))


@cache
def _digits() -> tuple[np.ndarray, ...]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    images = (images[order].reshape(-1, 1, 8, 8) / 16.0).astype(np.float32)
    return images[:600], labels[order][:600], images[1000:], labels[order][1000:]


@cache
def _fashion() -> tuple[np.ndarray, ...]:
    images, labels = (
        np.frombuffer(gzip.decompress((FASHION_FOLDER / f"train-{part}-ubyte.gz").read_bytes()), np.uint8, offset=skip)
        for part, skip in (("images-idx3", 16), ("labels-idx1", 8))
    )
    small = images.reshape(-1, 14, 2, 14, 2)[:5000].mean(axis=(2, 4)).astype(np.float32)[:, None] / 255.0
    wanted = labels[:5000].astype(np.int64)
    return small[:1000], wanted[:1000], small[3000:], wanted[3000:]


@cache
def _cancer() -> tuple[np.ndarray, ...]:
    from sklearn.datasets import load_breast_cancer

    rows, labels = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    rows, labels = rows[order], labels[order]
    rows = ((rows - rows[:350].mean(axis=0)) / rows[:350].std(axis=0)).astype(np.float32)
    return rows[:350], labels[:350], rows[350:], labels[350:]


def _fit(
    network: Any,  # noqa: ANN401 - a module
    data: tuple[np.ndarray, ...],
    optimiser: Any,  # noqa: ANN401 - an optimiser
    *,
    batch: int,
    epochs: int,
) -> list[tuple[float, float]]:
    """Train; the accuracy in % and the log loss on the rest of the data after each epoch."""
    import torch
    from torch.nn import functional

    train_x, train_y, rest_x, rest_y = map(torch.from_numpy, data)
    draws = torch.Generator().manual_seed(1)
    found = []
    for _ in range(epochs):
        network.train()
        for rows in torch.randperm(len(train_x), generator=draws).split(batch):
            optimiser.zero_grad()
            functional.cross_entropy(network(train_x[rows]), train_y[rows]).backward()
            optimiser.step()
        network.eval()
        with torch.no_grad():
            logits = network(rest_x)
            loss = float(functional.cross_entropy(logits, rest_y))
            found.append((100.0 * float((logits.argmax(dim=1) == rest_y).float().mean()), loss))
    return found


def _train_digits(chosen: Mapping[str, Any], epochs: int | None = None) -> list[float]:
    import torch

    torch.manual_seed(0)
    network = _convolutional(chosen)
    steps = torch.optim.SGD(network.parameters(), lr=chosen["learning_rate"], momentum=0.9)
    found = _fit(network, _digits(), steps, batch=50, epochs=epochs or 3)
    return [accuracy if np.isfinite(loss) else float("nan") for accuracy, loss in found]


def _train_fashion(chosen: Mapping[str, Any], epochs: int | None = None) -> list[float]:
    import torch

    torch.manual_seed(0)
    network = _convolutional(chosen)
    steps = torch.optim.Adam(network.parameters(), lr=chosen["learning_rate"])
    found = _fit(network, _fashion(), steps, batch=chosen["batch"], epochs=epochs or 2)
    return [accuracy if np.isfinite(loss) else float("nan") for accuracy, loss in found]


def _train_tabular(chosen: Mapping[str, Any], epochs: int | None = None) -> list[float]:
    import torch

    torch.manual_seed(0)
    network = _perceptron(chosen)
    rate = chosen["learning_rate"]
    if chosen["optimiser"] == "sgd":
        steps: Any = torch.optim.SGD(network.parameters(), lr=rate, momentum=chosen["momentum"])
    else:
        steps = torch.optim.Adam(network.parameters(), lr=rate)
    return [loss for _, loss in _fit(network, _cancer(), steps, batch=32, epochs=epochs or 6)]


def tabulate(problem: OwnProblem, curve_epochs: int | None = None) -> dict[str, np.ndarray]:
    """Train every configuration: ``NAME:metric``, ``NAME:costs`` and ``NAME:seconds``, or the curves."""
    import torch

    torch.set_num_threads(1)
    metrics, costs, seconds = [], [], []
    for chosen in problem.configurations():
        start_s = time.process_time()
        metrics.append(problem.train(chosen, curve_epochs))
        seconds.append(time.process_time() - start_s)
        costs.append(list(problem.costs(chosen).values()))
    if curve_epochs is not None:
        return {
            f"{problem.name}:curves": np.array(metrics, dtype=np.float32),
            f"{problem.name}:curve_seconds": np.array(seconds, dtype=np.float32),
        }
    return {
        f"{problem.name}:metric": np.array([curve[-1] for curve in metrics], dtype=np.float32),
        f"{problem.name}:costs": np.array(costs, dtype=np.float32),
        f"{problem.name}:seconds": np.array(seconds, dtype=np.float32),
    }


def main() -> None:
    """Tabulate the problems, and keep what the file holds of others."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--problems", nargs="*", default=list(problems()), choices=list(problems()))
    parser.add_argument("--tables", type=Path, default=TABLES)
    parser.add_argument("--curves", type=int, metavar="EPOCHS", help="tabulate learning curves of so many epochs")
    arguments = parser.parse_args()
    for name in arguments.problems:
        known = dict(np.load(arguments.tables)) if arguments.tables.exists() else {}
        np.savez_compressed(arguments.tables, **known | tabulate(problems()[name], arguments.curves))
        print(name, "done", flush=True)


if __name__ == "__main__":
    main()
