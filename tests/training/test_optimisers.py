import pytest
import torch

from ce_nas.training.optimisers import Muon, TensorFlowRmsProp, build_optimiser, orthogonalise
from ce_nas.training.recipe import Recipe


def network():
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(4, 3))


def test_weight_decay_is_on_all_tensors_or_the_weights():
    (group,) = build_optimiser(network(), Recipe()).param_groups
    assert (len(group["params"]), group["weight_decay"]) == (6, 5e-4)
    decayed, others = build_optimiser(network(), Recipe(decay_of="weights")).param_groups
    assert [len(decayed["params"]), decayed["weight_decay"]] == [2, 5e-4]
    assert [len(others["params"]), others["weight_decay"]] == [4, 0.0]


@pytest.mark.parametrize("nesterov", [True, False])
def test_nesterov_is_a_setting(nesterov):
    """Two steps of momentum 0.9 and rate 0.1 along a gradient of 1: 0.1 v, or 0.1 (1 + 0.9 v) with Nesterov."""
    weight = torch.nn.Parameter(torch.zeros(1))
    module = torch.nn.Module()
    module.weight = weight
    optimiser = build_optimiser(module, Recipe(nesterov=nesterov, weight_decay=0.0))
    for _ in range(2):
        weight.grad = torch.ones(1)
        optimiser.step()
    assert float(weight.detach()) == pytest.approx(-0.1 * ((1.9 + 2.71) if nesterov else (1.0 + 1.9)))


def test_adamw_decouples_the_decay():
    weight = torch.nn.Parameter(torch.ones(1))
    module = torch.nn.Module()
    module.weight = weight
    optimiser = build_optimiser(module, Recipe(optimiser="adamw", learning_rate=0.1, weight_decay=0.5))
    weight.grad = torch.full((1,), 7.0)
    optimiser.step()
    assert float(weight.detach()) == pytest.approx(1.0 - 0.1 * 0.5 - 0.1)  # a first step has the length of the rate


def test_rmsprop_is_tensorflows():
    """The average starts at 1, epsilon is inside the root, and the rate inside the momentum."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = TensorFlowRmsProp([weight], lr=0.1, momentum=0.9, decay=0.9, epsilon=0.001)
    square, velocity, expected = 1.0, 0.0, 0.0
    for gradient, rate in [(2.0, 0.1), (1.0, 0.05)]:
        optimiser.param_groups[0]["lr"] = rate
        weight.grad = torch.full((1,), gradient)
        optimiser.step()
        square = 0.9 * square + 0.1 * gradient**2
        velocity = 0.9 * velocity + rate * gradient / (square + 0.001) ** 0.5
        expected -= velocity
    assert float(weight.detach()) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalise(matrix)
    values = torch.linalg.svdvals(found)
    assert 0.6 < float(values.min()) < float(values.max()) < 1.3
    in_their_frame = left.T @ found @ right.T
    assert float((in_their_frame - torch.diag(torch.diagonal(in_their_frame))).abs().max()) < 1e-4  # the same vectors


def test_muon_orthogonalises_matrices_and_not_vectors():
    matrix, vector = torch.nn.Parameter(torch.zeros(4, 2, 3, 3)), torch.nn.Parameter(torch.zeros(3))
    optimiser = Muon([matrix, vector], lr=0.1, momentum=0.9, nesterov=False)
    matrix.grad = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(1)) * 1e-3
    vector.grad = torch.tensor([1.0, 2.0, 3.0])
    optimiser.step()
    assert float(torch.linalg.svdvals(matrix.detach().flatten(1)).min()) > 0.06
    assert vector.tolist() == pytest.approx([-0.1, -0.2, -0.3])
