import numpy as np
import pandas as pd
import pytest

from ce_nas.core.errors import TableError
from ce_nas.datasets.importers.supernets import convert_files


def test_real_supernets_keep_every_accuracy(shared_data, tmp_path):
    source = shared_data / "nasbench201/supernet_accuracy_cifar10.npz"
    (converted,) = convert_files([source])
    converted.write(tmp_path / converted.file)
    with np.load(source) as before, np.load(tmp_path / converted.file) as after:
        assert after["names"].tolist() == before["names"].tolist()
        np.testing.assert_array_equal(after["accuracy"], before["accuracy"])


def test_a_table_by_index_becomes_an_npz(tmp_path):
    path = tmp_path / "mine.csv"
    pd.DataFrame({"index": range(15_625), "net": np.arange(15_625.0)}).to_csv(path, index=False)
    (converted,) = convert_files([path])
    assert converted.file == "mine.npz"
    np.testing.assert_array_equal(converted.content["accuracy"], [np.arange(15_625.0)])


def test_missing_architectures_are_noted(tmp_path):
    path = tmp_path / "mine.csv"
    pd.DataFrame({"index": range(10), "net": np.arange(10.0)}).to_csv(path, index=False)
    assert convert_files([path])[0].notes == ("1 of 1 supernets lack some architectures and cannot be used.",)


def test_an_object_array_is_refused(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, names=np.array([print], dtype=object), accuracy=np.zeros((1, 15_625)))
    with pytest.raises(TableError, match="holds object"):
        convert_files([path])
