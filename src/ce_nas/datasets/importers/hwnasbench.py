"""Import HW-NAS-Bench's pickle: latency and energy of NAS-Bench-201's cells and FBNet's layers on six devices.

Layout
    ``nasbench201`` -> data set -> ``config``, a dict with ``arch_str`` per architecture, and a list per metric, both by
    NAS-Bench-201 index; ``fbnet`` -> metric -> cost by the name of a layer. Latencies are in ms, energies in mJ.

The layout follows the authors' API and README; it was tested on synthetic files of that layout.

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
from ce_nas.core.safe_pickle import load_pickle
from ce_nas.datasets.importers.base import ConvertedFile
from ce_nas.space.nasbench201_cell import NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

__all__ = ["FBNET_FILE", "WIDE_FILE", "convert_files", "costs_file_name"]

#: the authors' names of the cells' data sets to the names used here
DATASET_NAMES = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16-120"}
#: file of FBNet's layers
FBNET_FILE = "fbnet.parquet"
#: file of a user's table in the wide layout
WIDE_FILE = "wide.parquet"
METRIC_PATTERN = re.compile(r"\w+_(latency|energy)")
#: costs of the first cell on CIFAR-10 in the authors' README, ms or mJ
PUBLISHED_FIRST_CELL_COSTS = {
    "edgegpu_latency": 5.807418537139893,
    "raspi4_latency": 10.481976820010459,
    "fpga_energy": 18.01072,
}


def costs_file_name(dataset: str) -> str:
    """The file of the cells' costs for one data set."""
    return f"{dataset}.parquet"


def convert_files(files: Sequence[Path]) -> list[ConvertedFile]:
    """Convert the official pickle, or a table in the wide layout with its columns.

    :raises DataError: if a file is neither.
    """
    return [
        converted
        for file in files
        for converted in (
            _convert_wide_table(file) if file.suffix in {".parquet", ".csv"} else _convert_official_pickle(file)
        )
    ]


def _convert_wide_table(file: Path) -> Iterator[ConvertedFile]:
    frame = read_frame(file)
    columns = list(map(str, frame.columns))
    if not is_wide_layout(columns) or not any(name.startswith("hwnb_") for name in columns):
        message = (
            f"Expected columns arch_str, val200_cifar10_s0 and hwnb_edgegpu_energy and the like in {file.name}, got: "
            f"{', '.join(columns[:8])}."
        )
        raise TableError(message)
    yield ConvertedFile(WIDE_FILE, frame, len(frame), (file,))


def _convert_official_pickle(file: Path) -> Iterator[ConvertedFile]:
    content = load_pickle(file, file.name)
    spaces = content if isinstance(content, dict) else {}
    cells, layers = spaces.get("nasbench201"), spaces.get("fbnet")
    if not isinstance(cells, dict) or not set(DATASET_NAMES) & set(cells):
        message = f"Expected nasbench201 with {', '.join(DATASET_NAMES)} in {file.name}, got: {_list_keys(spaces)}."
        raise DataError(message)
    for official_name, dataset in DATASET_NAMES.items():
        if isinstance(costs := cells.get(official_name), dict):
            yield _convert_cell_costs(file, costs, dataset)
    if isinstance(layers, dict):
        yield _convert_layer_costs(file, layers)


def _convert_cell_costs(file: Path, costs: Mapping[str, Any], dataset: str) -> ConvertedFile:
    import pandas as pd

    texts = _read_architecture_strings(file, costs.get("config"))
    names = [name for name in costs if METRIC_PATTERN.fullmatch(str(name))]
    if not names:
        message = f"Expected metrics such as edgegpu_latency for {dataset} in {file.name}, got: {_list_keys(costs)}."
        raise DataError(message)
    columns = {name: _read_cost_column(file, dataset, name, costs[name], len(texts)) for name in names}
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
    if dataset == "cifar10" and any(
        columns[name][0] != value for name, value in PUBLISHED_FIRST_CELL_COSTS.items() if name in columns
    ):
        notes.append("Its first cell differs from the published one of version 1.0; this may be another version.")
    return ConvertedFile(costs_file_name(dataset), frame, len(frame), (file,), tuple(notes))


def _read_architecture_strings(file: Path, config: object) -> list[str]:
    """The cell of each NAS-Bench-201 index."""
    cells = [config[index] for index in sorted(config)] if isinstance(config, dict) else config
    texts = [str(cell.get("arch_str")) for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    known = _all_architecture_strings()
    if len(texts) != len(known) or set(texts) != known:
        message = (
            f"Expected the {len(known):,} different cells of NAS-Bench-201 in the config of {file.name}, got "
            f"{len(known & set(texts)):,} of them."
        )
        raise DataError(message)
    return texts


@functools.cache
def _all_architecture_strings() -> frozenset[str]:
    space = NasBench201Space()
    return frozenset(map(space.text, space.all_architectures))


def _read_cost_column(file: Path, dataset: str, name: str, values: object, size: int) -> np.ndarray:
    """A cost per architecture, NaN where it was not measured; 0 is no valid cost and counts as missing."""
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != (size,):
        message = f"Expected {size:,} numbers as {name} of {dataset} in {file.name}, got the shape {numbers.shape}."
        raise DataError(message)
    return np.where(np.isfinite(numbers) & (numbers > 0), numbers, np.nan)


def _convert_layer_costs(file: Path, metrics: Mapping[str, Any]) -> ConvertedFile:
    """Costs of FBNet's layers, with notes on metrics that lack a layer of the space."""
    import pandas as pd

    tables = {
        name: costs
        for name, costs in metrics.items()
        if METRIC_PATTERN.fullmatch(str(name)) and isinstance(costs, dict)
    }
    if not tables:
        message = f"Expected costs of layers for edgegpu_latency and the like in fbnet of {file.name}, got: "
        raise DataError(message + f"{_list_keys(metrics)}.")
    layers = sorted({str(layer) for costs in tables.values() for layer in costs})
    columns = {name: [_to_float(costs.get(layer)) for layer in layers] for name, costs in tables.items()}
    frame = pd.DataFrame({"layer": layers, **columns})
    return ConvertedFile(FBNET_FILE, frame, len(frame), (file,), tuple(_describe_unusable_metrics(frame, list(tables))))


def _describe_unusable_metrics(frame: pd.DataFrame, metrics: list[str]) -> Iterator[str]:
    from ce_nas.benchmarks.fbnet_costs import FbNetCosts
    from ce_nas.space.fbnet import FBNET_DATASETS

    for metric in metrics:
        for dataset in FBNET_DATASETS:
            try:
                FbNetCosts(frame, metric, dataset)
            except (TableError, SettingsError) as error:
                yield f"{metric} on {dataset} cannot be used: {error}"


def _to_float(value: object) -> float:
    try:
        return float(np.asarray(value, dtype=float).reshape(()))
    except (TypeError, ValueError):
        return float("nan")


def _list_keys(content: Mapping[Any, Any]) -> str:
    return ", ".join(map(str, list(content)[:8])) or "nothing"
