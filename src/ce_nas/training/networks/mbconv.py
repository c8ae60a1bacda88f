"""MBConv networks and supernet of FBNet's space in plain torch: inverted residuals between a stem and a head.

Sources
    [FBNet] Wu et al. FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search.
    CVPR 2019.
    [MobileNetV2] Sandler et al. MobileNetV2: Inverted Residuals and Linear Bottlenecks. CVPR 2018.
    [ShuffleNet] Zhang et al. ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices.
    CVPR 2018: channels are shuffled, so that information flows between groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from ce_nas.core.errors import SettingsError
from ce_nas.space.fbnet import (
    FBNET_BLOCKS,
    FBNET_LAYER_COUNT,
    FBNET_STAGES,
    FBNET_STEM_CHANNELS,
    FbNetBlock,
    FbNetSpace,
    layer_shapes,
    macro_architecture,
)
from ce_nas.training.networks.darts_network import drop_images
from ce_nas.training.networks.efficientnet_network import initialise_by_fan_out
from ce_nas.training.networks.supernet import Supernet

if TYPE_CHECKING:
    from ce_nas.core.records import Architecture
    from ce_nas.space.fbnet import LayerShape

__all__ = ["FbNetNetwork", "FbNetSupernet", "InvertedResidual", "build_fbnet_layer"]

_BLOCKS = tuple(FBNET_BLOCKS.values())


class FbNetNetwork(nn.Module):
    """A 3x3 stem, 22 layers that are a block or a skip, a 1x1 convolution, global average pooling, a classifier.

    :param architecture: the code of each layer's block, see :class:`~ce_nas.space.fbnet.FbNetSpace`.
    :param dataset: the macro architecture: ``cifar100`` for small images, ``imagenet`` for large ones.
    :param classes: outputs of the classifier; None for the data set's.
    :param in_channels: channels of an image.
    :param dropout: probability of dropping a feature in front of the classifier.
    :raises SettingsError: if the data set is unknown or the architecture invalid.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        dataset: str = "cifar100",
        classes: int | None = None,
        in_channels: int = 3,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _require_architecture(architecture)
        self.architecture = tuple(architecture)
        #: probability of dropping the last layer's residual while training, shape (); an earlier one's is in proportion
        #: to its position; the trainer sets it; None: none is
        self.drop_path: Tensor | None = None
        shape = macro_architecture(dataset)
        self.stem = _ConvBn(in_channels, FBNET_STEM_CHANNELS, 3, stride=shape.stem_stride)
        self.layers = nn.Sequential(
            *(
                build_fbnet_layer(_BLOCKS[code], layer)
                for code, layer in zip(architecture, layer_shapes(dataset), strict=True)
            )
        )
        self.head = _ConvBn(FBNET_STAGES[-1][1], shape.head_channels, 1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(shape.head_channels, classes or shape.classes)
        initialise_by_fan_out(self)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape ``(n, classes)``, of images of shape ``(n, in_channels, height, width)``."""
        x = self.stem(images)
        for index, layer in enumerate(self.layers):
            if (
                self.drop_path is not None
                and self.training
                and isinstance(layer, InvertedResidual)
                and layer.has_shortcut
            ):
                x = x + drop_images(layer.body(x), self.drop_path * (index / len(self.layers)))
            else:
                x = layer(x)
        return self.classifier(self.dropout(self.head(x).mean(dim=(2, 3))))  # type: ignore[no-any-return]


class FbNetSupernet(Supernet):
    """The network with all nine blocks in every layer; :attr:`path` selects the active one.

    :param dataset: see :class:`FbNetNetwork` for all parameters.
    """

    def __init__(self, *, dataset: str = "cifar100", classes: int | None = None, in_channels: int = 3) -> None:
        super().__init__()
        shape = macro_architecture(dataset)
        self.path: Architecture = (len(_BLOCKS) - 1,) * FBNET_LAYER_COUNT  # skips
        self.stem = _ConvBn(in_channels, FBNET_STEM_CHANNELS, 3, stride=shape.stem_stride)
        self.layers = nn.ModuleList(
            [nn.ModuleList([build_fbnet_layer(block, layer) for block in _BLOCKS]) for layer in layer_shapes(dataset)]
        )
        self.head = _ConvBn(FBNET_STAGES[-1][1], shape.head_channels, 1)
        self.classifier = nn.Linear(shape.head_channels, classes or shape.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the current path, shape ``(n, classes)``, of images of shape ``(n, in_channels, h, w)``."""
        x = self.stem(images)
        for blocks, code in zip(self.layers, self.path, strict=True):
            x = blocks[code](x)  # type: ignore[index]
        return self.classifier(self.head(x).mean(dim=(2, 3)))  # type: ignore[no-any-return]


class InvertedResidual(nn.Module):
    """MBConv [MobileNetV2]: 1x1 expansion, depthwise convolution, 1x1 projection, and a shortcut if shapes match."""

    def __init__(self, block: FbNetBlock, shape: LayerShape) -> None:
        super().__init__()
        inner = shape.channels_in * block.expansion
        groups = block.groups
        self.has_shortcut = shape.stride == 1 and shape.channels_in == shape.channels_out
        self.body = nn.Sequential(
            _ConvBn(shape.channels_in, inner, 1, groups=groups),
            *([_ChannelShuffle(groups)] if groups > 1 else []),
            _ConvBn(inner, inner, block.kernel, stride=shape.stride, groups=inner),
            _ConvBn(inner, shape.channels_out, 1, groups=groups, linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(n, channels in, h, w)`` to ``(n, channels out, h / stride, w / stride)``."""
        return x + self.body(x) if self.has_shortcut else self.body(x)  # type: ignore[no-any-return]


class _ChannelShuffle(nn.Module):
    """Interleaves the channels of the groups [ShuffleNet]."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """``x``, shape ``(n, channels, h, w)``, with its channels interleaved."""
        n, channels, height, width = x.shape
        grouped = x.reshape(n, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(n, channels, height, width)


class _ConvBn(nn.Sequential):
    """A convolution without bias, batch normalisation, and ReLU unless it is linear."""

    def __init__(  # noqa: PLR0913 - the parameters of a convolution
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs), *([] if linear else [nn.ReLU()]))


def build_fbnet_layer(block: FbNetBlock | None, shape: LayerShape) -> nn.Module:
    """A block, or for None the identity, which is a 1x1 convolution where shapes differ [FBNet]."""
    if block is not None:
        return InvertedResidual(block, shape)
    if shape.stride == 1 and shape.channels_in == shape.channels_out:
        return nn.Identity()
    return _ConvBn(shape.channels_in, shape.channels_out, 1, stride=shape.stride)


def _require_architecture(architecture: Architecture) -> None:
    space = FbNetSpace()
    if not space.contains(tuple(architecture)):
        message = (
            f"Expected a block's code from 0 to {len(_BLOCKS) - 1} for each of {len(space.variables)} layers, "
            f"got {architecture!r}."
        )
        raise SettingsError(message)
