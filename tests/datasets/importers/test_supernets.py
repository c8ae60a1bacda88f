import numpy as np
import pandas as pd
import pytest

from ce_nas.core.errors import TableError
from ce_nas.datasets.importers.supernets import read


def test_real_supernets_keep_every_accuracy(shared_data, tmp_path):
    source = shared_data / "nasbench201/supernet_accuracy_cifar10.npz"
    (piece,) = read([source])
    piece.write(tmp_path / piece.file)
    with np.load(source) as before, np.load(tmp_path / piece.file) as after:
        assert after["names"].tolist() == before["names"].tolist()
        np.testing.assert_array_equal(after["accuracy"], before["accuracy"])


def test_a_table_by_index_becomes_an_npz(tmp_path):
    path = tmp_path / "mine.csv"
    pd.DataFrame({"index": range(15_625), "net": np.arange(15_625.0)}).to_csv(path, index=False)
    (piece,) = read([path])
    assert piece.file == "mine.npz"
    np.testing.assert_array_equal(piece.content["accuracy"], [np.arange(15_625.0)])


def test_missing_architectures_are_noted(tmp_path):
    path = tmp_path / "mine.csv"
    pd.DataFrame({"index": range(10), "net": np.arange(10.0)}).to_csv(path, index=False)
    assert read([path])[0].notes == ("1 of 1 supernets lack some architectures, and cannot be used.",)


def test_an_array_of_pickles_is_refused(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, names=np.array([print], dtype=object), accuracy=np.zeros((1, 15_625)))
    with pytest.raises(TableError, match="allow_pickle=False"):
        read([path])
