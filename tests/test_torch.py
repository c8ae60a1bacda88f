import math

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra torch")

import torch
from torch import nn

from ce_nas.core.errors import SettingsError
from ce_nas.torch import Networks


@pytest.fixture(autouse=True)
def an_idle_device(monkeypatch):
    """Timing waits for an idle device, which the tests beside it prevent."""
    monkeypatch.setattr("ce_nas.training.latency.wait_until_idle", lambda *_: 0.0)


def build(chosen):
    width = chosen["width"]
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Linear(width * 64, 10)
    )


NETWORKS = Networks(build, (1, 8, 8))


def test_costs_are_counted():
    costs = NETWORKS.costs({"width": 4})
    assert costs["parameters"] == 9 * 4 + 4 + 2 * 4 + 256 * 10 + 10
    assert costs["flops"] == pytest.approx(9 * 4 * 64 + 256 * 10, rel=0.15)
    assert NETWORKS.latency_ms({"width": 4}, passes=3) > 0


def test_scores_are_the_same_each_time_and_leave_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = NETWORKS.score({"width": 4})
    assert torch.equal(torch.rand(3), expected)
    assert NETWORKS.score({"width": 4}) == first
    assert all(map(math.isfinite, first.values()))


def test_wider_networks_score_better():
    scores = np.array([list(NETWORKS.score({"width": width}).values()) for width in (2, 8, 32)])
    assert (np.diff(scores[:, :2], axis=0) > 0).all()  # synflow and naswot


def test_a_network_without_activations_or_gradients_gets_finite_scores():
    linear = Networks(lambda _: nn.Linear(4, 3), (4,)).score({})
    assert all(map(math.isfinite, linear.values()))
    dead = Networks(lambda _: nn.Sequential(nn.Flatten()), (4,))
    with pytest.raises(RuntimeError):
        dead.score({})


def test_a_batch_of_one_is_refused():
    with pytest.raises(SettingsError, match="batch of 2 or more"):
        Networks(build, (1, 8, 8), batch=1)
