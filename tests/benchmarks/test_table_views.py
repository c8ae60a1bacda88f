from dataclasses import replace

import numpy as np
import pytest

from ce_nas.benchmarks.nasbench201 import load_embedded_table
from ce_nas.benchmarks.proxy_scores import load_builtin_scores
from ce_nas.benchmarks.table_views import (
    average_equivalent_cells,
    drop_unmeasured_cells,
    leave_out_cells,
    scale_training_time,
)
from ce_nas.core.errors import SettingsError, TableError
from ce_nas.space.isomorphism import unique_rows


@pytest.fixture(scope="module")
def table():
    return load_embedded_table()


@pytest.fixture(scope="module")
def inverse(table):
    return unique_rows(table.space)[1]


def with_column(table, name, values):
    column = replace(table.metrics[name], values=values)
    return replace(table, metrics={**table.metrics, name: column})


def test_equivalent_cells_have_the_mean_of_their_values(table, inverse):
    averaged = average_equivalent_cells(table)
    accuracy, original = averaged.metrics["accuracy"].values, table.metrics["accuracy"].values
    twins = np.flatnonzero(inverse == np.bincount(inverse).argmax())
    assert np.ptp(accuracy[twins]) == 0.0
    assert accuracy[twins[0]] == pytest.approx(original[twins].mean())
    assert averaged.train_s[twins[0]] == pytest.approx(table.train_s[twins].mean())
    assert averaged.fingerprint != table.fingerprint


def test_mean_leaves_missing_values_out(table, inverse):
    latency = table.metrics["latency"].values.copy()
    first, *others = np.flatnonzero(inverse == np.bincount(inverse).argmax())
    latency[first] = np.nan
    averaged = average_equivalent_cells(with_column(table, "latency", latency))
    assert averaged.metrics["latency"].values[first] == pytest.approx(latency[others].mean())


def test_cells_without_a_measured_value_are_dropped(table):
    latency, flops = table.metrics["latency"].values.copy(), table.metrics["flops"].values.copy()
    latency[:100] = np.nan
    flops[200] = np.nan
    kept = drop_unmeasured_cells(with_column(with_column(table, "latency", latency), "flops", flops), ["latency"])
    assert kept.space.size == 15625 - 100
    assert kept.metrics["latency"].values.tolist() == latency[100:].tolist()
    assert "flops" not in kept.metrics
    cell = kept.space.all_architectures[7]
    assert kept.train_s[kept.space.index[cell]] == table.train_s[table.space.index[cell]]
    scores = load_builtin_scores(kept.space)
    assert scores.values[7].tolist() == load_builtin_scores(table.space).values[107].tolist()
    with pytest.raises(TableError, match="got none"):
        drop_unmeasured_cells(with_column(table, "latency", np.full(15625, np.nan)), ["latency"])


def test_left_out_cells_are_no_part_of_the_space(table):
    text = table.space.text(table.space.all_architectures[3])
    kept = leave_out_cells(table, [text])
    assert kept.space.size == 15624
    assert table.space.all_architectures[3] not in kept.space.index
    with pytest.raises(TableError, match="which it lacks"):
        leave_out_cells(kept, [text])


def test_trainings_are_longer(table):
    assert scale_training_time(table, 8.0).mean_epoch_s == pytest.approx(8 * table.mean_epoch_s)
    assert scale_training_time(table, 1.0) is table


def test_other_tables_are_refused(table):
    from ce_nas.space.base import Space

    other = replace(table, space=Space("toy", ["a"], [["x", "y"]]))
    with pytest.raises(SettingsError, match="NAS-Bench-201"):
        average_equivalent_cells(other)
