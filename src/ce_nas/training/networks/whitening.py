"""A frozen first layer that whitens patches of the images, for short trainings of candidates.

Source
    [airbench] Jordan. 94% on CIFAR-10 in 3.29 Seconds on a Single GPU. arXiv 2404.00498, section 3.2: the eigenvectors
        of the patches' covariance, each divided by the root of its eigenvalue, and their negatives; then GELU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from ce_nas.training.data.images import ImageDataset

__all__ = ["WhitenedNetwork", "whitening_channels", "whitening_filters"]

#: training images whose patches are used, and what is added to each eigenvalue [airbench]
_IMAGES, _EPSILON = 5000, 5e-4


def whitening_channels(colours: int, side: int) -> int:
    """Channels behind the layer: each of the filters and its negative."""
    return 2 * colours * side * side


def whitening_filters(images: np.ndarray, side: int, epsilon: float = _EPSILON) -> np.ndarray:
    """The filters that whiten the square patches of images, the strongest first.

    The responses to these images' patches have a second moment of nearly 1 each, and none between two filters.

    :param images: normalised, shape ``(n, colours, height, width)``.
    :param side: side of a patch, pixels.
    :param epsilon: added to each eigenvalue.
    :return: shape ``(colours * side * side, colours, side, side)``.
    """
    colours = images.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(2, 3))
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, colours * side * side)
    covariance = patches.T.astype(np.float64) @ patches / len(patches)
    values, vectors = np.linalg.eigh(covariance)
    filters = (vectors / np.sqrt(values + epsilon)).T[::-1]
    signs = np.sign(filters[np.arange(len(filters)), np.abs(filters).argmax(axis=1)])  # eigenvectors have no sign
    return np.ascontiguousarray(signs[:, None] * filters).reshape(-1, colours, side, side)


class WhitenedNetwork(nn.Module):
    """A network behind the frozen layer, which keeps the size of the images.

    :param network: takes ``whitening_channels(colours, side)`` channels.
    :param data: the images, of whose training part the first 5,000 are used.
    :param side: side of a patch, pixels.
    """

    weight: Tensor

    def __init__(self, network: nn.Module, data: ImageDataset, side: int) -> None:
        super().__init__()
        pixels = data.train.subset(np.arange(min(_IMAGES, len(data.train)))).pixels
        mean, std = (values[:, None, None] for values in (data.mean, data.std))
        filters = whitening_filters(((pixels / 255.0 - mean) / std).astype(np.float32), side)
        weight = torch.from_numpy(np.concatenate([filters, -filters])).float()
        self.register_buffer("weight", weight)
        self.network = network
        self._padding = ((side - 1) // 2, side // 2) * 2

    def forward(self, images: Tensor) -> Tensor:
        """What the network gives for images of shape ``(n, colours, height, width)``."""
        whitened = functional.conv2d(functional.pad(images, self._padding), self.weight)
        output: Tensor = self.network(functional.gelu(whitened))
        return output
