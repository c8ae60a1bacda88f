"""Networks and supernet of NASNet's space in plain torch, stacked and stemmed as DARTS'.

Sources
    [DARTS] Liu, Simonyan, Yang. DARTS: Differentiable Architecture Search. ICLR 2019: stems, stack of cells.
    [NASNet] Zoph et al. Learning Transferable Architectures for Scalable Image Recognition. CVPR 2018: a separable
        convolution is applied twice; nodes that no other one uses are concatenated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from ce_nas.space.darts_counts import STEM_MULTIPLIER
from ce_nas.space.nasnet import NASNET_NODES, NASNET_OPERATIONS, NasNetSpace, loose_ends
from ce_nas.training.networks.darts_network import (
    AuxiliaryHead,
    FactorizedReduce,
    ReluConv1x1Bn,
    build_darts_operation,
    build_stems,
    drop_images,
)
from ce_nas.training.networks.supernet import Supernet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.space.nasnet import NasNetNode

__all__ = ["NasNetCellShape", "NasNetNetwork", "NasNetSupernet", "build_nasnet_operation", "nasnet_cell_shapes"]

_SPACE = NasNetSpace()


class NasNetCellShape(NamedTuple):
    """Position and shape of a cell in a network."""

    is_reduction: bool
    #: whether the cell before it is a reduction, so that the output of the cell before that is halved
    after_reduction: bool
    #: output channels of the second cell before it, of the cell before it, and channels of each of its nodes
    channels_prev_prev: int
    channels_prev: int
    channels: int


def nasnet_cell_shapes(
    stem_channels: int, channels: int, cells: int, ends: tuple[int, int], *, after_reduction: bool = False
) -> Iterator[NasNetCellShape]:
    """The cells of a network; those at one third and two thirds of the depth are reductions [DARTS].

    :param ends: nodes that the normal and the reduction cell concatenate.
    :param after_reduction: whether the older input of the first cell is twice as high and wide as the other.
    """
    prev_prev, prev, was_reduction = stem_channels, stem_channels, after_reduction
    for index in range(cells):
        is_reduction = index in {cells // 3, 2 * cells // 3}
        channels *= 2 if is_reduction else 1
        yield NasNetCellShape(is_reduction, was_reduction, prev_prev, prev, channels)
        prev_prev, prev, was_reduction = prev, ends[is_reduction] * channels, is_reduction


class NasNetNetwork(nn.Module):
    """A stem, a stack of cells of which two are reductions, global average pooling and a linear classifier.

    :param architecture: both cells, see :class:`~ce_nas.space.nasnet.NasNetSpace`.
    :param channels: channels of the first cell's nodes.
    :param cells: number of cells.
    :param classes: outputs of the classifier.
    :param in_channels: channels of an image.
    :param imagenet_stem: downsample images eight times first; height and width must then be multiples of 32, else of 4.
    :param auxiliary: add an auxiliary classifier at two thirds of the cells, trained with the main one.
    """

    def __init__(  # noqa: PLR0913 - the size of a network
        self,
        architecture: Architecture,
        *,
        channels: int = 36,
        cells: int = 20,
        classes: int = 10,
        in_channels: int = 3,
        imagenet_stem: bool = False,
        auxiliary: bool = False,
    ) -> None:
        super().__init__()
        _SPACE.require_member(architecture)
        self.architecture = tuple(architecture)
        #: probability of dropping a path while training, a tensor of shape () that the trainer sets; None: none is
        self.drop_path: Tensor | None = None
        stem = channels if imagenet_stem else STEM_MULTIPLIER * channels
        self.stem = build_stems(in_channels, stem, imagenet=imagenet_stem)
        genotype = tuple(_SPACE.cell(architecture, index) for index in (0, 1))
        ends = (len(loose_ends(genotype[0])), len(loose_ends(genotype[1])))
        shapes = list(nasnet_cell_shapes(stem, channels, cells, ends, after_reduction=imagenet_stem))
        self.cells = nn.ModuleList([_NasNetCell(genotype[shape.is_reduction], shape) for shape in shapes])
        self._auxiliary_cell = 2 * cells // 3
        width = ends[shapes[self._auxiliary_cell].is_reduction] * shapes[self._auxiliary_cell].channels
        self.auxiliary = AuxiliaryHead(width, classes, imagenet=imagenet_stem) if auxiliary else None
        self.classifier = nn.Linear(ends[shapes[-1].is_reduction] * shapes[-1].channels, classes)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits, shape ``(n, classes)``, of images of shape ``(n, in_channels, height, width)``.

        In training mode with an auxiliary head, a pair of the main and the auxiliary logits.
        """
        drop_path = self.drop_path if self.training else None
        older = self.stem[0](images)
        newer = self.stem[1](older) if len(self.stem) > 1 else older
        auxiliary = None
        for index, cell in enumerate(self.cells):
            older, newer = newer, cell(older, newer, drop_path)
            if index == self._auxiliary_cell and self.auxiliary is not None and self.training:
                auxiliary = self.auxiliary(newer)
        logits: Tensor = self.classifier(newer.mean(dim=(2, 3)))
        return logits if auxiliary is None else (logits, auxiliary)


class _NasNetCell(nn.Module):
    """Two inputs and five nodes, each the sum of two operations on earlier nodes."""

    def __init__(self, nodes: Sequence[NasNetNode], shape: NasNetCellShape) -> None:
        super().__init__()
        preprocess = FactorizedReduce if shape.after_reduction else ReluConv1x1Bn
        self.preprocess0 = preprocess(shape.channels_prev_prev, shape.channels)
        self.preprocess1 = ReluConv1x1Bn(shape.channels_prev, shape.channels)
        #: the input node of each operation, two per node
        self.input_nodes = [source for node in nodes for source in (node.first_input, node.second_input)]
        self.ends = loose_ends(nodes)
        codes = [code for node in nodes for code in (node.first_operation, node.second_operation)]
        self.operations = nn.ModuleList(
            [
                build_nasnet_operation(
                    NASNET_OPERATIONS[code], shape.channels, 2 if shape.is_reduction and source < 2 else 1
                )
                for code, source in zip(codes, self.input_nodes, strict=True)
            ]
        )

    def forward(self, older: Tensor, newer: Tensor, drop_path: Tensor | None = None) -> Tensor:
        """The loose ends, shape ``(n, ends * channels, height, width)``, halved if the cell is a reduction.

        :param drop_path: probability of dropping an operation other than a skip, independently per image, shape ().
        """
        nodes = [self.preprocess0(older), self.preprocess1(newer)]
        for first in range(0, len(self.input_nodes), 2):
            pair = []
            for index in (first, first + 1):
                operation = self.operations[index]
                x = operation(nodes[self.input_nodes[index]])
                is_dropped = drop_path is not None and not isinstance(operation, nn.Identity)
                pair.append(drop_images(x, drop_path) if is_dropped else x)  # type: ignore[arg-type]
            nodes.append(pair[0] + pair[1])
        return torch.cat([nodes[end] for end in self.ends], dim=1)


class NasNetSupernet(Supernet):
    """The network with every operation between any two nodes of its cells; :attr:`path` selects the active ones.

    A cell's output has room for all five nodes; those that a path uses inside the cell are zero there.

    :param channels: see :class:`NasNetNetwork` for all parameters.
    """

    def __init__(
        self,
        *,
        channels: int = 36,
        cells: int = 20,
        classes: int = 10,
        in_channels: int = 3,
        imagenet_stem: bool = False,
    ) -> None:
        super().__init__()
        self.path: Architecture = (0,) * len(_SPACE.variables)
        stem = channels if imagenet_stem else STEM_MULTIPLIER * channels
        self.stem = build_stems(in_channels, stem, imagenet=imagenet_stem)
        ends = (len(NASNET_NODES), len(NASNET_NODES))
        shapes = list(nasnet_cell_shapes(stem, channels, cells, ends, after_reduction=imagenet_stem))
        self.cells = nn.ModuleList([_NasNetSupernetCell(shape) for shape in shapes])
        self.classifier = nn.Linear(len(NASNET_NODES) * shapes[-1].channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the current path, shape ``(n, classes)``, of images of shape ``(n, in_channels, h, w)``."""
        genotype = tuple(_SPACE.cell(self.path, index) for index in (0, 1))
        older = self.stem[0](images)
        newer = self.stem[1](older) if len(self.stem) > 1 else older
        for cell in self.cells:
            older, newer = newer, cell(older, newer, genotype[int(cell.is_reduction)])  # type: ignore[arg-type]
        return self.classifier(newer.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class _NasNetSupernetCell(nn.Module):
    """A cell with two sets of every operation from every node to every later one: a node may use an input twice."""

    def __init__(self, shape: NasNetCellShape) -> None:
        super().__init__()
        preprocess = FactorizedReduce if shape.after_reduction else ReluConv1x1Bn
        self.is_reduction = shape.is_reduction
        self.preprocess0 = preprocess(shape.channels_prev_prev, shape.channels)
        self.preprocess1 = ReluConv1x1Bn(shape.channels_prev, shape.channels)
        self.edges = nn.ModuleDict(
            {
                f"{node}_{which}_{source}": nn.ModuleDict(
                    {
                        name: build_nasnet_operation(
                            name, shape.channels, 2 if shape.is_reduction and source < 2 else 1
                        )
                        for name in NASNET_OPERATIONS
                    }
                )
                for node in NASNET_NODES
                for which in (0, 1)
                for source in range(node)
            }
        )

    def forward(self, older: Tensor, newer: Tensor, nodes: Sequence[NasNetNode]) -> Tensor:
        """The nodes along a path, shape ``(n, 5 * channels, height, width)``; those used in the cell are zero."""
        values = [self.preprocess0(older), self.preprocess1(newer)]
        for number, node in zip(NASNET_NODES, nodes, strict=True):
            first = self.edges[f"{number}_0_{node.first_input}"][NASNET_OPERATIONS[node.first_operation]]  # type: ignore[index]
            second = self.edges[f"{number}_1_{node.second_input}"][NASNET_OPERATIONS[node.second_operation]]  # type: ignore[index]
            values.append(first(values[node.first_input]) + second(values[node.second_input]))
        ends = loose_ends(nodes)
        return torch.cat([value if number in ends else value * 0.0 for number, value in enumerate(values)][2:], dim=1)


def build_nasnet_operation(name: str, channels: int, stride: int) -> nn.Module:
    """An operation of the space on ``channels`` channels."""
    if name != "conv_1x7_7x1":
        return build_darts_operation(name, channels, stride, affine=True)
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, 7), (1, stride), (0, 3), bias=False),
        nn.Conv2d(channels, channels, (7, 1), (stride, 1), (3, 0), bias=False),
        nn.BatchNorm2d(channels),
    )
