"""Image data for real trainings.

- sources: `load_images`: data sets by name or file layout
- images: `Images`, `ImageDataset`: images in memory, and their split
- cifar: CIFAR archives and PNG sheets
- batches: `TrainingBatches`: the batch of each step, read ahead from disk if need be
- image_cache: `decode_to_cache`: folders, tar shards and parquet decoded once to files on disk
- augment: random crops, shifts, flips, cutout and mixup; colours, randaugment: random colours and operations
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.training.data.images import ImageDataset, Images
    from ce_nas.training.data.sources import load_images

__all__ = ["ImageDataset", "Images", "load_images"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"images": ["ImageDataset", "Images"], "sources": ["load_images"]}
)
