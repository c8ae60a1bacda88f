"""The layer-wise space of FBNet: 22 layers of nine possible blocks, between a fixed stem and a fixed head.

Sources
    [FBNet] Wu et al. FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search.
    CVPR 2019.
    [HWNB] Li et al. HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark. ICLR 2021. Defines the setting
    for CIFAR-100: a stem and a second stage without stride, and a head of 1,504 channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError, TableError, unknown_choice_message
from ce_nas.space.base import Space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.core.records import Architecture

__all__ = [
    "FBNET_BLOCKS",
    "FBNET_DATASETS",
    "FbNetBlock",
    "FbNetSpace",
    "LayerShape",
    "MacroArchitecture",
    "layer_shapes",
    "macro_architecture",
]


@dataclass(frozen=True, slots=True)
class FbNetBlock:
    """An inverted residual block [FBNet, figure 3]."""

    kernel: int
    #: ratio of inner to input channels
    expansion: int
    #: groups of its 1x1 convolutions
    groups: int = 1


#: the blocks of a layer, in the order of their codes; None is the identity
FBNET_BLOCKS: dict[str, FbNetBlock | None] = {
    "k3_e1": FbNetBlock(3, 1),
    "k3_e1_g2": FbNetBlock(3, 1, 2),
    "k3_e3": FbNetBlock(3, 3),
    "k3_e6": FbNetBlock(3, 6),
    "k5_e1": FbNetBlock(5, 1),
    "k5_e1_g2": FbNetBlock(5, 1, 2),
    "k5_e3": FbNetBlock(5, 3),
    "k5_e6": FbNetBlock(5, 6),
    "skip": None,
}
#: layers and channels of the seven stages [FBNet, table 1]
FBNET_STAGES = ((1, 16), (4, 24), (4, 32), (4, 64), (4, 112), (4, 184), (1, 352))
FBNET_LAYER_COUNT = sum(layers for layers, _ in FBNET_STAGES)
FBNET_STEM_CHANNELS = 16


@dataclass(frozen=True, slots=True)
class MacroArchitecture:
    """The fixed part of the networks for a dataset: image size, strides, head."""

    #: side of the images, pixels
    image_size: int
    classes: int
    stem_stride: int
    #: stride of the first layer of each stage
    stage_strides: tuple[int, ...]
    head_channels: int


@dataclass(frozen=True, slots=True)
class LayerShape:
    """Input and output shape of a layer."""

    #: side of the input, pixels
    input_size: int
    channels_in: int
    channels_out: int
    stride: int


_MACRO_ARCHITECTURES = {
    "cifar100": MacroArchitecture(32, 100, 1, (1, 1, 2, 2, 1, 2, 1), 1504),
    "imagenet": MacroArchitecture(224, 1000, 2, (1, 2, 2, 2, 1, 2, 1), 1984),
}
#: datasets with a fixed part of the networks
FBNET_DATASETS = tuple(_MACRO_ARCHITECTURES)


class FbNetSpace(Space):
    """All assignments of blocks to the 22 layers: 9 to the power of 22, too many to list.

    Example:
        >>> FbNetSpace().text((0,) * 20 + (7, 8))[-16:]
        'k3_e1|k5_e6|skip'
    """

    def __init__(self) -> None:
        names = [f"layer{number}" for number in range(1, FBNET_LAYER_COUNT + 1)]
        super().__init__("fbnet", names, [tuple(FBNET_BLOCKS)] * FBNET_LAYER_COUNT)

    def text(self, architecture: Architecture) -> str:
        """The blocks from the first layer to the last: ``k3_e1|k3_e6|skip|...``."""
        names = list(FBNET_BLOCKS)
        return "|".join(names[choice] for choice in architecture)

    def parse(self, text: str) -> Architecture:
        """Parse the output of :meth:`text`.

        :raises TableError: if the text is no architecture of this space.
        """
        names, blocks = list(FBNET_BLOCKS), text.split("|")
        if len(blocks) != FBNET_LAYER_COUNT or not set(blocks) <= set(names):
            message = f"Expected {FBNET_LAYER_COUNT} blocks of {', '.join(names)} separated by |, got {text!r}."
            raise TableError(message)
        return tuple(map(names.index, blocks))


def macro_architecture(dataset: str) -> MacroArchitecture:
    """The fixed part of the networks for a dataset.

    :raises SettingsError: if the dataset is unknown.
    """
    if dataset not in _MACRO_ARCHITECTURES:
        raise SettingsError(unknown_choice_message("dataset of FBNet's space", dataset, FBNET_DATASETS))
    return _MACRO_ARCHITECTURES[dataset]


def layer_shapes(dataset: str) -> Iterator[LayerShape]:
    """The shapes of the 22 layers, from the first to the last; a stride of two halves the next layer's side.

    :raises SettingsError: if the dataset is unknown.
    """
    macro = macro_architecture(dataset)
    side, channels_in = macro.image_size // macro.stem_stride, FBNET_STEM_CHANNELS
    for (layers, channels), first_stride in zip(FBNET_STAGES, macro.stage_strides, strict=True):
        for layer in range(layers):
            stride = first_stride if layer == 0 else 1
            yield LayerShape(side, channels_in, channels, stride)
            side, channels_in = side // stride, channels
