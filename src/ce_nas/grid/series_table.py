"""Rows with times converted to a regular series; gaps stay gaps, and every correction is noted.

A missing row, a blank cell or a value that cannot be becomes a gap, and is counted. Steps of several lengths are held
over the shortest one. What was assumed is noted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.core.formatting import format_duration, format_time
from ce_nas.core.table_cells import is_blank, parse_numbers
from ce_nas.core.table_file import read_table_file
from ce_nas.core.time_text import LOCAL_CLOCK, find_header_zone, parse_times
from ce_nas.grid.json_tables import read_json_table
from ce_nas.grid.time_steps import (
    MAX_JITTER_SHARE,
    MONTH_US,
    US_PER_S,
    complete_steps,
    find_calendar_spans,
    find_coarser,
    find_held_times,
    find_offsets,
    hold_values,
    round_step,
    snap,
)
from ce_nas.grid.trace import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from ce_nas.core.unit_text import StatedUnit

__all__ = ["RegularColumns", "SeriesTable"]

#: a file in which fewer of its steps than this have a row holds a mistyped time rather than a gap
MIN_FILLED_SHARE = 0.05
#: the most of a column's cells that may be unusable before the file is refused, share
MAX_BAD_SHARE = 0.05
#: rows at the end of an export that sum up the others
_SUMMARY_WORDS = frozenset({"total", "totals", "sum", "mean", "average", "avg", "min", "max", "count"})
_MIN_STEP_US = 60 * 1_000_000
_MAX_STEPS = 10_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class RegularColumns:
    """Columns of a table on one regular grid of time."""

    start: datetime
    step_s: float
    #: column's key to its values, shape (steps,), NaN where missing
    values: Mapping[str, np.ndarray]
    #: repeated rows that were left out
    duplicates: int
    #: what was left out, held or assumed, for a report
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SeriesTable:
    """The rows of one file; the index of :attr:`frame` says where each of them is in it."""

    path: Path
    frame: pd.DataFrame
    #: what a row is called in this kind of file, ``line`` or ``row``
    row_name: str
    #: the lines above the header
    preamble: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, path: str | Path) -> SeriesTable:
        """Read a table of any common kind, see :func:`ce_nas.core.table_file.read_table_file`.

        :raises TraceError: if there is no such file, it cannot be read, or it holds no rows.
        """
        if str(path).lower().endswith(".json"):
            frame, preamble, notes = read_json_table(Path(path))
            return cls(Path(path), frame, "row", preamble, notes)
        table = read_table_file(path, TraceError)
        return cls(table.path, table.frame, table.row_name, table.preamble, table.notes)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the file's order."""
        return [str(name) for name in self.frame.columns]

    def find_column(self, names: Iterable[str]) -> str | None:
        """The first column called one of ``names`` (in small letters); None if there is none."""
        spelled = {name.strip().lower(): name for name in reversed(self.columns)}
        return next((spelled[name] for name in names if name in spelled), None)

    def column(self, purpose: str, column_name: str | None, candidates: Iterable[str], option: str) -> str:
        """The column ``column_name``, or the first of the ``candidates`` that is there.

        :param option: the option that names the column, for the message.
        :raises TraceError: if there is none; it lists the columns found.
        """
        candidates = list(candidates)
        found = self.find_column(candidates) if column_name is None else self.find_column([column_name.strip().lower()])
        if found is None:
            name = repr(column_name) if column_name else f"such as {', '.join(map(repr, candidates[:4]))}"
            expected = f"a column {name} for the {purpose}"
            raise self.missing_column_error(expected, option)
        return found

    def missing_column_error(self, expected: str, option: str) -> TraceError:
        """The error for a column that is not there."""
        found = ", ".join(map(repr, self.columns))
        return TraceError(
            f"Expected {expected} in {str(self.path)!r}; found the columns {found}. Name the right one with {option}."
        )

    def filter_rows(self, column: str, value: str) -> SeriesTable:
        """The rows whose ``column`` holds ``value``."""
        rows = self.frame[self.frame[column].astype(str) == value]
        return SeriesTable(self.path, rows, self.row_name, self.preamble, self.notes)

    def with_column(self, name: str, cells: pd.Series) -> SeriesTable:
        """The same rows with one more column."""
        return SeriesTable(self.path, self.frame.assign(**{name: cells}), self.row_name, self.preamble, self.notes)

    def has_numbers(self, column: str) -> bool:
        """Whether at least one cell of the column is a number."""
        return bool(np.isfinite(parse_numbers(self.frame[column])).any())

    def numbers(self, column: str) -> np.ndarray:
        """The column's cells as numbers, NaN for what is none, shape (rows,)."""
        return parse_numbers(self.frame[column])

    def regular(  # noqa: PLR0913 - what a file's layout can differ in
        self,
        time_column: str,
        columns: Mapping[str, str],
        *,
        may_be_negative: bool,
        unit: StatedUnit | None = None,
        timezone: str | None = None,
        stamped_at_end: bool = False,
        single_step_s: float | None = None,
        timezone_option: str = "--timezone",
        largest: float = math.inf,
    ) -> RegularColumns:
        """The columns on a regular grid of time; rows may come in any order.

        The first column is the main one: rows of one time must agree in it. The others may be negative.

        :param columns: key to column.
        :param unit: of the main column; the values become the package's unit.
        :param timezone: the zone of times without an offset; UTC without it.
        :param stamped_at_end: whether a row's time is the end of its step.
        :param single_step_s: the step of a file with one row.
        :param timezone_option: what states the zone of its times, for a message.
        :param largest: the most that a value of the main column can be, in the package's unit.
        :raises TraceError: if times cannot be read, rows contradict one another, or too many cells are unusable.
        """
        times_us, time_notes = self._times(time_column, timezone, timezone_option)
        main, *others = columns.values()
        values, value_notes = self._main_values(
            main, may_be_negative=may_be_negative, largest=largest / (unit.factor if unit else 1.0)
        )
        value_notes += self._other_notes(others)
        if unit is not None:
            values = values * unit.factor + unit.offset
        order, duplicates = self._deduplicate(time_column, main, times_us, values)
        times_us = times_us[order]
        if (coarse := find_coarser(times_us, np.isfinite(values[order]))) is not None:
            order, times_us = order[coarse], times_us[coarse]
            value_notes.append(
                f"{int((~coarse).sum())} row(s) without a value, between those of a longer step, left out"
            )
        times_us, is_last_moment = complete_steps(times_us)
        stamped_at_end = stamped_at_end or is_last_moment
        step_us, held_us, step_notes = self._steps(time_column, order, times_us, single_step_s)
        notes = [*self.notes, *time_notes, *value_notes, *step_notes]
        times_us = snap(times_us, step_us)
        if stamped_at_end:
            times_us = times_us - held_us
            notes.append("times are the ends of their steps")
        first = (times_us - times_us[0]) // step_us
        spans = np.maximum(held_us // step_us, 1)
        steps = int((first + spans).max())
        if steps > _MAX_STEPS or int(spans.sum()) < MIN_FILLED_SHARE * steps:
            raise self._long_gap_error(times_us, len(order), steps)
        filled = {main: values}
        filled |= {column: parse_numbers(self.frame[column]) for column in columns.values() if column != main}
        regular = {key: hold_values(filled[column][order], first, spans, steps) for key, column in columns.items()}
        start = _EPOCH + timedelta(microseconds=int(times_us[0]))
        return RegularColumns(start, step_us / US_PER_S, regular, duplicates, tuple(notes))

    def series(  # noqa: PLR0913 - as :meth:`regular`
        self,
        time_column: str,
        value_column: str,
        name: str,
        *,
        may_be_negative: bool,
        unit: StatedUnit | None = None,
        timezone: str | None = None,
        timezone_option: str = "--timezone",
    ) -> Series:
        """One column as a series, see :meth:`regular`."""
        found = self.regular(
            time_column,
            {name: value_column},
            may_be_negative=may_be_negative,
            unit=unit,
            timezone=timezone,
            timezone_option=timezone_option,
        )
        return Series(found.start, found.step_s, found.values[name], name)

    def without_summary_rows(self, time_column: str) -> SeriesTable:
        """The rows without those at an export's end that sum up the others, such as ``Total``."""
        words = self.frame[time_column].astype(str).str.strip().str.lower().str.rstrip(":")
        summary = words.isin(_SUMMARY_WORDS).to_numpy()
        if not summary.any():
            return self
        note = f"{int(summary.sum())} row(s) that sum up others left out"
        return SeriesTable(self.path, self.frame[~summary], self.row_name, self.preamble, (*self.notes, note))

    def _times(self, column: str, timezone: str | None, option: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """The times in microseconds since 1970, UTC, shape (rows,), and notes on them.

        Without a zone of the caller's that of the column's name counts.
        """
        stated = self._stated_zone(column, timezone, option)
        timezone = timezone or (stated if stated not in {LOCAL_CLOCK, "UTC"} else None)
        try:
            times = parse_times(self.frame[column], timezone)
        except SettingsError as error:
            message = f"{error} This is column {column!r} of {str(self.path)!r}."
            raise TraceError(message) from error
        if stated == LOCAL_CLOCK and times.has_naive:
            message = (
                f"Expected times in UTC, but column {column!r} of {str(self.path)!r} says that they are local; name "
                f"their zone with {option}, such as Europe/Berlin."
            )
            raise TraceError(message)
        self._reject(
            times.unread,
            column,
            "Expected a time such as 2021-07-02T06:00",
            "Write times in ISO 8601, in UTC or with an offset",
        )
        self._reject(
            times.ambiguous,
            column,
            f"Expected a time that a clock in {timezone} shows once",
            "Write it with its offset, such as +02:00",
        )
        assumed = times.has_naive and timezone is None and stated is None
        note = f"times without an offset read as UTC; name their zone with {option} if they are local"
        return times.us, (*times.notes, *([note] if assumed else []))

    def _stated_zone(self, column: str, timezone: str | None, option: str) -> str | None:
        """The zone in the column's name; None if it has none, or the caller states one.

        :raises TraceError: if both state one and they differ.
        """
        named = find_header_zone(column)
        if timezone is None:
            return named
        fixed = (named or "").upper()
        same = {"UTC", "ETC/UTC", "GMT"} if fixed == "UTC" else {fixed}
        if timezone and fixed.startswith(("UTC", "GMT")) and timezone.upper() not in same:
            message = (
                f"Expected one clock, but column {column!r} of {str(self.path)!r} says {named} and {option} "
                f"{timezone}; leave {option} out, or correct the name of the column."
            )
            raise TraceError(message)
        return None

    def _main_values(
        self, column: str, *, may_be_negative: bool, largest: float = math.inf
    ) -> tuple[np.ndarray, list[str]]:
        """The column as numbers, NaN for a blank cell or a value that cannot be; the latter are counted in a note."""
        cells = self.frame[column]
        blank = is_blank(cells)
        values = parse_numbers(cells)
        bad = ~blank & ~np.isfinite(values)
        expected = "Expected a number" if may_be_negative else "Expected a number of zero or more"
        if not may_be_negative:
            bad |= (values < 0) | cells.astype(str).str.contains("%", regex=False).to_numpy()
        if (values[np.isfinite(values)] > largest).any() and not (values < 0).any():
            expected = f"Expected a number of at most {largest:,.6g}"
        bad |= values > largest
        if bad.sum() > max(1, MAX_BAD_SHARE * len(values)) or not (np.isfinite(values) & ~bad).any():
            self._reject(bad, column, expected, "Correct it, or leave the cell blank")
            message = (
                f"Expected at least one number in column {column!r} of {str(self.path)!r}, but all cells are blank."
            )
            raise TraceError(message)
        if not bad.any():
            return values, []
        row = int(bad.argmax())
        shown = f"{self.frame[column].iloc[row]!r} in {self.row_name} {self.frame.index[row]}"
        return np.where(bad, np.nan, values), [f"{int(bad.sum())} unusable value(s) became gaps (first: {shown})"]

    def _other_notes(self, columns: Iterable[str]) -> list[str]:
        """A note on the cells of further columns that are neither blank nor a number; they are gaps."""
        bad = {
            column: ~is_blank(cells) & ~np.isfinite(parse_numbers(cells))
            for column in columns
            for cells in [self.frame[column]]
        }
        total = sum(int(flags.sum()) for flags in bad.values())
        if not total:
            return []
        column = next(name for name, flags in bad.items() if flags.any())
        row = int(bad[column].argmax())
        shown = f"{self.frame[column].iloc[row]!r} in {self.row_name} {self.frame.index[row]}, column {column!r}"
        return [f"{total} unusable value(s) of generation became gaps (first: {shown})"]

    def _describe_cell(self, row: int, column: str) -> str:
        """Where a cell is, and what it holds, for a message."""
        shown = str(self.frame[column].iloc[row])
        return f"{shown!r} in {self.row_name} {self.frame.index[row]}, column {column!r} of {str(self.path)!r}"

    def _reject(self, bad: np.ndarray, column: str, expected: str, remedy: str) -> None:
        if bad.any():
            message = f"{expected}, got {self._describe_cell(int(bad.argmax()), column)}. {remedy}."
            raise TraceError(message)

    def _deduplicate(
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
                f"Expected one value a time, but {self._describe_cell(row, value_column)} contradicts another row of "
                f"{self.frame[time_column].iloc[row]}. Remove one of them; if the times are local, name their zone "
                "with --timezone."
            )
            raise TraceError(message)
        return order[~same_time], int(same_time.sum())

    def _steps(
        self, time_column: str, order: np.ndarray, times_us: np.ndarray, single_step_s: float | None
    ) -> tuple[int, np.ndarray, list[str]]:
        """The step of the regular grid, how long each row's value holds, both in microseconds, and notes."""
        if len(times_us) < 2:
            if single_step_s:
                step_us = round(single_step_s * US_PER_S)
                notes = ["steps of a year, so that no hour of a day is cleaner than another"]
                return step_us, np.array([step_us]), notes if step_us >= 12 * MONTH_US - 86_400 * US_PER_S else []
            cell = self._describe_cell(0, time_column)
            message = f"Expected two times or more, to know the step, got only {cell}."
            raise TraceError(message)
        differences = np.diff(times_us)
        if (spans := find_calendar_spans(times_us)) is not None:
            step_us = int(np.gcd.reduce([*differences.tolist(), *spans.tolist()]))
            months = round(float(np.median(spans)) / MONTH_US)
            name = {1: "a month", 12: "a year"}.get(months, f"{months} months")
            return step_us, spans, [f"steps of {name}, so that no hour of a day is cleaner than another"]
        median = round_step(int(np.sort(differences)[(len(differences) - 1) // 2]))
        off = np.abs(find_offsets(times_us, median))
        held_us = find_held_times(differences, median)
        has_one_step = bool((np.abs(held_us - median) <= MAX_JITTER_SHARE * median).all())
        if has_one_step and off.max() <= MAX_JITTER_SHARE * median:
            notes = [f"times off by up to {off.max() / US_PER_S:g} s moved to their step"] if off.any() else []
            return median, np.full(len(times_us), median), notes
        step_us = int(np.gcd.reduce(differences))
        if has_one_step or step_us < _MIN_STEP_US:
            row = int(order[int((off > MAX_JITTER_SHARE * median).argmax())])
            message = (
                f"Expected times {format_duration(median / US_PER_S)} apart (the median here), but "
                f"{self._describe_cell(row, time_column)} lies between two steps. Correct it, or bring all rows to one "
                "step."
            )
            raise TraceError(message)
        lengths = [format_duration(length / US_PER_S) for length in np.unique(held_us).tolist()]
        return step_us, held_us, [f"steps of {', '.join(lengths)}: each value holds for its own step"]

    def _long_gap_error(self, times_us: np.ndarray, rows: int, steps: int) -> TraceError:
        first, last = (_EPOCH + timedelta(microseconds=int(times_us[at])) for at in (0, -1))
        return TraceError(
            f"Expected rows without long gaps, but {str(self.path)!r} has {rows} for the {steps} steps from "
            f"{format_time(first)} to {format_time(last)}. Look for a mistyped time, or cut the file."
        )
