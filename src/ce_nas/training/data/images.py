"""Labelled images in memory, and their division into what a search may see and what it may not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import DataError, SettingsError
from ce_nas.core.rng import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DataSet", "Images", "data_set", "joined"]


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Labelled images of one size."""

    #: one byte a value, shape (n, channels, height, width); may be mapped from a file
    pixels: np.ndarray
    #: class of each image, counted from 0, shape (n,)
    labels: np.ndarray

    def __post_init__(self) -> None:
        fits = self.pixels.ndim == 4 and self.pixels.dtype == np.uint8 and self.labels.shape == self.pixels.shape[:1]
        if not fits or len(self.labels) == 0:
            message = (
                "Expected images as bytes of shape (n, channels, height, width) with a label each, got "
                f"{self.pixels.dtype} of shape {self.pixels.shape} and labels of shape {self.labels.shape}."
            )
            raise DataError(message)

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: np.ndarray) -> Images:
        """The images of these rows."""
        return Images(self.pixels[rows], self.labels[rows])


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Images to train on, images to choose by, and images that are not touched until the end."""

    name: str
    #: where it comes from, in words
    origin: str
    train: Images
    test: Images
    classes: int
    #: mean and standard deviation of each channel of the training images, in units of a full byte, shape (channels,)
    mean: np.ndarray
    std: np.ndarray
    #: what a search chooses by; None until :meth:`split`
    validation: Images | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.pixels.shape[1:]
        return channels, height, width

    def split(self, validation: float, seed: int) -> DataSet:
        """The same with a share of the training images set apart for validation, drawn class by class.

        :param validation: the share, above 0 and below 1.
        :raises SettingsError: if the share leaves a class without an image on either side.
        """
        if not 0 < validation < 1:
            message = f"Expected a share for validation above 0 and below 1, got {validation:g}."
            raise SettingsError(message)
        rng, apart = stream(seed, "split"), []
        for label in range(self.classes):
            rows = rng.permutation(np.flatnonzero(self.train.labels == label))
            taken = round(validation * len(rows))
            if not 0 < taken < len(rows):
                message = (
                    f"Expected a share for validation that leaves images of every class on both sides, got "
                    f"{validation:g} of the {len(rows)} images of class {label}."
                )
                raise SettingsError(message)
            apart.append(rows[:taken])
        held = np.sort(np.concatenate(apart))
        kept = np.setdiff1d(np.arange(len(self.train)), held)
        return replace(self, train=self.train.rows(kept), validation=self.train.rows(held))

    def shortened(self, train: int, test: int | None = None) -> DataSet:
        """The first ``train`` training and ``test`` test images alone, for a quick look."""
        return replace(self, train=_first(self.train, train), test=_first(self.test, test or train))


def data_set(name: str, origin: str, train: Images, test: Images, classes: int | None = None) -> DataSet:
    """A data set with its channels' statistics.

    :param classes: how many classes there are; None to count them.
    :raises DataError: if a label lies outside the classes, or the test images are of another size.
    """
    count = classes or int(train.labels.max()) + 1
    for part in (train, test):
        if part.labels.min() < 0 or part.labels.max() >= count:
            message = (
                f"Expected labels from 0 to {count - 1} in {name}, got {part.labels.min()} to {part.labels.max()}."
            )
            raise DataError(message)
    if train.pixels.shape[1:] != test.pixels.shape[1:]:
        message = (
            f"Expected test images of the training images' size {train.pixels.shape[1:]} in {name}, got "
            f"{test.pixels.shape[1:]}."
        )
        raise DataError(message)
    mean, std = _statistics(train.pixels)
    return DataSet(name, origin, train, test, count, mean, std)


def _statistics(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation a channel, of a byte's full range; a channel that never changes is divided by 1."""
    channels = pixels.shape[1]
    counts = np.array([np.bincount(pixels[:, channel].ravel(), minlength=256) for channel in range(channels)])
    values = np.arange(256) / 255.0
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    variance = shares @ values**2 - mean**2
    std = np.sqrt(np.maximum(variance, 0.0))
    return mean, np.where(std > 0, std, 1.0)


def _first(images: Images, count: int) -> Images:
    return images.rows(np.arange(min(count, len(images))))


def joined(parts: Sequence[Images]) -> Images:
    """The images of all parts, in order."""
    return Images(np.concatenate([part.pixels for part in parts]), np.concatenate([part.labels for part in parts]))
