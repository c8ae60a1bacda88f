"""Cells of a table as numbers."""

import numpy as np
import pandas as pd
import pytest

from ce_nas.core.table_cells import is_blank, is_number, parse_numbers, unify_separators


@pytest.mark.parametrize("blank", ["", "-", "NaN", "n/a", "N/E", "#N/A", "null", "None"])
def test_words_for_a_missing_value(blank):
    cells = pd.Series(["1", blank])
    assert is_blank(cells).tolist() == [False, True]
    assert np.isnan(parse_numbers(cells)[1])


@pytest.mark.parametrize(
    ("text", "number"),
    [("2.5e2", 250.0), (" 250 ", 250.0), ("1,250.5", 1250.5), ("89.94%", 89.94), ("-3,5", -3.5), ("\u22123", -3.0)],
)
def test_spellings_of_numbers(text, number):
    assert parse_numbers(pd.Series([text])).tolist() == [number]


@pytest.mark.parametrize("text", ["250 g", "abc", "1.2.3", "12-13"])
def test_what_is_no_number_is_nan(text):
    assert np.isnan(parse_numbers(pd.Series([text])))[0]


def test_a_comma_before_three_digits_follows_the_column():
    assert parse_numbers(pd.Series(["1,250", "2,500"])).tolist() == [1250.0, 2500.0]
    assert parse_numbers(pd.Series(["1,250", "2,5"])).tolist() == [1.25, 2.5]


@pytest.mark.parametrize(
    ("columns", "expected", "note"),
    [
        ({"a": ["85,123", "90,250"]}, ["85.123", "90.250"], "commas in column 'a' are decimal points"),
        ({"a": ["1.250", "900"]}, ["1250", "900"], "whose other numbers are whole and below 1000"),
        ({"a": ["1.250", "2.500"], "b": ["0,5", "1,5"]}, ["1250", "2500"], "as the decimal commas in the same table"),
        ({"a": ["1.250", "2.5"]}, ["1.250", "2.5"], ""),
    ],
)
def test_separators_of_a_table_are_unified(columns, expected, note):
    frame, notes = unify_separators(pd.DataFrame(columns, dtype=str))
    assert frame["a"].tolist() == expected
    assert note in " ".join(notes)
    assert bool(notes) is bool(note)


def test_names_are_no_numbers():
    assert [is_number(cell) for cell in (" 1.5 ", "12%", "time", "")] == [True, True, False, False]
