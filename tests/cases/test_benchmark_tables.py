import gzip

import numpy as np
import pytest

from ce_nas.benchmarks.base import ProxyScores, parse_objective
from ce_nas.benchmarks.metric_names import infer_maximise
from ce_nas.benchmarks.table_reader import read_table
from ce_nas.benchmarks.tabular import TabularEvaluator
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import CeNasError, SettingsError, TableError
from ce_nas.core.records import Task, TaskKind
from ce_nas.engine.inputs import RunInputs

SMALL = "op_a,op_b,{},train_s\nconv,skip,91.5,1.5,100\nconv,none,80.25,1.0,60\nskip,skip,70,0.5,30\n"


def small(*metrics):
    return SMALL.format(",".join(metrics))


def objectives(path, *texts, **options):
    return RunInputs(settings_from_flags(table=path, objectives=",".join(texts), **options)).objectives


def test_a_number_of_operations_is_minimised(cases):
    table = read_table(cases / "17-table-macc" / "macc.csv")
    macc = table.metric("MACC_M")
    assert (macc.maximise, macc.has_direction, macc.unit, macc.requires_training) == (False, True, "M", True)
    assert table.default_objectives == ["accuracy", "MACC_M"]


@pytest.mark.parametrize(
    "name", ["macc", "MACC", "macs", "MACs_M", "madds", "latency_ms", "lat_ms", "trainTime", "WER"]
)
def test_costs_and_errors_are_minimised(name):
    assert infer_maximise(name) is False


@pytest.mark.parametrize("name", ["top1", "top-1", "mIoU", "F1", "AUC", "mAP", "BLEU", "valAcc", "test_accuracy"])
def test_qualities_are_maximised(name):
    assert infer_maximise(name) is True


@pytest.mark.parametrize("name", ["quality", "vaccine", "laterality", "accelerator", "score", "x", "accuracy_latency"])
def test_no_direction_is_inferred_from_part_of_a_word(name):
    assert infer_maximise(name) is None


@pytest.mark.parametrize("name", ["top1", "mIoU", "accuracy"])
def test_a_quality_requires_training_by_any_name(cases, name):
    path = cases / "18-table-quality-names" / f"{name}.csv"
    table = read_table(path)
    metric = table.metric(name)
    assert (metric.maximise, metric.has_direction, metric.requires_training) == (True, True, True)
    assert [(item.name, item.is_known) for item in objectives(path)] == [(name, False), ("lat_ms", False)]


def test_nothing_is_known_unless_stated(cases):
    path = cases / "18-table-quality-names" / "mIoU.csv"
    for text, known in (("lat_ms", []), ("lat_ms:known", ["lat_ms"]), ("lat_ms:min:9:known", ["lat_ms"])):
        inputs = RunInputs(settings_from_flags(table=path, objectives=f"mIoU,{text}", constraints="mIoU>=85"))
        assert list(inputs.known_costs) == known
        assert [item.is_known for item in inputs.objectives] == [False, bool(known)]
        assert inputs.constraints is not None


def test_a_known_objective_is_exact_in_sampling(written):
    table = read_table(written(small("accuracy", "latency")))
    scores = ProxyScores(("made",), np.array([[1.0], [3.0], [2.0]]), np.array([0.0, 0.7, 0.3]), 1.0, 0.0, "made")
    task = Task(0, TaskKind.SAMPLING, tuple(map(tuple, table.space.members.tolist())))
    for text, exact in (("latency", False), ("latency:known", True)):
        chosen = [parse_objective(table, each) for each in ("accuracy", text)]
        values = np.array(TabularEvaluator(table, chosen, scores).run(task).values)
        assert np.array_equal(values[:, 1], table.metric("latency").values) == exact
        assert not np.array_equal(values[:, 0], -table.metric("accuracy").values)


def test_an_unclear_name_is_asked_for(written):
    path = written(small("quality", "score"))
    with pytest.raises(SettingsError, match="quality:max or quality:min"):
        objectives(path, "quality", "score")
    chosen = objectives(path, "quality:max", "score:min")
    assert [(item.name, item.maximise) for item in chosen] == [("quality", True), ("score", False)]
    with pytest.raises(CeNasError):
        objectives(path)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("neg1", "24 of 625 rows are left out: 24 lack lat_ms."),
        ("nan", "19 of 625 rows are left out: 19 lack accuracy."),
        ("dup", "3 of 628 rows are left out: they repeat another."),
    ],
)
def test_unusable_rows_are_left_out_and_counted(cases, name, note):
    table = read_table(cases / "19-table-awkward" / f"{name}.csv")
    assert table.notes == (note,)
    assert table.space.size == 625 - (0 if name == "dup" else int(note.split()[0]))
    assert table.metric("lat_ms").values.min() > 0
    assert all(np.isfinite(metric.values).all() for metric in table.metrics.values())


@pytest.mark.parametrize(("name", "rows"), [("bom", 625), ("upper", 625), ("const", 625), ("one", 1), ("two", 2)])
def test_plain_tables_are_read(cases, name, rows):
    path = next((cases / "19-table-awkward").glob(f"{name}.*"))
    table = read_table(path)
    assert table.name == name
    assert table.space.size == rows
    assert table.space.variables == ("op1", "op2", "op3", "op4")
    assert table.notes == ()


def test_other_dialects_are_read(cases, tmp_path):
    folder = cases / "19-table-awkward"
    assert read_table(folder / "semi.csv").notes == ("Cells are separated by ';'.",)
    percent = read_table(folder / "pct.csv")
    first = percent.space.parse("op1=conv3 op2=conv3 op3=conv3 op4=conv3")
    assert percent.metric("accuracy").values[percent.space.index[first]] == 89.94
    assert read_table(folder / "bool.csv").space.choices[4] == ("True",)
    packed = tmp_path / "bom.csv.gz"
    packed.write_bytes(gzip.compress((folder / "bom.csv").read_bytes()))
    assert read_table(packed).fingerprint == read_table(folder / "bom.csv").fingerprint


def test_an_identifier_is_no_operation(cases):
    path = cases / "19-table-awkward" / "idcol.csv"
    with pytest.raises(TableError, match=r"'arch_hash' .* --operations op1,op2,op3,op4") as caught:
        read_table(path)
    options = str(caught.value).partition("--operations ")[2].rstrip(".")
    inputs = RunInputs(settings_from_flags(table=path, operations=options))
    assert inputs.benchmark.space.variables == ("op1", "op2", "op3", "op4")
    assert inputs.benchmark.space.size == 625


def test_the_training_column_can_be_stated(written):
    path = written(small("accuracy", "latency").replace("train_s", "gpu_seconds"))
    with pytest.raises(TableError, match="--training-column"):
        read_table(path)
    inputs = RunInputs(settings_from_flags(table=path, training_column="gpu_seconds"))
    assert sorted(inputs.benchmark.train_s.tolist()) == [30.0, 60.0, 100.0]


@pytest.mark.parametrize("flags", [{"operations": "op_a"}, {"training_column": "s"}])
def test_columns_need_a_problem_with_a_table(flags):
    with pytest.raises(SettingsError, match="table"):
        settings_from_flags(problem="nb201", **flags)


@pytest.mark.parametrize("cell", ["-1", "0", "", "nan", "n/a", "-"])
def test_a_missing_cost_is_left_out(written, cell):
    table = read_table(written(small("accuracy", "latency_ms").replace("80.25,1.0", f"80.25,{cell}")))
    assert table.notes == ("1 of 3 rows are left out: 1 lack latency_ms.",)
    assert table.metric("latency_ms").values.min() == 0.5


@pytest.mark.parametrize("name", ["accuracy", "val_top1", "F1", "WER", "test_error"])
def test_a_missing_quality_is_left_out(written, name):
    table = read_table(written(small(name, "latency_ms").replace("80.25,", "-1,")))
    assert table.notes == (f"1 of 3 rows are left out: 1 lack {name}.",)
    kept = read_table(written(small(name, "latency_ms").replace("80.25,", "0,")))
    assert kept.metric(name).values.min() == 0.0


def test_zero_and_negative_values_of_other_metrics_are_kept(written):
    table = read_table(written(small("r2", "loss").replace("80.25,1.0", "-1,0")))
    assert table.notes == ()
    assert (table.metric("r2").values.min(), table.metric("loss").values.min()) == (-1.0, 0.0)
    assert read_table(written(small("accuracy_drop", "loss").replace("80.25", "-1"))).notes == ()


def test_a_metric_that_most_rows_lack_is_left_out(written):
    table = read_table(written(small("accuracy", "latency").replace("1.5", "").replace("1.0", "")))
    assert list(table.metrics) == ["accuracy"]
    assert table.notes == ("The metric latency is left out: 2 of 3 rows lack it.",)
    assert table.space.size == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (small("accuracy", "latency") + "conv,skip,91.4,1.5,100\n", "one result for each architecture .* line 2"),
        (small("accuracy", "latency").replace("80.25", "8o.25"), "got both: '8o.25' in line 3"),
        (small("accuracy", "latency").replace("none", ""), "line 3 lacks one"),
        (b"op,acc,train_s\na,1,2\nb\0,1,2\n", "it holds binary data"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "cannot be read"),
    ],
)
def test_an_unclear_table_is_refused(written, text, message):
    with pytest.raises(TableError, match=message) as caught:
        read_table(written(text))
    assert "\n" not in str(caught.value)


def test_operations_keep_their_text(written):
    path = written("width,kernel,acc,train_s\n08,3,1,2\n16,none,2,2\n08,none,3,4\n")
    table = read_table(path, operations=("width", "kernel"))
    assert table.space.choices == (("08", "16"), ("3", "none"))


def test_german_numbers_and_percent_signs(written):
    path = written("op;val_acc;params;train_s\na;91,5%;1.500.000;100\nb;80,25%;900.000;1.060\n")
    table = read_table(path)
    assert table.space.variables == ("op",)
    assert table.metric("val_acc").values.tolist() == [91.5, 80.25]
    assert table.metric("params").values.tolist() == [1.5e6, 9e5]
    assert table.train_s.tolist() == [100.0, 1060.0]
    assert table.notes[0] == "Dots group thousands, as the decimal commas in the same table say."


@pytest.mark.parametrize(("column", "seconds"), [("train_hours", 3600.0), ("time_min", 60.0), ("wall_s", 1.0)])
def test_training_times_in_the_unit_of_their_name(written, column, seconds):
    path = written(f"op,acc,{column}\na,91,2\nb,90,1\n")
    assert read_table(path, training_column=column).train_s.tolist() == [2 * seconds, seconds]


def test_shares_are_not_said_to_be_percent(written):
    table = read_table(written("op,accuracy,train_s\na,0.91,1\nb,0.9,2\n"))
    assert (table.metric("accuracy").unit, table.metric("accuracy").maximise) == ("", True)


def test_a_failed_training_is_left_out(written):
    table = read_table(written(small("accuracy", "latency").replace("80.25", "failed")))
    assert table.notes == ("1 of 3 rows are left out: 1 lack accuracy.",)


def test_a_running_number_without_a_name_is_no_metric(written):
    assert list(read_table(written(",op,acc,lat,train_s\n0,a,91,1,5\n1,b,90,2,1\n")).metrics) == ["acc", "lat"]
