"""The shipped recipes are valid settings, and say what they claim."""

import tomllib

import pytest

from ce_nas.config.recipe_files import list_recipes, read_recipe_file, recipe_text
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError


def test_the_names():
    assert list_recipes() == ["cifar10", "cifar10-fast", "digits", "fashion", "imagenet"]


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_is_valid_and_goes_to_a_network(name):
    settings = settings_from_flags(read_recipe_file(name))
    assert settings.live.enabled
    assert settings.final.enabled
    assert f"--recipe {name}" in recipe_text(name)
    assert tomllib.loads(recipe_text(name)) == read_recipe_file(name)


def test_the_final_recipe_of_cifar10_is_darts_published_one():
    final = settings_from_flags(read_recipe_file("cifar10")).final
    recipe = final.recipe
    assert (final.channels, final.cells) == (36, 20)
    assert (recipe.epochs, recipe.batch, recipe.learning_rate, recipe.momentum) == (600, 96, 0.025, 0.9)
    assert (recipe.weight_decay, recipe.clip, recipe.cutout, recipe.auxiliary) == (3e-4, 5.0, 16, 0.4)
    assert (recipe.drop_path, recipe.nesterov, recipe.per_epoch, recipe.decay_of) == (0.2, False, True, "all")


def test_the_final_recipe_of_imagenet_is_efficientnets():
    recipe = settings_from_flags(read_recipe_file("imagenet")).final.recipe
    assert recipe.learning_rate == pytest.approx(0.256 * recipe.batch / 4096)
    assert (recipe.decay_rate, recipe.decay_epochs, recipe.second_momentum, recipe.epsilon) == (0.97, 2.4, 0.9, 1e-3)
    assert (recipe.dropout, recipe.drop_path, recipe.ema, recipe.weight_decay) == (0.2, 0.2, 0.9999, 1e-5)
    assert recipe.warmup * recipe.epochs == pytest.approx(5, rel=0.01)


def test_an_unknown_recipe_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="cifar10-fast"):
        read_recipe_file("cifar")


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"final": {"rule": "knee", "cells": 3}}, "final.enabled = true"),
        ({"final": {"enabled": True}}, "networks on real devices"),
        ({"final": {"enabled": True}, "live": True, "evaluate": __file__}, "without --evaluate"),
    ],
)
def test_a_final_training_without_effect_is_refused(flags, reason):
    with pytest.raises(SettingsError, match=reason):
        settings_from_flags(**flags)
