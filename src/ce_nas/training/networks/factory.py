"""Build the network of an architecture, or the supernet of a space, for the images at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.space.darts import DartsSpace
from ce_nas.space.fbnet import FbNetSpace
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.networks.darts_network import DartsNetwork, DartsSupernet
from ce_nas.training.networks.mbconv import FbNetNetwork, FbNetSupernet
from ce_nas.training.networks.nasbench201_network import NasBench201Network
from ce_nas.training.networks.supernet import NasBench201Supernet

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space
    from ce_nas.training.data.images import ImageDataset
    from ce_nas.training.networks.supernet import Supernet
    from ce_nas.training.recipe import Recipe

__all__ = ["NETWORK_SPACES", "build_network", "build_space", "build_supernet", "require_recipe"]

#: image height from which networks start with ImageNet's downsampling stem
MIN_IMAGENET_HEIGHT = 128
#: smallest image height for an auxiliary head
_MIN_AUXILIARY_HEIGHT = 32
#: the spaces that have networks, by their names in the settings
NETWORK_SPACES: dict[str, Callable[[], Space]] = {"nb201": NasBench201Space, "darts": DartsSpace, "fbnet": FbNetSpace}


def build_space(name: str) -> Space:
    """The space called ``name``.

    :raises SettingsError: if there is none.
    """
    if name not in NETWORK_SPACES:
        raise SettingsError(unknown_choice_message("space of networks", name, NETWORK_SPACES))
    return NETWORK_SPACES[name]()


def require_recipe(space: Space, recipe: Recipe, data: ImageDataset) -> None:
    """Check that the networks of a space support a recipe.

    :raises SettingsError: if they have no drop path or auxiliary head, or the images are too small for one.
    """
    required = [name for name in ("auxiliary", "drop_path") if getattr(recipe, name) > 0]
    if required and not isinstance(space, DartsSpace):
        message = (
            f"Expected a recipe without {' and '.join(required)} for {space.name}: only networks of the DARTS space "
            "support it."
        )
        raise SettingsError(message)
    if recipe.auxiliary > 0 and data.image_shape[1] < _MIN_AUXILIARY_HEIGHT:
        message = (
            f"Expected images of {_MIN_AUXILIARY_HEIGHT} pixels or more for a recipe's auxiliary head, "
            f"got {data.image_shape[1]}; leave auxiliary out."
        )
        raise SettingsError(message)


def build_network(  # noqa: PLR0913, PLR0917 - the size of a network
    space: Space,
    architecture: Architecture,
    channels: int,
    cells: int,
    data: ImageDataset,
    recipe: Recipe | None = None,
) -> nn.Module:
    """The network of one architecture, for the images of ``data``.

    :param channels: channels of the first stage; FBNet's space has its own.
    :param cells: cells per stage, or of the whole network in the DARTS space; FBNet's space has its own layers.
    :param recipe: the training recipe, which may require an auxiliary head.
    :raises SettingsError: if the space has no networks, or they do not support the recipe.
    """
    classes, (colours, height, _) = data.classes, data.image_shape
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
            imagenet_stem=height >= MIN_IMAGENET_HEIGHT,
            auxiliary=recipe is not None and recipe.auxiliary > 0,
        )
    if isinstance(space, FbNetSpace):
        dataset = "imagenet" if height >= MIN_IMAGENET_HEIGHT else "cifar100"
        return FbNetNetwork(architecture, dataset=dataset, classes=classes, in_channels=colours)
    raise _unknown_space_error(space, "network", "nas-bench-201, darts, fbnet")


def build_supernet(space: Space, channels: int, cells: int, data: ImageDataset) -> Supernet:
    """The supernet whose paths are the architectures of a space; parameters as for :func:`build_network`.

    :raises SettingsError: if the space has no supernet.
    """
    classes, (colours, height, _) = data.classes, data.image_shape
    if isinstance(space, NasBench201Space):
        return NasBench201Supernet(channels=channels, cells=cells, classes=classes, in_channels=colours)
    if isinstance(space, DartsSpace):
        return DartsSupernet(
            channels=channels,
            cells=cells,
            classes=classes,
            in_channels=colours,
            imagenet_stem=height >= MIN_IMAGENET_HEIGHT,
        )
    if isinstance(space, FbNetSpace):
        dataset = "imagenet" if height >= MIN_IMAGENET_HEIGHT else "cifar100"
        return FbNetSupernet(dataset=dataset, classes=classes, in_channels=colours)
    raise _unknown_space_error(space, "supernet", "nas-bench-201, darts, fbnet")


def _unknown_space_error(space: Space, network_kind: str, known: str) -> SettingsError:
    message = (
        f"Expected a space with a {network_kind} of its own ({known}), got {space.name!r}; give a function that "
        "evaluates its architectures instead."
    )
    return SettingsError(message)
