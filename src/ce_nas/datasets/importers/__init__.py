"""Importers: official files of each data set to plain Parquet, npz or unchanged files.

- base: `import_files`, `ConvertedFile`
- hwnasbench: latency and energy on devices
- nats_bench: NAS-Bench-201 seed by seed
- yahpo: YAHPO's surrogate
- supernets: accuracies in trained supernets
- grid_traces: Electricity Maps and CarbonCast
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.datasets.importers.base import ConvertedFile, ImportChange, ImportedFile, import_files

__all__ = ["ConvertedFile", "ImportChange", "ImportedFile", "import_files"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"base": ["ConvertedFile", "ImportChange", "ImportedFile", "import_files"]}
)
