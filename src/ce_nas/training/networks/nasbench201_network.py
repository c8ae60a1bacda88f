"""NAS-Bench-201 networks in plain torch, and parameter and FLOP counts of any network.

Sources
    [NB201] Dong, Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search. ICLR 2020.
    [ResNet] He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ce_nas.core.errors import SettingsError
from ce_nas.space.nasbench201_cell import NB201_EDGES, NB201_OPERATIONS

if TYPE_CHECKING:
    from ce_nas.core.records import Architecture

__all__ = ["NasBench201Cell", "NasBench201Network", "ReluConvBn", "ResidualBlock", "count_flops", "count_parameters"]

_NODE_COUNT = 4


class NasBench201Network(nn.Module):
    """The macro skeleton of [NB201, section 2.1] with one repeated cell.

    Stem (3x3 convolution, batch normalisation), three stages of ``cells`` cells at 1, 2 and 4 times ``channels``
    with a residual block of stride 2 before the second and third, batch normalisation, ReLU, global average pooling,
    linear classifier.

    :param architecture: for each of :data:`~ce_nas.space.nasbench201_cell.NB201_EDGES` its operation code.
    :param channels: channels of the first stage; the benchmark's networks have 16.
    :param cells: cells per stage; the benchmark's networks have 5.
    :param classes: outputs of the classifier.
    :param in_channels: channels of an image.
    """

    def __init__(
        self, architecture: Architecture, *, channels: int = 16, cells: int = 5, classes: int = 10, in_channels: int = 3
    ) -> None:
        super().__init__()
        _require_architecture(architecture)
        self.architecture = tuple(architecture)
        self.stem = nn.Sequential(_build_conv(in_channels, channels, 3), nn.BatchNorm2d(channels))
        self.stages = nn.Sequential(
            *_build_stage(architecture, channels, cells),
            ResidualBlock(channels, 2 * channels),
            *_build_stage(architecture, 2 * channels, cells),
            ResidualBlock(2 * channels, 4 * channels),
            *_build_stage(architecture, 4 * channels, cells),
        )
        self.head = nn.Sequential(nn.BatchNorm2d(4 * channels), nn.ReLU())
        self.classifier = nn.Linear(4 * channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape ``(n, classes)``, of images of shape ``(n, in_channels, height, width)``."""
        return self.classifier(self.features(images).mean(dim=(2, 3)))  # type: ignore[no-any-return]

    def features(self, images: Tensor) -> Tensor:
        """The features before global average pooling, shape ``(n, 4 * channels, height / 4, width / 4)``."""
        return self.head(self.stages(self.stem(images)))  # type: ignore[no-any-return]


class NasBench201Cell(nn.Module):
    """Four nodes with an operation from each to every later one; a node is the sum of its inputs."""

    def __init__(self, architecture: Architecture, channels: int) -> None:
        super().__init__()
        #: an operation per edge, in the order of :data:`~ce_nas.space.nasbench201_cell.NB201_EDGES`
        self.operations = nn.ModuleList([_build_operation(NB201_OPERATIONS[code], channels) for code in architecture])

    def forward(self, x: Tensor) -> Tensor:
        """The last node, of the shape of the first, ``x``."""
        nodes = [x]
        for node in range(1, _NODE_COUNT):
            edges = zip(NB201_EDGES, self.operations, strict=True)
            incoming = [
                operation(nodes[source])
                for (to, source), operation in edges
                if to == node and not isinstance(operation, _Zero)
            ]
            nodes.append(sum(incoming[1:], incoming[0]) if incoming else torch.zeros_like(x))
        return nodes[-1]


class ReluConvBn(nn.Sequential):
    """ReLU, convolution without bias, batch normalisation."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.ReLU(), _build_conv(in_channels, out_channels, kernel, stride), nn.BatchNorm2d(out_channels)
        )


class ResidualBlock(nn.Module):
    """The basic block of [ResNet] with stride 2 [NB201, section 2.1]: halves the image, doubles the channels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            ReluConvBn(in_channels, out_channels, 3, stride=2), ReluConvBn(out_channels, out_channels, 3)
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, stride=2), _build_conv(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``(n, in_channels, h, w)`` to ``(n, out_channels, h / 2, w / 2)``."""
        return self.shortcut(x) + self.residual(x)  # type: ignore[no-any-return]


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters, including those on disconnected edges; the benchmark's tables state millions."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Multiply-accumulates for one image of shape ``(channels, height, width)``, as the benchmark counts them.

    A convolution (without bias) counts its multiply-accumulates, a linear layer its multiply-accumulates and its
    biases; normalisation, activation, pooling and addition count nothing. Disconnected edges count, too. The
    benchmark's tables state millions and call them FLOPs.
    """
    shadow = copy.deepcopy(network).to("meta").eval()  # shapes only, no arithmetic
    counts: list[int] = []
    for module in shadow.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda conv, _, out: counts.append(_conv_flops(conv, out)))
        elif isinstance(module, nn.Linear):
            module.register_forward_hook(lambda linear, *_: counts.append(_linear_flops(linear)))
    with torch.no_grad():
        shadow(torch.empty(1, *input_shape, device="meta"))
    return sum(counts)


def _conv_flops(conv: nn.Conv2d, out: Tensor) -> int:
    return conv.weight[0].numel() * out.numel()


def _linear_flops(linear: nn.Linear) -> int:
    return linear.weight.numel() + linear.out_features


class _Zero(nn.Module):
    """The operation ``none``: the cell omits it from the sum."""


def _build_operation(name: str, channels: int) -> nn.Module:
    if name == "none":
        return _Zero()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return ReluConvBn(channels, channels, 1 if name == "nor_conv_1x1" else 3)


def _build_stage(architecture: Architecture, channels: int, cells: int) -> list[NasBench201Cell]:
    return [NasBench201Cell(architecture, channels) for _ in range(cells)]


def _build_conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)


def _require_architecture(architecture: Architecture) -> None:
    codes = range(len(NB201_OPERATIONS))
    if len(architecture) != len(NB201_EDGES) or not set(architecture) <= set(codes):
        message = (
            f"Expected a NAS-Bench-201 cell of {len(NB201_EDGES)} operation codes from 0 to {codes[-1]}, "
            f"got {architecture!r}."
        )
        raise SettingsError(message)
