"""Networks of MBConv blocks in plain torch: EfficientNet's space, and MobileNetV2 to check them by.

Sources
    [EfficientNet] Tan, Le. EfficientNet. ICML 2019: SiLU, squeeze-and-excitation, stochastic depth that grows with the
        block's position, normalisation with momentum 0.01 and epsilon 1e-3, initialisation by the fan-out.
    [MobileNetV2] Sandler et al. MobileNetV2: Inverted Residuals and Linear Bottlenecks. CVPR 2018, table 2.
    [OFA] Cai, Gan, Wang, Zhang, Han. Once-for-All. ICLR 2020: kernels and channels of a path are the centre and the
        first ones of the largest.
    [SE] Hu, Shen, Sun. Squeeze-and-Excitation Networks. CVPR 2018.
    [StochasticDepth] Huang, Sun, Liu, Sedra, Weinberger. Deep Networks with Stochastic Depth. ECCV 2016.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from ce_nas.space.efficientnet import EfficientNetSpace, MacroLayout, MbConvBlock, efficientnet_layout
from ce_nas.training.networks.darts_network import drop_images

if TYPE_CHECKING:
    from ce_nas.core.records import Architecture

__all__ = ["EfficientNetNetwork", "MacroNetwork", "MbConv", "initialise_by_fan_out", "mobilenet_v2_layout"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {"silu": nn.SiLU, "relu": nn.ReLU, "relu6": nn.ReLU6}
#: of [EfficientNet]; torch's momentum is the share of the new value
NORM_EPSILON, NORM_MOMENTUM = 1e-3, 0.01


class MacroNetwork(nn.Module):
    """A 3x3 stem, MBConv blocks, a 1x1 head, the mean over the pixels, and a linear classifier.

    :param layout: the blocks.
    :param classes: outputs of the classifier.
    :param in_channels: channels of an image.
    :param activation: silu, relu or relu6.
    :param dropout: probability of dropping a feature in front of the classifier.
    :param image_size: height and width of the images, which are resized where the layout's differ; None: the layout's.
    """

    def __init__(  # noqa: PLR0913 - the parts of a network
        self,
        layout: MacroLayout,
        *,
        image_size: tuple[int, int] | None = None,
        classes: int = 1000,
        in_channels: int = 3,
        activation: str = "silu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        #: probability of dropping the last block's residual while training, shape (); an earlier one's is in proportion
        #: to its position [StochasticDepth]; the trainer sets it; None: none is
        self.drop_path: Tensor | None = None
        self._resolution = None if image_size in {None, layout.resolution} else layout.resolution
        self.stem = _conv_norm(in_channels, layout.stem_channels, 3, layout.stem_stride, activation=activation)
        self.blocks = nn.ModuleList([MbConv(block, activation) for block in layout.blocks])
        self.head = _conv_norm(layout.blocks[-1].channels_out, layout.head_channels, 1, activation=activation)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(layout.head_channels, classes)
        initialise_by_fan_out(self)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape ``(n, classes)``, of images of shape ``(n, in_channels, h, w)``, resized if need be."""
        if self._resolution is not None:
            images = functional.interpolate(images, self._resolution, mode="bilinear", align_corners=False)
        x = self.stem(images)
        for index, block in enumerate(self.blocks):
            residual = block(x)
            if block.has_shortcut:
                if self.drop_path is not None and self.training:
                    residual = drop_images(residual, self.drop_path * (index / len(self.blocks)))
                residual = x + residual
            x = residual
        features = self.head(x).mean(dim=(2, 3))
        return self.classifier(self.dropout(features))  # type: ignore[no-any-return]


class EfficientNetNetwork(MacroNetwork):
    """The network of an architecture of EfficientNet's space.

    :param architecture: see :class:`~ce_nas.space.efficientnet.EfficientNetSpace`.
    :param image_size: height and width of the images.
    :param large: ImageNet's strides.
    """

    def __init__(  # noqa: PLR0913 - the size of a network
        self,
        architecture: Architecture,
        *,
        image_size: tuple[int, int] = (224, 224),
        large: bool = True,
        classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.0,
    ) -> None:
        EfficientNetSpace().require_member(architecture)
        layout = efficientnet_layout(architecture, image_size, large=large)
        super().__init__(layout, image_size=image_size, classes=classes, in_channels=in_channels, dropout=dropout)
        self.architecture = tuple(architecture)


class MbConv(nn.Module):
    """An inverted residual [MobileNetV2] with squeeze-and-excitation [SE]; the shortcut is the network's."""

    def __init__(self, block: MbConvBlock, activation: str = "silu") -> None:
        super().__init__()
        inner = block.channels_in * block.expansion
        self.has_shortcut = block.stride == 1 and block.channels_in == block.channels_out
        layers: list[nn.Module] = []
        if block.expansion > 1:
            layers.append(_conv_norm(block.channels_in, inner, 1, activation=activation))
        layers.append(_conv_norm(inner, inner, block.kernel, block.stride, groups=inner, activation=activation))
        if block.squeeze:
            layers.append(_SqueezeExcitation(inner, block.squeeze, activation))
        layers.append(_conv_norm(inner, block.channels_out, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """The residual: ``(n, channels in, h, w)`` to ``(n, channels out, h / stride, w / stride)``."""
        return self.layers(x)  # type: ignore[no-any-return]


class _SqueezeExcitation(nn.Module):
    """Channels scaled by a function of their means [SE]."""

    def __init__(self, channels: int, squeeze: int, activation: str) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, squeeze, 1), nn.Conv2d(squeeze, channels, 1)
        self.activation = _ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """``x``, shape ``(n, channels, h, w)``, with each channel scaled."""
        scale = self.expand(self.activation(self.reduce(x.mean(dim=(2, 3), keepdim=True))))
        return x * scale.sigmoid()  # type: ignore[no-any-return]


def _conv_norm(  # noqa: PLR0913 - the parameters of a convolution
    inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, activation: str | None = None
) -> nn.Sequential:
    """A convolution without bias, batch normalisation, and an activation unless it is linear."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    last = [_ACTIVATIONS[activation]()] if activation else []
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, NORM_EPSILON, NORM_MOMENTUM), *last)


def initialise_by_fan_out(network: nn.Module) -> None:
    """Initialise as [EfficientNet]: convolutions normal with variance 2 / fan-out, the classifier uniform within
    one over the root of its outputs; biases 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
            nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
        elif isinstance(module, nn.Linear):
            bound = 1.0 / math.sqrt(module.out_features)
            nn.init.uniform_(module.weight, -bound, bound)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def mobilenet_v2_layout(resolution: tuple[int, int] = (224, 224)) -> MacroLayout:
    """MobileNetV2 of width 1, whose activation is ReLU6 [MobileNetV2]."""
    stages = (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    )
    blocks, before = [], 32
    for expansion, channels, layers, first_stride in stages:
        for layer in range(layers):
            blocks.append(MbConvBlock(before, channels, 3, first_stride if layer == 0 else 1, expansion, 0))
            before = channels
    return MacroLayout(tuple(blocks), 32, 2, 1280, resolution)
