"""From an architecture of a space to the network to train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError
from ce_nas.space.cells import NasBench201Space
from ce_nas.space.darts import DartsSpace
from ce_nas.space.fbnet import FbNetSpace
from ce_nas.space.network.darts import DartsNetwork
from ce_nas.space.network.mbconv import FbNetNetwork
from ce_nas.space.network.nb201 import NasBench201Network
from ce_nas.space.network.shared import SharedNetwork

if TYPE_CHECKING:
    from torch import nn

    from ce_nas.core.records import Architecture
    from ce_nas.space.space import Space
    from ce_nas.training.images import DataSet

__all__ = ["build_network", "build_supernet"]

#: height of images from which on networks make them smaller first, as for ImageNet
LARGE = 128


def build_network(space: Space, architecture: Architecture, channels: int, cells: int, data: DataSet) -> nn.Module:
    """The network of one architecture, for the images of ``data``.

    :param channels: channels of the first stage; FBNet's space has its own.
    :param cells: cells a stage, or of the whole network in the DARTS space; FBNet's space has its own layers.
    :raises SettingsError: if no network is known for the space.
    """
    classes, (colours, height, _) = data.classes, data.shape
    if isinstance(space, NasBench201Space):
        return NasBench201Network(architecture, channels=channels, cells=cells, classes=classes, in_channels=colours)
    if isinstance(space, DartsSpace):
        return DartsNetwork(
            architecture, channels=channels, cells=cells, classes=classes, in_channels=colours, large=height >= LARGE
        )
    if isinstance(space, FbNetSpace):
        frame = "imagenet" if height >= LARGE else "cifar100"
        return FbNetNetwork(architecture, frame=frame, classes=classes, in_channels=colours)
    raise _unknown(space, "network", "nas-bench-201, darts, fbnet")


def build_supernet(space: Space, channels: int, cells: int, data: DataSet) -> SharedNetwork:
    """The network whose paths are all of a space's architectures.

    :raises SettingsError: if none is known for the space.
    """
    if isinstance(space, NasBench201Space):
        return SharedNetwork(channels=channels, cells=cells, classes=data.classes, in_channels=data.shape[0])
    raise _unknown(space, "supernet", "nas-bench-201")


def _unknown(space: Space, what: str, known: str) -> SettingsError:
    message = (
        f"Expected a space with a {what} of its own ({known}), got {space.name!r}; give a function that "
        "evaluates its architectures instead."
    )
    return SettingsError(message)
