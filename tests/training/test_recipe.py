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
        {"clip": 0.0}, {"cutout": -1}, {"mixup": math.nan}, {"precision": "int3"}, {"optimiser": "lion"},
        {"schedule": "linear"}, {"decay_of": "biases"}, {"milestones": (0.5,)}, {"decay_rate": 0.5},
        {"start_factor": 0.1}, {"second_momentum": 0.9}, {"alternating_flip": True, "flip": False},
        {"milestones": (1.5,), "schedule": "step"}, {"decay_epochs": 0.0, "schedule": "exponential"},
    ],
)  # fmt: skip
def test_invalid_options_are_refused(options):
    with pytest.raises(SettingsError, match=next(iter(options)).replace("_", ".")):
        Recipe(**options)


def test_the_default_recipe_does_not_flip_digits():
    assert not default_recipe(8).flip
    assert default_recipe(32) == Recipe()


def rates(recipe, steps):
    return [recipe.learning_rate_at(step, steps) for step in range(steps)]


def test_a_cosine_by_step_and_by_epoch():
    """NAS-Bench-201's by step, DARTS' by epoch: 0.025 (1 + cos(pi epoch / epochs)) / 2."""
    recipe = Recipe(epochs=4, learning_rate=0.025)
    assert rates(recipe, 8) == pytest.approx([0.0125 * (1 + math.cos(math.pi * step / 8)) for step in range(8)])
    darts = Recipe(epochs=4, learning_rate=0.025, per_epoch=True)
    assert rates(darts, 8) == pytest.approx([0.0125 * (1 + math.cos(math.pi * (step // 2) / 4)) for step in range(8)])


def test_steps_divide_at_their_milestones():
    """ResNet's: divided by ten at half and at three quarters."""
    recipe = Recipe(epochs=8, learning_rate=1.0, schedule="step", milestones=(0.5, 0.75))
    assert rates(recipe, 8) == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_an_exponential_decays_every_few_epochs():
    """DARTS on ImageNet by 0.97 an epoch, EfficientNet by 0.97 every 2.4 epochs."""
    darts = Recipe(epochs=4, learning_rate=0.1, schedule="exponential", decay_rate=0.97)
    assert rates(darts, 8) == pytest.approx([0.1 * 0.97 ** (step // 2) for step in range(8)])
    tan = Recipe(epochs=12, learning_rate=1.0, schedule="exponential", decay_rate=0.97, decay_epochs=2.4)
    assert rates(tan, 12) == pytest.approx([0.97 ** math.floor(step / 2.4 + 1e-9) for step in range(12)])


def test_one_cycle_rises_and_falls_in_straight_lines():
    recipe = Recipe(learning_rate=1.0, schedule="one-cycle", warmup=0.2, start_factor=0.2, final_factor=0.1)
    found = rates(recipe, 10)
    assert found[:3] == pytest.approx([0.2, 0.6, 1.0])
    assert found[2:] == pytest.approx([1.0 - 0.9 * index / 8 for index in range(8)])


def test_drop_path_goes_by_step_or_by_epoch():
    assert [Recipe(epochs=2).schedule_position(step, 6) for step in range(6)] == [0, 1, 2, 3, 4, 5]
    assert [Recipe(epochs=2, per_epoch=True).schedule_position(step, 6) for step in range(6)] == [0, 0, 0, 3, 3, 3]
