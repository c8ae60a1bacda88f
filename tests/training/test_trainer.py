import math

import pytest
import torch

from ce_nas.core.errors import StoreError
from ce_nas.training.networks.nasbench201 import NasBench201Network
from ce_nas.training.recipe import Recipe
from ce_nas.training.trainer import DivergedError, Spent, Training

CELL = (4, 1, 3, 1, 0, 2)
RECIPE = Recipe(epochs=3, batch=64, learning_rate=0.1, shift=1, flip=False, cutout=2, mixup=0.2, ema=0.9)


class Dropping(torch.nn.Module):
    """A network that drops its one path as often as it is told, drawn from torch's own generator."""

    drop_path = 0.0

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))

    def forward(self, images):
        kept = torch.rand(len(images), 1) >= self.drop_path if self.training else 1.0
        return self.inner(images) * kept, self.inner(images)


def network(seed=0):
    torch.manual_seed(seed)
    return NasBench201Network(CELL, channels=4, cells=1, in_channels=1)


def weights(training):
    return [*training.network.state_dict().values(), *training._network.state_dict().values()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


@pytest.fixture(scope="module")
def whole(digits):
    training = Training(network(), digits, RECIPE, seed=5)
    assert training.advance()
    return training


def test_it_learns(digits, whole):
    assert whole.score(digits.validation).accuracy_pct > 30  # a tenth is chance


@pytest.mark.parametrize("at", [1, 16, 17, 40])
def test_suspended_at_any_step_it_ends_bit_for_bit_alike(digits, whole, tmp_path, at):
    first = Training(network(), digits, RECIPE, seed=5)
    assert not first.advance(steps=at)
    first.spent = Spent(12.5, 3.0)
    first.save(tmp_path / "one.pt")
    second = Training(network(seed=9), digits, RECIPE, seed=5)
    second.load(tmp_path / "one.pt")
    assert (second.step, second.spent) == (at, Spent(12.5, 3.0))
    assert second.advance()
    assert same(second, whole)


def test_dropped_paths_resume_alike_too(digits, tmp_path):
    recipe = Recipe(epochs=2, batch=64, drop_path=0.5, auxiliary=0.4, clip=1.0, flip=False)

    def fresh():
        torch.manual_seed(1)
        return Training(Dropping(), digits, recipe, seed=2)

    straight, first, second = fresh(), fresh(), fresh()
    straight.advance()
    first.advance(steps=20)
    first.save(tmp_path / "one.pt")
    torch.rand(7)  # whatever else was drawn meanwhile must not matter
    second.load(tmp_path / "one.pt")
    second.advance()
    assert same(straight, second)
    assert straight._network.drop_path > 0.4


def test_it_leaves_when_told(digits):
    training, asked = Training(network(), digits, RECIPE), []
    training.advance(leave=lambda: len(asked) == 5 or asked.append(1))
    assert training.step == 5


def test_a_part_of_the_epochs_follows_the_whole_schedule(digits):
    part = Training(network(), digits, RECIPE, epochs=1)
    assert part.steps == part.steps_an_epoch
    assert part.schedule_steps == 3 * part.steps_an_epoch
    part.advance()
    assert part.finished
    assert part._optimiser.param_groups[0]["lr"] > 0.05


def test_a_checkpoint_of_another_training_is_refused(digits, whole, tmp_path):
    whole.save(tmp_path / "one.pt")
    with pytest.raises(StoreError, match="seed differ"):
        Training(network(), digits, RECIPE, seed=6).load(tmp_path / "one.pt")


def test_a_loss_that_is_no_number_is_told(digits):
    recipe = Recipe(epochs=1, batch=64, learning_rate=1e30)
    with pytest.raises(DivergedError, match="lower the learning rate"):
        Training(network(), digits, recipe).advance()


def test_half_precision_runs(digits):
    training = Training(network(), digits, Recipe(epochs=1, batch=64, precision="bf16"))
    training.advance(steps=3)
    assert math.isfinite(training.score(digits.validation).loss)
