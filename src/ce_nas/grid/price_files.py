"""Prices of electricity from the files people have, per kWh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import TraceError
from ce_nas.core.unit_text import StatedUnit, find_price_unit, parse_price_unit
from ce_nas.grid.find_columns import find_time_column, list_zone_names
from ce_nas.grid.layouts import Layout, find_layout
from ce_nas.grid.series_table import SeriesTable
from ce_nas.grid.trace_units import is_same_unit, take_units_row

if TYPE_CHECKING:
    from pathlib import Path

    from ce_nas.grid.trace import Series

__all__ = ["read_prices"]

#: prices above this are not a kWh's in euros, dollars or pounds: their unit is asked for
MAX_PRICE_PER_KWH = 2.0
#: columns of prices that their publishers document as a price per MWh
_PRICES_PER_MWH = ("spotpriceeur", "spotpricedkk")
#: columns of prices, in small letters
PRICE_COLUMNS = ("price", "price_per_kwh", "spotpriceeur", "spotpricedkk", "marketprice", "day-ahead price")


def read_prices(
    path: str | Path,
    *,
    time_column: str | None = None,
    price_column: str | None = None,
    unit: str | None = None,
    timezone: str | None = None,
) -> Series:
    """Read electricity prices per kWh, in the file's currency; a price per MWh in the header is converted.

    :param unit: the unit of the prices, such as ``EUR/MWh``, where the header does not say.

    The checks are those of :func:`~ce_nas.grid.readers.read_trace`, but a price may be negative.

    :raises TraceError: if the file is not there, cannot be read, or holds something that is no such series.
    """
    table = SeriesTable.read(path)
    layout = find_layout(table.columns)
    table, time = find_time_column(table, layout, time_column, "--price-time-column")
    timezone = timezone or (layout.timezone if layout else None)
    table = table.without_summary_rows(time)
    _check_one_zone(table, layout)
    price = _price_column(table, price_column)
    table, row_unit = take_units_row(table, price, find_price_unit)
    stated = _price_unit(table, price, unit, row_unit)
    _check_price_range(table, price, stated)
    if stated is None and (largest := float(np.nanmax(np.abs(table.numbers(price)), initial=0.0))) > MAX_PRICE_PER_KWH:
        message = (
            f"Expected prices per kWh, but column {price!r} of {str(path)!r} states no unit and holds {largest:g}: a "
            "price per MWh? State the unit with --price-unit, such as EUR/MWh."
        )
        raise TraceError(message)
    name = f"the price of electricity in {table.path.name!r}"
    return table.series(
        time, price, name, may_be_negative=True, unit=stated, timezone=timezone, timezone_option="--price-timezone"
    )


def _price_unit(
    table: SeriesTable, column: str, requested: str | None, row_unit: StatedUnit | None
) -> StatedUnit | None:
    """The unit of the prices; None if neither the file nor the caller states one.

    :raises TraceError: if they contradict each other.
    """
    stated, source = (row_unit, "the row of units") if row_unit else _unit_in_file(table, column)
    asked = parse_price_unit(requested) if requested else None
    if asked and stated and not is_same_unit(asked, stated):
        message = (
            f"Expected one unit of the prices in {str(table.path)!r}, but {source} says {stated.text} and "
            f"--price-unit {asked.text}; leave --price-unit out, or correct the file."
        )
        raise TraceError(message)
    return asked or stated


def _unit_in_file(table: SeriesTable, column: str) -> tuple[StatedUnit | None, str]:
    """The unit that the file states: in the column's name, in a column of units, or above the header; and which."""
    documented = "per MWh" if column.strip().lower() in _PRICES_PER_MWH else column
    if stated := find_price_unit(documented):
        return stated, f"the header {column!r}"
    if name := table.find_column(["unit", "units"]):
        units = sorted({str(unit).strip() for unit in table.frame[name].unique()} - {""})
        if len(units) == 1 and (stated := find_price_unit(units[0])):
            return stated, f"the column {name!r}"
    for line in reversed(table.preamble):
        label, _, text = line.partition(":")
        if label.strip().lower().rpartition(".")[2] in {"unit", "units"}:
            return find_price_unit(text), f"the line {line.strip()!r} above the header"
    return None, ""


def _check_one_zone(table: SeriesTable, layout: Layout | None) -> None:
    """Refuse prices of several zones, of which no option chooses one.

    :raises TraceError: if there are several.
    """
    if len(zones := list_zone_names(table, layout)) > 1:
        shown = ", ".join(sorted(zones)[:5])
        message = f"Expected prices of one zone in {str(table.path)!r}, found {shown}; keep the rows of one of them."
        raise TraceError(message)


def _check_price_range(table: SeriesTable, column: str, unit: StatedUnit | None) -> None:
    """Refuse a stated unit under which most prices are far above those of any market.

    :raises TraceError: if they are.
    """
    money = unit.text.lower() if unit else ""
    if unit is None or not any(name in money for name in ("eur", "€", "usd", "gbp", "£", "chf")):
        return
    typical = float(np.nanmedian(np.abs(table.numbers(column)), keepdims=True)[0]) * unit.factor
    if typical > MAX_PRICE_PER_KWH:
        message = (
            f"Expected prices that a market can have, but column {column!r} of {str(table.path)!r} in {unit.text} is "
            f"typically {typical:,.0f} a kWh; correct the unit, or the numbers."
        )
        raise TraceError(message)


def _price_column(table: SeriesTable, requested: str | None) -> str:
    if requested is None:
        named = [name for name in table.columns if find_price_unit(name) and table.has_numbers(name)]
        if len(named) == 1:
            return named[0]
    return table.column("price", requested, PRICE_COLUMNS, "--price-column")
