"""User tables are read by their columns, and each invalid one is refused in one sentence."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.benchmarks.table_reader import TRAINING_TIME_COLUMNS, read_frame, read_table
from ce_nas.core.errors import TableError

GOOD = """op_a,op_b,accuracy,latency_ms,train_s
conv,skip,91.5,1.5,100
conv,none,80.25,1.0,60
skip,skip,70,0.5,30
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(params=["csv", "parquet"])
def write_frame(request, tmp_path):
    def write(frame):
        path = tmp_path / f"mine.{request.param}"
        frame.to_csv(path, index=False) if request.param == "csv" else frame.to_parquet(path)
        return path

    return write


def by_text(table, name):
    members = map(tuple, table.space.members.tolist())
    values = table.train_s if name == "train_s" else table.metric(name).values
    return {table.space.text(member): value for member, value in zip(members, values.tolist(), strict=True)}


def good_frame(**changed):
    columns = {
        "op_a": ["conv", "conv", "skip"],
        "op_b": ["skip", "none", "skip"],
        "accuracy": [91.5, 80.25, 70.0],
        "latency_ms": [1.5, 1.0, 0.5],
        "train_s": [100, 60, 30],
    }
    return pd.DataFrame(columns | changed)


def test_each_architecture_keeps_its_values(write_frame):
    table = read_table(write_frame(good_frame()))
    assert table.space.variables == ("op_a", "op_b")
    assert table.space.choices == (("conv", "skip"), ("none", "skip"))
    assert by_text(table, "accuracy") == {
        "op_a=conv op_b=skip": 91.5,
        "op_a=conv op_b=none": 80.25,
        "op_a=skip op_b=skip": 70.0,
    }
    assert by_text(table, "train_s")["op_a=conv op_b=none"] == 60.0
    assert not table.space.contains((1, 0))
    assert table.name == "mine"


def test_csv_and_parquet_give_the_same_table(tmp_path):
    good_frame().to_csv(tmp_path / "mine.csv", index=False)
    good_frame().to_parquet(tmp_path / "mine.parquet")
    assert read_table(tmp_path / "mine.csv").fingerprint == read_table(tmp_path / "mine.parquet").fingerprint


def test_the_order_of_rows_does_not_matter(write_frame):
    first = read_table(write_frame(good_frame()))
    reversed_rows = read_table(write_frame(good_frame().iloc[::-1]))
    assert first.fingerprint == reversed_rows.fingerprint


def test_metric_names_give_unit_and_direction(write):
    header = "op,val_acc,error,latency_ms,energy_mJ,size_MB,count,train_s"
    table = read_table(write(f"{header}\na,91,2,3,4,5,6,7\nb,91,2,3,4,5,6,7\n"))
    kinds = {name: (metric.unit, metric.maximise, metric.requires_training) for name, metric in table.metrics.items()}
    assert kinds == {
        "val_acc": ("%", True, True),
        "error": ("", False, True),
        "latency_ms": ("ms", False, True),
        "energy_mJ": ("mJ", False, True),
        "size_MB": ("MB", False, True),
        "count": ("", False, True),
    }
    assert [name for name, metric in table.metrics.items() if not metric.has_direction] == ["count"]


def test_integer_operations_can_be_named(write_frame):
    frame = good_frame(op_a=[0, 0, 10], op_b=[2, 1, 2])
    table = read_table(write_frame(frame), operations=("op_a", "op_b"))
    assert table.space.choices == (("0", "10"), ("1", "2"))
    assert set(table.metrics) == {"accuracy", "latency_ms"}
    assert by_text(table, "accuracy")["op_a=10 op_b=2"] == 70.0


def test_other_text_columns_are_left_out(write_frame):
    frame = good_frame(comment=["x", "y", "z"])
    table = read_table(write_frame(frame), operations=("op_a", "op_b"))
    assert table.space.variables == ("op_a", "op_b")


@pytest.mark.parametrize("name", TRAINING_TIME_COLUMNS)
def test_the_training_time_column_is_found_by_name(write, name):
    table = read_table(write(GOOD.replace("train_s", name)))
    assert by_text(table, "train_s")["op_a=skip op_b=skip"] == 30.0
    assert name not in table.metrics


def test_the_training_time_column_can_be_named(write):
    table = read_table(write(GOOD.replace("latency_ms", "gpu_seconds")), training_column="gpu_seconds")
    assert by_text(table, "train_s")["op_a=skip op_b=skip"] == 0.5
    assert set(table.metrics) == {"accuracy", "train_s"}


@pytest.mark.parametrize("word", ["None", "null", "none", "NULL", "n/a"])
def test_operations_can_be_called_none_or_null(write, word):
    table = read_table(write(GOOD.replace("none", word)))
    assert word in table.space.choices[1]


@pytest.mark.long
@given(st.lists(st.tuples(*[st.text(min_size=1, max_size=5)] * 2), min_size=1, max_size=6, unique=True))
def test_operations_of_any_name_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "names.parquet"
    frame = pd.DataFrame(rows, columns=["first op", "b=c"]).astype(object)
    frame.assign(acc=range(len(rows)), train_s=1.0).to_parquet(path)
    table = read_table(path, operations=("first op", "b=c"))
    for row, (first, second) in enumerate(rows):
        member = table.space.parse(
            table.space.text((table.space.choices[0].index(first), table.space.choices[1].index(second)))
        )
        assert table.metric("acc").values[table.space.index[member]] == row


def test_more_than_32767_operations_stay_distinct(tmp_path):
    n = 40_000
    frame = pd.DataFrame({"op": [f"n{i:05d}" for i in range(n)], "acc": np.arange(n), "train_s": 1.0})
    frame.to_parquet(tmp_path / "many.parquet")
    table = read_table(tmp_path / "many.parquet")
    assert table.space.members.min() == 0
    assert table.space.contains((n - 1,))
    assert table.metric("acc").values.tolist() == list(range(n))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("op,train_s\nconv,5\n", "Expected a numeric column of a metric in mine.csv, got the columns: op, train_s"),
        ("op_a,accuracy,train_s\n", "Expected rows in .*mine.csv', found a header without any"),
        ("", "Expected a header and rows in .*mine.csv', but the file is empty"),
        ('op,"acc\n1,2\n', "Expected a table in .*mine.csv', but it cannot be read .unexpected end of data"),
        ('op,acc,train_s\na,1,2\n"b,1,2\nc,1,2\n', "but it cannot be read .unexpected end of data"),
        ("op,acc,train_s\na,1,2\n\0,1,2\n", "but it cannot be read .it holds binary data"),
        ("op,acc,train_s\na,1,2\na,1,2,3,4\n", "cannot be read .line 3 has 5 cells, but the header names 3 columns"),
        (GOOD + "conv,skip,90,1.5,100\n", "Expected one result for each architecture in mine.csv, got 1 row.* line 2"),
        (
            GOOD.replace("80.25", "8o.25"),
            "numbers or text in column 'accuracy' of mine.csv, got both: '8o.25' in line 3",
        ),
        (GOOD.replace(",60", ",a minute"), "numbers or text in column 'train_s' .* got both: 'a minute' in line 3"),
        (GOOD.replace("train_s", "duration"), "Expected the seconds of a training in a column named train_s or "),
        ("a,acc,train_s\nx,1,0\ny,,5\n", "Expected rows with all metrics and a training time in mine.csv, got none"),
        ("a,accuracy,train_s\n1,2,3\n", "Expected a text column for each operation in mine.csv"),
        (GOOD.replace("none", ""), "Expected an operation in each of op_a, op_b in mine.csv; line 3 lacks one"),
    ],
)
def test_an_invalid_table_is_refused_in_one_sentence(write, text, message):
    with pytest.raises(TableError, match=message) as caught:
        read_table(write(text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"operations": ("op_a", "op_c")},
            "Expected the operation column 'op_c' in mine.csv, got the columns: op_a, op_b",
        ),
        ({"training_column": "hours"}, "in a column named hours in mine.csv, got the columns: op_a"),
        ({"training_column": "op_a"}, "Expected numbers in column 'op_a' of mine.csv, got 'conv' in line 2"),
        ({"operations": ("op_a",)}, "Expected one result for each architecture in mine.csv, got 1 row"),
    ],
)
def test_an_unusable_named_column_is_refused(write, options, message):
    with pytest.raises(TableError, match=message):
        read_table(write(GOOD), **options)


def test_a_missing_file_or_another_format_is_refused(tmp_path, write):
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(TableError, match=rf"There is no file '.*{name}'; check the path"):
            read_frame(tmp_path / name)
    for name in ("table.xlsx", "table"):
        with pytest.raises(TableError, match=rf"Expected a table in a \.csv, .* or \.parquet file, got '{name}'"):
            read_frame(write(GOOD, name))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match=r"There is no file '.*folder\.csv'"):
        read_frame(tmp_path / "folder.csv")


@pytest.mark.parametrize("cut", [0, 4, 100, -9])
def test_a_truncated_parquet_file_is_refused(tmp_path, cut):
    path = tmp_path / "mine.parquet"
    good_frame().to_parquet(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(TableError, match=r"Expected a .*mine\.parquet', but (it cannot be read|the file is empty)"):
        read_table(path)


def test_another_encoding_is_read_and_noted(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes("op,acc,train_s\nfaltung_groß,1,2\n".encode("cp1252"))
    table = read_table(path)
    assert table.space.choices == (("faltung_groß",),)
    assert table.notes == ("The file is not in UTF-8; read as Windows-1252.",)
    path.write_bytes(b"op,acc,train_s\n\xff\0,1,2\n")
    with pytest.raises(TableError, match="it holds binary data"):
        read_table(path)


@pytest.mark.parametrize("cell", ["", "NaN", "inf", "-", "n/a"])
def test_rows_without_a_metric_are_left_out_and_counted(write, cell):
    table = read_table(write(GOOD.replace("80.25", cell)))
    assert set(by_text(table, "accuracy")) == {"op_a=conv op_b=skip", "op_a=skip op_b=skip"}
    assert table.notes == ("1 of 3 rows are left out: 1 lack accuracy.",)


@pytest.mark.parametrize("cell", ["0", "-60", "", "nan"])
def test_rows_without_a_training_time_are_left_out(write, cell):
    table = read_table(write(GOOD.replace(",60", f",{cell}"), "mine.csv"))
    assert table.notes == ("1 of 3 rows are left out: 1 lack train_s.",)


def test_missing_integers_are_left_out(tmp_path):
    path = tmp_path / "mine.parquet"
    good_frame(accuracy=pd.array([1, None, 3], dtype="Int64")).to_parquet(path)
    assert read_table(path).notes == ("1 of 3 rows are left out: 1 lack accuracy.",)


def test_rows_of_parquet_are_named_as_rows(tmp_path):
    path = tmp_path / "mine.parquet"
    good_frame(op_b=["skip", None, "skip"]).to_parquet(path)
    with pytest.raises(TableError, match="row 2 lacks one"):
        read_table(path)


def test_integers_are_read_as_integers(write):
    frame = read_frame(write("a,b,c,d,e\n7,1.0,1,,9999999999999999999\n-8,2,,,1\n"))
    assert [frame[name].dtype.kind for name in "abcde"] == ["i", "f", "f", "f", "f"]
    assert frame["a"].tolist() == [7, -8]
    assert frame["d"].isna().all()


ROWS_OF_NINE = [(first, second) for first in ("conv", "skip", "pool") for second in "xyz"]


def nine(header, cells):
    lines = [f"{first},{second},{cells(index)},100" for index, (first, second) in enumerate(ROWS_OF_NINE)]
    return "\n".join([f"a,b,{header},train_s", *lines]) + "\n"


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        (
            "acc,latency",
            lambda index: f"90,{index + 1} ms",
            "got '1 ms' in line 2; write the unit into the column's name",
        ),
        ("acc", lambda index: "91%" if index else "0.9", "in % or none, got '0.9' in line 2"),
        ("name,acc", lambda index: f"net{index},90", "'name' holds another text in each row.*--operations a,b"),
        ("status,acc", lambda index: "ok,90", "'status' reads as a remark on each row; .*--operations a,b"),
    ],
)
def test_what_cannot_be_meant_is_asked_about(tmp_path, header, cells, said):
    path = tmp_path / "t.csv"
    path.write_text(nine(header, cells))
    with pytest.raises(TableError, match=said):
        read_table(path)


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (0.9, "1 of 9 values of accuracy are below 1, read in % as the others."),
        (190, "1 of 9 values of accuracy are above 100 %."),
    ],
)
def test_odd_shares_among_per_cents_are_noted(tmp_path, value, note):
    path = tmp_path / "t.csv"
    path.write_text(nine("accuracy", lambda index: value if index == 3 else 90))
    assert note in read_table(path).notes


def test_the_column_of_training_times_in_any_case(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(nine("acc", lambda index: 90).replace("train_s", "Train_S"))
    assert read_table(path).train_s.tolist() == [100.0] * 9
