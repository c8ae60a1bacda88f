"""Labelled images in memory, split into training, validation and test sets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import DataError, SettingsError
from ce_nas.core.rng import random_stream

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ImageDataset", "Images", "build_image_dataset", "concatenate_images"]


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Labelled images of one size."""

    #: bytes, shape (n, channels, height, width); may be memory-mapped
    pixels: np.ndarray
    #: class of each image, counted from 0, shape (n,)
    labels: np.ndarray
    #: where the images are in ``pixels``, shape (n,); None: all, in order
    rows: np.ndarray | None = None

    def __post_init__(self) -> None:
        is_image = self.pixels.ndim == 4 and self.pixels.dtype == np.uint8
        places = self.pixels.shape[:1] if self.rows is None else self.rows.shape
        is_valid = is_image and self.labels.shape == places
        if not is_valid or len(self.labels) == 0:
            message = (
                "Expected images as bytes of shape (n, channels, height, width) with a label each, got "
                f"{self.pixels.dtype} of shape {self.pixels.shape} and labels of shape {self.labels.shape}."
            )
            raise DataError(message)

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, rows: np.ndarray) -> Images:
        """The images at ``rows``; those on disk stay there."""
        if isinstance(self.pixels, np.memmap):
            return Images(self.pixels, self.labels[rows], rows if self.rows is None else self.rows[rows])
        return Images(self.pixels[rows], self.labels[rows])


@dataclass(frozen=True, slots=True, eq=False)
class ImageDataset:
    """Training, validation and test images; a search uses the first two."""

    name: str
    #: the source in words
    origin: str
    train: Images
    test: Images
    classes: int
    #: mean and standard deviation of each channel of the training images, in units of a full byte, shape (channels,)
    mean: np.ndarray
    std: np.ndarray
    #: images on which networks are compared; None until :meth:`split`
    validation: Images | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.pixels.shape[1:]
        return channels, height, width

    def split(self, validation_share: float, seed: int) -> ImageDataset:
        """The data set with a stratified share of the training images split off for validation.

        :param validation_share: above 0 and below 1.
        :raises SettingsError: if a class has no image left on one side.
        """
        if not 0 < validation_share < 1:
            message = f"Expected a share for validation above 0 and below 1, got {validation_share:g}."
            raise SettingsError(message)
        rng, validation_rows = random_stream(seed, "split"), []
        for label in range(self.classes):
            rows = rng.permutation(np.flatnonzero(self.train.labels == label))
            count = round(validation_share * len(rows))
            if not 0 < count < len(rows):
                message = (
                    f"Expected a share for validation that leaves images of every class on both sides, got "
                    f"{validation_share:g} of the {len(rows)} images of class {label}."
                )
                raise SettingsError(message)
            validation_rows.append(rows[:count])
        validation = np.sort(np.concatenate(validation_rows))
        train = np.setdiff1d(np.arange(len(self.train)), validation)
        return replace(self, train=self.train.subset(train), validation=self.train.subset(validation))

    def truncate(self, train: int, test: int | None = None) -> ImageDataset:
        """The data set with the first ``train`` training and ``test`` test images only, for a quick test."""
        return replace(self, train=_take_first(self.train, train), test=_take_first(self.test, test or train))


def build_image_dataset(
    name: str, origin: str, train: Images, test: Images, classes: int | None = None
) -> ImageDataset:
    """A data set with the statistics of its channels.

    :param classes: number of classes; None to infer it from the labels.
    :raises DataError: if a label is out of range, or the test images have another size.
    """
    count = classes or int(train.labels.max()) + 1
    for labels in (train.labels, test.labels):
        if labels.min() < 0 or labels.max() >= count:
            message = f"Expected labels from 0 to {count - 1} in {name}, got {labels.min()} to {labels.max()}."
            raise DataError(message)
    if train.pixels.shape[1:] != test.pixels.shape[1:]:
        message = (
            f"Expected test images of the training images' size {train.pixels.shape[1:]} in {name}, got "
            f"{test.pixels.shape[1:]}."
        )
        raise DataError(message)
    mean, std = _channel_statistics(train.pixels)
    return ImageDataset(name, origin, train, test, count, mean, std)


def _channel_statistics(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel, in units of a full byte; 1 for a constant channel."""
    channels = pixels.shape[1]
    counts = np.array([np.bincount(pixels[:, channel].ravel(), minlength=256) for channel in range(channels)])
    values = np.arange(256) / 255.0
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    variance = shares @ values**2 - mean**2
    std = np.sqrt(np.maximum(variance, 0.0))
    return mean, np.where(std > 0, std, 1.0)


def _take_first(images: Images, count: int) -> Images:
    return images.subset(np.arange(min(count, len(images))))


def concatenate_images(parts: Sequence[Images]) -> Images:
    """The images of all parts, in order."""
    return Images(np.concatenate([part.pixels for part in parts]), np.concatenate([part.labels for part in parts]))
