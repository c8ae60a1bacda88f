"""The cells of a table read as numbers: blanks, decimal commas and points, and grouped thousands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BLANK_CELLS", "is_blank", "is_number", "parse_numbers", "unify_separators"]

#: what people write into a cell that holds no number, in small letters
BLANK_CELLS = frozenset({"", "-", "--", ".", "..", "nan", "na", "n/a", "n/e", "#n/a", "#na", "null", "none", "missing",
                         "failed", "fail", "error", "diverged", "timeout", "oom", "crashed"})  # fmt: skip
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?%?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?%?|[-+]?\d{1,3}(\.\d{3})+,\d+%?")
#: numbers whose dots group thousands, and those whose dot cannot
_DOT_GROUPED = re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d+)?")
_DOT_DECIMAL = re.compile(r"[-+]?(\d*\.(\d{1,2}|\d{4,})|0+\.\d+|\d{4,}\.\d+)")
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
#: a comma that cannot be a decimal point, and one that may be either
_COMMA_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+\.\d+|[-+]?[1-9]\d{0,2}(,\d{3}){2,}")
_ONE_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?%?")
#: thousands grouped by blanks or apostrophes
_SPACE_GROUPED = re.compile(r"[-+]?\d{1,3}([ '\u2009\u2019]\d{3})+([.,]\d+)?")
_SPACES = re.compile("[ '\u2009\u2019]")
#: whole numbers, with or without grouped thousands, and numbers with a decimal comma
_NUMBER_WITHOUT_POINT = re.compile(rf"{_DOT_GROUPED.pattern}|[-+]?\d+(,\d+)?")
_MINUS = "\u2212"
_NO_BREAK = re.compile("[\u202f\u00a0]")


def is_blank(cells: pd.Series) -> np.ndarray:
    """Which cells hold nothing, by a blank, a dash or one of the usual words, shape (rows,)."""
    missing = np.asarray(cells.isna().to_numpy())
    if cells.dtype.kind in "iufb":
        return missing
    texts = cells.astype(str).str.strip().str.lower()
    return np.asarray(missing | texts.isin(BLANK_CELLS).to_numpy())


def parse_numbers(cells: pd.Series, *, decimal_comma: bool | None = None) -> np.ndarray:
    """The cells as numbers, NaN for one that is blank or holds no number, shape (rows,).

    Understands decimal commas, grouped thousands (``1,250.5``, ``1 250,5``), exponents and a percent sign. Whether a
    comma is a decimal point is decided for the column as a whole: it is where every cell with a comma reads so and one
    of them cannot be a group of thousands.

    :param decimal_comma: whether commas are decimal points, where that is known.
    """
    if cells.dtype.kind in "iufb":
        return np.asarray(cells.to_numpy(dtype=np.float64))
    texts = [_NO_BREAK.sub("", str(cell).strip().replace(_MINUS, "-")) for cell in cells.mask(is_blank(cells), "nan")]
    texts = [_SPACES.sub("", text) if _SPACE_GROUPED.fullmatch(text) else text for text in texts]
    try:
        return np.array(texts, dtype=np.float64)
    except ValueError:
        pass
    commas = [text for text in texts if "," in text]
    if decimal_comma is None:
        decimal_comma = all(map(_DECIMAL_COMMA.fullmatch, commas)) and not all(map(_GROUPED.fullmatch, commas))
    return np.array([_parse_number(text, decimal_comma=decimal_comma) for text in texts])


def _parse_number(text: str, *, decimal_comma: bool) -> float:
    if decimal_comma and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if not _NUMBER.fullmatch(text):
        return float(text) if text.lower().lstrip("+-") in {"inf", "infinity"} else np.nan
    return float(text.removesuffix("%"))


def is_number(cell: str) -> bool:
    """Whether a text is a number with a decimal point, or without any."""
    return bool(_NUMBER.fullmatch(cell.strip()))


def unify_separators(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The texts of a table that commas do not divide, with dots as decimal points alone; and notes.

    A comma is then a decimal point, also in ``0,251`` and ``85,123``, unless another cell says that it groups
    thousands. Dots group thousands where the table has decimal commas, and where they divide some of a column's whole
    numbers, those above 999.
    """
    texts = {name: frame[name][~is_blank(frame[name])] for name in frame.columns}
    texts = {name: cells for name, cells in texts.items() if len(cells)}

    def has(pattern: re.Pattern[str]) -> bool:
        return any(cells.str.fullmatch(pattern).any() for cells in texts.values())

    has_points, has_grouping_commas, has_commas = has(_DOT_DECIMAL), has(_COMMA_GROUPED), has(_ONE_COMMA)
    notes, changed = [], {}
    for name, cells in texts.items():
        if not has_points and _may_group_by_dots(cells):
            if note := _note_on_dots(str(name), cells, has_commas=has_commas):
                changed[name] = frame[name].str.replace(".", "", regex=False)
                notes.append(note)
        elif not (has_points or has_grouping_commas) and _may_be_decimal_commas(cells):
            changed[name] = frame[name].str.replace(",", ".", regex=False)
            notes.append(f"commas in column {name!r} are decimal points, as they do not divide the cells")
    return frame.assign(**changed), list(dict.fromkeys(notes))


def _may_group_by_dots(cells: pd.Series) -> bool:
    """Whether all cells are numbers without a decimal point, if their dots group thousands; some have dots."""
    return bool(cells.str.fullmatch(_DOT_GROUPED).any() and cells.str.fullmatch(_NUMBER_WITHOUT_POINT).all())


def _note_on_dots(name: str, cells: pd.Series, *, has_commas: bool) -> str:
    """Why the dots of a column group thousands; empty where they are decimal points."""
    if has_commas:
        return "dots group thousands, as the decimal commas in the same table say"
    others = cells[~cells.str.fullmatch(_DOT_GROUPED)]
    is_mixed = len(others) and others.str.fullmatch(r"[-+]?\d{1,3}").all()
    if is_mixed and not cells.str.match(r"[-+]?0\.").any():
        return f"dots group thousands in column {name!r}, whose other numbers are whole and below 1000"
    return ""


def _may_be_decimal_commas(cells: pd.Series) -> bool:
    """Whether each cell with a comma could group thousands by it, or have it as its decimal point."""
    texts = cells[cells.str.contains(",", regex=False)]
    return bool(len(texts) and texts.str.fullmatch(_GROUPED).all() and texts.str.fullmatch(_ONE_COMMA).all())
