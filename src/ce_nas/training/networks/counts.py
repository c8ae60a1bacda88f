"""Parameters and multiply-accumulates of NAS-Bench-201's networks, without building them.

An edge's operation costs what it costs whatever the others are, so the cost of a network is the skeleton's and a sum
over its edges.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.space.nasbench201 import NB201_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture

__all__ = ["nb201_flops", "nb201_parameters"]

_STAGES = (1, 2, 4)
_KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


def nb201_parameters(
    architectures: Sequence[Architecture] | np.ndarray, *, channels: int, cells: int, classes: int, in_channels: int
) -> np.ndarray:
    """Trainable numbers of each network, shape ``(n,)``, those on edges that do not matter included."""
    width = channels * np.array(_STAGES)
    skeleton = 9 * in_channels * channels + 2 * channels + 2 * width[-1] + width[-1] * classes + classes
    for low, high in itertools.pairwise(width):  # a residual block: two convolutions and a shortcut
        skeleton += 9 * low * high + 2 * high + 9 * high * high + 2 * high + low * high
    edge = [cells * sum(_convolution(kernel, size) for size in width) for kernel in _kernels()]
    return np.asarray(skeleton + np.array(edge)[np.asarray(architectures)].sum(axis=1))


def nb201_flops(
    architectures: Sequence[Architecture] | np.ndarray,
    *,
    channels: int,
    cells: int,
    classes: int,
    image: tuple[int, int, int],
) -> np.ndarray:
    """Multiply-accumulates of one image of shape ``image`` through each network, shape ``(n,)``.

    Counted as :func:`~ce_nas.training.networks.nasbench201.count_flops` does.
    """
    in_channels, height, width = image
    areas = [(-(-height // down)) * (-(-width // down)) for down in _STAGES]
    wide = channels * np.array(_STAGES)
    skeleton = 9 * in_channels * channels * areas[0] + wide[-1] * classes + classes
    for stage in (1, 2):
        low, high, area = wide[stage - 1], wide[stage], areas[stage]
        pooled = (height // 2**stage) * (width // 2**stage)  # the shortcut's pooling rounds an odd side down
        skeleton += (9 * low * high + 9 * high * high) * area + low * high * pooled
    edge = [
        cells * sum(kernel**2 * size * size * area for size, area in zip(wide, areas, strict=True))
        for kernel in _kernels()
    ]
    return np.asarray(skeleton + np.array(edge)[np.asarray(architectures)].sum(axis=1))


def _kernels() -> list[int]:
    """The kernel's side of each operation's convolution, 0 for what has none."""
    return [_KERNELS.get(name, 0) for name in NB201_OPERATIONS]


def _convolution(kernel: int, width: int) -> int:
    """Numbers of a convolution and its normalisation."""
    return kernel**2 * width * width + 2 * width if kernel else 0
