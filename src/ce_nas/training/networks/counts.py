"""Parameter and FLOP counts of NAS-Bench-201's networks without building them.

The cost of an edge's operation does not depend on the other edges, so a network's cost is that of the macro skeleton
plus a sum over its edges.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.space.nasbench201_cell import NB201_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture

__all__ = ["nb201_flops", "nb201_parameters"]

_STAGE_MULTIPLIERS = (1, 2, 4)
_KERNEL_SIZES = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


def nb201_parameters(
    architectures: Sequence[Architecture] | np.ndarray, *, channels: int, cells: int, classes: int, in_channels: int
) -> np.ndarray:
    """Trainable parameters of each network, shape ``(n,)``, including those on disconnected edges."""
    width = channels * np.array(_STAGE_MULTIPLIERS)
    skeleton = 9 * in_channels * channels + 2 * channels + 2 * width[-1] + width[-1] * classes + classes
    for low, high in itertools.pairwise(width):  # a residual block: two convolutions and a shortcut
        skeleton += 9 * low * high + 2 * high + 9 * high * high + 2 * high + low * high
    edge = [cells * sum(_count_convolution(kernel, size) for size in width) for kernel in _kernel_sizes()]
    return np.asarray(skeleton + np.array(edge)[np.asarray(architectures)].sum(axis=1))


def nb201_flops(
    architectures: Sequence[Architecture] | np.ndarray,
    *,
    channels: int,
    cells: int,
    classes: int,
    image_shape: tuple[int, int, int],
) -> np.ndarray:
    """Multiply-accumulates of each network for one image of shape ``image_shape``, shape ``(n,)``.

    Counted as :func:`~ce_nas.training.networks.nasbench201_network.count_flops` does.
    """
    in_channels, height, width = image_shape
    areas = [(-(-height // stride)) * (-(-width // stride)) for stride in _STAGE_MULTIPLIERS]
    widths = channels * np.array(_STAGE_MULTIPLIERS)
    skeleton = 9 * in_channels * channels * areas[0] + widths[-1] * classes + classes
    for stage in (1, 2):
        low, high, area = widths[stage - 1], widths[stage], areas[stage]
        pooled = (height // 2**stage) * (width // 2**stage)  # the shortcut's pooling rounds an odd side down
        skeleton += (9 * low * high + 9 * high * high) * area + low * high * pooled
    edge = [
        cells * sum(kernel**2 * size * size * area for size, area in zip(widths, areas, strict=True))
        for kernel in _kernel_sizes()
    ]
    return np.asarray(skeleton + np.array(edge)[np.asarray(architectures)].sum(axis=1))


def _kernel_sizes() -> list[int]:
    """The kernel size of each operation, 0 if it has no convolution."""
    return [_KERNEL_SIZES.get(name, 0) for name in NB201_OPERATIONS]


def _count_convolution(kernel: int, width: int) -> int:
    """Parameters of a convolution and its batch normalisation."""
    return kernel**2 * width * width + 2 * width if kernel else 0
