"""Read a user's benchmark table: a column per operation, columns of metrics and a column of training times."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.metric_names import infer_maximise, infer_seconds, infer_unit, is_missing
from ce_nas.benchmarks.nasbench201 import build_wide_table, is_wide_layout
from ce_nas.benchmarks.tabular import BenchmarkTable, MetricColumn
from ce_nas.core.errors import TableError
from ce_nas.core.table_cells import is_blank, parse_numbers
from ce_nas.core.table_file import read_table_file
from ce_nas.space.base import Space

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

    from ce_nas.core.table_file import TableFile

__all__ = ["TRAINING_TIME_COLUMNS", "read_frame", "read_table"]

#: names of the column of training times, s
TRAINING_TIME_COLUMNS = ("train_s", "training_s", "train_seconds", "training_seconds", "train_time_s", "train_time")
#: epochs of a full training; the tables do not say
DEFAULT_EPOCHS = 200
#: from this many rows on, a column that never repeats a text is an identifier; from fewer, if its name says so
_MIN_ID_ROWS = 20
_MIN_NAMED_ID_ROWS = 3
_ID_WORDS = {"id", "ids", "uid", "uuid", "hash", "name", "index", "idx", "key", "run"}
#: a number with its unit
_WITH_UNIT = r"[-+]?\d[\d.,]*\s*[A-Za-z\u00b5\u03bc/]+"
#: columns that say something of a row rather than of its architecture
_REMARK_WORDS = {"status", "state", "date", "timestamp", "comment", "note", "notes", "host", "hostname", "user"}
#: an integer that fits into 64 bits
_INTEGER = r"[-+]?[0-9]{1,18}"


def read_table(
    path: Path | str,
    *,
    dataset: str = "cifar10",
    operations: Sequence[str] = (),
    training_column: str = "",
    imputed: bool = True,
) -> BenchmarkTable:
    """Read the benchmark table in a file of any common kind.

    Text columns (or those named in ``operations``) are the operations, a variable each; the column of
    :data:`TRAINING_TIME_COLUMNS` (or ``training_column``) holds the seconds of a full training; every other numeric
    column is a metric. A metric's direction is what the words of its name say, see
    :mod:`ce_nas.benchmarks.metric_names`; one whose name says nothing needs a stated direction. All metrics are
    revealed by training only, unless an objective marks one with ``:known``.

    Rows that lack a metric (a blank cell, a failed training, a value that its name rules out, see
    :func:`~ce_nas.benchmarks.metric_names.is_missing`) or the training time are left out and counted in the table's
    notes, as are repeated rows; a metric that most rows lack is left out itself. A file in NAS-Bench-201's wide layout
    is read as that benchmark, for ``dataset``.

    :param imputed: in that layout, whether imputed costs stand in for missing ones; else these are NaN.
    :raises TableError: if the file cannot be read or lacks one of these.
    """
    path = Path(path)
    file = read_table_file(path)
    frame = _convert_numbers(file, operations)
    if is_wide_layout(list(map(str, frame.columns))):
        return build_wide_table(frame, dataset, path.name, imputed=imputed)
    names = list(operations) or _find_operation_columns(frame, path)
    _check_operations(frame, names, path)
    seconds = _find_training_time_column(frame, training_column, path)
    metrics = [name for name in frame.columns if name not in {*names, seconds, ""} and frame[name].dtype.kind in "iuf"]
    frame, metrics, notes = _drop_incomplete_rows(frame, names, metrics, seconds, path)
    if not metrics:
        found = "; ".join([_list_columns(frame), *notes])
        message = f"Expected a numeric column of a metric in {path.name}, got the columns: {found}."
        raise TableError(message)
    space, rows = _build_space(frame, names, path)
    columns = {name: _build_metric(name, frame[name].to_numpy(dtype=float)[rows]) for name in metrics}
    factor = infer_seconds(seconds)
    if factor != 1.0:
        notes.append(f"training times are those of the column {seconds}, times {factor:g}, in seconds")
    notes += [note for name in columns if (note := _note_odd_shares(columns[name]))]
    train_s = frame[seconds].to_numpy(dtype=float)[rows] * factor
    notes = [f"{note[0].upper()}{note[1:]}." for note in (*file.notes, *notes)]
    return BenchmarkTable(space.name, space, columns, train_s, DEFAULT_EPOCHS, path.name, tuple(notes))


def read_frame(path: Path) -> pd.DataFrame:
    """Read a table, its columns of numbers as numbers; the index counts lines, or rows of a Parquet file, from 1.

    :raises TableError: if it is missing, empty or cannot be read, or a column of numbers holds a text.
    """
    return _convert_numbers(read_table_file(path))


def _convert_numbers(table: TableFile, text_columns: Collection[str] = ()) -> pd.DataFrame:
    """The table's rows with numbers in its columns of numbers; the index's name is what a row is called.

    :param text_columns: columns that stay as written.
    """
    frame = table.frame.copy()
    frame.index.name = table.row_name
    for name in frame.columns:
        cells = frame[name]
        if name in text_columns or cells.dtype.kind in "iufbM":
            continue
        blank, numbers = is_blank(cells), parse_numbers(cells)
        is_number = ~np.isnan(numbers)
        text = ~blank & ~is_number
        _require_plain_numbers(table, name, text, blank)
        if not text.any() and (is_number.any() or _is_empty(cells)):
            frame[name] = _to_integers(cells, numbers)
        elif text.sum() < is_number.sum():
            row = int(text.argmax())
            message = (
                f"Expected numbers or text in column {name!r} of {table.path.name}, got both: {cells.iloc[row]!r} in "
                f"{_locate(frame, row)}; correct it, leave the cell blank, or name the columns of operations with "
                "--operations."
            )
            raise TableError(message)
    return frame


def _require_plain_numbers(table: TableFile, name: str, text: np.ndarray, blank: np.ndarray) -> None:
    """Refuse a metric whose numbers carry units, or of which some are in per cent and some are not.

    :raises TableError: if it is one.
    """
    cells = table.frame[name].astype(str)
    if infer_maximise(name) is not None and text.any() and cells[text].str.fullmatch(_WITH_UNIT).all():
        row = int(text.argmax())
        message = (
            f"Expected plain numbers in column {name!r} of {table.path.name}, got {cells.iloc[row]!r} in "
            f"{table.row_name} {table.frame.index[row]}; write the unit into the column's name, such as latency_ms."
        )
        raise TableError(message)
    percent = cells.str.endswith("%").to_numpy()
    plain = ~percent & ~blank & ~text
    if percent.any() and plain.any():
        row = int(plain.argmax())
        message = (
            f"Expected all of column {name!r} of {table.path.name} in % or none, got {cells.iloc[row]!r} in "
            f"{table.row_name} {table.frame.index[row]} without the sign; write all in one way."
        )
        raise TableError(message)


def _is_empty(cells: pd.Series) -> bool:
    """Whether no cell holds anything; words such as none may be an operation."""
    return bool((cells.isna() | cells.astype(str).str.lower().isin({"", "nan"})).all())


def _to_integers(cells: pd.Series, numbers: np.ndarray) -> np.ndarray:
    """The numbers as integers where all are written without a point, else as they are."""
    texts = cells.astype(str)
    return texts.to_numpy(dtype=np.int64) if texts.str.fullmatch(_INTEGER).all() else numbers


def _locate(frame: pd.DataFrame, row: int) -> str:
    """Where a row is in its file, such as ``line 7``."""
    return f"{frame.index.name} {frame.index[row]}"


def _drop_incomplete_rows(
    frame: pd.DataFrame, names: Sequence[str], metrics: list[str], seconds: str, path: Path
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The rows with every metric and a training time, the metrics that most rows have, and notes on the others.

    :raises TableError: if no row is complete.
    """
    missing = {}
    for name in [*metrics, seconds]:
        values = _to_floats(frame, name, path)
        missing[name] = is_missing("time" if name == seconds else name, values)
    sparse = [name for name in metrics if missing[name].sum() > len(frame) / 2]
    kept = [name for name in metrics if name not in sparse]
    counted = {name: int(missing[name].sum()) for name in [*kept, seconds] if missing[name].any()}
    incomplete = np.logical_or.reduce([missing[name] for name in [*kept, seconds]])
    notes = [
        f"the metric {name} is left out: {int(missing[name].sum())} of {len(frame)} rows lack it" for name in sparse
    ]
    if incomplete.any():
        reasons = ", ".join(f"{count} lack {name}" for name, count in counted.items())
        notes.append(f"{int(incomplete.sum())} of {len(frame)} rows are left out: {reasons}")
    complete = frame[~incomplete]
    if not len(complete):
        message = f"Expected rows with all metrics and a training time in {path.name}, got none: {'; '.join(notes)}."
        raise TableError(message)
    duplicated = complete.duplicated(subset=[*names, *kept, seconds]).to_numpy()
    if duplicated.any():
        notes.append(f"{int(duplicated.sum())} of {len(frame)} rows are left out: they repeat another")
    return complete[~duplicated], kept, notes


def _to_floats(frame: pd.DataFrame, name: str, path: Path) -> np.ndarray:
    if frame[name].dtype.kind not in "iuf":
        row = _locate(frame, 0)
        message = f"Expected numbers in column {name!r} of {path.name}, got {frame[name].iloc[0]!r} in {row}."
        raise TableError(message)
    return np.asarray(frame[name].to_numpy(dtype=float, na_value=np.nan))


def _list_columns(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, frame.columns))


def _find_operation_columns(frame: pd.DataFrame, path: Path) -> list[str]:
    """The columns of text and of booleans.

    :raises TableError: if one holds another text in each row, as an identifier does.
    """
    names = [name for name in frame.columns if frame[name].dtype.kind not in "iufM"]
    identifiers = [name for name in names if _is_identifier(name, frame[name])]
    remarks = [name for name in names if _words_of(name) & _REMARK_WORDS]
    if remarks and len(names) > len(remarks):
        others = ",".join(name for name in names if name not in {*remarks, *identifiers}) or names[0]
        message = (
            f"Expected columns of operations in {path.name}, but {remarks[0]!r} reads as a remark on each row; name "
            f"the columns of operations with --operations {others}, and leave out the rows of failed trainings."
        )
        raise TableError(message)
    if identifiers and len(names) > 1:
        others = ",".join(name for name in names if name not in identifiers) or names[0]
        message = (
            f"Expected columns of operations in {path.name}, but {identifiers[0]!r} holds another text in each row, as "
            f"an identifier does; name the columns of operations with --operations {others}."
        )
        raise TableError(message)
    return names


def _words_of(name: str) -> set[str]:
    return set(re.findall("[a-z]+", name.lower()))


def _is_identifier(name: str, cells: pd.Series) -> bool:
    """Whether a column never repeats, over many rows or by a name that says so."""
    least = _MIN_NAMED_ID_ROWS if _words_of(name) & _ID_WORDS else _MIN_ID_ROWS
    return len(cells) >= least and cells.nunique() == len(cells)


def _check_operations(frame: pd.DataFrame, names: Sequence[str], path: Path) -> None:
    missing = [name for name in names if name not in frame]
    if missing or not names:
        wanted = f"the operation column {missing[0]!r}" if missing else "a text column for each operation"
        message = f"Expected {wanted} in {path.name}, got the columns: {_list_columns(frame)}."
        raise TableError(message)
    incomplete = (frame[list(names)].isna() | (frame[list(names)] == "")).any(axis=1).to_numpy()
    if incomplete.any():
        row = _locate(frame, int(incomplete.argmax()))
        message = f"Expected an operation in each of {', '.join(names)} in {path.name}; {row} lacks one."
        raise TableError(message)


def _find_training_time_column(frame: pd.DataFrame, requested: str, path: Path) -> str:
    spelled = {str(name).lower(): str(name) for name in reversed(list(frame.columns))}
    wanted = (requested.lower(),) if requested else TRAINING_TIME_COLUMNS
    present = [requested] if requested and requested in frame else [spelled[name] for name in wanted if name in spelled]
    if not present:
        message = (
            f"Expected the seconds of a training in a column named {requested or ' or '.join(TRAINING_TIME_COLUMNS)} "
            f"in {path.name}, got the columns: {_list_columns(frame)}; name it with --training-column."
        )
        raise TableError(message)
    return present[0]


def _build_space(frame: pd.DataFrame, names: Sequence[str], path: Path) -> tuple[Space, np.ndarray]:
    """The space of the listed rows, and for each of its members its row in the frame."""
    choices = [sorted(map(str, frame[name].unique())) for name in names]
    codes = [
        frame[name].astype(str).map({text: code for code, text in enumerate(texts)}).to_numpy()
        for name, texts in zip(names, choices, strict=True)
    ]
    members = np.column_stack(codes).astype(np.int32)
    unique, rows, counts = np.unique(members, axis=0, return_index=True, return_counts=True)
    if len(unique) != len(members):
        row = _locate(frame, rows[int((counts > 1).argmax())])
        message = (
            f"Expected one result for each architecture in {path.name}, got {len(members) - len(unique)} row(s) "
            f"that contradict another, such as {row}; keep one of each, such as their mean."
        )
        raise TableError(message)
    return Space(path.name.removesuffix(".gz").rpartition(".")[0], names, choices, members=unique), rows


def _note_odd_shares(metric: MetricColumn) -> str:
    """A note where some values of an accuracy in per cent may be shares, or cannot be; empty elsewhere."""
    if metric.unit != "%" or not metric.maximise:
        return ""
    low, high = int(((metric.values > 0) & (metric.values < 1)).sum()), int((metric.values > 100).sum())
    if high:
        return f"{high} of {len(metric.values)} values of {metric.name} are above 100 %"
    return f"{low} of {len(metric.values)} values of {metric.name} are below 1, read in % as the others" if low else ""


def _build_metric(name: str, values: np.ndarray) -> MetricColumn:
    """A metric with the direction and the unit that its name says; only trainings reveal it."""
    maximise, unit = infer_maximise(name), infer_unit(name)
    return MetricColumn(
        name,
        "" if unit == "%" and values.max() <= 1.0 else unit,  # a share, not in percent
        maximise=bool(maximise),
        requires_training=True,
        values=values,
        has_direction=maximise is not None,
    )
