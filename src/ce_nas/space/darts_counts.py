"""How large the networks of the DARTS space are, counted without building them.

Both counts are sums over the operations of a cell, each repeated in every place where the cell stands; so they are
worked out once an edge and operation, and any number of architectures is a matrix product.

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

__all__ = ["DartsSizes", "Stage", "stages"]

#: channels of the stem, for each channel of the first cell [DARTS]
STEM_CHANNELS = 3
_POOL_AREA = 9
#: of the average over 8 x 8 positions, as the tables of the benchmark count it
_GLOBAL_POOL_AREA = 81


class Stage(NamedTuple):
    """A cell in its place."""

    reduction: bool
    #: whether the cell before it is a reduction, so that the output of the cell before that is halved
    after_reduction: bool
    #: channels of the outputs of the cell before the last, of the last, and of each of this one's nodes
    before_last: int
    last: int
    channels: int
    #: height and width of its inputs, that of the cell before the last being twice as much after a reduction
    image: int


def stages(stem: int, channels: int, cells: int, image: int, *, halved: bool = False) -> Iterator[Stage]:
    """The cells of a network, of which those at a third and two thirds of the way are reductions [DARTS].

    :param stem: channels of what the first cell is given.
    :param halved: whether the older one of these is twice as high and wide as the other.
    """
    before_last, last, was_reduction = stem, stem, halved
    for place in range(cells):
        reduction = place in {cells // 3, 2 * cells // 3}
        channels *= 2 if reduction else 1
        yield Stage(reduction, was_reduction, before_last, last, channels, image)
        image //= 2 if reduction else 1
        before_last, last, was_reduction = last, 4 * channels, reduction


class _Cost(NamedTuple):
    """Numbers to learn, and FLOPs."""

    parameters: int
    flops: int


@dataclass(frozen=True)
class DartsSizes:
    """Parameters and FLOPs of networks of the DARTS space on square images.

    Counted is what the tables of NAS-Bench-301 count, exactly: a convolution one FLOP for each multiply-accumulate,
    ReLU and normalisation one a number, normalisation with weights two, pooling its area a number; and the
    normalisations of the operations have no weights, with one more behind each pooling, as while DARTS searches. The
    auxiliary head is left out.

    :param channels: of the first cell's nodes.
    :param cells: cells in a row.
    :param classes: outputs of the classifier.
    :param image: height and width of an image; what is left of it in the end is 8 x 8 for the tables' 32 x 32.
    """

    channels: int = 32
    cells: int = 8
    classes: int = 10
    image: int = 32

    def parameters(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Numbers that a training learns, shape ``(n,)``."""
        return self._counted(architectures, 0)

    def flops(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """FLOPs of one image, shape ``(n,)``."""
        return self._counted(architectures, 1)

    @property
    def parameters_range(self) -> tuple[int, int]:
        """The fewest and the most that a network of the space has."""
        return self._range(0)

    @property
    def flops_range(self) -> tuple[int, int]:
        """The fewest and the most that a network of the space has."""
        return self._range(1)

    def _range(self, which: int) -> tuple[int, int]:
        """Of each node the two cheapest, or dearest, edges."""
        rest, edges = self._weights
        by_edge = edges[which].reshape(2, len(DARTS_EDGES), len(DARTS_OPERATIONS))
        low = high = rest[which]
        for node in DARTS_NODES:
            into = [edge for edge, (to, _) in enumerate(DARTS_EDGES) if to == node]
            low += np.sort(by_edge[:, into].min(axis=2), axis=1)[:, :2].sum()
            high += np.sort(by_edge[:, into].max(axis=2), axis=1)[:, -2:].sum()
        return int(low), int(high)

    def _counted(self, architectures: Sequence[Architecture] | np.ndarray, which: int) -> np.ndarray:
        rest, edges = self._weights
        return np.asarray(rest[which] + self._space.encode(architectures) @ edges[which])

    @cached_property
    def _space(self) -> DartsSpace:
        return DartsSpace()

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        """What every network costs, shape (2,), and each operation on each edge, shape (2, columns of the encoding)."""
        edges = np.zeros((2, 2, len(DARTS_EDGES), len(DARTS_OPERATIONS)))
        stem = STEM_CHANNELS * self.channels
        rest = np.array(_convolution(3, stem, 9, self.image)) + _normalisation(stem, self.image)
        last = stem
        for stage in stages(stem, self.channels, self.cells, self.image):
            rest += _preprocessing(stage)
            for edge, (_, source) in enumerate(DARTS_EDGES):
                for code, name in enumerate(DARTS_OPERATIONS):
                    edges[:, int(stage.reduction), edge, code] += _operation(name, stage, of_input=source < 2)
            last = 4 * stage.channels
        rest += (last * self.classes + self.classes, last * (self.classes + _GLOBAL_POOL_AREA))
        return rest, edges.reshape(2, -1)


def _preprocessing(stage: Stage) -> np.ndarray:
    """ReLU, 1x1 convolution and normalisation of each of a cell's inputs; the older one may be halved on the way."""
    older = stage.image * (2 if stage.after_reduction else 1)
    relu = stage.before_last * older**2 + stage.last * stage.image**2
    convolutions = _convolution(stage.before_last + stage.last, stage.channels, 1, stage.image)
    normalised = _normalisation(stage.channels, stage.image)
    return np.asarray(np.array(convolutions) + 2 * np.array(normalised) + np.array([0, relu]))


def _operation(name: str, stage: Stage, *, of_input: bool) -> _Cost:
    """An operation on a node of a cell; on the inputs of a reduction it halves the image."""
    stride = 2 if stage.reduction and of_input else 1
    after = stage.image // 2 if stage.reduction else stage.image
    before, channels = after * stride, stage.channels
    numbers, kernel = channels * after**2, int(name[-1]) ** 2 if name[-1].isdigit() else 0
    if "pool" in name:
        return _Cost(0, (_POOL_AREA + 1) * numbers)
    relu = channels * before**2
    separated = channels * (kernel + channels)
    if name.startswith("sep"):
        return _Cost(2 * separated, 2 * separated * after**2 + relu + 3 * numbers)
    if name.startswith("dil"):
        return _Cost(separated, separated * after**2 + relu + numbers)
    halves = stride == 2  # skipping costs nothing, unless a 1x1 convolution halves the image on the way
    return _Cost(channels**2, channels**2 * after**2 + relu + numbers) if halves else _Cost(0, 0)


def _convolution(inputs: int, outputs: int, kernel_area: int, image: int) -> _Cost:
    weights = inputs * outputs * kernel_area
    return _Cost(weights, weights * image**2)


def _normalisation(channels: int, image: int) -> _Cost:
    return _Cost(2 * channels, 2 * channels * image**2)
