"""Look up imported data of the user's data folder: benchmarks, grid traces and proxy scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.benchmarks.nasbench201 import (
    DATASETS,
    build_device_metrics,
    build_wide_table,
    load_embedded_table,
    match_rows_to_members,
)
from ce_nas.benchmarks.table_reader import read_frame
from ce_nas.datasets.importers.grid_traces import zone_file_name
from ce_nas.datasets.importers.hwnasbench import WIDE_FILE, costs_file_name
from ce_nas.datasets.importers.nats_bench import TABLE_FILE

if TYPE_CHECKING:
    from ce_nas.benchmarks.tabular import BenchmarkTable
    from ce_nas.datasets.store import DataStore

__all__ = [
    "describe_origin",
    "find_trace_file",
    "list_trace_zones",
    "load_hwnasbench",
    "load_nasbench201",
    "resolve_supernet_file",
]

_TRACE_DATA_SETS = ("electricity-maps", "carboncast")


def load_nasbench201(store: DataStore, dataset: str) -> BenchmarkTable | None:
    """NAS-Bench-201 seed by seed from NATS-Bench; None if it was not imported.

    :raises TableError: if the table lacks the data set.
    """
    path = store.find_file("nasbench201", TABLE_FILE)
    return build_wide_table(read_frame(path), dataset, describe_origin(store, path)) if path else None


def load_hwnasbench(store: DataStore, dataset: str, *, imputed: bool = True) -> BenchmarkTable | None:
    """NAS-Bench-201 with the devices of HW-NAS-Bench; None if that was not imported.

    Costs are those of the official pickle, else of the user's own table. Accuracies for the pickle's costs are those
    of NATS-Bench if it was imported, else the embedded means over seeds.

    :param imputed: whether imputed costs stand in for missing ones; else these are NaN.
    :raises TableError: if the tables lack the data set or the devices.
    """
    costs = store.find_file("hwnasbench", costs_file_name(dataset)) if dataset in DATASETS else None
    if costs:
        return _join_costs(store, dataset, costs, imputed=imputed)
    wide = store.find_file("hwnasbench", WIDE_FILE)
    if wide is None:
        return None
    return build_wide_table(read_frame(wide), dataset, describe_origin(store, wide), imputed=imputed)


def _join_costs(store: DataStore, dataset: str, path: Path, *, imputed: bool) -> BenchmarkTable:
    """Join accuracies of one source with costs of another."""
    costs, origin = read_frame(path), describe_origin(store, path)
    base = load_nasbench201(store, dataset) or load_embedded_table(dataset)
    _, rows = match_rows_to_members(costs, origin)
    devices, notes = build_device_metrics(costs, rows, origin, imputed=imputed)
    return replace(
        base,
        name=f"NAS-Bench-201 {dataset} with HW-NAS-Bench",
        metrics={**base.metrics, **devices},
        origin=f"{base.origin}; costs on devices: {origin}",
        notes=(*base.notes, *notes),
    )


def find_trace_file(store: DataStore, zone: str) -> Path | None:
    """The file of an imported zone; None if the zone was not imported."""
    paths = (store.find_file(name, zone_file_name(zone)) for name in _TRACE_DATA_SETS)
    return next((path for path in paths if path), None)


def list_trace_zones(store: DataStore) -> list[str]:
    """The imported zones, sorted."""
    manifests = (store.read_manifest(name) for name in _TRACE_DATA_SETS)
    return sorted({Path(stored.file).stem for manifest in manifests if manifest for stored in manifest.files})


def resolve_supernet_file(store: DataStore, text: str) -> str:
    """``FILE`` or ``FILE:NAME`` of proxy scores, with the imported file's path if ``FILE`` does not exist."""
    file, colon, names = text.partition(":")
    if Path(text).exists() or Path(file).exists():
        return text
    path = store.find_file("supernets", f"{file.removesuffix('.npz')}.npz")
    return f"{path}{colon}{names}" if path else text


def describe_origin(store: DataStore, path: Path) -> str:
    """Where a stored file came from, for a report."""
    name = path.parent.name
    manifest = store.read_manifest(name)
    stored = manifest.find(path.name) if manifest else None
    return f"{', '.join(origin.name for origin in stored.origins)} (imported, {name})" if stored else path.name
