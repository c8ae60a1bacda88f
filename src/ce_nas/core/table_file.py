"""One reader for all table files: CSV and its variants, Parquet, JSON.

CSV in any common dialect (comma, semicolon, tab or bar; decimal commas; comment lines, metadata lines and Excel's
``sep=`` before the header; trailing commas; UTF-8 with or without a byte order mark, UTF-16, Windows-1252; any line
ends), gzipped or not, and Parquet. What was assumed is noted, so that a report can say it.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ce_nas.core.errors import TableError, require_parquet
from ce_nas.core.table_cells import is_number, unify_separators

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from ce_nas.core.errors import CeNasError

__all__ = ["TableFile", "read_table_file"]

#: the endings of the files that can be read, in small letters; each text ending may be followed by .gz
TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".xls")  # RTE calls tables separated by tabs .xls
PARQUET_SUFFIXES = (".parquet", ".pq")
#: the most that a file may hold once it is unpacked: more than a year of 5-minute rows of ten zones; as texts, its
#: cells take ten times as much
MAX_TABLE_BYTES = 100 << 20

_DELIMITERS = (",", ";", "\t", "|")
_MAX_PREAMBLE_LINES = 40
_SNIFFED_LINES = 400
#: how files begin that are no tables of text
_BINARY_HEADS = {
    b"PK\x03\x04": "it is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "it is an Excel workbook; save the sheet as CSV",
    b"PAR1": "it is a Parquet file; end its name with .parquet",
}
_GZIP_HEAD = b"\x1f\x8b"
_READ_ERRORS = (OSError, ValueError, EOFError, NotImplementedError, KeyError, zlib.error, csv.Error)


@dataclass(frozen=True, slots=True, eq=False)
class TableFile:
    """The cells of one file.

    A text file's cells are texts, stripped of blanks; a Parquet file's keep their types.
    """

    path: Path
    #: the rows; the index says where each of them is in the file, counted from 1
    frame: pd.DataFrame
    #: what a row is called in this kind of file, ``line`` or ``row``
    row_name: str
    #: the lines above the header, without comment signs
    preamble: tuple[str, ...] = ()
    #: what was assumed of the file's dialect, for a report
    notes: tuple[str, ...] = field(default=())

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the file's order."""
        return [str(name) for name in self.frame.columns]


def read_table_file(path: Path | str, error: type[CeNasError] = TableError) -> TableFile:
    """Read a table by the ending of its name, in any case.

    :param error: the kind of error to raise.
    :raises CeNasError: if there is no such file, it is empty, holds no rows, or cannot be read as a table.
    :raises MissingExtraError: for a Parquet file, without the extra ``parquet``.
    """
    path = Path(path)
    name = path.name.lower()
    if len(os.fsencode(path.name)) > 255:
        message = f"Expected a name of at most 255 bytes, got one of {len(os.fsencode(path.name))}; check the path."
        raise error(message)
    stem = name.removesuffix(".gz")
    is_parquet = stem.endswith(PARQUET_SUFFIXES) and stem == name
    if not (is_parquet or stem.endswith(TEXT_SUFFIXES)):
        way_out = "save the sheet as CSV" if stem.endswith((".xlsx", ".xls", ".ods")) else "convert it to one of these"
        message = f"Expected a table in a .csv, .csv.gz, .tsv or .parquet file, got {path.name!r}; {way_out}."
        raise error(message)
    if not path.is_file():
        message = f"There is no file {str(path)!r}; check the path."
        raise error(message)
    if not path.stat().st_size:
        message = f"Expected a header and rows in {str(path)!r}, but the file is empty; get the file again."
        raise error(message)
    try:
        table = _read_parquet(path) if is_parquet else _read_text_table(path)
    except _READ_ERRORS as problem:
        reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
        message = f"Expected a table in {str(path)!r}, but it cannot be read ({reason})."
        raise error(message) from problem
    if not len(table.frame):
        message = f"Expected rows in {str(path)!r}, found a header without any; get the file again."
        raise error(message)
    return table


def _read_parquet(path: Path) -> TableFile:
    import pandas as pd

    require_parquet(f"Reading {path.name!r}, a Parquet file,")
    _require_small(path)
    frame = pd.read_parquet(path)
    for name in frame:
        cells = frame[name] if frame[name].dtype.kind == "O" else ()
        if any(isinstance(cell, bytes | dict | list | np.ndarray) for cell in cells):
            message = f"its column {str(name)!r} holds bytes or lists, not numbers or texts"
            raise ValueError(message)
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    frame.columns = [str(name) for name in frame.columns]
    return TableFile(path, frame, "row")


def _require_small(path: Path) -> None:
    """Refuse a Parquet file that states more than a table may hold, before it is read.

    :raises ValueError: if it does.
    """
    from pyarrow.parquet import read_metadata

    stated = read_metadata(path)
    cells = stated.num_rows * max(stated.num_columns, 1)
    n_bytes = sum(stated.row_group(number).total_byte_size for number in range(stated.num_row_groups))
    if max(n_bytes, 8 * cells) > MAX_TABLE_BYTES:
        message = f"it holds more than {MAX_TABLE_BYTES >> 20} MiB; cut it to the rows and columns that are needed"
        raise ValueError(message)


def _read_text_table(path: Path) -> TableFile:

    text, encoding_note = _decode(_read_bytes(path))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    comments = [(number, line) for number, line in numbered if line.lstrip().startswith("#")]
    declared, numbered = _split_separator_line([pair for pair in numbered if not pair[1].lstrip().startswith("#")])
    delimiter, header_index = _sniff(numbered, declared)
    frame, n_repeated = _build_frame(numbered[header_index:], delimiter)
    frame, number_notes = unify_separators(frame) if delimiter != "," else (frame, [])
    n_below = _count_below(frame)
    notes = [
        encoding_note,
        *number_notes,
        n_below and f"{n_below} line(s) of text below the table left out",
        n_repeated and f"{n_repeated} repetition(s) of the header left out",
        delimiter != "," and f"cells are separated by {'tabs' if delimiter == chr(9) else repr(delimiter)}",
        comments and f"{len(comments)} comment line(s) left out",
        header_index and f"{header_index} line(s) before the header left out",
    ]
    preamble = [line.lstrip("# ").strip() for _, line in comments] + [line for _, line in numbered[:header_index]]
    rows = frame.iloc[: len(frame) - n_below]
    return TableFile(path, rows, "line", tuple(preamble), tuple(str(note) for note in notes if note))


def _build_frame(lines: Sequence[tuple[int, str]], delimiter: str) -> tuple[pd.DataFrame, int]:
    """The rows below a header as texts, without empty rows and columns; and how often the header is repeated.

    :param lines: number and text of each, the header first.
    """
    import pandas as pd

    head = lines[0][1]
    named = [cell.strip() for cell in next(_read_cells([head], delimiter, strict=True))]
    header = _unique(named)
    body = [pair for pair in lines[1:] if pair[1].strip() != head.strip()]
    rows = list(_parse_rows(body, delimiter, len(header)))
    frame = pd.DataFrame([cells for _, cells in rows], columns=header, dtype=str)
    frame.index = pd.Index([number for number, _ in rows], dtype=np.int64)
    used = [bool(cell) or bool((frame[name] != "").any()) for cell, name in zip(named, header, strict=True)]
    frame = frame.loc[:, used]
    return frame[(frame != "").any(axis=1)] if len(frame) else frame, len(lines) - 1 - len(body)


def _count_below(frame: pd.DataFrame) -> int:
    """The rows at the end that hold a text in their first cell alone, such as a source or a disclaimer."""
    if frame.shape[1] < 2:
        return 0
    is_text = ~frame.iloc[:, 0].str.match(r"[-+]?\d|$").to_numpy()
    is_alone = (frame.iloc[:, 1:] == "").all(axis=1).to_numpy()
    others = np.flatnonzero(~(is_text & is_alone))
    return int(len(frame) - 1 - others[-1]) if len(others) else 0


def _read_bytes(path: Path) -> bytes:
    """The file's bytes, unpacked, with a bound on what is unpacked.

    :raises ValueError: if it holds more.
    """
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP_HEAD or path.name.lower().endswith(".gz")
    with gzip.open(path) if is_packed else path.open("rb") as file:
        content = file.read(MAX_TABLE_BYTES + 1)
    if reason := _BINARY_HEADS.get(content[:4]):
        raise ValueError(reason)
    if len(content) > MAX_TABLE_BYTES:
        message = f"it holds more than {MAX_TABLE_BYTES >> 20} MiB; cut it to the rows and columns that are needed"
        raise ValueError(message)
    return bytes(content)


def _decode(content: bytes) -> tuple[str, str]:
    """The text, and a note where its encoding is not UTF-8."""
    if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return content.decode("utf-32"), "the file is in UTF-32"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16"), "the file is in UTF-16"
    head = content[:1000]
    if head.count(b"\0") > len(head) // 4:
        order = "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
        return content.decode(order), "the file is in UTF-16"
    if b"\0" in content:
        message = "it holds binary data"
        raise ValueError(message)
    try:
        return content.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace"), "the file is not in UTF-8; read as Windows-1252"


def _split_separator_line(lines: list[tuple[int, str]]) -> tuple[str | None, list[tuple[int, str]]]:
    """Excel's ``sep=;`` above the header, if it is there, and the other lines."""
    if lines and (match := re.fullmatch(r"\s*\"?sep=(.)\"?\s*", lines[0][1], re.IGNORECASE)):
        return match.group(1), lines[1:]
    return None, lines


class _Header(NamedTuple):
    """A line that may be the header, under one delimiter."""

    #: share of the lines after it that are as wide
    agreement: float
    #: columns; 0 where no line after it agrees
    columns: int
    delimiter: str
    row: int

    def is_better(self, other: _Header) -> bool:
        """Whether it explains the lines after it clearly better: by agreement, then its place, then columns."""
        if (self.columns > 1) != (other.columns > 1):
            return self.columns > 1 and self.agreement > 0.5
        if abs(self.agreement - other.agreement) > 0.05:
            return self.agreement > other.agreement
        if self.row != other.row:  # the bars of architecture strings divide rows, but not the header above them
            return self.row < other.row
        return self.columns > other.columns


def _sniff(lines: Sequence[tuple[int, str]], declared: str | None) -> tuple[str, int]:
    """The delimiter, and which of the lines is the header.

    The header is the first line whose cells are all names (no numbers) and whose width most of the lines after it
    share; of the delimiters, the one with which the widths agree best, then the one whose header comes first, then
    the one that makes most columns.

    :raises ValueError: if no line is a header.
    """
    best: _Header | None = None
    sample = [line for _, line in lines[:_SNIFFED_LINES]]
    for delimiter in (declared,) if declared else _DELIMITERS:
        for header in _list_headers(sample, delimiter):
            if best is None or header.is_better(best):
                best = header
    if best is None:
        message = "no line of it reads as a header of column names"
        raise ValueError(message)
    return best.delimiter, best.row


def _list_headers(sample: Sequence[str], delimiter: str) -> Iterator[_Header]:
    """The lines that may be the header: those of names alone, in a column or more."""
    rows = list(_read_cells(sample, delimiter))
    widths = [_width(cells) for cells in rows]
    fewest = 2 if len(sample) > 1 and delimiter != "," else 1
    for index, cells in enumerate(rows[:_MAX_PREAMBLE_LINES]):
        width = widths[index]
        if width < fewest or any(map(is_number, cells)):
            continue
        after = widths[index + 1 :]
        agrees = any(other <= width and (other == width or other > 1 or width == 1) for other in after)
        full = sum(len(row) == len(cells) or _width(row) == width for row in rows[index + 1 :])
        yield _Header(full / max(len(after), 1), width if agrees else 0, delimiter, index)


def _read_cells(lines: Sequence[str], delimiter: str, *, strict: bool = False) -> Iterator[list[str]]:
    """The cells of each line; blanks before a quote do not hide it."""
    return csv.reader(lines, delimiter=delimiter, strict=strict, skipinitialspace=True)


def _width(cells: Sequence[str]) -> int:
    """Cells up to the last one that holds something."""
    return max((index for index, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _parse_rows(lines: Sequence[tuple[int, str]], delimiter: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line, padded to the header's width.

    :raises ValueError: if a line has more cells than the header.
    :raises csv.Error: if a quote is not closed.
    """
    starts = [number for number, _ in lines]
    text = io.StringIO("\n".join(line for _, line in lines))
    reader = csv.reader(text, delimiter=delimiter, strict=True, skipinitialspace=True)
    before = 0
    for raw in reader:
        number = starts[min(before, len(starts) - 1)]
        before = reader.line_num
        cells = [cell.strip() for cell in raw]
        if _width(cells) > width:
            message = f"line {number} has {_width(cells)} cells, but the header names {width} columns"
            raise ValueError(message)
        yield number, (cells + [""] * width)[:width]


def _unique(names: list[str]) -> list[str]:
    """The names with repeated ones numbered, so that each column can be named."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}.{seen[name] - 1}")
    return unique
