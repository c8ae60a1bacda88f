"""Cheap scores belong to the architecture they were taken of, promise an order alone, and state what they cost."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from ce_nas.benchmarks.nasbench201 import embedded_table, nasbench201_order
from ce_nas.benchmarks.proxy_scores import BUILTIN_VOTERS, _vote, builtin_scores, read_scores
from ce_nas.benchmarks.table_reader import read_table
from ce_nas.core.errors import TableError
from ce_nas.core.rng import stream
from ce_nas.space.base import Space
from ce_nas.space.nasbench201 import NasBench201Space

SPACE = NasBench201Space()
NAMES = ("seed-0-baseline-16-128-1000", "seed-0-baseline-5-64-250-balanced", "somebody-one-shot")


@pytest.fixture(scope="module")
def table():
    return embedded_table()


def accuracy_by_index():
    """Three made-up supernets; the first one's figure of a cell is the cell's row in the space."""
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
    rows = stream(0, "shuffle").permutation(SPACE.size)
    keys = {
        "arch_str": [SPACE.text(tuple(member)) for member in SPACE.members[rows].tolist()],
        "index": nasbench201_order()[rows],
    }
    frame = pd.DataFrame({key: keys[key], NAMES[0]: rows, NAMES[1]: -rows, NAMES[2]: rows % 100, "origin": "made-up"})
    path = tmp_path / request.param
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


def test_scores_stand_in_the_order_of_the_space(npz, table):
    cheap = read_scores(f"{npz}:{','.join(NAMES)}", table)
    rows = np.arange(SPACE.size)
    assert cheap.names == NAMES
    assert np.array_equal(cheap.values, np.column_stack([rows, -rows, rows % 100]))


def test_columns_and_an_npz_say_the_same(npz, columns_file, table):
    wanted = f":{NAMES[0]},{NAMES[2]}"
    cheap, same = read_scores(f"{npz}{wanted}", table), read_scores(f"{columns_file}{wanted}", table)
    assert cheap.fingerprint == same.fingerprint
    assert np.array_equal(cheap.vote, same.vote)
    assert cheap.training_s == same.training_s


def test_without_a_name_the_first_is_taken_and_said(npz, table):
    cheap = read_scores(str(npz), table)
    assert cheap.names == NAMES[:1]
    assert "(the first of 3)" in cheap.origin
    assert "first" not in read_scores(f"{npz}:{NAMES[0]}", table).origin


def test_a_path_that_holds_a_colon_is_a_path(npz, table):
    odd = npz.with_name("a:b.npz")
    npz.rename(odd)
    assert read_scores(str(odd), table).names == NAMES[:1]
    assert read_scores(f"{odd}: {NAMES[1]}", table).names == NAMES[1:2]


@pytest.mark.parametrize(("name", "epochs"), list(zip(NAMES, (1000, 250, 600), strict=True)))
def test_the_training_of_a_supernet_is_on_the_books(npz, table, name, epochs):
    cheap = read_scores(f"{npz}:{name}", table)
    assert cheap.training_s == pytest.approx(epochs * table.train_s.mean() / 200)
    assert cheap.score_s > 0


def test_every_supernet_taken_is_paid_for(npz, table):
    one_by_one = sum(read_scores(f"{npz}:{name}", table).training_s for name in NAMES)
    assert read_scores(f"{npz}:{','.join(NAMES)}", table).training_s == pytest.approx(one_by_one)


def test_a_misspelt_name_is_met_with_the_nearest(npz, table):
    with pytest.raises(
        TableError, match=r"Unknown supernet in supernets\.npz 'somebody-oneshot'.*'somebody-one-shot'\?"
    ):
        read_scores(f"{npz}:somebody-oneshot", table)


def test_another_space_is_refused(npz, tmp_path):
    own = tmp_path / "nas-bench-201.csv"
    own.write_text("op,acc,train_s\na,1,2\nb,2,3\n")
    with pytest.raises(TableError, match="known for NAS-Bench-201 only, not for nas-bench-201"):
        read_scores(str(npz), read_table(own))
    assert builtin_scores(read_table(own).space) is None


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
def test_an_npz_of_another_content_is_refused(tmp_path, table, content, message):
    np.savez(tmp_path / "bad.npz", **content)
    with pytest.raises(TableError, match=message):
        read_scores(str(tmp_path / "bad.npz"), table)


@pytest.mark.parametrize("cut", [0, 3, 40, 1000, -30])
def test_an_npz_that_is_cut_off_is_refused(npz, table, cut):
    npz.write_bytes(npz.read_bytes()[:cut])
    with pytest.raises(TableError, match="Expected an npz with"):
        read_scores(str(npz), table)


def test_what_is_no_npz_is_refused(tmp_path, table):
    np.save(tmp_path / "plain.npy", np.zeros(3))
    (tmp_path / "plain.npy").rename(tmp_path / "plain.npz")
    (tmp_path / "text.npz").write_text("names, accuracy")
    for name in ("plain.npz", "text.npz", "none.npz"):
        with pytest.raises(TableError, match="Expected an npz with"):
            read_scores(str(tmp_path / name), table)
    for name, message in (("none.csv", "There is no file"), ("scores.txt", "Expected a table in a")):
        with pytest.raises(TableError, match=message):
            read_scores(str(tmp_path / name), table)


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
def test_columns_with_a_fault_are_refused(tmp_path, table, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=message):
        read_scores(str(path), table)


@given(st.lists(st.lists(st.integers(-5, 5), min_size=2, max_size=2), min_size=1, max_size=30))
def test_a_vote_is_a_share_and_never_goes_against_all_of_its_voters(values):
    scores = np.array(values, dtype=float)
    vote = _vote(scores)
    assert ((vote >= 0) & (vote <= 1)).all()
    assert _vote(2.0 * scores - 7.0) == pytest.approx(vote)
    for a, b in zip(*np.triu_indices(len(scores)), strict=True):
        if (scores[a] >= scores[b]).all():
            assert vote[a] >= vote[b] - 1e-12
        if (scores[a] == scores[b]).all():
            assert vote[a] == vote[b]


def test_the_best_of_all_gets_every_vote_and_the_worst_none():
    assert _vote(np.array([[1.0, 10.0], [3.0, 30.0], [2.0, 20.0]])).tolist() == [0.0, 1.0, 0.5]
    assert _vote(np.array([[1.0], [1.0], [1.0]])).tolist() == [0.5, 0.5, 0.5]
    assert _vote(np.array([[4.0, 2.0]])).tolist() == [0.0]


def test_any_change_shows_in_the_fingerprint(npz, table):
    cheap = read_scores(str(npz), table)
    values = cheap.values.copy()
    values[77, 0] += 0.25
    changed = [dataclasses.replace(cheap, values=values), dataclasses.replace(cheap, names=("other",))]
    assert len({cheap.fingerprint, *(one.fingerprint for one in changed)}) == 3


def test_the_built_in_scores_cover_the_space_and_need_no_training():
    cheap = builtin_scores(SPACE)
    assert cheap is not None
    assert cheap.values.shape == (SPACE.size, len(cheap.names))
    assert np.isfinite(cheap.values).all()
    assert ((cheap.vote >= 0) & (cheap.vote <= 1)).all()
    assert cheap.training_s == 0.0
    assert cheap.score_s > 0
    assert set(BUILTIN_VOTERS) <= set(cheap.names)


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet16-120"])
def test_the_built_in_vote_orders_the_cells(dataset):
    accuracy = embedded_table(dataset).metric("accuracy").values
    assert kendalltau(builtin_scores(SPACE).vote, accuracy)[0] > 0.65


def test_there_are_no_built_in_scores_of_another_space():
    assert builtin_scores(Space("other", ["op"], [["a", "b"]])) is None


def test_a_real_supernets_accuracy_is_that_of_its_cell(shared_data, table):
    file, frame = shared_data / "nasbench201/supernet_accuracy_cifar10.npz", shared_data / "nasbench201/nb201.parquet"
    cells = pd.read_parquet(frame, columns=["index", "arch_str"])
    with np.load(file) as content:
        accuracy = content["accuracy"][content["names"].tolist().index("zhao-one-shot")]
    cheap = read_scores(f"{file}:zhao-one-shot", table)
    rows = [SPACE.index[SPACE.parse(text)] for text in cells["arch_str"]]
    assert np.array_equal(cheap.values[rows, 0], accuracy[cells["index"]])
    assert kendalltau(cheap.vote, table.metric("accuracy").values)[0] == pytest.approx(0.45, abs=0.05)


def test_the_real_supernets_epochs_are_read_from_their_names(shared_data, table):
    file = shared_data / "nasbench201/supernet_accuracy_cifar10.npz"
    for name, epochs in (
        ("seed-0-opt5-wotrash-baseline-16-64-750", 750),
        ("seed-1217-opt5-wotrash-baseline-5-128-1000-balanced", 1000),
        ("seed-0-opt5-wotrash-decom5-5-15-30-64-500", 500),
    ):
        assert read_scores(f"{file}:{name}", table).training_s == pytest.approx(epochs * table.mean_epoch_s)
