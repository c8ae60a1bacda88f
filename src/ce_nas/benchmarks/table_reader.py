"""Tables of the user's own: a column an operation, columns of metrics, and the seconds of a training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.nasbench201 import is_wide_layout, wide_table
from ce_nas.benchmarks.tabular import BenchmarkTable, Metric
from ce_nas.core.errors import TableError
from ce_nas.space.base import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

__all__ = ["TRAINING_COLUMNS", "read_frame", "read_table"]

#: names under which the seconds of a training are looked for
TRAINING_COLUMNS = ("train_s", "training_s", "train_seconds", "training_seconds", "train_time_s", "train_time")
#: epochs of a full training, where a table does not say
DEFAULT_EPOCHS = 200
#: what a CSV writes for a missing number; "None" and "null" are left out, since operations are called so
MISSING = ("", "nan", "NaN", "NA", "N/A")


def read_table(
    path: Path | str,
    *,
    dataset: str = "cifar10",
    operations: Sequence[str] = (),
    training_column: str = "",
) -> BenchmarkTable:
    """The benchmark table in a CSV or Parquet file.

    Columns of text (or those named in ``operations``) are the operations, a variable each; the column of
    :data:`TRAINING_COLUMNS` (or ``training_column``) holds the seconds of a full training; every other numeric column
    is a metric, maximised if its name holds ``acc``. A file in NAS-Bench-201's wide layout is read as such, for
    ``dataset``.

    :raises TableError: if the file cannot be read or misses one of these.
    """
    path = Path(path)
    frame = read_frame(path)
    if is_wide_layout(list(map(str, frame.columns))):
        return wide_table(frame, dataset, path.name)
    names = list(operations) or _operation_columns(frame, path)
    _check_operations(frame, names, path)
    seconds = _training_column(frame, training_column, path)
    space, rows = _listed_space(frame, names, path)
    metrics = {
        name: _metric(name, _finite(frame, name, path)[rows])
        for name in frame.columns
        if name not in {*names, seconds} and frame[name].dtype.kind in "iuf"
    }
    if not metrics:
        message = f"Expected a numeric column of a metric in {path.name}, got the columns: {_listed(frame)}."
        raise TableError(message)
    train_s = _finite(frame, seconds, path)[rows]
    if (train_s <= 0).any():
        message = f"Expected training times above zero in column {seconds!r} of {path.name}, got {train_s.min():g}."
        raise TableError(message)
    return BenchmarkTable(path.stem, space, metrics, train_s, DEFAULT_EPOCHS, path.name)


def read_frame(path: Path) -> pd.DataFrame:
    """The rows of a CSV or Parquet file.

    :raises TableError: if it is missing, empty or neither.
    """
    import pandas as pd

    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": lambda path: pd.read_csv(path, keep_default_na=False, na_values=list(MISSING)),
        ".parquet": pd.read_parquet,
        ".pq": pd.read_parquet,
    }
    if path.suffix not in readers:
        message = f"Expected a table in a .csv or .parquet file, got {path.name!r}."
        raise TableError(message)
    try:
        frame = readers[path.suffix](path)
    except FileNotFoundError as error:
        message = f"There is no file {str(path)!r}; give the path of a .csv or .parquet table."
        raise TableError(message) from error
    except (OSError, ValueError) as error:  # pandas and pyarrow raise subclasses of these two
        message = f"Expected a readable table in {path.name}, but {str(error).splitlines()[0]}."
        raise TableError(message) from error
    if frame.empty:
        message = f"Expected rows in {path.name}, got none; a row holds one architecture."
        raise TableError(message)
    return frame.rename(columns=str)


def _listed(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, frame.columns))


def _operation_columns(frame: pd.DataFrame, path: Path) -> list[str]:
    """The columns of text; one that is mostly numbers is a metric with a slip in it rather than an operation."""
    names = [name for name in frame.columns if frame[name].dtype.kind not in "iufbM"]
    for name in names:
        is_text = np.isnan(_parsed(frame, name))
        if 0 < is_text.sum() <= len(frame) // 2:
            message = (
                f"Expected numbers or text in column {name!r} of {path.name}, got both: "
                f"{frame[name].iloc[int(is_text.argmax())]!r} in row {int(is_text.argmax())}; mend it, or name the "
                "columns of operations."
            )
            raise TableError(message)
    return names


def _parsed(frame: pd.DataFrame, name: str) -> np.ndarray:
    """The column's numbers, NaN where it holds none."""
    import pandas as pd

    return np.asarray(pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float))


def _check_operations(frame: pd.DataFrame, names: Sequence[str], path: Path) -> None:
    missing = [name for name in names if name not in frame]
    if missing or not names:
        wanted = f"the operation column {missing[0]!r}" if missing else "a column of text for each operation"
        message = f"Expected {wanted} in {path.name}, got the columns: {_listed(frame)}."
        raise TableError(message)
    holes = frame[list(names)].isna().any(axis=1).to_numpy()
    if holes.any():
        message = (
            f"Expected an operation in each of {', '.join(names)} in {path.name}; row {int(holes.argmax())} misses one."
        )
        raise TableError(message)


def _training_column(frame: pd.DataFrame, named: str, path: Path) -> str:
    known = [name for name in ((named,) if named else TRAINING_COLUMNS) if name in frame]
    if not known:
        message = (
            f"Expected the seconds of a training in a column named {named or ' or '.join(TRAINING_COLUMNS)} "
            f"in {path.name}, got the columns: {_listed(frame)}."
        )
        raise TableError(message)
    return known[0]


def _listed_space(frame: pd.DataFrame, names: Sequence[str], path: Path) -> tuple[Space, np.ndarray]:
    """The space of the rows listed, and for each of its members the row of the frame that holds it."""
    choices = [sorted(map(str, frame[name].unique())) for name in names]
    codes = [
        frame[name].astype(str).map({text: code for code, text in enumerate(texts)}).to_numpy()
        for name, texts in zip(names, choices, strict=True)
    ]
    members = np.column_stack(codes).astype(np.int32)
    unique, rows = np.unique(members, axis=0, return_index=True)
    if len(unique) != len(members):
        message = f"Expected each architecture once in {path.name}, got {len(members) - len(unique)} rows twice."
        raise TableError(message)
    return Space(path.stem, names, choices, members=unique), rows


def _finite(frame: pd.DataFrame, name: str, path: Path) -> np.ndarray:
    numbers = _parsed(frame, name)
    if frame[name].dtype.kind not in "iuf" or not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        message = f"Expected a number in column {name!r} of {path.name}, got {frame[name].iloc[row]!r} in row {row}."
        raise TableError(message)
    return numbers


def _metric(name: str, values: np.ndarray) -> Metric:
    """A metric with the direction and the unit that its name tells."""
    accuracy = "acc" in name.lower()
    trained = accuracy or any(word in name.lower() for word in ("loss", "err", "perplexity"))
    return Metric(name, _unit(name), maximise=accuracy, trained=trained, values=values)


def _unit(name: str) -> str:
    """The unit that ends a metric's name, as in ``latency_ms``; % for an accuracy, nothing where none is written."""
    if "acc" in name.lower():
        return "%"
    _, _, unit = name.rpartition("_")
    return unit if unit in {"s", "ms", "us", "j", "mj", "J", "mJ", "M", "G", "MB", "kB", "W"} else ""
