"""The supernet base class, a weight-sharing network with a path per architecture, and NAS-Bench-201's supernet.

Sources
    [FairNAS] Chu, Zhang, Xu. FairNAS: Rethinking Evaluation Fairness of Weight Sharing NAS. ICCV 2021.
    [FewShot] Zhao, Wang, Tian, Fonseca, Guo. Few-Shot Neural Architecture Search. ICML 2021.
    [NB201] Dong, Yang. NAS-Bench-201. ICLR 2020.
    [SPOS] Guo et al. Single Path One-Shot Neural Architecture Search with Uniform Sampling. ECCV 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ce_nas.space.nasbench201_cell import NB201_EDGES, NB201_OPERATIONS
from ce_nas.training.networks.nasbench201_network import ReluConvBn, ResidualBlock

if TYPE_CHECKING:
    from ce_nas.core.records import Architecture

__all__ = ["NasBench201Supernet", "Supernet"]

_NODE_COUNT = 4
_NONE, _SKIP = NB201_OPERATIONS.index("none"), NB201_OPERATIONS.index("skip_connect")


class Supernet(nn.Module):
    """A weight-sharing network in which every architecture of a space is a path."""

    #: the architecture of the next forward pass
    path: Architecture


class NasBench201Supernet(Supernet):
    """NAS-Bench-201's macro skeleton with every operation on every edge; :attr:`path` selects the active one.

    :param channels: channels of the first stage.
    :param cells: cells per stage.
    :param classes: outputs of the classifier.
    :param in_channels: channels of an image.
    """

    def __init__(self, *, channels: int = 16, cells: int = 5, classes: int = 10, in_channels: int = 3) -> None:
        super().__init__()
        #: the cell of the next forward pass: an operation's code per edge
        self.path: Architecture = (_SKIP,) * len(NB201_EDGES)
        self.stem = nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        stages: list[nn.Module] = []
        for stage, width in enumerate((channels, 2 * channels, 4 * channels)):
            if stage:
                stages.append(ResidualBlock(width // 2, width))
            stages += [_NasBench201SupernetCell(width) for _ in range(cells)]
        self.stages = nn.ModuleList(stages)
        self.head = nn.Sequential(nn.BatchNorm2d(4 * channels), nn.ReLU())
        self.classifier = nn.Linear(4 * channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the current path, shape ``(n, classes)``, of images of shape ``(n, in_channels, h, w)``."""
        x = self.stem(images)
        for module in self.stages:
            x = module(x, self.path) if isinstance(module, _NasBench201SupernetCell) else module(x)
        return self.classifier(self.head(x).mean(dim=(2, 3)))  # type: ignore[no-any-return]


class _NasBench201SupernetCell(nn.Module):
    """A cell with every operation on every edge; none and skip need no weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList([_build_operations(channels) for _ in NB201_EDGES])

    def forward(self, x: Tensor, path: Architecture) -> Tensor:
        """The last node along ``path``, of the shape of ``x``."""
        nodes = [x]
        for node in range(1, _NODE_COUNT):
            incoming = [
                self._apply_edge(edge, code, nodes[source])
                for edge, ((to, source), code) in enumerate(zip(NB201_EDGES, path, strict=True))
                if to == node and code != _NONE
            ]
            nodes.append(sum(incoming[1:], incoming[0]) if incoming else torch.zeros_like(x))
        return nodes[-1]

    def _apply_edge(self, edge: int, code: int, x: Tensor) -> Tensor:
        return x if code == _SKIP else self.edges[edge][NB201_OPERATIONS[code]](x)  # type: ignore[index]


def _build_operations(channels: int) -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "avg_pool_3x3": nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            "nor_conv_1x1": ReluConvBn(channels, channels, 1),
            "nor_conv_3x3": ReluConvBn(channels, channels, 3),
        }
    )
