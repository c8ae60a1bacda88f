"""Synthetic files in the layout of the authors' API and README."""

import copy
import os
import pickle

import numpy as np
import pandas as pd
import pytest

from ce_nas.core.errors import DataError
from ce_nas.datasets.importers.hwnasbench import convert_files


def changed(tmp_path, content, change):
    """The synthetic file with a change of its content; levels below the third are shared."""
    content = {space: {name: copy.copy(item) for name, item in parts.items()} for space, parts in content.items()}
    change(content)
    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(content, 4))
    return path


def test_cells_and_layers_are_converted(hwnas_file, cells, fbnet_layers):
    converted = {converted.file: converted for converted in convert_files([hwnas_file])}
    assert list(converted) == ["cifar10.parquet", "cifar100.parquet", "imagenet16-120.parquet", "fbnet.parquet"]
    frame = converted["cifar100.parquet"].content
    assert frame["arch_str"].tolist() == cells
    assert frame["index"].tolist() == list(range(len(cells)))
    assert list(frame.columns[2:]) == ["hwnb_edgegpu_latency", "hwnb_edgegpu_energy", "hwnb_raspi4_latency"]
    assert frame["hwnb_edgegpu_latency"][4] == 50.0
    assert frame["hwnb_edgegpu_energy"][4] == 100.0
    layers = converted["fbnet.parquet"].content.set_index("layer")
    assert layers["edgegpu_latency"].to_dict() == fbnet_layers
    assert converted["fbnet.parquet"].notes == ()
    assert converted["cifar10.parquet"].notes == (
        "Its first cell differs from the published one of version 1.0; this may be another version.",
    )


def test_the_published_first_cell_is_recognised(hwnas_content, tmp_path):
    def change(content):
        content["nasbench201"]["cifar10"] |= {
            "edgegpu_latency": [5.807418537139893, *content["nasbench201"]["cifar10"]["edgegpu_latency"][1:]],
            "raspi4_latency": [10.481976820010459, *content["nasbench201"]["cifar10"]["raspi4_latency"][1:]],
        }

    assert convert_files([changed(tmp_path, hwnas_content, change)])[0].notes == ()


def test_a_cost_of_zero_counts_as_missing(hwnas_content, tmp_path):
    def change(content):
        latency = list(content["nasbench201"]["cifar10"]["edgegpu_latency"])
        latency[:4] = [0.0, None, float("nan"), -1.0]
        content["nasbench201"]["cifar10"]["edgegpu_latency"] = latency

    converted = convert_files([changed(tmp_path, hwnas_content, change)])[0]
    assert converted.content["hwnb_edgegpu_latency"].isna().sum() == 4
    assert "edgegpu_latency: 4 of 15,625 values are missing." in converted.notes


def test_the_config_can_be_a_dict_by_index(hwnas_content, tmp_path, cells):
    def change(content):
        config = content["nasbench201"]["cifar10"]["config"]
        content["nasbench201"]["cifar10"]["config"] = dict(reversed(list(enumerate(config))))

    assert convert_files([changed(tmp_path, hwnas_content, change)])[0].content["arch_str"].tolist() == cells


def test_a_layer_without_a_cost_is_noted(hwnas_content, tmp_path, fbnet_layers):
    def change(content):
        missing = "FC_Cin1504_Cout100"
        content["fbnet"]["fpga_energy"] = {name: cost for name, cost in fbnet_layers.items() if name != missing}

    (note,) = convert_files([changed(tmp_path, hwnas_content, change)])[-1].notes
    assert "fpga_energy on cifar100 cannot be used: Expected a cost of the layer 'FC_Cin1504_Cout100'" in note


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content.pop("nasbench201"), "got: fbnet"),
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
def test_another_layout_is_refused(hwnas_content, tmp_path, change, reason):
    with pytest.raises(DataError, match=reason):
        convert_files([changed(tmp_path, hwnas_content, change)])


def test_cells_without_metrics_are_refused(cells, tmp_path):
    path = tmp_path / "x.pickle"
    config = [{"arch_str": cell} for cell in cells]
    path.write_bytes(pickle.dumps({"nasbench201": {"cifar10": {"config": config}}}))
    with pytest.raises(DataError, match="metrics such as edgegpu_latency"):
        convert_files([path])


def test_a_malicious_pickle_is_refused_and_nothing_runs(tmp_path):
    class Malicious:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps({"nasbench201": {"cifar10": {"config": [Malicious()]}}}))
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.system"):
        convert_files([path])
    assert not (tmp_path / "ran").exists()


def test_a_wide_table_is_stored_unchanged(shared_data):
    (converted,) = convert_files([shared_data / "nasbench201/nb201.parquet"])
    assert (converted.file, converted.rows) == ("wide.parquet", 15_625)


def test_another_table_layout_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    pd.DataFrame({"op": ["a"], "accuracy": [1.0]}).to_csv(path)
    with pytest.raises(DataError, match="hwnb_edgegpu_energy and the like in x"):
        convert_files([path])


def test_stored_costs_equal_the_official_ones(hwnas_file, store, hwnas_content):
    from datetime import UTC, datetime

    from ce_nas.datasets.catalog import find_catalog_entry
    from ce_nas.datasets.importers.base import import_files

    import_files(find_catalog_entry("hwnasbench"), [hwnas_file], store, datetime(2026, 1, 1, tzinfo=UTC))
    frame = pd.read_parquet(store.find_file("hwnasbench", "cifar10.parquet"))
    np.testing.assert_array_equal(
        frame["hwnb_edgegpu_latency"], hwnas_content["nasbench201"]["cifar10"]["edgegpu_latency"]
    )
