"""Parameter and FLOP counts of networks of the DARTS space, without building them.

Both counts are sums over the operations of a cell, in every cell of the network; so they are computed once per edge and
operation, and the counts of any number of architectures are a matrix product.

Sources
    [DARTS] Liu, Simonyan, Yang. DARTS: Differentiable Architecture Search. ICLR 2019.
    [NB301] Zela et al. Surrogate NAS Benchmarks. ICLR 2022: trains networks of 8 cells and 32 channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ce_nas.space.darts import DARTS_EDGES, DARTS_NODES, DARTS_OPERATIONS, DartsSpace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ce_nas.core.records import Architecture

__all__ = ["CellSpec", "DartsCounts", "cell_specs"]

#: ratio of the stem's channels to those of the first cell [DARTS]
STEM_MULTIPLIER = 3
_POOL_AREA = 9
#: of the average over 8 x 8 positions, as the tables of the benchmark count it
_GLOBAL_POOL_AREA = 81


class CellSpec(NamedTuple):
    """Position and shape of a cell in a network."""

    is_reduction: bool
    #: whether the cell before it is a reduction, so that the output of the cell before that is halved
    after_reduction: bool
    #: output channels of the second cell before it, of the cell before it, and channels of each of its nodes
    channels_prev_prev: int
    channels_prev: int
    channels: int
    #: height and width of its inputs; after a reduction that of the second cell before it is twice as large
    image_size: int


def cell_specs(
    stem_channels: int, channels: int, cells: int, image_size: int, *, after_reduction: bool = False
) -> Iterator[CellSpec]:
    """The cells of a network; those at one third and two thirds of the depth are reductions [DARTS].

    :param stem_channels: input channels of the first cell.
    :param after_reduction: whether the older input of the first cell is twice as high and wide as the other.
    """
    prev_prev, prev, was_reduction = stem_channels, stem_channels, after_reduction
    for index in range(cells):
        is_reduction = index in {cells // 3, 2 * cells // 3}
        channels *= 2 if is_reduction else 1
        yield CellSpec(is_reduction, was_reduction, prev_prev, prev, channels, image_size)
        image_size //= 2 if is_reduction else 1
        prev_prev, prev, was_reduction = prev, 4 * channels, is_reduction


class _Counts(NamedTuple):
    """Learnable parameters, and FLOPs."""

    parameters: int
    flops: int


@dataclass(frozen=True)
class DartsCounts:
    """Parameters and FLOPs of networks of the DARTS space on square images.

    The counting rules are exactly those of the tables of NAS-Bench-301: one FLOP for each multiply-accumulate of a
    convolution, one per number for ReLU and for normalisation, two for normalisation with weights, and the pooling area
    per number for pooling. As in a DARTS search, normalisations of operations have no weights, and a normalisation
    follows each pooling. The auxiliary head is not counted.

    Example:
        >>> DartsCounts(channels=16).parameters([(0,) * 22])
        array([100730.])

    :param channels: channels of the first cell's nodes.
    :param cells: number of cells.
    :param classes: outputs of the classifier.
    :param image_size: height and width of an image; 32 in the tables, where the last feature map is 8 x 8.
    """

    channels: int = 32
    cells: int = 8
    classes: int = 10
    image_size: int = 32

    def parameters(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Learnable parameters, shape ``(n,)``."""
        return self._count(architectures, 0)

    def flops(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """FLOPs of one image, shape ``(n,)``."""
        return self._count(architectures, 1)

    @property
    def parameters_range(self) -> tuple[int, int]:
        """The fewest and the most parameters of a network of the space."""
        return self._count_range(0)

    @property
    def flops_range(self) -> tuple[int, int]:
        """The fewest and the most FLOPs of a network of the space."""
        return self._count_range(1)

    def _count_range(self, quantity: int) -> tuple[int, int]:
        """The sums over the two cheapest, and the two most expensive, edges of each node."""
        fixed, edges = self._coefficients
        by_edge = edges[quantity].reshape(2, len(DARTS_EDGES), len(DARTS_OPERATIONS))
        low = high = fixed[quantity]
        for node in DARTS_NODES:
            inputs = [edge for edge, (to, _) in enumerate(DARTS_EDGES) if to == node]
            low += np.sort(by_edge[:, inputs].min(axis=2), axis=1)[:, :2].sum()
            high += np.sort(by_edge[:, inputs].max(axis=2), axis=1)[:, -2:].sum()
        return int(low), int(high)

    def _count(self, architectures: Sequence[Architecture] | np.ndarray, quantity: int) -> np.ndarray:
        fixed, edges = self._coefficients
        return np.asarray(fixed[quantity] + self._space.encode(architectures) @ edges[quantity])

    @cached_property
    def _space(self) -> DartsSpace:
        return DartsSpace()

    @cached_property
    def _coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Counts of the fixed part, shape (2,), and of each operation on each edge, shape (2, encoding columns)."""
        edges = np.zeros((2, 2, len(DARTS_EDGES), len(DARTS_OPERATIONS)))
        stem = STEM_MULTIPLIER * self.channels
        fixed = np.array(_count_convolution(3, stem, 9, self.image_size)) + _count_normalisation(stem, self.image_size)
        last = stem
        for cell in cell_specs(stem, self.channels, self.cells, self.image_size):
            fixed += _count_preprocessing(cell)
            for edge, (_, source) in enumerate(DARTS_EDGES):
                for code, name in enumerate(DARTS_OPERATIONS):
                    counts = _count_operation(name, cell, is_cell_input=source < 2)
                    edges[:, int(cell.is_reduction), edge, code] += counts
            last = 4 * cell.channels
        fixed += (last * self.classes + self.classes, last * (self.classes + _GLOBAL_POOL_AREA))
        return fixed, edges.reshape(2, -1)


def _count_preprocessing(cell: CellSpec) -> np.ndarray:
    """Count ReLU, 1x1 convolution and normalisation of both of a cell's inputs; the older one may be halved."""
    older_size = cell.image_size * (2 if cell.after_reduction else 1)
    relu = cell.channels_prev_prev * older_size**2 + cell.channels_prev * cell.image_size**2
    convolutions = _count_convolution(cell.channels_prev_prev + cell.channels_prev, cell.channels, 1, cell.image_size)
    normalisation = _count_normalisation(cell.channels, cell.image_size)
    return np.asarray(np.array(convolutions) + 2 * np.array(normalisation) + np.array([0, relu]))


def _count_operation(name: str, cell: CellSpec, *, is_cell_input: bool) -> _Counts:
    """Count an operation on a node of a cell; it has stride 2 on the inputs of a reduction."""
    stride = 2 if cell.is_reduction and is_cell_input else 1
    output_size = cell.image_size // 2 if cell.is_reduction else cell.image_size
    input_size, channels = output_size * stride, cell.channels
    numbers, kernel_area = channels * output_size**2, int(name[-1]) ** 2 if name[-1].isdigit() else 0
    if "pool" in name:
        return _Counts(0, (_POOL_AREA + 1) * numbers)
    relu = channels * input_size**2
    separable = channels * (kernel_area + channels)
    if name.startswith("sep"):
        return _Counts(2 * separable, 2 * separable * output_size**2 + relu + 3 * numbers)
    if name.startswith("dil"):
        return _Counts(separable, separable * output_size**2 + relu + numbers)
    if stride == 1:  # an identity, free of cost; with stride 2 a 1x1 convolution
        return _Counts(0, 0)
    return _Counts(channels**2, channels**2 * output_size**2 + relu + numbers)


def _count_convolution(inputs: int, outputs: int, kernel_area: int, image_size: int) -> _Counts:
    weights = inputs * outputs * kernel_area
    return _Counts(weights, weights * image_size**2)


def _count_normalisation(channels: int, image_size: int) -> _Counts:
    return _Counts(2 * channels, 2 * channels * image_size**2)
