"""Build the network of an architecture, or the supernet of a space, for the images at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.space.darts import DartsSpace
from ce_nas.space.efficientnet import EfficientNetSpace
from ce_nas.space.fbnet import FbNetSpace
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.space.nasnet import NasNetSpace
from ce_nas.training.networks.darts_network import DartsNetwork, DartsSupernet
from ce_nas.training.networks.efficientnet_network import EfficientNetNetwork
from ce_nas.training.networks.efficientnet_supernet import EfficientNetSupernet
from ce_nas.training.networks.mbconv import FbNetNetwork, FbNetSupernet
from ce_nas.training.networks.nasbench201_network import NasBench201Network
from ce_nas.training.networks.nasnet_network import NasNetNetwork, NasNetSupernet
from ce_nas.training.networks.network_counts import MIN_IMAGENET_HEIGHT
from ce_nas.training.networks.supernet import NasBench201Supernet
from ce_nas.training.networks.whitening import WhitenedNetwork, whitening_channels

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space
    from ce_nas.training.data.images import ImageDataset
    from ce_nas.training.networks.supernet import Supernet
    from ce_nas.training.recipe import Recipe

__all__ = [
    "NETWORK_SPACES",
    "build_network",
    "build_space",
    "build_supernet",
    "network_image_shape",
    "require_recipe",
]

#: smallest image height for an auxiliary head
_MIN_AUXILIARY_HEIGHT = 32
#: the spaces that have networks, by their names in the settings
NETWORK_SPACES: dict[str, Callable[[], Space]] = {
    "nb201": NasBench201Space,
    "darts": DartsSpace,
    "nasnet": NasNetSpace,
    "fbnet": FbNetSpace,
    "efficientnet": EfficientNetSpace,
}
#: what a recipe may ask of a network, and the spaces whose networks have it
_FEATURES: dict[str, tuple[type[Space], ...]] = {
    "auxiliary": (DartsSpace, NasNetSpace),
    "drop_path": (DartsSpace, NasNetSpace, FbNetSpace, EfficientNetSpace),
    "dropout": (FbNetSpace, EfficientNetSpace),
}


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
    lacking = [
        name for name, spaces in _FEATURES.items() if getattr(recipe, name) > 0 and not isinstance(space, spaces)
    ]
    if lacking:
        message = f"Expected a recipe without {' and '.join(lacking)} for {space.name}: its networks lack it."
        raise SettingsError(message)
    _, *sides = data.image_shape
    if recipe.crop > min(sides):
        message = f"Expected a recipe's crop of at most the images' {min(sides)} pixels, got {recipe.crop}."
        raise SettingsError(message)
    height = recipe.crop or sides[0]
    if recipe.auxiliary > 0 and height < _MIN_AUXILIARY_HEIGHT:
        message = (
            f"Expected images of {_MIN_AUXILIARY_HEIGHT} pixels or more for a recipe's auxiliary head, "
            f"got {height}; leave auxiliary out."
        )
        raise SettingsError(message)


def network_image_shape(data: ImageDataset, recipe: Recipe | None) -> tuple[int, int, int]:
    """Channels, height and width of the images that a network sees: the data's, or a recipe's crop of them."""
    colours, height, width = data.image_shape
    crop = recipe.crop if recipe is not None else 0
    return (colours, crop, crop) if crop else (colours, height, width)


def build_network(  # noqa: PLR0913, PLR0917 - the size of a network
    space: Space,
    architecture: Architecture,
    channels: int,
    cells: int,
    data: ImageDataset,
    recipe: Recipe | None = None,
) -> nn.Module:
    """The network of one architecture, for the images of ``data``.

    :param channels: channels of the first stage; the spaces of FBNet and EfficientNet have their own.
    :param cells: cells per stage, or of the whole network in the spaces of DARTS and NASNet.
    :param recipe: the training recipe, which may require an auxiliary head, dropout or smaller images.
    :raises SettingsError: if the space has no networks, or they do not support the recipe.
    """
    classes, (colours, height, width) = data.classes, network_image_shape(data, recipe)
    if recipe is not None:
        require_recipe(space, recipe, data)
    if recipe is not None and recipe.whitening:
        colours = whitening_channels(colours, recipe.whitening)
        network = _build(space, architecture, channels, cells, classes, (colours, height, width), recipe)
        return WhitenedNetwork(network, data, recipe.whitening)
    return _build(space, architecture, channels, cells, classes, (colours, height, width), recipe)


def _build(  # noqa: PLR0913, PLR0917 - as above
    space: Space,
    architecture: Architecture,
    channels: int,
    cells: int,
    classes: int,
    image_shape: tuple[int, int, int],
    recipe: Recipe | None,
) -> nn.Module:
    colours, height, width = image_shape
    is_large, dropout = height >= MIN_IMAGENET_HEIGHT, recipe.dropout if recipe is not None else 0.0
    if isinstance(space, NasBench201Space):
        return NasBench201Network(architecture, channels=channels, cells=cells, classes=classes, in_channels=colours)
    if isinstance(space, DartsSpace | NasNetSpace):
        build = DartsNetwork if isinstance(space, DartsSpace) else NasNetNetwork
        return build(
            architecture,
            channels=channels,
            cells=cells,
            classes=classes,
            in_channels=colours,
            imagenet_stem=is_large,
            auxiliary=recipe is not None and recipe.auxiliary > 0,
        )
    if isinstance(space, FbNetSpace):
        dataset = "imagenet" if is_large else "cifar100"
        return FbNetNetwork(architecture, dataset=dataset, classes=classes, in_channels=colours, dropout=dropout)
    if isinstance(space, EfficientNetSpace):
        return EfficientNetNetwork(
            architecture,
            image_size=(height, width),
            large=is_large,
            classes=classes,
            in_channels=colours,
            dropout=dropout,
        )
    raise _unknown_space_error(space, "network")


def build_supernet(
    space: Space, channels: int, cells: int, data: ImageDataset, recipe: Recipe | None = None
) -> Supernet:
    """The supernet whose paths are the architectures of a space; parameters as for :func:`build_network`.

    :raises SettingsError: if the space has no supernet.
    """
    classes, (colours, height, width) = data.classes, network_image_shape(data, recipe)
    if isinstance(space, NasBench201Space):
        return NasBench201Supernet(channels=channels, cells=cells, classes=classes, in_channels=colours)
    if isinstance(space, DartsSpace | NasNetSpace):
        build = DartsSupernet if isinstance(space, DartsSpace) else NasNetSupernet
        return build(
            channels=channels,
            cells=cells,
            classes=classes,
            in_channels=colours,
            imagenet_stem=height >= MIN_IMAGENET_HEIGHT,
        )
    if isinstance(space, FbNetSpace):
        dataset = "imagenet" if height >= MIN_IMAGENET_HEIGHT else "cifar100"
        return FbNetSupernet(dataset=dataset, classes=classes, in_channels=colours)
    if isinstance(space, EfficientNetSpace):
        is_large = height >= MIN_IMAGENET_HEIGHT
        return EfficientNetSupernet(image_size=(height, width), large=is_large, classes=classes, in_channels=colours)
    raise _unknown_space_error(space, "supernet")


def _unknown_space_error(space: Space, network_kind: str) -> SettingsError:
    message = (
        f"Expected a space with a {network_kind} of its own ({', '.join(NETWORK_SPACES)}), got {space.name!r}; give a "
        "function that evaluates its architectures instead."
    )
    return SettingsError(message)
