"""HW-NAS-Bench's pickle: latency and energy of NAS-Bench-201's cells and of FBNet's layers on six devices.

Layout
    ``nasbench201`` -> image set -> ``config``, a dict with ``arch_str`` an architecture, and a list a metric, both by
    NAS-Bench-201 index; ``fbnet`` -> metric -> cost by the name of a layer. Latencies are in ms, energies in mJ.

Read from the authors' API and README; made files of this layout are what it was tested on.

Sources
    [HWNB] Li et al. HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark. ICLR 2021.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.benchmarks.nasbench201 import is_wide_layout
from ce_nas.benchmarks.table_reader import read_frame
from ce_nas.core.errors import DataError, SettingsError, TableError
from ce_nas.core.safe_pickle import load_arrays
from ce_nas.datasets.importers.base import Piece
from ce_nas.space.nasbench201 import NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

__all__ = ["FBNET_FILE", "WIDE_FILE", "costs_file", "read"]

#: the authors' names of the image sets of the cells, and ours
DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16-120"}
#: file of FBNet's layers
FBNET_FILE = "fbnet.parquet"
#: file of a table of one's own in the wide layout
WIDE_FILE = "wide.parquet"
METRIC = re.compile(r"\w+_(latency|energy)")
#: what the authors' README prints of the first cell on CIFAR-10, in ms or mJ
PRINTED = {"edgegpu_latency": 5.807418537139893, "raspi4_latency": 10.481976820010459, "fpga_energy": 18.01072}


def costs_file(dataset: str) -> str:
    """The file of the cells' costs for one image set."""
    return f"{dataset}.parquet"


def read(files: Sequence[Path]) -> list[Piece]:
    """The pieces of the official pickle, or of a table in the wide layout that carries its columns.

    :raises DataError: if a file is neither.
    """
    return [
        piece for file in files for piece in (_wide(file) if file.suffix in {".parquet", ".csv"} else _official(file))
    ]


def _wide(file: Path) -> Iterator[Piece]:
    frame = read_frame(file)
    columns = list(map(str, frame.columns))
    if not is_wide_layout(columns) or not any(name.startswith("hwnb_") for name in columns):
        message = (
            f"Expected columns arch_str, val200_cifar10_s0 and hwnb_edgegpu_energy and the like in {file.name}, got: "
            f"{', '.join(columns[:8])}."
        )
        raise TableError(message)
    yield Piece(WIDE_FILE, frame, len(frame), (file,))


def _official(file: Path) -> Iterator[Piece]:
    content = load_arrays(file.read_bytes(), file.name)
    spaces = content if isinstance(content, dict) else {}
    cells, layers = spaces.get("nasbench201"), spaces.get("fbnet")
    if not isinstance(cells, dict) or not set(DATASETS) & set(cells):
        message = f"Expected nasbench201 with {', '.join(DATASETS)} in {file.name}, found: {_shown(spaces)}."
        raise DataError(message)
    for theirs, ours in DATASETS.items():
        if isinstance(costs := cells.get(theirs), dict):
            yield _cells(file, costs, ours)
    if isinstance(layers, dict):
        yield _layers(file, layers)


def _cells(file: Path, costs: Mapping[str, Any], dataset: str) -> Piece:
    import pandas as pd

    texts = _texts(file, costs.get("config"))
    names = [name for name in costs if METRIC.fullmatch(str(name))]
    if not names:
        message = f"Expected metrics such as edgegpu_latency for {dataset} in {file.name}, found: {_shown(costs)}."
        raise DataError(message)
    columns = {name: _numbers(file, dataset, name, costs[name], len(texts)) for name in names}
    frame = pd.DataFrame(
        {
            "index": np.arange(len(texts)),
            "arch_str": texts,
            **{f"hwnb_{name}": values for name, values in columns.items()},
        }
    )
    notes = [
        f"{name}: {int(np.isnan(values).sum()):,} of {len(values):,} values are missing."
        for name, values in columns.items()
        if np.isnan(values).any()
    ]
    if dataset == "cifar10" and any(columns[name][0] != value for name, value in PRINTED.items() if name in columns):
        notes.append("Its first cell is not what the authors print of version 1.0; this may be another version.")
    return Piece(costs_file(dataset), frame, len(frame), (file,), tuple(notes))


def _texts(file: Path, config: object) -> list[str]:
    """The cell of each NAS-Bench-201 index."""
    items = [config[index] for index in sorted(config)] if isinstance(config, dict) else config
    texts = [str(item.get("arch_str")) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    known = _known_cells()
    if len(texts) != len(known) or set(texts) != known:
        message = (
            f"Expected the {len(known):,} different cells of NAS-Bench-201 in the config of {file.name}, got "
            f"{len(known & set(texts)):,} of them."
        )
        raise DataError(message)
    return texts


@functools.cache
def _known_cells() -> frozenset[str]:
    space = NasBench201Space()
    return frozenset(map(space.text, space.listed))


def _numbers(file: Path, dataset: str, name: str, values: object, size: int) -> np.ndarray:
    """A cost an architecture, NaN where it was not measured; nothing costs nothing, so that 0 counts as missing."""
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != (size,):
        message = f"Expected {size:,} numbers as {name} of {dataset} in {file.name}, got the shape {numbers.shape}."
        raise DataError(message)
    return np.where(np.isfinite(numbers) & (numbers > 0), numbers, np.nan)


def _layers(file: Path, metrics: Mapping[str, Any]) -> Piece:
    """FBNet's layers, and which of the metrics have a cost for every layer that the space can hold."""
    import pandas as pd

    tables = {name: costs for name, costs in metrics.items() if METRIC.fullmatch(str(name)) and isinstance(costs, dict)}
    if not tables:
        message = f"Expected costs of layers for edgegpu_latency and the like in fbnet of {file.name}, found: "
        raise DataError(message + f"{_shown(metrics)}.")
    layers = sorted({str(layer) for costs in tables.values() for layer in costs})
    columns = {name: [_cost(costs.get(layer)) for layer in layers] for name, costs in tables.items()}
    frame = pd.DataFrame({"layer": layers, **columns})
    return Piece(FBNET_FILE, frame, len(frame), (file,), tuple(_incomplete(frame, list(tables))))


def _incomplete(frame: pd.DataFrame, metrics: list[str]) -> Iterator[str]:
    from ce_nas.benchmarks.fbnet import FbNetCosts
    from ce_nas.space.fbnet import FBNET_DATASETS

    for metric in metrics:
        for dataset in FBNET_DATASETS:
            try:
                FbNetCosts(frame, metric, dataset)
            except (TableError, SettingsError) as error:
                yield f"{metric} on {dataset} cannot be used: {error}"


def _cost(value: object) -> float:
    try:
        return float(np.asarray(value, dtype=float).reshape(()))
    except (TypeError, ValueError):
        return float("nan")


def _shown(found: Mapping[Any, Any]) -> str:
    return ", ".join(map(str, list(found)[:8])) or "nothing"
