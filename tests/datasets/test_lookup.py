"""A search finds imported data by name."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.benchmarks.nasbench201 import load_embedded_table
from ce_nas.datasets import lookup
from ce_nas.datasets.catalog import find_catalog_entry
from ce_nas.datasets.importers.base import import_files

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("dataset", "scale"), [("cifar10", 1.0), ("imagenet16-120", 100.0)])
def test_imported_costs_are_joined_to_embedded_accuracies(store, hwnas_file, cells, dataset, scale):
    assert lookup.load_hwnasbench(store, dataset) is None
    import_files(find_catalog_entry("hwnasbench"), [hwnas_file], store, NOW)
    table, embedded = lookup.load_hwnasbench(store, dataset), load_embedded_table(dataset)
    assert table.name == f"NAS-Bench-201 {dataset} with HW-NAS-Bench"
    np.testing.assert_array_equal(table.metric("accuracy").values, embedded.metric("accuracy").values)
    np.testing.assert_array_equal(table.train_s, embedded.train_s)
    latency = table.metric("edgegpu_latency")
    assert (latency.unit, latency.maximise, latency.requires_training) == ("ms", False, False)
    index = 4711
    assert latency.values[table.space.index[table.space.parse(cells[index])]] == (index + 1) * scale
    assert table.metric("edgegpu_energy").unit == "mJ"
    assert "HW-NAS-Bench-v1_0.pickle (imported, hwnasbench)" in table.origin


def test_an_imported_wide_table_is_used(store, shared_data):
    import_files(find_catalog_entry("hwnasbench"), [shared_data / "nasbench201/nb201.parquet"], store, NOW)
    table = lookup.load_hwnasbench(store, "cifar100")
    assert "edgegpu_energy" in table.metrics
    assert any("those of CIFAR-10's networks" in note for note in table.notes)


def test_imported_accuracies_replace_the_embedded_ones(store, hwnas_file, shared_data):
    assert lookup.load_nasbench201(store, "cifar10") is None
    import_files(find_catalog_entry("nasbench201"), [shared_data / "nasbench201/nb201.parquet"], store, NOW)
    seeds = lookup.load_nasbench201(store, "cifar10")
    assert seeds.origin == "nb201.parquet (imported, nasbench201)"
    import_files(find_catalog_entry("hwnasbench"), [hwnas_file], store, NOW)
    joined = lookup.load_hwnasbench(store, "cifar10")
    np.testing.assert_array_equal(joined.metric("accuracy").values, seeds.metric("accuracy").values)
    assert joined.low_fidelity_values.keys() == seeds.low_fidelity_values.keys()
    assert joined.metric("edgegpu_latency").values.max() == 15_625  # the official costs, not the table's


def test_imported_zones_and_supernets_are_found_by_name(store, tmp_path):
    assert lookup.find_trace_file(store, "CISO") is None
    assert lookup.list_trace_zones(store) == []
    path = tmp_path / "CISO_lifecycle_emissions.csv"
    path.write_text(",UTC time,carbon_intensity\n0,2021-01-01 00:00:00,200\n1,2021-01-01 01:00:00,210\n")
    import_files(find_catalog_entry("carboncast"), [path], store, NOW)
    assert lookup.find_trace_file(store, "CISO") == store.root / "carboncast" / "CISO.parquet"
    assert lookup.list_trace_zones(store) == ["CISO"]

    nets = tmp_path / "nets.npz"
    np.savez(nets, names=["one"], accuracy=np.zeros((1, 15_625)))
    import_files(find_catalog_entry("supernets"), [nets], store, NOW)
    imported = str(store.root / "supernets" / "nets.npz")
    assert lookup.resolve_supernet_file(store, "nets.npz:one") == f"{imported}:one"
    assert lookup.resolve_supernet_file(store, "nets") == imported
    assert lookup.resolve_supernet_file(store, f"{nets}:one") == f"{nets}:one"  # an existing file comes first
    assert lookup.resolve_supernet_file(store, "others.npz:one") == "others.npz:one"
