"""A search finds what was imported by itself."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.benchmarks.nasbench201 import embedded_table
from ce_nas.datasets import lookup as tables
from ce_nas.datasets.catalog import data_set
from ce_nas.datasets.importers.base import import_files

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("dataset", "scale"), [("cifar10", 1.0), ("imagenet16-120", 100.0)])
def test_official_costs_stand_beside_the_embedded_accuracies(library, hwnas_file, cells, dataset, scale):
    assert tables.hw_nas_bench(library, dataset) is None
    import_files(data_set("hwnasbench"), [hwnas_file], library, NOW)
    table, embedded = tables.hw_nas_bench(library, dataset), embedded_table(dataset)
    assert table.name == f"NAS-Bench-201 {dataset} with HW-NAS-Bench"
    np.testing.assert_array_equal(table.metric("accuracy").values, embedded.metric("accuracy").values)
    np.testing.assert_array_equal(table.train_s, embedded.train_s)
    latency = table.metric("edgegpu_latency")
    assert (latency.unit, latency.maximise, latency.trained) == ("ms", False, False)
    index = 4711
    assert latency.values[table.space.index[table.space.parse(cells[index])]] == (index + 1) * scale
    assert table.metric("edgegpu_energy").unit == "mJ"
    assert "HW-NAS-Bench-v1_0.pickle (imported, hwnasbench)" in table.origin


def test_a_table_of_ones_own_serves_as_well(library, shared_data):
    import_files(data_set("hwnasbench"), [shared_data / "nasbench201/nb201.parquet"], library, NOW)
    table = tables.hw_nas_bench(library, "cifar100")
    assert "edgegpu_energy" in table.metrics
    assert any("those of CIFAR-10's networks" in note for note in table.notes)


def test_accuracies_seed_by_seed_take_the_place_of_the_embedded_ones(library, hwnas_file, shared_data):
    assert tables.nas_bench_201(library, "cifar10") is None
    import_files(data_set("nasbench201"), [shared_data / "nasbench201/nb201.parquet"], library, NOW)
    seeds = tables.nas_bench_201(library, "cifar10")
    assert seeds.origin == "nb201.parquet (imported, nasbench201)"
    import_files(data_set("hwnasbench"), [hwnas_file], library, NOW)
    joined = tables.hw_nas_bench(library, "cifar10")
    np.testing.assert_array_equal(joined.metric("accuracy").values, seeds.metric("accuracy").values)
    assert joined.early.keys() == seeds.early.keys()
    assert joined.metric("edgegpu_latency").values.max() == 15_625  # the official costs, not those of the table


def test_zones_and_supernets_are_found_by_name(library, tmp_path):
    assert tables.trace_file(library, "CISO") is None
    assert tables.trace_zones(library) == []
    path = tmp_path / "CISO_lifecycle_emissions.csv"
    path.write_text(",UTC time,carbon_intensity\n0,2021-01-01 00:00:00,200\n1,2021-01-01 01:00:00,210\n")
    import_files(data_set("carboncast"), [path], library, NOW)
    assert tables.trace_file(library, "CISO") == library.root / "carboncast" / "CISO.parquet"
    assert tables.trace_zones(library) == ["CISO"]

    nets = tmp_path / "nets.npz"
    np.savez(nets, names=["one"], accuracy=np.zeros((1, 15_625)))
    import_files(data_set("supernets"), [nets], library, NOW)
    found = str(library.root / "supernets" / "nets.npz")
    assert tables.supernet_file(library, "nets.npz:one") == f"{found}:one"
    assert tables.supernet_file(library, "nets") == found
    assert tables.supernet_file(library, f"{nets}:one") == f"{nets}:one"  # a file that is there comes first
    assert tables.supernet_file(library, "others.npz:one") == "others.npz:one"
