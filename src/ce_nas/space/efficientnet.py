"""A macro space after EfficientNet: seven stages of MBConv blocks, each with its depth, width, kernel and expansion.

Also the resolution at which the network works, and squeeze-and-excitation per stage. EfficientNet-B0 is a member.

Sources
    [EfficientNet] Tan, Le. EfficientNet: Rethinking Model Scaling for Convolutional Networks. ICML 2019, table 1.
    [SE] Hu, Shen, Sun. Squeeze-and-Excitation Networks. CVPR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ce_nas.core.errors import TableError
from ce_nas.space.base import Space

if TYPE_CHECKING:
    from ce_nas.core.records import Architecture

__all__ = ["EfficientNetSpace", "MacroLayout", "MbConvBlock", "efficientnet_layout", "layout_counts", "squeezed"]

#: of EfficientNet-B0: layers, channels, stride of the first layer, kernel, expansion of each stage
_STAGES = (
    *((1, 16, 1, 3, 1), (2, 24, 2, 3, 6), (2, 40, 2, 5, 6), (3, 80, 2, 3, 6)),
    *((3, 112, 1, 5, 6), (4, 192, 2, 5, 6), (1, 320, 1, 3, 6)),
)
_STEM_CHANNELS, _HEAD_CHANNELS = 32, 1280
_WIDTH_FACTORS = (0.75, 1.0, 1.25)
_KERNELS = (3, 5, 7)
_FIRST_EXPANSIONS, _EXPANSIONS = (1, 2, 3), (3, 4, 6)
#: side of the images that the network sees, over that of the images
_RESOLUTIONS = (("5/7", 5, 7), ("6/7", 6, 7), ("1", 1, 1), ("8/7", 8, 7))
_VARIABLES_PER_STAGE = ("depth", "width", "kernel", "expansion", "se")
#: squeezed channels as a share of a block's input channels [EfficientNet]
_SE_RATIO = 0.25


class MbConvBlock(NamedTuple):
    """One inverted residual block."""

    channels_in: int
    channels_out: int
    kernel: int
    stride: int
    #: ratio of inner to input channels; 1: no expanding convolution
    expansion: int
    #: squeezed channels; 0: no squeeze-and-excitation
    squeeze: int


@dataclass(frozen=True, slots=True)
class MacroLayout:
    """A network of such blocks between a 3x3 stem and a 1x1 head."""

    blocks: tuple[MbConvBlock, ...]
    stem_channels: int
    stem_stride: int
    head_channels: int
    #: height and width of the images that the network sees; others are resized first
    resolution: tuple[int, int]


class EfficientNetSpace(Space):
    """The 2.2e16 combinations of all choices.

    Example:
        >>> space = EfficientNetSpace()
        >>> space.text(space.b0)[:41]
        'stage1.depth=1 stage1.width=16 stage1.ker'
    """

    def __init__(self) -> None:
        variables, choices = [], []
        for number, (layers, channels, _, _, expansion) in enumerate(_STAGES, start=1):
            variables += [f"stage{number}.{name}" for name in _VARIABLES_PER_STAGE]
            choices += [
                [str(depth) for depth in range(max(layers - 1, 1), layers + 3)],
                list(dict.fromkeys(str(_round_to_8(channels * factor)) for factor in _WIDTH_FACTORS)),
                [str(kernel) for kernel in _KERNELS],
                [str(each) for each in (_FIRST_EXPANSIONS if expansion == 1 else _EXPANSIONS)],
                ["no", "yes"],
            ]
        super().__init__("efficientnet", [*variables, "resolution"], [*choices, [name for name, *_ in _RESOLUTIONS]])

    @property
    def b0(self) -> Architecture:
        """EfficientNet-B0."""
        wanted = [
            text
            for layers, channels, _, kernel, expansion in _STAGES
            for text in (str(layers), str(channels), str(kernel), str(expansion), "yes")
        ]
        return tuple(names.index(text) for names, text in zip(self.choices, [*wanted, "1"], strict=True))

    def parse(self, text: str) -> Architecture:
        """See :meth:`Space.parse`.

        :raises TableError: if the text is no architecture of this space.
        """
        try:
            return super().parse(text)
        except TableError as error:
            message = f"Expected a network of {self.name} such as {self.text(self.b0)!r}, got {text!r}."
            raise TableError(message) from error


def efficientnet_layout(architecture: Architecture, image_size: tuple[int, int], *, large: bool) -> MacroLayout:
    """The blocks of an architecture.

    :param image_size: height and width of the images, pixels.
    :param large: ImageNet's strides, 32 in all; else 8, as is usual for images of 32 pixels.
    """
    space = EfficientNetSpace()
    named = [names[choice] for names, choice in zip(space.choices, architecture, strict=True)]
    blocks, before = [], _STEM_CHANNELS
    for number, (_, _, first_stride, _, _) in enumerate(_STAGES):
        depth, width, kernel, expansion = map(int, named[5 * number : 5 * number + 4])
        has_se = named[5 * number + 4] == "yes"
        for layer in range(depth):
            stride = first_stride if layer == 0 and (large or number > 1) else 1
            squeeze = squeezed(before) if has_se else 0
            blocks.append(MbConvBlock(before, width, kernel, stride, expansion, squeeze))
            before = width
    _, numerator, denominator = _RESOLUTIONS[architecture[-1]]
    height, width = (
        side if numerator == denominator else max(round(side * numerator / denominator / 4) * 4, 4)
        for side in image_size
    )
    return MacroLayout(tuple(blocks), _STEM_CHANNELS, 2 if large else 1, _HEAD_CHANNELS, (height, width))


def squeezed(channels: int) -> int:
    """The squeezed channels of a block with ``channels`` inputs [EfficientNet]."""
    return max(int(channels * _SE_RATIO), 1)


def layout_counts(layout: MacroLayout, in_channels: int, classes: int) -> tuple[int, int]:
    """Parameters, and multiply-accumulates of one image, of the network of a layout, without building it.

    Convolutions and the classifier with its biases count as multiply-accumulates; normalisation, activations and means
    do not.
    """
    area = _halved(layout.resolution, layout.stem_stride)
    weights = 9 * in_channels * layout.stem_channels
    parameters, macs = weights + 2 * layout.stem_channels, weights * area[0] * area[1]
    for block in layout.blocks:
        inner, before = block.channels_in * block.expansion, area[0] * area[1]
        area = _halved(area, block.stride)
        after = area[0] * area[1]
        if block.expansion > 1:
            parameters += block.channels_in * inner + 2 * inner
            macs += block.channels_in * inner * before
        project = inner * block.channels_out
        parameters += block.kernel**2 * inner + 2 * inner + project + 2 * block.channels_out
        macs += (block.kernel**2 * inner + project) * after
        if block.squeeze:
            parameters += 2 * inner * block.squeeze + block.squeeze + inner
            macs += 2 * inner * block.squeeze
    head = layout.blocks[-1].channels_out * layout.head_channels
    linear = layout.head_channels * classes + classes
    return parameters + head + 2 * layout.head_channels + linear, macs + head * area[0] * area[1] + linear


def _halved(size: tuple[int, int], stride: int) -> tuple[int, int]:
    return -(-size[0] // stride), -(-size[1] // stride)


def _round_to_8(channels: float) -> int:
    """The nearest multiple of 8, at least 8, that is no more than a tenth below [EfficientNet]."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
