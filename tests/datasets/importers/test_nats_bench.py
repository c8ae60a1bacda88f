"""Made archives in the layout that the authors' API documents; only a few architectures are made one by one."""

import bz2
import os
import pickle
import tarfile

import numpy as np
import pytest

from ce_nas.benchmarks.nasbench201 import wide_table
from ce_nas.core.errors import DataError
from ce_nas.datasets.importers import nats_bench as nats
from ce_nas.datasets.importers.nats_bench import read

TRAININGS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}


def run(epochs, images, accuracy, latency=(0.01, 0.03)):
    return {
        "net_state_dict": None,
        "train_times": dict.fromkeys(range(epochs), 2.0),
        "epochs": epochs,
        "params": 0.5,
        "flop": 50.0,
        "latency": list(latency),
        "eval_acc1es": {f"{name}@{epochs - 1}": accuracy + at for at, name in enumerate(images)},
    }


def architecture(number, seeds=(777, 888), **changes):
    """Validation accuracy: the number, and one more for the later seed."""
    return {
        epochs: {
            "arch_index": number,
            "dataset_seed": {name: list(seeds) for name in TRAININGS},
            "all_results": {
                (name, seed): run(int(epochs), images, np.float64(number + at), **changes)
                for name, images in TRAININGS.items()
                for at, seed in enumerate(seeds)
            },
        }
        for epochs in ("12", "200")
    }


def packed(content):
    return bz2.compress(pickle.dumps(content, 4), 1)


@pytest.fixture
def archive(tmp_path, cells, monkeypatch):
    """An archive whose first files are made one by one, and the others all the same."""
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    folder.mkdir()
    (folder / "meta.pickle.pbz2").write_bytes(packed({"meta_archs": cells, "total_archs": len(cells)}))
    ones = [packed(architecture(number)) for number in range(3)]
    for number in range(3):
        (folder / f"{number:06d}.pickle.pbz2").write_bytes(ones[number])
    monkeypatch.setattr(nats, "NasBench201Space", lambda: Few(cells[:3]))
    (folder / "meta.pickle.pbz2").write_bytes(packed({"meta_archs": cells[:3]}))
    return folder


class Few:
    """A space of a few cells, so that an archive of them is whole."""

    def __init__(self, cells):
        self.cells, self.size = cells, len(cells)

    def parse(self, text):
        return self.cells.index(text)


def test_a_folder_becomes_the_wide_layout(archive, cells):
    (piece,) = read([archive])
    frame = piece.content
    assert (piece.file, piece.rows, piece.sources, piece.notes) == ("nasbench201.parquet", 3, (archive,), ())
    assert frame["arch_str"].tolist() == cells[:3]
    assert frame["val200_cifar10_s0"].tolist() == [0, 1, 2]
    assert frame["val200_cifar100_s1"].tolist() == [1, 2, 3]
    assert frame["test200_cifar10"].tolist() == [0.5, 1.5, 2.5]  # of the training on all images
    assert frame["test200_cifar100"].tolist() == [1.5, 2.5, 3.5]
    assert frame["val12_imagenet16-120"].tolist() == [0.5, 1.5, 2.5]
    assert frame["train_time200_cifar10"].tolist() == [400.0] * 3
    assert frame["latency_cifar10"].tolist() == [0.02] * 3
    assert (frame["params_cifar100"][0], frame["flops_cifar100_M"][0]) == (0.5, 50.0)


def test_the_packed_archive_is_the_same(archive, tmp_path):
    path = tmp_path / "NATS-tss-v1_0-3ffb9-simple.tar"
    with tarfile.open(path, "w") as file:
        file.add(archive, arcname=archive.name)
    assert read([path])[0].content.equals(read([archive])[0].content)


def test_seeds_that_only_some_have_are_left_blank(archive):
    (archive / "000001.pickle.pbz2").write_bytes(packed(architecture(1, seeds=(777, 888, 999))))
    seeds = read([archive])[0].content["val200_cifar10_s2"]
    assert seeds.isna().tolist() == [True, False, True]


def test_latencies_that_some_lack_are_left_out_and_noted(archive):
    (archive / "000001.pickle.pbz2").write_bytes(packed(architecture(1, latency=(-1.0,))))
    (piece,) = read([archive])
    assert "latency_cifar10" not in piece.content
    assert "latency_cifar10 is left out: 1 cells were not measured." in piece.notes


def test_a_missing_file_is_said(archive):
    (archive / "000002.pickle.pbz2").unlink()
    with pytest.raises(DataError, match="got 3 cells and 2 files"):
        read([archive])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no bzip2", "Expected bzip2"),
        (bz2.compress(pickle.dumps({"200": {}})), "Expected results of NATS-Bench in .* KeyError"),
        (bz2.compress(pickle.dumps([1, 2])), "Expected results of NATS-Bench in .* TypeError"),
        (bz2.compress(pickle.dumps({"200": {"all_results": {}}})), "Expected results of NATS-Bench"),
        (bz2.compress(b"x" * 100)[:-10], "Expected a whole file"),
    ],
)
def test_another_content_is_refused(archive, content, said):
    (archive / "000001.pickle.pbz2").write_bytes(content)
    with pytest.raises(DataError, match=said):
        read([archive])


def test_a_bomb_is_not_unpacked(archive, monkeypatch):
    monkeypatch.setattr(nats, "LARGEST_BYTES", 10_000)
    (archive / "000001.pickle.pbz2").write_bytes(bz2.compress(b"\0" * 1_000_000))
    with pytest.raises(DataError, match="at most 10,000 bytes"):
        read([archive])


def test_a_hostile_member_is_refused_and_nothing_runs(archive, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    (archive / "000001.pickle.pbz2").write_bytes(packed({"200": Evil()}))
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.system"):
        read([archive])
    assert not (tmp_path / "ran").exists()


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"Expected a folder or a \.tar of NATS-Bench"):
        read([path])
    with pytest.raises(DataError, match="Expected one archive or folder"):
        read([path, path])


def test_a_real_table_in_the_wide_layout_is_taken_as_it_is(shared_data):
    (piece,) = read([shared_data / "nasbench201/nb201.parquet"])
    assert wide_table(piece.content, "cifar10", "x").metric("accuracy").values.max() > 91
