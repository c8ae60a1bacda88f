import math

import pytest
import torch

from ce_nas.core.errors import StoreError
from ce_nas.training.networks.nasbench201_network import NasBench201Network
from ce_nas.training.recipe import Recipe
from ce_nas.training.trainer import DivergedError, NetworkTrainer, TrainingUsage

CELL = (4, 1, 3, 1, 0, 2)
RECIPE = Recipe(epochs=3, batch=64, learning_rate=0.1, shift=1, flip=False, cutout=2, mixup=0.2, ema=0.9)


class DropPathNetwork(torch.nn.Module):
    """A network that drops its path with probability ``drop_path`` by torch's global generator."""

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


def weights(trainer):
    return [*trainer.network.state_dict().values(), *trainer._network.state_dict().values()]


def equal_weights(first, second):
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


@pytest.fixture(scope="module")
def whole(digits):
    trainer = NetworkTrainer(network(), digits, RECIPE, seed=5)
    assert trainer.advance()
    return trainer


def test_training_learns(digits, whole):
    assert whole.evaluate(digits.validation).accuracy_pct > 30  # chance is 10 %


@pytest.mark.parametrize("step", [1, 16, 17, 40])
def test_a_resumed_training_is_bitwise_equal(digits, whole, tmp_path, step):
    first = NetworkTrainer(network(), digits, RECIPE, seed=5)
    assert not first.advance(steps=step)
    first.usage = TrainingUsage(12.5, 3.0)
    first.save(tmp_path / "checkpoint.pt")
    second = NetworkTrainer(network(seed=9), digits, RECIPE, seed=5)
    second.load(tmp_path / "checkpoint.pt")
    assert (second.step, second.usage) == (step, TrainingUsage(12.5, 3.0))
    assert second.advance()
    assert equal_weights(second, whole)


def test_drop_path_resumes_bitwise_equal(digits, tmp_path):
    recipe = Recipe(epochs=2, batch=64, drop_path=0.5, auxiliary=0.4, clip=1.0, flip=False)

    def fresh():
        torch.manual_seed(1)
        return NetworkTrainer(DropPathNetwork(), digits, recipe, seed=2)

    uninterrupted, first, second = fresh(), fresh(), fresh()
    uninterrupted.advance()
    first.advance(steps=20)
    first.save(tmp_path / "checkpoint.pt")
    torch.rand(7)  # draws in between must not matter
    second.load(tmp_path / "checkpoint.pt")
    second.advance()
    assert equal_weights(uninterrupted, second)
    assert uninterrupted._network.drop_path > 0.4


def test_advance_stops_on_request(digits):
    trainer, polls = NetworkTrainer(network(), digits, RECIPE), []
    trainer.advance(should_stop=lambda: len(polls) == 5 or polls.append(1))
    assert trainer.step == 5


def test_fewer_epochs_follow_the_whole_schedule(digits):
    part = NetworkTrainer(network(), digits, RECIPE, epochs=1)
    assert part.steps == part.steps_per_epoch
    assert part.schedule_steps == 3 * part.steps_per_epoch
    part.advance()
    assert part.is_finished
    assert part._optimiser.param_groups[0]["lr"] > 0.05


def test_a_checkpoint_of_another_training_is_refused(digits, whole, tmp_path):
    whole.save(tmp_path / "checkpoint.pt")
    with pytest.raises(StoreError, match="seed differ"):
        NetworkTrainer(network(), digits, RECIPE, seed=6).load(tmp_path / "checkpoint.pt")


def test_a_non_finite_loss_raises_diverged_error(digits):
    recipe = Recipe(epochs=1, batch=64, learning_rate=1e30)
    with pytest.raises(DivergedError, match="lower the learning rate"):
        NetworkTrainer(network(), digits, recipe).advance()


def test_half_precision_runs(digits):
    trainer = NetworkTrainer(network(), digits, Recipe(epochs=1, batch=64, precision="bf16"))
    trainer.advance(steps=3)
    assert math.isfinite(trainer.evaluate(digits.validation).loss)
