"""FBNet's space of layers: 22 of them, each one of nine blocks, between a fixed stem and a fixed head.

Sources
    [FBNet] Wu et al. FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search.
    CVPR 2019.
    [HWNB] Li et al. HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark. ICLR 2021. Its setting for
    CIFAR-100 is its own: a stem and a second stage without stride, and a head of 1,504 channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError, TableError, one_of
from ce_nas.space.base import Space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.core.records import Architecture

__all__ = ["FBNET_BLOCKS", "FBNET_DATASETS", "Block", "FbNetSpace", "Frame", "Place", "frame_of", "places"]


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted residual of [FBNet, figure 3]."""

    kernel: int
    #: how many times wider it is inside
    expansion: int
    #: groups of its 1x1 convolutions
    groups: int = 1


#: what a layer can be, in the order of their codes; None hands its input on
FBNET_BLOCKS: dict[str, Block | None] = {
    "k3_e1": Block(3, 1),
    "k3_e1_g2": Block(3, 1, 2),
    "k3_e3": Block(3, 3),
    "k3_e6": Block(3, 6),
    "k5_e1": Block(5, 1),
    "k5_e1_g2": Block(5, 1, 2),
    "k5_e3": Block(5, 3),
    "k5_e6": Block(5, 6),
    "skip": None,
}
#: layers and channels of the seven stages [FBNet, table 1]
STAGES = ((1, 16), (4, 24), (4, 32), (4, 64), (4, 112), (4, 184), (1, 352))
LAYERS = sum(layers for layers, _ in STAGES)
STEM_CHANNELS = 16


@dataclass(frozen=True, slots=True)
class Frame:
    """What an image set makes of the space: its images, and all that is not searched."""

    #: side of the images, pixels
    side: int
    classes: int
    stem_stride: int
    #: stride of the first layer of each stage
    strides: tuple[int, ...]
    head_channels: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer stands."""

    #: side of what comes in, pixels
    side: int
    channels_in: int
    channels_out: int
    stride: int


_FRAMES = {
    "cifar100": Frame(32, 100, 1, (1, 1, 2, 2, 1, 2, 1), 1504),
    "imagenet": Frame(224, 1000, 2, (1, 2, 2, 2, 1, 2, 1), 1984),
}
#: image sets that the space is laid out for
FBNET_DATASETS = tuple(_FRAMES)


class FbNetSpace(Space):
    """All ways to fill the 22 layers, 9 to the power of 22: far too many to list."""

    def __init__(self) -> None:
        names = [f"layer{number}" for number in range(1, LAYERS + 1)]
        super().__init__("fbnet", names, [tuple(FBNET_BLOCKS)] * LAYERS)

    def text(self, architecture: Architecture) -> str:
        """The blocks from the first layer to the last: ``k3_e1|k3_e6|skip|...``."""
        names = list(FBNET_BLOCKS)
        return "|".join(names[choice] for choice in architecture)

    def parse(self, text: str) -> Architecture:
        """The architecture that :meth:`text` wrote.

        :raises TableError: if it is none of this space.
        """
        names, blocks = list(FBNET_BLOCKS), text.split("|")
        if len(blocks) != LAYERS or not set(blocks) <= set(names):
            message = f"Expected {LAYERS} blocks of {', '.join(names)} with | between, got {text!r}."
            raise TableError(message)
        return tuple(map(names.index, blocks))


def frame_of(dataset: str) -> Frame:
    """What the image set makes of the space.

    :raises SettingsError: if the space is not laid out for it.
    """
    if dataset not in _FRAMES:
        raise SettingsError(one_of("dataset of FBNet's space", dataset, FBNET_DATASETS))
    return _FRAMES[dataset]


def places(dataset: str) -> Iterator[Place]:
    """Where each of the 22 layers stands, from the first to the last; one with a stride halves the side behind it.

    :raises SettingsError: if the space is not laid out for the image set.
    """
    frame = frame_of(dataset)
    side, channels_in = frame.side // frame.stem_stride, STEM_CHANNELS
    for (layers, channels), first_stride in zip(STAGES, frame.strides, strict=True):
        for layer in range(layers):
            stride = first_stride if layer == 0 else 1
            yield Place(side, channels_in, channels, stride)
            side, channels_in = side // stride, channels
