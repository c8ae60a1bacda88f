import math

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.training.recipe import Recipe, default_recipe


def test_the_learning_rate_warms_up_and_decays():
    recipe = Recipe(learning_rate=0.1, warmup=0.2)
    rates = [recipe.learning_rate_at(step, 100) for step in range(100)]
    assert rates[:20] == sorted(rates[:20])
    assert rates[20] == pytest.approx(0.1)
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert 0 < rates[-1] < 1e-3


def test_without_warmup_the_learning_rate_starts_at_its_peak():
    assert Recipe(learning_rate=0.3).learning_rate_at(0, 10) == 0.3


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0}, {"batch": 0}, {"warmup": 1.0}, {"label_smoothing": -0.1}, {"ema": 1.0}, {"learning_rate": 0.0},
        {"clip": 0.0}, {"cutout": -1}, {"mixup": math.nan}, {"precision": "int3"},
    ],
)  # fmt: skip
def test_invalid_options_are_refused(options):
    with pytest.raises(SettingsError, match=next(iter(options)).replace("_", ".")):
        Recipe(**options)


def test_the_default_recipe_does_not_flip_digits():
    assert not default_recipe(8).flip
    assert default_recipe(32) == Recipe()
