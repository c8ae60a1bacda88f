import math

import pytest
import torch

from ce_nas.core.errors import StoreError
from ce_nas.gpu_workloads import CheckSettings, generate_images
from ce_nas.training.networks.nasbench201_network import NasBench201Network
from ce_nas.training.recipe import Recipe
from ce_nas.training.trainer import DivergedError, NetworkTrainer, TrainingUsage

CELL = (4, 1, 3, 1, 0, 2)
RECIPE = Recipe(epochs=3, batch=64, learning_rate=0.1, shift=1, flip=False, cutout=2, mixup=0.2, ema=0.9)


class DropPathNetwork(torch.nn.Module):
    """A network that drops its path with probability ``drop_path`` by torch's global generator."""

    def __init__(self):
        super().__init__()
        self.drop_path = None
        self.inner = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))

    def forward(self, images):
        kept = torch.rand(len(images), 1) >= self.drop_path if self.training else torch.tensor(1.0)
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


def test_mixups_share_follows_the_beta_distribution_at_every_alpha(digits, monkeypatch):
    """Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1))."""
    from ce_nas.training import trainer as module

    for alpha in (0.2, 1.0, 8.0):
        shares = []
        monkeypatch.setattr(module, "mixup", lambda images, share, _, kept=shares: (kept.append(share), images)[1:] * 2)
        training = NetworkTrainer(DropPathNetwork(), digits, Recipe(epochs=1, batch=64, mixup=alpha, flip=False))
        for training.step in range(400):
            with pytest.raises(Exception):  # noqa: B017, PT011 - only the draw is looked at
                training._loss(torch.zeros(2, 1, 8, 8), torch.zeros(2), None)
        shares = torch.tensor(shares)
        assert abs(float(shares.mean()) - 0.5) < 0.06
        assert float(shares.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.25)


def test_the_average_is_tensorflows(digits):
    """Decay min(d, (1 + n) / (10 + n)) after update n, on weights and normalisation statistics alike."""
    trainer = NetworkTrainer(network(), digits, Recipe(epochs=1, batch=64, ema=0.9, flip=False))
    before = {name: value.clone() for name, value in trainer._network.state_dict().items()}
    trainer.advance(steps=1)
    for name, average in trainer.network.state_dict().items():
        if average.is_floating_point():
            expected = 0.1 * before[name] + 0.9 * trainer._network.state_dict()[name]
            torch.testing.assert_close(average, expected)


def test_a_compiled_network_is_not_compiled_again_as_drop_path_grows(digits):
    compilations = []

    def backend(graph, _):
        compilations.append(graph)
        return graph.forward

    class Dropping(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.drop_path = None
            self.inner = torch.nn.Linear(64, 10)

        def forward(self, images):
            from ce_nas.training.networks.darts_network import drop_images

            x = images.flatten(1)
            return self.inner(drop_images(x[:, :, None, None], self.drop_path)[:, :, 0, 0])

    torch._dynamo.reset()
    data = digits.truncate(256)
    recipe = Recipe(epochs=6, batch=64, drop_path=0.5, flip=False, keep_last=False)
    trainer = NetworkTrainer(Dropping(), data, recipe)
    trainer._forward = torch.compile(trainer._network, backend=backend)
    trainer.advance()
    assert float(trainer._drop_path) > 0.4
    assert len(compilations) == 1


def test_every_image_is_trained_on_in_an_epoch(digits):
    trainer = NetworkTrainer(network(), digits, Recipe(epochs=1, batch=100, flip=False))
    images = len(digits.train)
    assert trainer.steps == -(-images // 100)
    assert NetworkTrainer(network(), digits, Recipe(epochs=1, batch=100, keep_last=False)).steps == images // 100


def test_a_constant_drop_path_is_there_from_the_first_step(digits):
    trainer = NetworkTrainer(
        DropPathNetwork(), digits, Recipe(epochs=4, batch=64, drop_path=0.3, drop_path_grows=False, flip=False)
    )
    trainer.advance(steps=1)
    assert float(trainer._drop_path) == pytest.approx(0.3)


class DilatedNetwork(torch.nn.Module):
    """A dilated depthwise convolution, as in DARTS' space, and a classifier."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 1),
            torch.nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4),
            torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(4, 10),
        )

    def forward(self, images):
        return self.inner(images)


def dilated_weights(precision):
    torch.manual_seed(0)
    recipe = Recipe(epochs=1, batch=16, learning_rate=0.1, cutout=0, precision=precision)
    trainer = NetworkTrainer(DilatedNetwork(), generate_images(CheckSettings.for_cpu(), 160), recipe)
    trainer.advance(steps=5)
    return next(weight for name, weight in trainer.network.named_parameters() if name == "inner.1.weight").detach()


def test_dilated_depthwise_convolutions_train_in_bf16_on_a_cpu():
    first, second, exact = (dilated_weights(precision) for precision in ("bf16", "bf16", "float32"))
    assert torch.equal(first, second)
    assert torch.allclose(first, exact, atol=0.05)
