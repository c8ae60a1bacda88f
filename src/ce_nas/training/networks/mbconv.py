"""The networks of FBNet's space: inverted residuals (MBConv) from a stem to a head, in plain torch.

Sources
    [FBNet] Wu et al. FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search.
    CVPR 2019.
    [MobileNetV2] Sandler et al. MobileNetV2: Inverted Residuals and Linear Bottlenecks. CVPR 2018.
    [ShuffleNet] Zhang et al. ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices.
    CVPR 2018: the channels of groups are shuffled, so that they see one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from ce_nas.core.errors import SettingsError
from ce_nas.space.fbnet import FBNET_BLOCKS, LAYERS, STAGES, STEM_CHANNELS, Block, FbNetSpace, frame_of, places
from ce_nas.training.networks.supernet import PathNetwork

if TYPE_CHECKING:
    from ce_nas.core.records import Architecture
    from ce_nas.space.fbnet import Place

__all__ = ["FbNetNetwork", "InvertedResidual", "SharedFbNetNetwork"]

_BLOCKS = tuple(FBNET_BLOCKS.values())


class FbNetNetwork(nn.Module):
    """A 3x3 convolution, 22 layers of which each is a block or a skip, a 1x1 convolution, the average, a classifier.

    :param architecture: the code of each layer's block, see :class:`~ce_nas.space.fbnet.FbNetSpace`.
    :param frame: what the space is laid out for: ``cifar100`` for small images, ``imagenet`` for large ones.
    :param classes: outputs of the classifier; None for those of the frame.
    :param in_channels: channels of an image.
    :raises SettingsError: if there is no such frame, or the architecture is none.
    """

    def __init__(
        self, architecture: Architecture, *, frame: str = "cifar100", classes: int | None = None, in_channels: int = 3
    ) -> None:
        super().__init__()
        _check(architecture)
        self.architecture = tuple(architecture)
        shape = frame_of(frame)
        self.stem = _ConvBn(in_channels, STEM_CHANNELS, 3, stride=shape.stem_stride)
        self.layers = nn.Sequential(
            *(_layer(_BLOCKS[code], place) for code, place in zip(architecture, places(frame), strict=True))
        )
        self.head = _ConvBn(STAGES[-1][1], shape.head_channels, 1)
        self.classifier = nn.Linear(shape.head_channels, classes or shape.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape ``(n, classes)``, of images of shape ``(n, in_channels, height, width)``."""
        features = self.head(self.layers(self.stem(images)))
        return self.classifier(features.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class SharedFbNetNetwork(PathNetwork):
    """The same with all nine blocks in every layer; its path says which one is at work.

    :param frame: see :class:`FbNetNetwork`, as the others.
    """

    def __init__(self, *, frame: str = "cifar100", classes: int | None = None, in_channels: int = 3) -> None:
        super().__init__()
        shape = frame_of(frame)
        self.path: Architecture = (len(_BLOCKS) - 1,) * LAYERS  # skips
        self.stem = _ConvBn(in_channels, STEM_CHANNELS, 3, stride=shape.stem_stride)
        self.layers = nn.ModuleList(
            [nn.ModuleList([_layer(block, place) for block in _BLOCKS]) for place in places(frame)]
        )
        self.head = _ConvBn(STAGES[-1][1], shape.head_channels, 1)
        self.classifier = nn.Linear(shape.head_channels, classes or shape.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the present path, shape ``(n, classes)``, of images of shape ``(n, in_channels, h, w)``."""
        x = self.stem(images)
        for blocks, code in zip(self.layers, self.path, strict=True):
            x = blocks[code](x)  # type: ignore[index]
        return self.classifier(self.head(x).mean(dim=(2, 3)))  # type: ignore[no-any-return]


class InvertedResidual(nn.Module):
    """A 1x1 convolution that widens, one a channel, a 1x1 one that narrows, and a shortcut where shapes allow."""

    def __init__(self, block: Block, place: Place) -> None:
        super().__init__()
        inner = place.channels_in * block.expansion
        groups = block.groups
        self.shortcut = place.stride == 1 and place.channels_in == place.channels_out
        self.body = nn.Sequential(
            _ConvBn(place.channels_in, inner, 1, groups=groups),
            *([_Shuffle(groups)] if groups > 1 else []),
            _ConvBn(inner, inner, block.kernel, stride=place.stride, groups=inner),
            _ConvBn(inner, place.channels_out, 1, groups=groups, linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(n, channels in, h, w)`` to ``(n, channels out, h / stride, w / stride)``."""
        return x + self.body(x) if self.shortcut else self.body(x)  # type: ignore[no-any-return]


class _Shuffle(nn.Module):
    """Takes a channel of each group in turn [ShuffleNet]."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """The channels of ``x``, shape ``(n, channels, h, w)``, in another order."""
        n, channels, height, width = x.shape
        apart = x.reshape(n, self.groups, channels // self.groups, height, width)
        return apart.transpose(1, 2).reshape(n, channels, height, width)


class _ConvBn(nn.Sequential):
    """A convolution without bias, batch normalisation, and ReLU unless it is linear."""

    def __init__(  # noqa: PLR0913 - a convolution's measures
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs), *([] if linear else [nn.ReLU()]))


def _layer(block: Block | None, place: Place) -> nn.Module:
    if block is not None:
        return InvertedResidual(block, place)
    if place.stride == 1 and place.channels_in == place.channels_out:
        return nn.Identity()
    return _ConvBn(place.channels_in, place.channels_out, 1, stride=place.stride)  # a skip where shapes differ [FBNet]


def _check(architecture: Architecture) -> None:
    space = FbNetSpace()
    if not space.contains(tuple(architecture)):
        message = (
            f"Expected a block's code from 0 to {len(_BLOCKS) - 1} for each of {len(space.variables)} layers, "
            f"got {architecture!r}."
        )
        raise SettingsError(message)
