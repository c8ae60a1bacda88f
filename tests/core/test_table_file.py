import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import MissingExtraError, TableError, TraceError
from ce_nas.core.table_cells import parse_numbers
from ce_nas.core.table_file import read_table_file

ROWS = "time,intensity\n2024-01-01T00:00Z,251.5\n2024-01-01T01:00Z,276\n"


def write(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (ROWS, "t.csv"),
        (ROWS, "T.CSV"),
        (ROWS, "t.txt"),
        (gzip.compress(ROWS.encode(), mtime=0), "t.csv.GZ"),
        ("\ufeff" + ROWS, "t.csv"),
        (ROWS.encode("utf-16"), "t.csv"),
        (ROWS.encode("utf-16-le"), "t.csv"),
        (ROWS.replace("\n", "\r\n"), "t.csv"),
        (ROWS.replace("\n", "\r"), "t.csv"),
        (ROWS.replace(",", ";"), "t.csv"),
        (ROWS.replace(",", "\t"), "t.tsv"),
        (ROWS.replace(",", "|"), "t.csv"),
        ("sep=,\n" + ROWS, "t.csv"),
        ("# my meter\n" + ROWS + "# end\n", "t.csv"),
        (ROWS.replace("\n", ",\n"), "t.csv"),
        (ROWS + "\n\n,\n", "t.csv"),
        ("lat,lon,height\n52.5,13.4,38.0\n\n" + ROWS, "t.csv"),
        ("Report of a meter\n" + ROWS, "t.csv"),
    ],
    ids=range(18),
)
def test_a_table_in_any_dialect_reads_the_same(tmp_path, content, name):
    table = read_table_file(write(tmp_path, content, name))
    assert table.columns == ["time", "intensity"]
    assert table.frame["intensity"].tolist() == ["251.5", "276"]


def test_the_index_is_the_line_in_the_file(tmp_path):
    table = read_table_file(write(tmp_path, "# note\n\n" + ROWS))
    assert table.frame.index.tolist() == [4, 5]
    assert table.preamble == ("note",)
    assert table.notes == ("1 comment line(s) left out",)


def test_decimal_commas_in_semicolon_cells(tmp_path):
    table = read_table_file(write(tmp_path, "a;b\nx;251,5\ny;1.276,25\n"))
    assert parse_numbers(table.frame["b"]).tolist() == [251.5, 1276.25]


def test_latin_letters_that_are_not_utf8_are_noted(tmp_path):
    table = read_table_file(write(tmp_path, "ort,value\nKöln,1\n".encode("latin-1")))
    assert table.frame["ort"].tolist() == ["Köln"]
    assert table.notes == ("the file is not in UTF-8; read as Windows-1252",)


def test_parquet_keeps_types(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"value": [1.5, 2.0]}).to_parquet(path)
    table = read_table_file(path)
    assert table.frame["value"].tolist() == [1.5, 2.0]
    assert table.row_name == "row"


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "t.csv", "the file is empty"),
        (b"time,intensity\n", "t.csv", "a header without any"),
        (b"1,2\n3,4\n", "t.csv", "no line of it reads as a header"),
        (b"a,b\n1,2\n1,2,3\n", "t.csv", "line 3 has 3 cells"),
        (b"\x1f\x8bnonsense", "t.csv.gz", "cannot be read"),
        (b"PAR1nonsense", "t.parquet", "cannot be read"),
        (b"x", "t.xlsx", "save the sheet as CSV"),
    ],
    ids=range(7),
)
def test_unreadable_files_are_refused_in_one_sentence(tmp_path, content, name, words):
    with pytest.raises(TraceError, match=words):
        read_table_file(write(tmp_path, content, name), TraceError)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TableError, match=r"There is no file .*none\.csv"):
        read_table_file(tmp_path / "none.csv")


def test_unpacked_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("ce_nas.core.table_file.MAX_TABLE_BYTES", 1000)
    with pytest.raises(TableError, match="holds more than"):
        read_table_file(write(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 1000), "t.csv.gz"))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.sampled_from([",", ";", "\t"]))
def test_numbers_survive_any_delimiter(tmp_path_factory, values, delimiter):
    lines = [delimiter.join(["row", "value"]), *(delimiter.join(["x", repr(value)]) for value in values)]
    table = read_table_file(write(tmp_path_factory.mktemp("t"), "\n".join(lines)))
    assert parse_numbers(table.frame["value"]).tolist() == values


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a;b\nx;0,250\ny;0,251\n", [0.25, 0.251]),
        ("a\tb\nx\t85,123\ny\t90,250\n", [85.123, 90.25]),
        ("a;b\nx;1,250.5\ny;1,250\n", [1250.5, 1250.0]),
        ("a;b\nx;900\ny;1.250\n", [900.0, 1250.0]),
        ("a;b\nx;0.250\ny;1.250\n", [0.25, 1.25]),
        ("a;b\nx;1.250\ny;2.500\n", [1.25, 2.5]),
        ("a;b\nx;1 250,5\ny;1'250.5\n", [1250.5, 1250.5]),
        ('a,b\nx,"1,250"\ny,900\n', [1250.0, 900.0]),
    ],
)
def test_what_a_comma_or_a_dot_before_three_digits_means(tmp_path, text, numbers):
    assert parse_numbers(read_table_file(write(tmp_path, text)).frame["b"]).tolist() == numbers


def test_a_comma_that_does_not_divide_cells_is_noted(tmp_path):
    table = read_table_file(write(tmp_path, "a;b\nx;85,123\n"))
    assert "commas in column 'b' are decimal points, as they do not divide the cells" in table.notes


@pytest.mark.parametrize(
    "text",
    [
        'time, "intensity"\n2024-01-01, "300"\n2024-01-02, "301"\n',
        "time,intensity\n2024-01-01,300\ntime,intensity\n2024-01-02,301\n",
        "time,intensity\n2024-01-01,300\n2024-01-02,301\nSource: a maker\n",
        "time|intensity||\n2024-01-01|300||\n2024-01-02|301||\n",
    ],
)
def test_what_stands_around_the_cells_is_left_out(tmp_path, text):
    frame = read_table_file(write(tmp_path, text)).frame
    assert frame.columns.tolist() == ["time", "intensity"]
    assert frame["intensity"].tolist() == ["300", "301"]


def test_bars_in_cells_do_not_divide_rows_whose_last_cells_are_blank(tmp_path):
    lines = [f"2024-01-{day:02d},BZN|DE-LU,85.5,," for day in range(1, 9)]
    table = read_table_file(write(tmp_path, "\n".join(["MTU (UTC),Area,Price,Intraday,Intraday Price", *lines])))
    assert table.frame["Area"].unique().tolist() == ["BZN|DE-LU"]


def test_a_table_is_known_by_its_content(tmp_path):
    assert len(read_table_file(write(tmp_path, gzip.compress(ROWS.encode()), "t.csv")).frame) == 2
    assert len(read_table_file(write(tmp_path, ROWS.replace(",", "\t"), "export.xls")).frame) == 2
    assert len(read_table_file(write(tmp_path, ROWS.encode("utf-32"))).frame) == 2


@pytest.mark.parametrize(
    ("head", "said"),
    [(b"PK\x03\x04", "save the sheet as CSV"), (b"\xd0\xcf\x11\xe0", "Excel workbook"), (b"PAR1", "ends? its name")],
)
def test_what_is_no_text_is_named(tmp_path, head, said):
    with pytest.raises(TableError, match=said):
        read_table_file(write(tmp_path, head + bytes(100), "t.xls"))


def test_parquet_of_bytes_or_of_claimed_size_is_refused(tmp_path, monkeypatch):
    pd.DataFrame({"a": [b"\xff\x00", b"x"], "b": [1, 2]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="column 'a' holds bytes"):
        read_table_file(tmp_path / "t.parquet")
    pd.DataFrame({"b": np.zeros(200_000)}).to_parquet(tmp_path / "zeros.parquet")
    assert len(read_table_file(tmp_path / "zeros.parquet").frame) == 200_000
    monkeypatch.setattr("ce_nas.core.table_file.MAX_TABLE_BYTES", 1 << 20)
    monkeypatch.setattr(pd, "read_parquet", lambda _: pytest.fail("it was read"))
    with pytest.raises(TableError, match="more than 1 MiB"):
        read_table_file(tmp_path / "zeros.parquet")


def test_a_name_longer_than_the_system_allows_is_refused():
    with pytest.raises(TableError, match="at most 255 bytes"):
        read_table_file("x" * 300 + ".csv")


def test_a_parquet_file_without_the_extra_is_refused_in_words(tmp_path, monkeypatch):
    path = tmp_path / "grid.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setattr("ce_nas.core.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"'grid.parquet'.*pip install 'ce-nas\[parquet\]'$"):
        read_table_file(path)
