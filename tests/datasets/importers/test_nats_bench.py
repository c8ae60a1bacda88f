"""Synthetic archives of a few architectures in the layout of the authors' API."""

import bz2
import os
import pickle
import tarfile

import numpy as np
import pytest

from ce_nas.benchmarks.nasbench201 import build_wide_table
from ce_nas.core.errors import DataError
from ce_nas.datasets.importers import nats_bench
from ce_nas.datasets.importers.nats_bench import convert_files

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
    """An architecture with its number as validation accuracy, plus one for the second seed."""
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
    """An unpacked archive of three architectures."""
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number:06d}.pickle.pbz2").write_bytes(packed(architecture(number)))
    monkeypatch.setattr(nats_bench, "NasBench201Space", lambda: SmallSpace(cells[:3]))
    (folder / "meta.pickle.pbz2").write_bytes(packed({"meta_archs": cells[:3]}))
    return folder


class SmallSpace:
    """A space of a few cells, so that an archive of them is complete."""

    def __init__(self, cells):
        self.cells, self.size = cells, len(cells)

    def parse(self, text):
        return self.cells.index(text)


def test_a_folder_is_converted_to_the_wide_layout(archive, cells):
    (converted,) = convert_files([archive])
    frame = converted.content
    assert (converted.file, converted.rows, converted.source_files, converted.notes) == (
        "nasbench201.parquet",
        3,
        (archive,),
        (),
    )
    assert frame["arch_str"].tolist() == cells[:3]
    assert frame["val200_cifar10_s0"].tolist() == [0, 1, 2]
    assert frame["val200_cifar100_s1"].tolist() == [1, 2, 3]
    assert frame["test200_cifar10"].tolist() == [0.5, 1.5, 2.5]  # of the training on all images
    assert frame["test200_cifar100"].tolist() == [1.5, 2.5, 3.5]
    assert frame["val12_imagenet16-120"].tolist() == [0.5, 1.5, 2.5]
    assert frame["train_time200_cifar10"].tolist() == [400.0] * 3
    assert frame["latency_cifar10"].tolist() == [0.02] * 3
    assert (frame["params_cifar100"][0], frame["flops_cifar100_M"][0]) == (0.5, 50.0)


def test_a_tar_gives_the_same_table(archive, tmp_path):
    path = tmp_path / "NATS-tss-v1_0-3ffb9-simple.tar"
    with tarfile.open(path, "w") as file:
        file.add(archive, arcname=archive.name)
    assert convert_files([path])[0].content.equals(convert_files([archive])[0].content)


def test_incomplete_seeds_have_missing_values(archive):
    (archive / "000001.pickle.pbz2").write_bytes(packed(architecture(1, seeds=(777, 888, 999))))
    seeds = convert_files([archive])[0].content["val200_cifar10_s2"]
    assert seeds.isna().tolist() == [True, False, True]


def test_incomplete_latencies_are_left_out_and_noted(archive):
    (archive / "000001.pickle.pbz2").write_bytes(packed(architecture(1, latency=(-1.0,))))
    (converted,) = convert_files([archive])
    assert "latency_cifar10" not in converted.content
    assert "latency_cifar10 is left out: 1 cells were not measured." in converted.notes


def test_a_missing_architecture_is_refused(archive):
    (archive / "000002.pickle.pbz2").unlink()
    with pytest.raises(DataError, match="got 3 cells and 2 files"):
        convert_files([archive])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no bzip2", "Expected bzip2"),
        (bz2.compress(pickle.dumps({"200": {}})), "Expected NATS-Bench's results in .* KeyError"),
        (bz2.compress(pickle.dumps([1, 2])), "Expected NATS-Bench's results in .* TypeError"),
        (bz2.compress(pickle.dumps({"200": {"all_results": {}}})), "Expected NATS-Bench's results"),
        (bz2.compress(b"x" * 100)[:-10], "Expected a whole file"),
    ],
)
def test_invalid_content_is_refused(archive, content, reason):
    (archive / "000001.pickle.pbz2").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        convert_files([archive])


def test_a_decompression_bomb_is_refused(archive, monkeypatch):
    monkeypatch.setattr(nats_bench, "MAX_UNPACKED_BYTES", 10_000)
    (archive / "000001.pickle.pbz2").write_bytes(bz2.compress(b"\0" * 1_000_000))
    with pytest.raises(DataError, match="at most 10,000 bytes"):
        convert_files([archive])


def test_a_malicious_member_is_refused_and_nothing_runs(archive, tmp_path):
    class Malicious:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    (archive / "000001.pickle.pbz2").write_bytes(packed({"200": Malicious()}))
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.system"):
        convert_files([archive])
    assert not (tmp_path / "ran").exists()


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"Expected a folder or a \.tar of NATS-Bench"):
        convert_files([path])
    with pytest.raises(DataError, match="Expected one archive or folder"):
        convert_files([path, path])


def test_a_wide_table_is_stored_unchanged(shared_data):
    (converted,) = convert_files([shared_data / "nasbench201/nb201.parquet"])
    assert build_wide_table(converted.content, "cifar10", "x").metric("accuracy").values.max() > 91
