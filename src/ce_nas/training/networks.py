"""From an architecture of a space to the network to train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError
from ce_nas.space.cells import NasBench201Space
from ce_nas.space.network.nb201 import NasBench201Network
from ce_nas.space.network.shared import SharedNetwork

if TYPE_CHECKING:
    from torch import nn

    from ce_nas.core.records import Architecture
    from ce_nas.space.space import Space
    from ce_nas.training.images import DataSet

__all__ = ["build_network", "build_supernet"]


def build_network(space: Space, architecture: Architecture, channels: int, cells: int, data: DataSet) -> nn.Module:
    """The network of one architecture, for the images of ``data``.

    :param channels: channels of the first stage.
    :param cells: cells a stage.
    :raises SettingsError: if no network is known for the space.
    """
    if isinstance(space, NasBench201Space):
        return NasBench201Network(
            architecture, channels=channels, cells=cells, classes=data.classes, in_channels=data.shape[0]
        )
    raise _unknown(space, "network")


def build_supernet(space: Space, channels: int, cells: int, data: DataSet) -> SharedNetwork:
    """The network whose paths are all of a space's architectures.

    :raises SettingsError: if none is known for the space.
    """
    if isinstance(space, NasBench201Space):
        return SharedNetwork(channels=channels, cells=cells, classes=data.classes, in_channels=data.shape[0])
    raise _unknown(space, "supernet")


def _unknown(space: Space, what: str) -> SettingsError:
    message = (
        f"Expected a space with a {what} of its own (nas-bench-201), got {space.name!r}; give a function that "
        "evaluates its architectures instead."
    )
    return SettingsError(message)
