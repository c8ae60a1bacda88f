"""The search problems that settings can name: NAS-Bench-201, HW-NAS-Bench, NAS-Bench-301 and a user's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ce_nas.components.base import ProblemSettings, TableSettings
from ce_nas.components.quantities import NameList  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import PROBLEMS
from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from ce_nas.benchmarks.base import Benchmark
    from ce_nas.benchmarks.tabular import BenchmarkTable

__all__ = ["load_hwnasbench", "load_nasbench301", "load_nb201", "load_table"]

#: how the names of HW-NAS-Bench's metrics start
_HW_NAS_BENCH_DEVICES = ("edgegpu", "fpga", "raspi4", "pixel3", "edgetpu", "eyeriss")


class _CellSettings(ProblemSettings):
    """The view of the table of NAS-Bench-201's cells."""

    average_equivalent: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="Average all values over the cells that compute the same function, so that no lucky twin is best.",
    )
    leave_out: NameList = Field(
        (), description="Cells that are left out of the search, in the notation of NAS-Bench-201."
    )
    training_time_factor: float = Field(
        1.0, gt=0, description="Length of a training as a multiple of the recorded one."
    )


class HwNasBenchSettings(_CellSettings, TableSettings):
    """Settings of HW-NAS-Bench."""

    measured_only: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="Search the cells with a measured value of every objective; False: imputed values stand in.",
    )


class NasBench301Settings(ProblemSettings):
    """Settings of NAS-Bench-301."""

    dataset: Literal["cifar10"] = Field("cifar10", description="Image set.")


@PROBLEMS.register("nb201", _CellSettings, summary="NAS-Bench-201 as imported from NATS-Bench, else as embedded")
def load_nb201(settings: _CellSettings) -> Benchmark:
    """NAS-Bench-201.

    :raises SettingsError: if there is no such image set.
    """
    from ce_nas.benchmarks.nasbench201 import load_embedded_table
    from ce_nas.datasets.lookup import load_nasbench201
    from ce_nas.datasets.store import DataStore

    table = load_nasbench201(DataStore(), settings.dataset) or load_embedded_table(settings.dataset)
    return _apply_view(table, settings)


@PROBLEMS.register(
    "hwnasbench", HwNasBenchSettings, summary="NAS-Bench-201 with latency and energy on devices, imported"
)
def load_hwnasbench(settings: HwNasBenchSettings) -> Benchmark:
    """HW-NAS-Bench, imported, or a table with its columns.

    :raises SettingsError: if it was not imported and no table is given, or the table lacks the columns.
    """
    if settings.table is None:
        from ce_nas.datasets import lookup
        from ce_nas.datasets.store import DataStore

        imported = lookup.load_hwnasbench(DataStore(), settings.dataset, imputed=not settings.measured_only)
        if imported is None:
            return _require_table(settings, "get it with: ce-nas data fetch hwnasbench, or ")
        return _apply_view(imported, settings)
    table = _read_table(settings, imputed=not settings.measured_only)
    if not any(name.startswith(_HW_NAS_BENCH_DEVICES) for name in table.metrics):
        message = (
            f"Expected HW-NAS-Bench's columns (hwnb_edgegpu_energy and the like) in {settings.table.name}, got the "
            f"metrics: {', '.join(table.metrics)}; use --problem table for a table of your own."
        )
        raise SettingsError(message)
    return _apply_view(table, settings)


@PROBLEMS.register("nasbench301", NasBench301Settings, summary="NAS-Bench-301 by its surrogate, imported")
def load_nasbench301(settings: NasBench301Settings) -> Benchmark:
    """The surrogate in the given file, else the imported one.

    :raises SettingsError: if there is neither.
    """
    from ce_nas.benchmarks.nasbench301 import NasBench301, NasBench301Surrogate
    from ce_nas.datasets.importers.yahpo import SURROGATE_FILE
    from ce_nas.datasets.store import DataStore

    path = settings.table or DataStore().find_file("nasbench301", SURROGATE_FILE)
    if path is None:
        message = (
            "Problem 'nasbench301' needs its surrogate: get it with: ce-nas data fetch nasbench301, or give "
            "nb301_surrogate.onnx, with encoding.json in the same folder, as --table FILE."
        )
        raise SettingsError(message)
    return NasBench301(NasBench301Surrogate(path))


@PROBLEMS.register("table", TableSettings, summary="a table of your own: --table FILE")
def load_table(settings: TableSettings) -> Benchmark:
    """A table of the user's own.

    :raises SettingsError: if none is given.
    """
    return _require_table(settings) if settings.table is None else _read_table(settings)


def _require_table(settings: ProblemSettings, way_out: str = "") -> Benchmark:
    message = f"Problem {settings.name!r} needs a table: {way_out}give a CSV or Parquet file with --table FILE."
    raise SettingsError(message)


def _apply_view(table: BenchmarkTable, settings: _CellSettings) -> BenchmarkTable:
    """The view of the table that the settings ask for."""
    from ce_nas.benchmarks import table_views as views

    if settings.average_equivalent:
        table = views.average_equivalent_cells(table)
    if isinstance(settings, HwNasBenchSettings) and settings.measured_only:
        names = [text.partition(":")[0].strip() for text in settings.objectives] or ["accuracy", "edgegpu_energy"]
        table = views.drop_unmeasured_cells(table, names)
    table = views.leave_out_cells(table, settings.leave_out)
    return views.scale_training_time(table, settings.training_time_factor)


def _read_table(settings: TableSettings, *, imputed: bool = True) -> BenchmarkTable:
    from ce_nas.benchmarks.table_reader import read_table

    assert settings.table is not None  # noqa: S101 - asked by the callers
    return read_table(
        settings.table,
        dataset=settings.dataset,
        operations=settings.operations,
        training_column=settings.training_column,
        imputed=imputed,
    )
