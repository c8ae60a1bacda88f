"""Tables from JSON: the rows or columns with which the publishers' interfaces answer.

Rows are a list of objects, at the top or in an object, as of WattTime, Electricity Maps, NESO, Energinet and
carbon-aware-sdk. Columns are an object of lists of one length, as of Open-Meteo and Energy-Charts. What stands above
them (units, a region) is kept as lines above the header.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ce_nas.core.errors import TraceError
from ce_nas.core.table_file import MAX_TABLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pandas as pd

__all__ = ["read_json_table"]

_MAX_DEPTH = 4


def read_json_table(path: Path) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """The rows of a file, every cell a text; the lines above them, ``name: value``; and notes.

    :raises TraceError: if there is no such file, it is no JSON, or it holds no table, or several.
    """
    import pandas as pd

    if not path.is_file():
        message = f"There is no file {str(path)!r}; check the path."
        raise TraceError(message)
    try:
        content = json.loads(path.read_bytes()) if path.stat().st_size <= MAX_TABLE_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        message = f"Expected JSON in {str(path)!r}, but it cannot be read ({error}); get the file again."
        raise TraceError(message) from error
    name, rows = _find_rows(content, path)
    if rows:
        frame = pd.DataFrame([{key: str(cell) for key, cell in _flatten(row)} for row in rows])
    else:
        name, columns = _find_columns(content, path)
        frame = pd.DataFrame(
            {key: ["" if cell is None else str(cell) for cell in cells] for key, cells in columns.items()}
        )
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    above = tuple(f"{key}: {cell}" for key, cell in _flatten(content)) if isinstance(content, dict) else ()
    notes = (f"rows of {name!r} in the file",) if name else ()
    return frame.fillna(""), above, notes


def _find_rows(content: object, path: Path) -> tuple[str, list[dict[str, object]]]:
    """The only list of objects of the level nearest to the top that has one, and its name; empty if there is none.

    :raises TraceError: if a level has several.
    """
    level = [("", content)]
    for _ in range(_MAX_DEPTH):
        lists = [(name, rows) for name, value in level if (rows := _as_rows(value))]
        if len(lists) > 1:
            names = ", ".join(repr(name) for name, _ in lists)
            message = f"Expected one list of objects in {str(path)!r}, found {names}; keep one of them."
            raise TraceError(message)
        if lists:
            return lists[0]
        level = [
            (f"{name}.{key}" if name else str(key), value)
            for name, inner in level
            if isinstance(inner, dict)
            for key, value in inner.items()
        ]
    return "", []


def _as_rows(value: object) -> list[dict[str, object]]:
    """The value, where it is a list of objects; else an empty one."""
    return value if isinstance(value, list) and all(isinstance(row, dict) for row in value) else []


def _find_columns(content: object, path: Path) -> tuple[str, dict[str, list[object]]]:
    """The lists of one length in the object, or in the only object in it that has some; units join their names.

    :raises TraceError: if there are none.
    """
    tables = []
    if isinstance(content, dict):
        objects = [("", content), *((str(key), value) for key, value in content.items() if isinstance(value, dict))]
        for name, value in objects:
            units = content.get(f"{name}_units", {})
            columns = {_with_unit(key, units): cells for key, cells in value.items() if _is_column(cells)}
            if len(columns) > 1 and len({len(cells) for cells in columns.values()}) == 1:
                tables.append((name, columns))
    if len(tables) != 1:
        found = f"several tables: {', '.join(name for name, _ in tables)}" if tables else "neither"
        message = (
            f"Expected rows or columns in {str(path)!r}, as WattTime or Open-Meteo answer (a list of objects, or lists "
            f"of one length), found {found}; keep one table, or save it as CSV."
        )
        raise TraceError(message)
    return tables[0]


def _is_column(cells: object) -> bool:
    return isinstance(cells, list) and bool(cells) and not any(isinstance(cell, (dict, list)) for cell in cells)


def _with_unit(name: str, units: object) -> str:
    """A column's name with its unit in brackets, where one is stated; formats of times are none."""
    unit = units.get(name) if isinstance(units, dict) else None
    return f"{name} ({unit})" if unit and unit not in {"iso8601", "unixtime"} else name


def _flatten(content: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The values of an object and of the objects in it, by their names joined with points; null is blank."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", cell) for inner, cell in _flatten(value))
        elif not isinstance(value, list):
            yield str(key), "" if value is None else value
