"""Made files in the layout that the authors' API and README document."""

import copy
import os
import pickle

import numpy as np
import pandas as pd
import pytest

from ce_nas.core.errors import DataError
from ce_nas.datasets.importers.hwnasbench import read


def changed(tmp_path, content, change):
    """The made file after a change of its content; what lies deeper than three floors is shared."""
    content = {space: {name: copy.copy(item) for name, item in parts.items()} for space, parts in content.items()}
    change(content)
    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(content, 4))
    return path


def test_the_cells_of_each_image_set_and_the_layers_are_read(hwnas_file, cells, fbnet_layers):
    pieces = {piece.file: piece for piece in read([hwnas_file])}
    assert list(pieces) == ["cifar10.parquet", "cifar100.parquet", "imagenet16-120.parquet", "fbnet.parquet"]
    frame = pieces["cifar100.parquet"].content
    assert frame["arch_str"].tolist() == cells
    assert frame["index"].tolist() == list(range(len(cells)))
    assert list(frame.columns[2:]) == ["hwnb_edgegpu_latency", "hwnb_edgegpu_energy", "hwnb_raspi4_latency"]
    assert frame["hwnb_edgegpu_latency"][4] == 50.0
    assert frame["hwnb_edgegpu_energy"][4] == 100.0
    layers = pieces["fbnet.parquet"].content.set_index("layer")
    assert layers["edgegpu_latency"].to_dict() == fbnet_layers
    assert pieces["fbnet.parquet"].notes == ()
    assert pieces["cifar10.parquet"].notes == (
        "Its first cell is not what the authors print of version 1.0; this may be another version.",
    )


def test_what_the_authors_print_is_recognised(hwnas_content, tmp_path):
    def change(content):
        content["nasbench201"]["cifar10"] |= {
            "edgegpu_latency": [5.807418537139893, *content["nasbench201"]["cifar10"]["edgegpu_latency"][1:]],
            "raspi4_latency": [10.481976820010459, *content["nasbench201"]["cifar10"]["raspi4_latency"][1:]],
        }

    assert read([changed(tmp_path, hwnas_content, change)])[0].notes == ()


def test_a_cost_of_nothing_counts_as_missing_and_is_noted(hwnas_content, tmp_path):
    def change(content):
        latency = list(content["nasbench201"]["cifar10"]["edgegpu_latency"])
        latency[:4] = [0.0, None, float("nan"), -1.0]
        content["nasbench201"]["cifar10"]["edgegpu_latency"] = latency

    piece = read([changed(tmp_path, hwnas_content, change)])[0]
    assert piece.content["hwnb_edgegpu_latency"].isna().sum() == 4
    assert "edgegpu_latency: 4 of 15,625 values are missing." in piece.notes


def test_a_config_may_be_a_dict_by_index(hwnas_content, tmp_path, cells):
    def change(content):
        config = content["nasbench201"]["cifar10"]["config"]
        content["nasbench201"]["cifar10"]["config"] = dict(reversed(list(enumerate(config))))

    assert read([changed(tmp_path, hwnas_content, change)])[0].content["arch_str"].tolist() == cells


def test_a_layer_without_a_cost_is_noted(hwnas_content, tmp_path, fbnet_layers):
    def change(content):
        lost = "FC_Cin1504_Cout100"
        content["fbnet"]["fpga_energy"] = {name: cost for name, cost in fbnet_layers.items() if name != lost}

    (note,) = read([changed(tmp_path, hwnas_content, change)])[-1].notes
    assert "fpga_energy on cifar100 cannot be used: Expected a cost of the layer 'FC_Cin1504_Cout100'" in note


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.pop("nasbench201"), "found: fbnet"),
        (lambda content: content["nasbench201"]["cifar10"].pop("config"), "15,625 different cells .* got 0"),
        (lambda content: content["nasbench201"].update(cifar10={"config": []}), "15,625 different cells"),
        (
            lambda content: content["nasbench201"]["cifar10"].update(raspi4_latency=[1.0]),
            r"15,625 numbers as raspi4_latency of cifar10 .* the shape \(1,\)",
        ),
        (lambda content: content["nasbench201"]["cifar10"].update(raspi4_latency=["x"]), "numbers as raspi4_latency"),
        (lambda content: content.update(fbnet={"edgegpu_latency": [1.0]}), "costs of layers"),
    ],
)
def test_another_layout_is_refused(hwnas_content, tmp_path, change, said):
    with pytest.raises(DataError, match=said):
        read([changed(tmp_path, hwnas_content, change)])


def test_a_metric_is_needed(cells, tmp_path):
    path = tmp_path / "x.pickle"
    config = [{"arch_str": cell} for cell in cells]
    path.write_bytes(pickle.dumps({"nasbench201": {"cifar10": {"config": config}}}))
    with pytest.raises(DataError, match="metrics such as edgegpu_latency"):
        read([path])


def test_a_hostile_file_is_refused_and_nothing_runs(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps({"nasbench201": {"cifar10": {"config": [Evil()]}}}))
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.system"):
        read([path])
    assert not (tmp_path / "ran").exists()


def test_a_table_in_the_wide_layout_is_taken_as_it_is(shared_data):
    (piece,) = read([shared_data / "nasbench201/nb201.parquet"])
    assert (piece.file, piece.rows) == ("wide.parquet", 15_625)


def test_a_table_in_another_layout_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    pd.DataFrame({"op": ["a"], "accuracy": [1.0]}).to_csv(path)
    with pytest.raises(DataError, match="hwnb_edgegpu_energy and the like in x"):
        read([path])


def test_the_kept_costs_are_those_of_the_file(hwnas_file, library, hwnas_content):
    from datetime import UTC, datetime

    from ce_nas.datasets.catalog import data_set
    from ce_nas.datasets.importers.base import import_files

    import_files(data_set("hwnasbench"), [hwnas_file], library, datetime(2026, 1, 1, tzinfo=UTC))
    frame = pd.read_parquet(library.file("hwnasbench", "cifar10.parquet"))
    np.testing.assert_array_equal(
        frame["hwnb_edgegpu_latency"], hwnas_content["nasbench201"]["cifar10"]["edgegpu_latency"]
    )
