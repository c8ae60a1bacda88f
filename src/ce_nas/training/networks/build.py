"""From an architecture of a space to the network to train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError, one_of
from ce_nas.space.darts import DartsSpace
from ce_nas.space.fbnet import FbNetSpace
from ce_nas.space.nasbench201 import NasBench201Space
from ce_nas.training.networks.darts import DartsNetwork, SharedDartsNetwork
from ce_nas.training.networks.mbconv import FbNetNetwork, SharedFbNetNetwork
from ce_nas.training.networks.nasbench201 import NasBench201Network
from ce_nas.training.networks.supernet import SharedNetwork

if TYPE_CHECKING:
    from torch import nn

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space
    from ce_nas.training.data.images import DataSet
    from ce_nas.training.networks.supernet import PathNetwork
    from ce_nas.training.recipe import Recipe

__all__ = ["SPACES", "build_network", "build_supernet", "require_recipe", "space_of"]

#: height of images from which on networks make them smaller first, as for ImageNet
LARGE = 128
#: height of images from which on an auxiliary head finds enough to look at
_AUXILIARY_FROM = 32
#: the spaces that have networks, by the names that settings know them by
SPACES = {"nb201": NasBench201Space, "darts": DartsSpace, "fbnet": FbNetSpace}


def space_of(name: str) -> Space:
    """The space of that name.

    :raises SettingsError: if there is none.
    """
    if name not in SPACES:
        raise SettingsError(one_of("space of networks", name, SPACES))
    return SPACES[name]()


def require_recipe(space: Space, recipe: Recipe, data: DataSet) -> None:
    """Check that the networks of a space have what a recipe asks of them.

    :raises SettingsError: if they drop no paths, or have no auxiliary head, or the images are too small for one.
    """
    asked = [name for name in ("auxiliary", "drop_path") if getattr(recipe, name) > 0]
    if asked and not isinstance(space, DartsSpace):
        message = (
            f"Expected a recipe without {' and '.join(asked)} for {space.name}: only networks of the DARTS space "
            "know of it."
        )
        raise SettingsError(message)
    if recipe.auxiliary > 0 and data.shape[1] < _AUXILIARY_FROM:
        message = (
            f"Expected images of {_AUXILIARY_FROM} pixels or more for a recipe's auxiliary head, got {data.shape[1]}; "
            "leave auxiliary out."
        )
        raise SettingsError(message)


def build_network(  # noqa: PLR0913, PLR0917 - a network's measures, and what it is for
    space: Space, architecture: Architecture, channels: int, cells: int, data: DataSet, recipe: Recipe | None = None
) -> nn.Module:
    """The network of one architecture, for the images of ``data``.

    :param channels: channels of the first stage; FBNet's space has its own.
    :param cells: cells a stage, or of the whole network in the DARTS space; FBNet's space has its own layers.
    :param recipe: how it is to be trained: it may ask for an auxiliary head.
    :raises SettingsError: if no network is known for the space, or it has not what the recipe asks for.
    """
    classes, (colours, height, _) = data.classes, data.shape
    if recipe is not None:
        require_recipe(space, recipe, data)
    if isinstance(space, NasBench201Space):
        return NasBench201Network(architecture, channels=channels, cells=cells, classes=classes, in_channels=colours)
    if isinstance(space, DartsSpace):
        return DartsNetwork(
            architecture,
            channels=channels,
            cells=cells,
            classes=classes,
            in_channels=colours,
            large=height >= LARGE,
            auxiliary=recipe is not None and recipe.auxiliary > 0,
        )
    if isinstance(space, FbNetSpace):
        frame = "imagenet" if height >= LARGE else "cifar100"
        return FbNetNetwork(architecture, frame=frame, classes=classes, in_channels=colours)
    raise _unknown(space, "network", "nas-bench-201, darts, fbnet")


def build_supernet(space: Space, channels: int, cells: int, data: DataSet) -> PathNetwork:
    """The network whose paths are all of a space's architectures; its measures are those of :func:`build_network`.

    :raises SettingsError: if none is known for the space.
    """
    classes, (colours, height, _) = data.classes, data.shape
    if isinstance(space, NasBench201Space):
        return SharedNetwork(channels=channels, cells=cells, classes=classes, in_channels=colours)
    if isinstance(space, DartsSpace):
        return SharedDartsNetwork(
            channels=channels, cells=cells, classes=classes, in_channels=colours, large=height >= LARGE
        )
    if isinstance(space, FbNetSpace):
        frame = "imagenet" if height >= LARGE else "cifar100"
        return SharedFbNetNetwork(frame=frame, classes=classes, in_channels=colours)
    raise _unknown(space, "supernet", "nas-bench-201, darts, fbnet")


def _unknown(space: Space, what: str, known: str) -> SettingsError:
    message = (
        f"Expected a space with a {what} of its own ({known}), got {space.name!r}; give a function that "
        "evaluates its architectures instead."
    )
    return SettingsError(message)
