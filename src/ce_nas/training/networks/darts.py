"""The networks of the DARTS space, in plain torch: as NAS-Bench-301 trains them, and for other images.

Sources
    [DARTS] Liu, Simonyan, Yang. DARTS: Differentiable Architecture Search. ICLR 2019.
    [NASNet] Zoph et al. Learning Transferable Architectures for Scalable Image Recognition. CVPR 2018: auxiliary head,
    dropped paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from ce_nas.core.errors import SettingsError
from ce_nas.space.darts import DARTS_EDGES, DARTS_NODES, DARTS_OPERATIONS, DartsSpace
from ce_nas.space.darts_counts import STEM_CHANNELS, Stage, stages
from ce_nas.training.networks.supernet import PathNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.core.records import Architecture
    from ce_nas.space.darts import Genotype

__all__ = ["AuxiliaryHead", "DartsCell", "DartsNetwork", "SharedDartsNetwork"]

_SPACE = DartsSpace()


class DartsNetwork(nn.Module):
    """A stem, cells in a row of which two are reductions, the average over positions, and a linear classifier.

    :param architecture: both cells, see :class:`~ce_nas.space.darts.DartsSpace`.
    :param channels: channels of the first cell's nodes; NAS-Bench-301's networks have 32.
    :param cells: cells in a row; NAS-Bench-301's networks have 8.
    :param classes: outputs of the classifier.
    :param in_channels: channels of an image.
    :param large: whether the stem makes an image eight times smaller first, as for ImageNet; images must then be a
        multiple of 32 high and wide, else of 4.
    :param auxiliary: whether a second classifier looks at what two thirds of the cells make, to be trained with the
        first; images must then be at least 32 high and wide, or 224 where ``large``.
    :param affine: whether the normalisations of the operations have weights. Without them there is one more behind each
        pooling, as while DARTS searches, and as the tables of NAS-Bench-301 count.
    """

    def __init__(  # noqa: PLR0913 - a network's measures
        self,
        architecture: Architecture,
        *,
        channels: int = 32,
        cells: int = 8,
        classes: int = 10,
        in_channels: int = 3,
        large: bool = False,
        auxiliary: bool = False,
        affine: bool = True,
    ) -> None:
        super().__init__()
        _check(architecture)
        self.architecture = tuple(architecture)
        #: probability with which a path is left out while training; a training raises it from epoch to epoch
        self.drop_path = 0.0
        stem = channels if large else STEM_CHANNELS * channels
        self.stem = _large_stem(in_channels, stem) if large else nn.ModuleList([_stem(in_channels, stem)])
        plan = list(stages(stem, channels, cells, image=0, halved=large))
        self.cells = nn.ModuleList([DartsCell(architecture, stage, affine=affine) for stage in plan])
        self._auxiliary_at = 2 * cells // 3
        looked_at = 4 * plan[self._auxiliary_at].channels
        self.auxiliary = AuxiliaryHead(looked_at, classes, stride=2 if large else 3) if auxiliary else None
        self.classifier = nn.Linear(4 * plan[-1].channels, classes)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits, shape ``(n, classes)``, of images of shape ``(n, in_channels, height, width)``.

        While training with an auxiliary head, its logits come second.
        """
        outputs = list(self._outputs(images))
        logits: Tensor = self.classifier(outputs[-1].mean(dim=(2, 3)))
        if self.auxiliary is None or not self.training:
            return logits
        return logits, self.auxiliary(outputs[self._auxiliary_at])

    def _outputs(self, images: Tensor) -> Iterator[Tensor]:
        """What each cell makes, of shape ``(n, 4 channels of the cell, height, width)``."""
        drop = self.drop_path if self.training else 0.0
        before_last = self.stem[0](images)
        last = self.stem[1](before_last) if len(self.stem) > 1 else before_last
        for cell in self.cells:
            before_last, last = last, cell(before_last, last, drop)
            yield last


class DartsCell(nn.Module):
    """Two inputs, four nodes that each add up two operations on what is before them, and these side by side."""

    def __init__(self, architecture: Architecture, stage: Stage, *, affine: bool = True) -> None:
        super().__init__()
        shrink = _Halve if stage.after_reduction else _ReluConvBn
        self.older = shrink(stage.before_last, stage.channels)
        self.newer = _ReluConvBn(stage.last, stage.channels)
        genotype = _SPACE.genotype(architecture)
        pairs = genotype.reduce if stage.reduction else genotype.normal
        #: the earlier node that each operation takes, two a node
        self.sources = [source for _, source in pairs]
        self.operations = nn.ModuleList(
            [
                _operation(name, stage.channels, 2 if stage.reduction and source < 2 else 1, affine=affine)
                for name, source in pairs
            ]
        )

    def forward(self, older: Tensor, newer: Tensor, drop: float = 0.0) -> Tensor:
        """The four nodes, shape ``(n, 4 channels, height, width)``, halved if the cell is a reduction.

        :param drop: probability with which an operation that does anything is left out, for each image apart.
        """
        nodes = [self.older(older), self.newer(newer)]
        for first in range(0, len(self.sources), 2):
            lower, upper = (
                _dropped(self.operations[place](nodes[self.sources[place]]), self.operations[place], drop)
                for place in (first, first + 1)
            )
            nodes.append(lower + upper)
        return torch.cat(nodes[-len(DARTS_NODES) :], dim=1)


class SharedDartsNetwork(PathNetwork):
    """The same network with every operation on every edge of its cells; its path says which are at work.

    :param channels: see :class:`DartsNetwork`, as the others.
    """

    def __init__(
        self, *, channels: int = 32, cells: int = 8, classes: int = 10, in_channels: int = 3, large: bool = False
    ) -> None:
        super().__init__()
        self.path: Architecture = (0,) * len(_SPACE.variables)
        stem = channels if large else STEM_CHANNELS * channels
        self.stem = _large_stem(in_channels, stem) if large else nn.ModuleList([_stem(in_channels, stem)])
        plan = list(stages(stem, channels, cells, image=0, halved=large))
        self.cells = nn.ModuleList([_SharedDartsCell(stage) for stage in plan])
        self.classifier = nn.Linear(4 * plan[-1].channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the present path, shape ``(n, classes)``, of images of shape ``(n, in_channels, h, w)``."""
        genotype = _SPACE.genotype(self.path)
        before_last = self.stem[0](images)
        last = self.stem[1](before_last) if len(self.stem) > 1 else before_last
        for cell in self.cells:
            before_last, last = last, cell(before_last, last, genotype)
        return self.classifier(last.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class _SharedDartsCell(nn.Module):
    """A cell that holds every operation on every edge that there may be."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        shrink = _Halve if stage.after_reduction else _ReluConvBn
        self.reduction = stage.reduction
        self.older = shrink(stage.before_last, stage.channels)
        self.newer = _ReluConvBn(stage.last, stage.channels)
        self.edges = nn.ModuleDict(
            {
                f"{node}_{source}": nn.ModuleDict(
                    {
                        name: _operation(name, stage.channels, 2 if stage.reduction and source < 2 else 1, affine=True)
                        for name in DARTS_OPERATIONS
                    }
                )
                for node, source in DARTS_EDGES
            }
        )

    def forward(self, older: Tensor, newer: Tensor, genotype: Genotype) -> Tensor:
        """The four nodes along a path, shape ``(n, 4 channels, height, width)``."""
        nodes = [self.older(older), self.newer(newer)]
        pairs = genotype.reduce if self.reduction else genotype.normal
        for node in DARTS_NODES:
            mine = pairs[2 * (node - 2) : 2 * (node - 1)]
            lower, upper = (self.edges[f"{node}_{source}"][name](nodes[source]) for name, source in mine)  # type: ignore[index]
            nodes.append(lower + upper)
        return torch.cat(nodes[-len(DARTS_NODES) :], dim=1)


class AuxiliaryHead(nn.Sequential):
    """A small classifier upon a layer in between, so that its gradient does not fade [NASNet]."""

    def __init__(self, channels: int, classes: int, stride: int) -> None:
        super().__init__(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=stride, count_include_pad=False),
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),  # of one position where the image is 32, or 224, wide
            nn.Flatten(),
            nn.Linear(768, classes),
        )


class _ReluConvBn(nn.Sequential):
    """ReLU, 1x1 convolution, batch normalisation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


class _Halve(nn.Module):
    """ReLU, two 1x1 convolutions of stride 2 on positions one apart, batch normalisation [DARTS]."""

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


def _operation(name: str, channels: int, stride: int, *, affine: bool) -> nn.Module:
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else _Halve(channels, channels, affine=affine)
    if name.endswith("pool_3x3"):
        return _pool(name, channels, stride, affine=affine)
    kernel = int(name[-1])
    if name.startswith("sep"):
        return nn.Sequential(
            *_separated(channels, kernel, stride, affine=affine), *_separated(channels, kernel, 1, affine=affine)
        )
    return nn.Sequential(*_separated(channels, kernel, stride, dilation=2, affine=affine))


def _pool(name: str, channels: int, stride: int, *, affine: bool) -> nn.Module:
    pool: nn.Module = (
        nn.MaxPool2d(3, stride, padding=1)
        if name.startswith("max")
        else nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    )
    return pool if affine else nn.Sequential(pool, nn.BatchNorm2d(channels, affine=False))


def _separated(channels: int, kernel: int, stride: int, *, dilation: int = 1, affine: bool) -> list[nn.Module]:
    """ReLU, a convolution a channel, one across channels, batch normalisation."""
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    ]


def _stem(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))


def _large_stem(inputs: int, outputs: int) -> nn.ModuleList:
    """To a quarter of the image for the older input of the first cell, and an eighth for the newer."""
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


def _dropped(x: Tensor, operation: nn.Module, drop: float) -> Tensor:
    """``x`` with whole images of it zero, and the others larger, so that the mean stays [NASNet]."""
    if drop == 0.0 or isinstance(operation, nn.Identity):
        return x
    return x * functional.dropout(x.new_ones(len(x), 1, 1, 1), drop)


def _check(architecture: Architecture) -> None:
    if not _SPACE.contains(tuple(architecture)):
        message = (
            f"Expected an architecture of {_SPACE.name}, a choice for each of its {len(_SPACE.variables)} variables, "
            f"got {architecture!r}."
        )
        raise SettingsError(message)
