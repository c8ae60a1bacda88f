"""A table of one's own is read as it is meant, and each fault of it is said in a sentence."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.benchmarks.table_reader import TRAINING_COLUMNS, read_frame, read_table
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


def test_each_architecture_keeps_its_figures(write_frame):
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


def test_a_csv_and_a_parquet_of_one_table_are_one_table(tmp_path):
    good_frame().to_csv(tmp_path / "mine.csv", index=False)
    good_frame().to_parquet(tmp_path / "mine.parquet")
    assert read_table(tmp_path / "mine.csv").fingerprint == read_table(tmp_path / "mine.parquet").fingerprint


def test_the_order_of_the_rows_does_not_matter(write_frame):
    first = read_table(write_frame(good_frame()))
    turned = read_table(write_frame(good_frame().iloc[::-1]))
    assert first.fingerprint == turned.fingerprint


def test_the_name_of_a_metric_tells_what_it_is(write):
    header = "op,val_acc,error,latency_ms,energy_mJ,size_MB,count,train_s"
    table = read_table(write(f"{header}\na,1,2,3,4,5,6,7\nb,1,2,3,4,5,6,7\n"))
    kinds = {name: (metric.unit, metric.maximise, metric.trained) for name, metric in table.metrics.items()}
    assert kinds == {
        "val_acc": ("%", True, True),
        "error": ("", False, True),
        "latency_ms": ("ms", False, False),
        "energy_mJ": ("mJ", False, False),
        "size_MB": ("MB", False, False),
        "count": ("", False, False),
    }


def test_operations_coded_as_integers_are_named(write_frame):
    frame = good_frame(op_a=[0, 0, 10], op_b=[2, 1, 2])
    table = read_table(write_frame(frame), operations=("op_a", "op_b"))
    assert table.space.choices == (("0", "10"), ("1", "2"))
    assert set(table.metrics) == {"accuracy", "latency_ms"}
    assert by_text(table, "accuracy")["op_a=10 op_b=2"] == 70.0


def test_columns_of_text_that_are_not_named_are_left_out(write_frame):
    frame = good_frame(comment=["x", "y", "z"])
    table = read_table(write_frame(frame), operations=("op_a", "op_b"))
    assert table.space.variables == ("op_a", "op_b")


@pytest.mark.parametrize("name", TRAINING_COLUMNS)
def test_the_seconds_of_a_training_are_found_by_name(write, name):
    table = read_table(write(GOOD.replace("train_s", name)))
    assert by_text(table, "train_s")["op_a=skip op_b=skip"] == 30.0
    assert name not in table.metrics


def test_the_seconds_of_a_training_can_be_named(write):
    table = read_table(write(GOOD.replace("latency_ms", "gpu_seconds")), training_column="gpu_seconds")
    assert by_text(table, "train_s")["op_a=skip op_b=skip"] == 0.5
    assert set(table.metrics) == {"accuracy", "train_s"}


@pytest.mark.parametrize("word", ["None", "null", "none", "NULL", "n/a"])
def test_an_operation_that_is_called_nothing_is_an_operation(write, word):
    table = read_table(write(GOOD.replace("none", word)))
    assert word in table.space.choices[1]


@given(st.lists(st.tuples(*[st.text(min_size=1, max_size=5)] * 2), min_size=1, max_size=6, unique=True))
def test_whatever_operations_are_called_they_come_back(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "names.parquet"
    frame = pd.DataFrame(rows, columns=["first op", "b=c"]).astype(object)
    frame.assign(acc=range(len(rows)), train_s=1.0).to_parquet(path)
    table = read_table(path, operations=("first op", "b=c"))
    for row, (first, second) in enumerate(rows):
        member = table.space.parse(
            table.space.text((table.space.choices[0].index(first), table.space.choices[1].index(second)))
        )
        assert table.metric("acc").values[table.space.index[member]] == row


def test_more_names_than_a_short_integer_holds_stay_apart(tmp_path):
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
        ("op_a,accuracy,train_s\n", "Expected rows in mine.csv, got none"),
        ("", "Expected a readable table in mine.csv, but"),
        ('op,"acc\n1,2\n', "Expected a readable table in mine.csv, but"),
        ("op,acc,train_s\na,1,2\na,1,2,3,4\n", "Expected a readable table in mine.csv, but"),
        (GOOD + "conv,skip,90,1.5,100\n", "Expected each architecture once in mine.csv, got 1 rows twice"),
        (GOOD.replace("80.25", ""), "Expected a number in column 'accuracy' of mine.csv, got .*nan.* in row 1"),
        (GOOD.replace("80.25", "NaN"), "Expected a number in column 'accuracy' of mine.csv, got .*nan.* in row 1"),
        (GOOD.replace("80.25", "inf"), "Expected a number in column 'accuracy' of mine.csv, got .*inf.* in row 1"),
        (
            GOOD.replace("80.25", "8o.25"),
            "numbers or text in column 'accuracy' of mine.csv, got both: '8o.25' in row 1",
        ),
        (GOOD.replace(",60", ",a minute"), "numbers or text in column 'train_s' .* got both: 'a minute' in row 1"),
        (GOOD.replace("train_s", "duration"), "Expected the seconds of a training in a column named train_s or "),
        (GOOD.replace(",60", ",0"), "Expected training times above zero in column 'train_s' of mine.csv, got 0"),
        (GOOD.replace(",60", ",-60"), "Expected training times above zero in column 'train_s' of mine.csv, got -60"),
        (GOOD.replace(",60", ","), "Expected a number in column 'train_s' of mine.csv, got .*nan.* in row 1"),
        ("a,accuracy,train_s\n1,2,3\n", "Expected a column of text for each operation in mine.csv"),
        (GOOD.replace("none", ""), "Expected an operation in each of op_a, op_b in mine.csv; row 1 misses one"),
    ],
)
def test_a_fault_is_said_in_a_sentence(write, text, message):
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
        ({"training_column": "op_a"}, "Expected a number in column 'op_a' of mine.csv, got 'conv' in row 0"),
        ({"operations": ("op_a",)}, "Expected each architecture once in mine.csv, got 1 rows twice"),
    ],
)
def test_a_column_that_is_named_in_vain_is_refused(write, options, message):
    with pytest.raises(TableError, match=message):
        read_table(write(GOOD), **options)


def test_a_file_that_is_missing_or_of_another_kind_is_refused(tmp_path, write):
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(TableError, match=rf"There is no file '.*{name}'; give the path"):
            read_frame(tmp_path / name)
    for name in ("table.xlsx", "table"):
        with pytest.raises(TableError, match=rf"Expected a table in a \.csv or \.parquet file, got '{name}'"):
            read_frame(write(GOOD, name))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match=r"Expected a readable table in folder\.csv"):
        read_frame(tmp_path / "folder.csv")


@pytest.mark.parametrize("cut", [0, 4, 100, -9])
def test_a_parquet_file_that_is_cut_off_is_refused(tmp_path, cut):
    path = tmp_path / "mine.parquet"
    good_frame().to_parquet(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(TableError, match=r"Expected a readable table in mine\.parquet, but"):
        read_table(path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(b"op,acc,train_s\n\xff\xfe,1,2\n")
    with pytest.raises(TableError, match=r"Expected a readable table in mine\.csv, but"):
        read_table(path)


def test_whole_numbers_with_a_hole_are_refused(tmp_path):
    path = tmp_path / "mine.parquet"
    good_frame(accuracy=pd.array([1, None, 3], dtype="Int64")).to_parquet(path)
    with pytest.raises(TableError, match=r"Expected a number in column 'accuracy' .* in row 1"):
        read_table(path)
