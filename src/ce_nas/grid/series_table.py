"""A CSV or Parquet file of rows in time, made into a regular series with nothing invented and nothing hidden."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ce_nas.core.errors import TraceError
from ce_nas.core.units import as_duration, as_time
from ce_nas.grid.trace import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Table"]

#: the endings of the files that can be read
SUFFIXES = (".csv", ".csv.gz", ".parquet")
#: what people write into a cell that holds no number, in small letters
BLANKS = frozenset({"", "nan", "na", "n/a", "null", "none"})
#: a file in which fewer of its steps than this have a row holds a mistyped time rather than a gap
LEAST_FILLED = 0.05

_MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNREADABLE = (OSError, ValueError, EOFError, NotImplementedError, zlib.error)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The rows of one file; the index of :attr:`frame` says where each of them stands there."""

    path: Path
    frame: pd.DataFrame
    #: what a row is called in this kind of file, ``line`` or ``row``
    row_name: str

    @classmethod
    def read(cls, path: str | Path) -> Table:
        """The table in the file ``path``, a CSV or Parquet by its suffix.

        :raises TraceError: if there is no such file, or it cannot be read, or it holds no rows.
        """
        path = Path(path)
        if not path.name.lower().endswith(SUFFIXES):
            message = f"Expected a file ending in {', '.join(SUFFIXES)}; got {str(path)!r}. Convert it to one of these."
            raise TraceError(message)
        if not path.is_file():
            message = f"There is no file {str(path)!r}; check the path."
            raise TraceError(message)
        if not path.stat().st_size:
            message = f"Expected a header and rows in {str(path)!r}, but the file is empty; fetch it again."
            raise TraceError(message)
        return _read(path)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the file's order."""
        return [str(name) for name in self.frame.columns]

    def column(self, purpose: str, named: str | None, known: Iterable[str]) -> str:
        """The column ``named``, or the first of the ``known`` ones (in small letters) that is there.

        :raises TraceError: if there is none; it lists the columns found.
        """
        spelled = {name.strip().lower(): name for name in reversed(self.columns)}
        found = named if named in self.columns else None
        if named is None:
            found = next((spelled[name] for name in known if name in spelled), None)
        if found is None:
            name = repr(named) if named else f"such as {', '.join(map(repr, known))}"
            wanted = f"a column {name} for the {purpose}"
            raise self.lacks(wanted, f"{purpose}_column")
        return found

    def lacks(self, wanted: str, argument: str) -> TraceError:
        """The error for a column that is not there."""
        found = ", ".join(map(repr, self.columns))
        return TraceError(
            f"Expected {wanted} in {str(self.path)!r}; found the columns {found}. Name the right one with {argument}."
        )

    def where(self, column: str, text: str) -> Table:
        """The rows whose ``column`` holds ``text``."""
        return Table(self.path, self.frame[self.frame[column].astype(str) == text], self.row_name)

    def series(self, time_column: str, value_column: str, name: str, *, may_be_negative: bool) -> tuple[Series, int]:
        """The values on a regular grid of time, and how many repeated rows were dropped for it.

        The step is the median difference of the times. Rows may come in any order; a missing row, or a blank cell,
        becomes a NaN.

        :raises TraceError: if a cell cannot be used, rows contradict each other or a time lies off the grid.
        """
        series, _, duplicates = self.series_and(time_column, value_column, name, {}, may_be_negative=may_be_negative)
        return series, duplicates

    def series_and(
        self, time_column: str, value_column: str, name: str, beside: Mapping[str, str], *, may_be_negative: bool
    ) -> tuple[Series, dict[str, np.ndarray], int]:
        """As :meth:`series`, with the columns ``beside`` it (name to column) on the same steps.

        Of these, rows do not have to agree where they repeat each other, and a value may be negative.
        """
        times_us = self._times_us(time_column)
        values = self._numbers(value_column, may_be_negative=may_be_negative)
        order, duplicates = self._distinct(time_column, value_column, times_us, values)
        step_us = self._step_us(time_column, times_us[order])
        places = self._places(time_column, times_us, order, step_us)
        others = {key: self._numbers(column, may_be_negative=True) for key, column in beside.items()}
        start, step_s = _moment(times_us[order[0]]), step_us / _MICROSECONDS
        series = Series(start, step_s, _placed(values[order], places), name)
        return series, {key: _placed(other[order], places) for key, other in others.items()}, duplicates

    def holds_numbers(self, column: str) -> bool:
        """Whether at least one cell of the column is a number."""
        return bool(pd.to_numeric(self.frame[column], errors="coerce").notna().any())

    def _cell(self, row: int, column: str) -> str:
        """Where a cell stands, and what it holds, for a message."""
        shown = str(self.frame[column].iloc[row])
        return f"{shown!r} in {self.row_name} {self.frame.index[row]}, column {column!r} of {str(self.path)!r}"

    def _times_us(self, column: str) -> np.ndarray:
        """Microseconds since 1970 in UTC, shape ``(rows,)``; a time without a zone is UTC."""
        raw = self.frame[column]
        expected, way_out = "Expected a time such as 2021-07-02T06:00", "Write times in ISO 8601, in UTC or with a zone"
        bare = np.full(len(raw), pd.api.types.is_numeric_dtype(raw))  # may count seconds or days, from anywhere
        self._refuse(bare, column, expected, way_out)
        times = pd.to_datetime(raw, utc=True, errors="coerce", format="ISO8601")
        self._refuse(times.isna().to_numpy(), column, expected, way_out)
        return times.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)

    def _numbers(self, column: str, *, may_be_negative: bool) -> np.ndarray:
        """The column as numbers, shape ``(rows,)``; NaN for a blank cell."""
        raw = self.frame[column]
        blank = raw.isna().to_numpy()
        if not pd.api.types.is_numeric_dtype(raw):
            blank = blank | raw.astype(str).str.strip().str.lower().isin(BLANKS).to_numpy()
        values = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        self._refuse(np.isnan(values) & ~blank, column, "Expected a number", "Correct it, or leave the cell blank")
        self._refuse(np.isinf(values), column, "Expected a finite number", "Correct it, or leave the cell blank")
        if not may_be_negative:
            self._refuse(values < 0, column, "Expected zero or more", "Correct it, or leave the cell blank")
        self._refuse(np.full(len(values), blank.all()), column, "Expected at least one number", "Fetch the file again")
        return values

    def _refuse(self, bad: np.ndarray, column: str, expected: str, way_out: str) -> None:
        if bad.any():
            message = f"{expected}, got {self._cell(int(bad.argmax()), column)}. {way_out}."
            raise TraceError(message)

    def _distinct(
        self, time_column: str, value_column: str, times_us: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, int]:
        """The rows in order of time with each time once, and how many repeated ones were left out."""
        order = np.lexsort((np.arange(len(times_us)), times_us))
        same_time = np.concatenate([[False], np.diff(times_us[order]) == 0])
        now, before = values[order[same_time]], values[order[np.flatnonzero(same_time) - 1]]
        contradicts = ~((now == before) | (np.isnan(now) & np.isnan(before)))
        if contradicts.any():
            row = int(order[np.flatnonzero(same_time)[contradicts.argmax()]])
            message = (
                f"Expected one value a time, but {self._cell(row, value_column)} contradicts another row of "
                f"{self.frame[time_column].iloc[row]}. Remove one of them; if the times are local, write their zone."
            )
            raise TraceError(message)
        return order[~same_time], int(same_time.sum())

    def _step_us(self, time_column: str, times_us: np.ndarray) -> int:
        """The median difference of sorted times; of two middle ones, the shorter."""
        if len(times_us) < 2:
            message = f"Expected two times or more, to know the step, got only {self._cell(0, time_column)}."
            raise TraceError(message)
        differences = np.sort(np.diff(times_us))
        return int(differences[(len(differences) - 1) // 2])

    def _places(self, column: str, times_us: np.ndarray, order: np.ndarray, step_us: int) -> np.ndarray:
        """Which step each of the rows ``order`` is."""
        phases, counts = np.unique(times_us[order] % step_us, return_counts=True)
        off = times_us[order] % step_us != phases[counts.argmax()]
        if off.any():
            message = (
                f"Expected times {as_duration(step_us / _MICROSECONDS)} apart (the median here), but "
                f"{self._cell(int(order[off.argmax()]), column)} lies between two steps. Correct it, or bring all "
                f"rows to one step."
            )
            raise TraceError(message)
        places: np.ndarray = (times_us[order] - times_us[order[0]]) // step_us
        if len(places) < LEAST_FILLED * places[-1]:
            message = (
                f"Expected rows without long gaps, but {str(self.path)!r} has {len(places)} for the {places[-1] + 1} "
                f"steps from {as_time(_moment(times_us[order[0]]))} to {as_time(_moment(times_us[order[-1]]))}. "
                f"Look for a mistyped time, or cut the file."
            )
            raise TraceError(message)
        return places


def _read(path: Path) -> Table:
    try:
        table = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    except _UNREADABLE as error:
        reason = str(error).strip().splitlines()[:1]
        message = f"Expected a table in {str(path)!r}, but it cannot be read ({' '.join(reason)}); fetch it again."
        raise TraceError(message) from error
    if not len(table.frame):
        message = f"Expected rows in {str(path)!r}, found a header without any; fetch it again."
        raise TraceError(message)
    return table


def _read_parquet(path: Path) -> Table:
    frame = pd.read_parquet(path)
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Table(path, frame, "row")


def _read_csv(path: Path) -> Table:
    """Every cell as text, so that a message can show what was written; a zone called NA stays one."""
    frame = pd.read_csv(
        path, dtype=str, keep_default_na=False, na_filter=False, skip_blank_lines=False, encoding="utf-8-sig"
    )
    if not isinstance(frame.index, pd.RangeIndex):
        message = "its rows have more cells than its header"
        raise ValueError(message)  # noqa: TRY004 - joins the parser's own complaints
    frame.index = pd.RangeIndex(2, len(frame) + 2)  # the header is line 1
    frame = frame.fillna("")
    return Table(path, frame[(frame != "").any(axis=1)], "line")


def _placed(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Each value at its step, NaN at a step that has none; not to be written to."""
    regular = np.full(places[-1] + 1, np.nan)
    regular[places] = values
    regular.flags.writeable = False
    return regular


def _moment(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=int(time_us))
