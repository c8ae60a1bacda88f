"""What a search takes from the user's data folder: benchmarks, grids and cheap scores that were imported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.benchmarks.nasbench201 import DATASETS, device_metrics, embedded_table, members_of, wide_table
from ce_nas.benchmarks.table_reader import read_frame
from ce_nas.datasets.importers.grid_traces import zone_file
from ce_nas.datasets.importers.hwnasbench import WIDE_FILE, costs_file
from ce_nas.datasets.importers.nats_bench import TABLE_FILE

if TYPE_CHECKING:
    from ce_nas.benchmarks.tabular import BenchmarkTable
    from ce_nas.datasets.store import Library

__all__ = ["hw_nas_bench", "nas_bench_201", "origin_of", "supernet_file", "trace_file", "trace_zones"]

_TRACES = ("electricity-maps", "carboncast")


def nas_bench_201(library: Library, dataset: str) -> BenchmarkTable | None:
    """NAS-Bench-201 seed by seed from NATS-Bench; None if it was not imported.

    :raises TableError: if the table lacks the image set.
    """
    path = library.file("nasbench201", TABLE_FILE)
    return wide_table(read_frame(path), dataset, origin_of(library, path)) if path else None


def hw_nas_bench(library: Library, dataset: str) -> BenchmarkTable | None:
    """NAS-Bench-201 with the devices of HW-NAS-Bench; None if that was not imported.

    Costs are those of the official pickle, else of a table of one's own. Accuracies beside the pickle's costs are
    those of NATS-Bench where it was imported, else the embedded means over seeds.

    :raises TableError: if the tables lack the image set, or the devices.
    """
    costs = library.file("hwnasbench", costs_file(dataset)) if dataset in DATASETS else None
    if costs:
        return _joined(library, dataset, costs)
    wide = library.file("hwnasbench", WIDE_FILE)
    return wide_table(read_frame(wide), dataset, origin_of(library, wide)) if wide else None


def _joined(library: Library, dataset: str, path: Path) -> BenchmarkTable:
    """Accuracies of one source with the costs of another."""
    costs, origin = read_frame(path), origin_of(library, path)
    base = nas_bench_201(library, dataset) or embedded_table(dataset)
    _, rows = members_of(costs, origin)
    devices, notes = device_metrics(costs, rows, origin)
    return replace(
        base,
        name=f"NAS-Bench-201 {dataset} with HW-NAS-Bench",
        metrics={**base.metrics, **devices},
        origin=f"{base.origin}; costs on devices: {origin}",
        notes=(*base.notes, *notes),
    )


def trace_file(library: Library, zone: str) -> Path | None:
    """The file of a zone that was imported; None if there is none."""
    found = (library.file(name, zone_file(zone)) for name in _TRACES)
    return next((path for path in found if path), None)


def trace_zones(library: Library) -> list[str]:
    """The zones that were imported."""
    manifests = (library.manifest(name) for name in _TRACES)
    return sorted({Path(kept.file).stem for manifest in manifests if manifest for kept in manifest.files})


def supernet_file(library: Library, text: str) -> str:
    """``FILE`` or ``FILE:NAME`` of cheap scores, with the path of an imported file where the file lies nowhere else."""
    file, colon, names = text.partition(":")
    if Path(text).exists() or Path(file).exists():
        return text
    path = library.file("supernets", f"{file.removesuffix('.npz')}.npz")
    return f"{path}{colon}{names}" if path else text


def origin_of(library: Library, path: Path) -> str:
    """Where a kept file came from, for a report."""
    name = path.parent.name
    manifest = library.manifest(name)
    kept = manifest.of(path.name) if manifest else None
    return f"{', '.join(origin.name for origin in kept.origins)} (imported, {name})" if kept else path.name
