"""Costs against explicit sums over layers, with synthetic values under the official names."""

import numpy as np
import pandas as pd
import pytest

from ce_nas.benchmarks.fbnet_costs import FbNetCosts, fixed_layer_names, layer_name
from ce_nas.core.errors import SettingsError, TableError
from ce_nas.space.fbnet import FBNET_BLOCKS, FBNET_DATASETS, FbNetSpace, layer_shapes


@pytest.fixture
def frame():
    names = sorted(
        {
            name
            for dataset in FBNET_DATASETS
            for name in (
                *fixed_layer_names(dataset),
                *(layer_name(shape, block) for shape in layer_shapes(dataset) for block in FBNET_BLOCKS.values()),
            )
        }
    )
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"layer": names, "pixel3_latency": rng.random(len(names)), "fpga_energy": rng.random(len(names))}
    )


def test_layer_names_match_the_official_tables():
    # as HW-NAS-Bench writes them
    cifar = list(layer_shapes("cifar100"))
    assert layer_name(cifar[0], FBNET_BLOCKS["k3_e1"]) == ("ConvBlock_H32_W32_Cin16_Cout16_exp1_kernel3_stride1_group1")
    assert layer_name(cifar[5], FBNET_BLOCKS["k5_e1_g2"]) == (
        "ConvBlock_H32_W32_Cin24_Cout32_exp1_kernel5_stride2_group2"
    )
    assert layer_name(cifar[6], None) == "Skip_H16_W16_Cin32_Cout32_stride1"
    assert fixed_layer_names("imagenet") == (
        "ConvNorm_H224_W224_Cin3_Cout16_kernel3_stride2_group1",
        "ConvNorm_H7_W7_Cin352_Cout1984_kernel1_stride1_group1",
        "AvgP_H7_W7_Cin1984_Cout1984_kernel7_stride1",
        "FC_Cin1984_Cout1000",
    )


@pytest.mark.parametrize("dataset", FBNET_DATASETS)
@pytest.mark.parametrize(("metric", "unit"), [("pixel3_latency", "ms"), ("fpga_energy", "mJ")])
def test_a_cost_is_the_sum_of_its_layers(frame, dataset, metric, unit):
    costs = FbNetCosts(frame, metric, dataset)
    measured = frame.set_index("layer")[metric]
    sample = FbNetSpace().sample(np.random.default_rng(1), 10)
    expected = [
        sum(measured[name] for name in fixed_layer_names(dataset))
        + sum(
            measured[layer_name(shape, list(FBNET_BLOCKS.values())[choice])]
            for shape, choice in zip(layer_shapes(dataset), architecture, strict=True)
        )
        for architecture in sample
    ]
    np.testing.assert_allclose(costs.predict(sample), expected)
    assert costs.unit == unit


def test_no_architectures_give_an_empty_array(frame):
    assert FbNetCosts(frame, "fpga_energy", "cifar100").predict([]).shape == (0,)


def test_an_unmeasured_layer_is_refused(frame):
    frame.loc[frame["layer"] == "FC_Cin1984_Cout1000", "fpga_energy"] = np.nan
    FbNetCosts(frame, "fpga_energy", "cifar100")
    with pytest.raises(TableError, match="Expected a cost of the layer 'FC_Cin1984_Cout1000' for fpga_energy"):
        FbNetCosts(frame, "fpga_energy", "imagenet")


def test_unknown_metrics_and_data_sets_are_refused(frame):
    with pytest.raises(TableError, match="Did you mean 'fpga_energy'"):
        FbNetCosts(frame, "fpga_energi", "cifar100")
    with pytest.raises(SettingsError, match="expected one of: cifar100, imagenet"):
        FbNetCosts(frame, "fpga_energy", "mnist")
