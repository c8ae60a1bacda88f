"""The unit of a trace's intensities: where a file states it, and whether the values can be in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.core.unit_text import StatedUnit, find_intensity_unit, parse_intensity_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.grid.layouts import Layout
    from ce_nas.grid.series_table import SeriesTable

__all__ = [
    "PLAUSIBLE_G_PER_KWH",
    "check_range",
    "find_trace_unit",
    "find_unit_in_text",
    "is_same_unit",
    "take_units_row",
]

#: intensities that a grid can have over a series, g/kWh: below, a unit of kg is likely; above, one of lb/MWh or mg
PLAUSIBLE_G_PER_KWH = (2.0, 2500.0)
#: a table with fewer rows has none of units
MIN_ROWS = 2


def take_units_row(
    table: SeriesTable, column: str, find_unit: Callable[[str], StatedUnit | None]
) -> tuple[SeriesTable, StatedUnit | None]:
    """The table without a row of units below its header, and the column's unit there."""
    cell = str(table.frame[column].iloc[0]).strip()
    if len(table.frame) < MIN_ROWS or cell[:1].isdigit() or (unit := find_unit(cell)) is None:
        return table, None
    return replace(table, frame=table.frame.iloc[1:], notes=(*table.notes, "a row of units below the header")), unit


def find_trace_unit(
    table: SeriesTable, layout: Layout | None, column: str, requested: str | None, row_unit: StatedUnit | None
) -> tuple[StatedUnit, str]:
    """The unit of the intensities, and a note on where it is from.

    :raises TraceError: if the file and the caller contradict each other, or none states a unit and the values cannot
        be g/kWh.
    """
    where = f"{str(table.path)!r}"
    asked = parse_intensity_unit(requested) if requested else None
    try:
        stated, source = (row_unit, "the row of units") if row_unit else _unit_in_file(table, column)
    except SettingsError as error:
        if asked:
            return asked, f"unit {asked.text}, as the settings state"
        message = f"{error} State the unit of {where} with --unit, or choose another file."
        raise TraceError(message) from error
    if asked and stated and not is_same_unit(asked, stated):
        message = (
            f"Expected one unit of the intensities in {where}, but {source} says {stated.text} and --unit "
            f"{asked.text}; leave --unit out, or correct the file."
        )
        raise TraceError(message)
    if stated:
        return stated, f"unit {stated.text}, from {source}"
    if asked:
        return asked, f"unit {asked.text}, as the settings state"
    if layout and layout.unit:
        return layout.unit, f"unit {layout.unit.text}, as {layout.name} documents it"
    _require_grams(table, column)
    return StatedUnit("g/kWh", 1.0), "no unit stated; read as g/kWh, which the values can be"


def _require_grams(table: SeriesTable, column: str) -> None:
    """Refuse intensities without a unit that cannot be g/kWh.

    :raises TraceError: if they cannot.
    """
    values = table.numbers(column)
    finite = values[np.isfinite(values) & (values > 0)]
    low, high = PLAUSIBLE_G_PER_KWH
    if len(finite) and (finite.max() < low or finite.min() > high):
        message = (
            f"Expected carbon intensities in g/kWh, but column {column!r} of {str(table.path)!r} states no unit and "
            f"its values from {finite.min():g} to {finite.max():g} cannot be g/kWh. State the unit with --unit, such "
            "as kg/kWh or lb/MWh."
        )
        raise TraceError(message)


def check_range(table: SeriesTable, column: str, unit: StatedUnit) -> tuple[str, ...]:
    """A note where all intensities are below those of any grid; a unit under which all are above them is wrong.

    :raises TraceError: if they are.
    """
    values = table.numbers(column) * unit.factor
    finite = values[np.isfinite(values) & (values > 0)]
    low, high = PLAUSIBLE_G_PER_KWH
    if len(finite) and finite.min() > high:
        message = (
            f"Expected carbon intensities that a grid can have, but column {column!r} of {str(table.path)!r} in "
            f"{unit.text} is {finite.min():,.0f} g/kWh and more; correct the unit, or the numbers."
        )
        raise TraceError(message)
    n_low = int((finite < low).sum())
    if n_low == len(finite):
        return (f"all values are below {low:g} g/kWh",) if n_low else ()
    return (f"{n_low} value(s) above zero are below {low:g} g/kWh",) if n_low else ()


def _unit_in_file(table: SeriesTable, column: str) -> tuple[StatedUnit | None, str]:
    """The unit that the file states: in the column's name, in a column of units, or above the header; and which.

    :raises SettingsError: if one is stated that has two meanings, or is not one of carbon intensity.
    :raises TraceError: if the rows state several.
    """
    if stated := find_intensity_unit(column):
        return stated, f"the header {column!r}"
    if name := table.find_column(["unit", "units"]):
        units = sorted({str(unit).strip() for unit in table.frame[name].unique()} - {""})
        if len(units) > 1:
            message = (
                f"Expected one unit in column {name!r} of {str(table.path)!r}, got {', '.join(units)}; bring all rows "
                "to one unit."
            )
            raise TraceError(message)
        if units:
            return parse_intensity_unit(units[0]), f"the column {name!r}"
    for line in table.preamble:
        label, _, text = line.partition(":")
        if label.strip().lower().rpartition(".")[2] in {"unit", "units"} and text.strip():
            return parse_intensity_unit(text.strip()), f"the line {line.strip()!r} above the header"
    named = {unit.factor: unit for line in table.preamble if (unit := find_unit_in_text(line))}
    return (next(iter(named.values())), "a line above the header") if len(named) == 1 else (None, "")


def find_unit_in_text(line: str) -> StatedUnit | None:
    """The unit of carbon intensity in a line of text; None if there is none."""
    try:
        return find_intensity_unit(line)
    except SettingsError:
        return None


def is_same_unit(one: StatedUnit, other: StatedUnit) -> bool:
    """Whether two units, however they are spelled, make the same of a value."""
    return bool(np.isclose(one.factor, other.factor, rtol=1e-9))
