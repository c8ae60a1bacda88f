"""DARTS networks and supernet in plain torch: as NAS-Bench-301 trains them, and for other images.

Sources
    [DARTS] Liu, Simonyan, Yang. DARTS: Differentiable Architecture Search. ICLR 2019.
    [NASNet] Zoph et al. Learning Transferable Architectures for Scalable Image Recognition. CVPR 2018: auxiliary head,
    drop path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ce_nas.space.darts import DARTS_EDGES, DARTS_NODES, DARTS_OPERATIONS, DartsSpace
from ce_nas.space.darts_counts import STEM_MULTIPLIER, CellSpec, cell_specs
from ce_nas.training.networks.supernet import Supernet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.core.records import Architecture
    from ce_nas.space.darts import Genotype

__all__ = [
    "AuxiliaryHead",
    "DartsCell",
    "DartsNetwork",
    "DartsSupernet",
    "FactorizedReduce",
    "ReluConv1x1Bn",
    "build_darts_operation",
    "build_stems",
    "drop_images",
]

_SPACE = DartsSpace()


class DartsNetwork(nn.Module):
    """A stem, a stack of cells of which two are reductions, global average pooling and a linear classifier.

    :param architecture: both cells, see :class:`~ce_nas.space.darts.DartsSpace`.
    :param channels: channels of the first cell's nodes; NAS-Bench-301's networks have 32.
    :param cells: number of cells; NAS-Bench-301's networks have 8.
    :param classes: outputs of the classifier.
    :param in_channels: channels of an image.
    :param imagenet_stem: downsample images eight times first, as for ImageNet; height and width must then be multiples
        of 32, else of 4.
    :param auxiliary: add an auxiliary classifier at two thirds of the cells, trained with the main one; images must
        then be at least 32 high and wide, or 224 with ``imagenet_stem``.
    :param affine: whether the operations' batch normalisations have weights. Without them each pooling has a
        normalisation, too, as in DARTS' search phase and in the counts of NAS-Bench-301's tables.
    """

    def __init__(  # noqa: PLR0913 - the size of a network
        self,
        architecture: Architecture,
        *,
        channels: int = 32,
        cells: int = 8,
        classes: int = 10,
        in_channels: int = 3,
        imagenet_stem: bool = False,
        auxiliary: bool = False,
        affine: bool = True,
    ) -> None:
        super().__init__()
        _SPACE.require_member(architecture)
        self.architecture = tuple(architecture)
        #: probability of dropping a path while training, a tensor of shape () that the trainer sets; None: none is
        self.drop_path: Tensor | None = None
        stem = channels if imagenet_stem else STEM_MULTIPLIER * channels
        self.stem = build_stems(in_channels, stem, imagenet=imagenet_stem)
        specs = list(cell_specs(stem, channels, cells, image_size=0, after_reduction=imagenet_stem))
        self.cells = nn.ModuleList([DartsCell(architecture, spec, affine=affine) for spec in specs])
        self._auxiliary_cell = 2 * cells // 3
        width = 4 * specs[self._auxiliary_cell].channels
        self.auxiliary = AuxiliaryHead(width, classes, imagenet=imagenet_stem) if auxiliary else None
        self.classifier = nn.Linear(4 * specs[-1].channels, classes)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits, shape ``(n, classes)``, of images of shape ``(n, in_channels, height, width)``.

        In training mode with an auxiliary head, a pair of the main and the auxiliary logits.
        """
        outputs = list(self._cell_outputs(images))
        logits: Tensor = self.classifier(outputs[-1].mean(dim=(2, 3)))
        if self.auxiliary is None or not self.training:
            return logits
        return logits, self.auxiliary(outputs[self._auxiliary_cell])

    def _cell_outputs(self, images: Tensor) -> Iterator[Tensor]:
        """The output of each cell, shape ``(n, 4 * cell channels, height, width)``."""
        drop_path = self.drop_path if self.training else None
        second_last = self.stem[0](images)
        last = self.stem[1](second_last) if len(self.stem) > 1 else second_last
        for cell in self.cells:
            second_last, last = last, cell(second_last, last, drop_path)
            yield last


class DartsCell(nn.Module):
    """Two inputs and four nodes, each the sum of two operations on earlier nodes; the output concatenates the four."""

    def __init__(self, architecture: Architecture, spec: CellSpec, *, affine: bool = True) -> None:
        super().__init__()
        preprocess = FactorizedReduce if spec.after_reduction else ReluConv1x1Bn
        self.preprocess0 = preprocess(spec.channels_prev_prev, spec.channels)
        self.preprocess1 = ReluConv1x1Bn(spec.channels_prev, spec.channels)
        genotype = _SPACE.genotype(architecture)
        pairs = genotype.reduce if spec.is_reduction else genotype.normal
        #: the input node of each operation, two per node
        self.input_nodes = [source for _, source in pairs]
        self.operations = nn.ModuleList(
            [
                build_darts_operation(name, spec.channels, 2 if spec.is_reduction and source < 2 else 1, affine=affine)
                for name, source in pairs
            ]
        )

    def forward(self, older: Tensor, newer: Tensor, drop_path: Tensor | None = None) -> Tensor:
        """The four nodes, shape ``(n, 4 * channels, height, width)``, halved if the cell is a reduction.

        :param drop_path: probability of dropping an operation other than a skip, independently per image, shape ().
        """
        nodes = [self.preprocess0(older), self.preprocess1(newer)]
        for first in range(0, len(self.input_nodes), 2):
            lower, upper = (
                _apply_drop_path(
                    self.operations[index](nodes[self.input_nodes[index]]), self.operations[index], drop_path
                )
                for index in (first, first + 1)
            )
            nodes.append(lower + upper)
        return torch.cat(nodes[-len(DARTS_NODES) :], dim=1)


class DartsSupernet(Supernet):
    """The network with every operation on every edge of its cells; :attr:`path` selects the active ones.

    :param channels: see :class:`DartsNetwork` for all parameters.
    """

    def __init__(
        self,
        *,
        channels: int = 32,
        cells: int = 8,
        classes: int = 10,
        in_channels: int = 3,
        imagenet_stem: bool = False,
    ) -> None:
        super().__init__()
        self.path: Architecture = (0,) * len(_SPACE.variables)
        stem = channels if imagenet_stem else STEM_MULTIPLIER * channels
        self.stem = build_stems(in_channels, stem, imagenet=imagenet_stem)
        specs = list(cell_specs(stem, channels, cells, image_size=0, after_reduction=imagenet_stem))
        self.cells = nn.ModuleList([_DartsSupernetCell(spec) for spec in specs])
        self.classifier = nn.Linear(4 * specs[-1].channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the current path, shape ``(n, classes)``, of images of shape ``(n, in_channels, h, w)``."""
        genotype = _SPACE.genotype(self.path)
        second_last = self.stem[0](images)
        last = self.stem[1](second_last) if len(self.stem) > 1 else second_last
        for cell in self.cells:
            second_last, last = last, cell(second_last, last, genotype)
        return self.classifier(last.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class _DartsSupernetCell(nn.Module):
    """A cell with every operation on every possible edge."""

    def __init__(self, spec: CellSpec) -> None:
        super().__init__()
        preprocess = FactorizedReduce if spec.after_reduction else ReluConv1x1Bn
        self.is_reduction = spec.is_reduction
        self.preprocess0 = preprocess(spec.channels_prev_prev, spec.channels)
        self.preprocess1 = ReluConv1x1Bn(spec.channels_prev, spec.channels)
        self.edges = nn.ModuleDict(
            {
                f"{node}_{source}": nn.ModuleDict(
                    {
                        name: build_darts_operation(
                            name, spec.channels, 2 if spec.is_reduction and source < 2 else 1, affine=True
                        )
                        for name in DARTS_OPERATIONS
                    }
                )
                for node, source in DARTS_EDGES
            }
        )

    def forward(self, older: Tensor, newer: Tensor, genotype: Genotype) -> Tensor:
        """The four nodes along a path, shape ``(n, 4 * channels, height, width)``."""
        nodes = [self.preprocess0(older), self.preprocess1(newer)]
        pairs = genotype.reduce if self.is_reduction else genotype.normal
        for node in DARTS_NODES:
            inputs = pairs[2 * (node - 2) : 2 * (node - 1)]
            lower, upper = (self.edges[f"{node}_{source}"][name](nodes[source]) for name, source in inputs)  # type: ignore[index]
            nodes.append(lower + upper)
        return torch.cat(nodes[-len(DARTS_NODES) :], dim=1)


class AuxiliaryHead(nn.Sequential):
    """A small classifier on an intermediate layer, against vanishing gradients [NASNet].

    :param imagenet: as [DARTS] trained it on ImageNet: pooling with stride 2, not 3, and no normalisation after the
        last convolution.
    """

    def __init__(self, channels: int, classes: int, *, imagenet: bool = False) -> None:
        super().__init__(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=2 if imagenet else 3, count_include_pad=False),
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            *([] if imagenet else [nn.BatchNorm2d(768)]),
            nn.ReLU(),
            _GlobalMean(),  # already 1x1 for images of 32 (or 224) pixels
            nn.Linear(768, classes),
        )


class _GlobalMean(nn.Module):
    """The mean over the pixels; its gradient is deterministic on a GPU, unlike that of adaptive pooling."""

    def forward(self, x: Tensor) -> Tensor:
        """``(n, channels, h, w)`` to ``(n, channels)``."""
        return x.mean(dim=(2, 3))


class ReluConv1x1Bn(nn.Sequential):
    """ReLU, 1x1 convolution, batch normalisation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


class FactorizedReduce(nn.Module):
    """ReLU, two 1x1 convolutions of stride 2, offset by one pixel, batch normalisation [DARTS]."""

    def __init__(self, inputs: int, outputs: int, *, affine: bool = True) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs - outputs // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, inputs, h, w)`` to ``(n, outputs, h / 2, w / 2)``; h and w must be even."""
        x = self.relu(x)
        return self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))  # type: ignore[no-any-return]


def build_darts_operation(name: str, channels: int, stride: int, *, affine: bool) -> nn.Module:
    """An operation of the space, or one of the same kind with another kernel, on ``channels`` channels."""
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine=affine)
    if "pool" in name:
        return _build_pooling(name, channels, stride, affine=affine)
    kernel = int(name[-1])
    if name.startswith("sep"):
        return nn.Sequential(
            *_separable_conv_layers(channels, kernel, stride, affine=affine),
            *_separable_conv_layers(channels, kernel, 1, affine=affine),
        )
    return nn.Sequential(*_separable_conv_layers(channels, kernel, stride, dilation=2, affine=affine))


def _build_pooling(name: str, channels: int, stride: int, *, affine: bool) -> nn.Module:
    kernel = int(name[-1])
    pool: nn.Module = (
        nn.MaxPool2d(kernel, stride, padding=kernel // 2)
        if name.startswith("max")
        else nn.AvgPool2d(kernel, stride, padding=kernel // 2, count_include_pad=False)
    )
    return pool if affine else nn.Sequential(pool, nn.BatchNorm2d(channels, affine=False))


def _separable_conv_layers(
    channels: int, kernel: int, stride: int, *, dilation: int = 1, affine: bool
) -> list[nn.Module]:
    """ReLU, depthwise convolution, pointwise convolution, batch normalisation."""
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    ]


def build_stems(inputs: int, outputs: int, *, imagenet: bool) -> nn.ModuleList:
    """One stem for both inputs of the first cell; on ImageNet two, which downsample to a quarter and to an eighth."""
    if not imagenet:
        conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        return nn.ModuleList([nn.Sequential(conv, nn.BatchNorm2d(outputs))])
    quarter = nn.Sequential(
        nn.Conv2d(inputs, outputs // 2, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs // 2),
        nn.ReLU(),
        nn.Conv2d(outputs // 2, outputs, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
    )
    eighth = nn.Sequential(
        nn.ReLU(), nn.Conv2d(outputs, outputs, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs)
    )
    return nn.ModuleList([quarter, eighth])


def _apply_drop_path(x: Tensor, operation: nn.Module, drop_path: Tensor | None) -> Tensor:
    return x if drop_path is None or isinstance(operation, nn.Identity) else drop_images(x, drop_path)


def drop_images(x: Tensor, probability: Tensor) -> Tensor:
    """``x`` with random images set to zero and the others scaled up, so that the mean stays [NASNet].

    :param probability: shape (); a tensor, so that a compiled network takes it as an input.
    """
    kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= probability
    return x * (kept / (1.0 - probability)).to(x.dtype)
