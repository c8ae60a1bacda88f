"""The batches of a training: a random order per epoch, on the device where the images fit, else read ahead.

Images on disk stay there: a batch reads its own, in a second thread while the device works on the one before.
"""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ce_nas.training.data.images import ImageDataset, Images

__all__ = ["PixelNormaliser", "PixelRows", "TrainingBatches", "derive_seed", "to_device_if_it_fits"]

_Batch = tuple[Tensor, Tensor]


def derive_seed(seed: int, purpose: str, number: int) -> int:
    """The seed of a generator for a training's seed, a purpose and a step or epoch."""
    return zlib.crc32(f"{seed}/{purpose}/{number}".encode()) | (seed & 0x3FFFFFFF) << 32


class TrainingBatches:
    """The batches of every step, a function of the seed and the step alone.

    :param images: the training images.
    :param batch: images per batch; all of them if there are fewer.
    :param keep_last: whether the last, smaller batch of an epoch is used; one of a single image never is, since batch
        normalisation needs two.
    :param seed: seed of the orders.
    :param device: where the batches are needed.
    """

    def __init__(self, images: Images, batch: int, *, keep_last: bool, seed: int, device: torch.device) -> None:
        self.pixels, self.labels = to_device_if_it_fits(images, device)
        self.size = min(batch, len(self.labels))
        whole, rest = divmod(len(self.labels), self.size)
        self.per_epoch = whole + int(keep_last and rest > 1)
        self._seed = seed
        self._device = device
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))
        self._mirrored: Tensor | None = None
        self._reader = ThreadPoolExecutor(1) if device.type == "cuda" and self.pixels.device.type == "cpu" else None
        self._next: tuple[int, Future[_Batch]] | None = None

    @property
    def sizes(self) -> list[int]:
        """The images of each batch of an epoch."""
        return [min(self.size, len(self.labels) - number * self.size) for number in range(self.per_epoch)]

    def load(self, step: int) -> tuple[Tensor, Tensor]:
        """The bytes and labels of a step on the device, shapes ``(n, channels, height, width)`` and ``(n,)``."""
        if self._reader is None:
            pixels, labels = self._read(self.rows(step))
        else:
            pixels, labels = self._read_ahead(step, self._reader)
        return pixels.to(self._device, non_blocking=True), labels.to(self._device, non_blocking=True)

    def rows(self, step: int) -> Tensor:
        """The images of a step, as indices of the training images."""
        epoch, position = divmod(step, self.per_epoch)
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(derive_seed(self._seed, "epoch", epoch))
            order = torch.randperm(len(self.labels), generator=generator)
            self._order = (epoch, order.to(self.pixels.device))
        return self._order[1][position * self.size : (position + 1) * self.size]

    def mirrored(self, step: int) -> Tensor:
        """Which images of a step are flipped, where each is in every second epoch, shape ``(n,)``."""
        if self._mirrored is None:
            generator = torch.Generator().manual_seed(derive_seed(self._seed, "flips", 0))
            self._mirrored = (torch.rand(len(self.labels), generator=generator) < 0.5).to(self.pixels.device)
        is_odd = step // self.per_epoch % 2 == 1
        return (self._mirrored[self.rows(step)] ^ is_odd).to(self._device)

    def _read(self, rows: Tensor) -> _Batch:
        return self.pixels[rows], self.labels[rows]

    def _read_ahead(self, step: int, reader: ThreadPoolExecutor) -> _Batch:
        """The batch of a step, while the next one is being read."""
        if self._next is not None and self._next[0] == step:
            batch = self._next[1].result()
        else:
            batch = self._read_pinned(self.rows(step))
        self._next = (step + 1, reader.submit(self._read_pinned, self.rows(step + 1)))
        return batch

    def _read_pinned(self, rows: Tensor) -> _Batch:
        pixels, labels = self._read(rows)
        return pixels.pin_memory(), labels.pin_memory()


class PixelNormaliser:
    """Maps values from 0 to 255 to mean 0 and variance 1 per channel."""

    def __init__(self, data: ImageDataset, device: torch.device) -> None:
        self._scale, self._offset = (
            torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]
            for values in (1.0 / (255.0 * data.std), -data.mean / data.std)
        )

    def __call__(self, pixels: Tensor) -> Tensor:
        """The normalised images, of the shape of ``pixels``, ``(n, channels, height, width)``."""
        return torch.addcmul(self._offset, pixels.float(), self._scale)


def to_device_if_it_fits(images: Images, device: torch.device) -> tuple[Tensor | PixelRows, Tensor]:
    """The images' bytes and labels, on the device if they fit in half of its free memory, else on the CPU or disk."""
    labels, whole = torch.from_numpy(images.labels), torch.from_numpy(images.pixels)
    pixels = whole if images.rows is None else PixelRows(whole, torch.from_numpy(images.rows))
    if device.type != "cuda":
        return pixels, labels
    free_bytes, _ = torch.cuda.mem_get_info(device)
    fits = len(labels) * whole[0].numel() < free_bytes // 2
    return (pixels[:].to(device), labels.to(device)) if fits else (pixels, labels)


class PixelRows:
    """Some images of a larger tensor on the CPU or disk, read when they are indexed."""

    def __init__(self, pixels: Tensor, rows: Tensor) -> None:
        self._pixels, self._rows = pixels, rows
        self.device = pixels.device

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """The images at ``index``, shape ``(n, channels, height, width)``."""
        return self._pixels[self._rows[index]]
