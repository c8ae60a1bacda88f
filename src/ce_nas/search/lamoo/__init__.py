"""LaMOO: learning space partitions for multi-objective search.

- lamoo_searcher: `LamooSearcher`, the region of each proposal and the inner searcher
- partition_tree: `PartitionTree`, boundaries between better and worse samples, and the selection of a leaf
- svm: `Boundary`, fitted support vector machines
- kernel_cache: pairwise kernel values of the samples
- region_cache: fast membership of architectures in regions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
    from ce_nas.search.lamoo.partition_tree import PartitionSettings, PartitionTree
    from ce_nas.search.lamoo.svm import Boundary

__all__ = ["Boundary", "LamooSearcher", "PartitionSettings", "PartitionTree"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "partition_tree": ["PartitionSettings", "PartitionTree"],
        "lamoo_searcher": ["LamooSearcher"],
        "svm": ["Boundary"],
    },
)
