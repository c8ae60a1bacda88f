"""The shipped recipes: settings of whole projects, from the search to a trained and exported network.

- digits: minutes on a CPU
- fashion: Fashion-MNIST, an hour or two on a CPU
- cifar10: DARTS cells, accuracy against parameters, trained at length; days on a GPU
- cifar10-fast: the same with a short evaluation of candidates
- imagenet: EfficientNet's space; weeks on GPUs

Paths in them are relative to the working directory.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError, unknown_choice_message

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["list_recipes", "read_recipe_file", "recipe_text"]


def list_recipes() -> list[str]:
    """The names of the shipped recipes."""
    folder = files("ce_nas.config").joinpath("recipes")
    return sorted(path.name.removesuffix(".toml") for path in folder.iterdir() if path.name.endswith(".toml"))


def recipe_text(name: str) -> str:
    """The commented file of a recipe.

    :raises SettingsError: if there is none of this name.
    """
    if name not in list_recipes():
        raise SettingsError(unknown_choice_message("recipe", name, list_recipes()))
    return files("ce_nas.config").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")


def read_recipe_file(name: str) -> Mapping[str, Any]:
    """The settings of a recipe, as a configuration file's.

    :raises SettingsError: if there is none of this name.
    """
    return tomllib.loads(recipe_text(name))
