"""The optimisers of a recipe, with those that torch lacks: Muon for any layer, and TensorFlow's RMSProp.

Sources
    [EfficientNet] Tan, Le. EfficientNet. ICML 2019: RMSProp with decay 0.9, momentum 0.9 and epsilon 0.001.
    [Muon] Jordan et al. Muon: an optimizer for hidden layers in neural networks. 2024: the coefficients of the
        Newton-Schulz iteration.
    [RMSProp] Tieleman, Hinton. Lecture 6.5. 2012; TensorFlow adds epsilon inside the root, starts the average at 1
        and multiplies by the learning rate before the momentum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.training.recipe import Recipe

__all__ = ["Muon", "TensorFlowRmsProp", "build_optimiser", "orthogonalise"]

#: of the quintic iteration [Muon]
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5


def build_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe for the parameters of a network."""
    groups = parameter_groups(network, recipe)
    rate, momentum = recipe.learning_rate, recipe.momentum
    if recipe.optimiser == "adamw":
        betas = (momentum, recipe.second_momentum)
        return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=recipe.epsilon)
    if recipe.optimiser == "rmsprop":
        return TensorFlowRmsProp(groups, rate, momentum, recipe.second_momentum, recipe.epsilon)
    if recipe.optimiser == "muon":
        return Muon(groups, rate, momentum, nesterov=recipe.nesterov)
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=recipe.nesterov and momentum > 0)


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameter groups: those that decay, and those that do not."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if recipe.decay_of == "all":
        return [{"params": parameters, "weight_decay": recipe.weight_decay}]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


class TensorFlowRmsProp(torch.optim.Optimizer):
    """RMSProp as TensorFlow computes it [RMSProp], with the weight decay added to the gradient."""

    def __init__(self, params: Iterable[Any], lr: float, momentum: float, decay: float, epsilon: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay, "eps": epsilon, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002 - torch's signature
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient, state = parameter.grad, self.state[parameter]
                if group["weight_decay"]:
                    gradient = gradient.add(parameter, alpha=group["weight_decay"])
                if not state:
                    state["square"], state["velocity"] = torch.ones_like(parameter), torch.zeros_like(parameter)
                state["square"].lerp_(gradient.square(), 1.0 - group["decay"])
                scaled = gradient / (state["square"] + group["eps"]).sqrt()
                state["velocity"].mul_(group["momentum"]).add_(scaled, alpha=group["lr"])
                parameter.sub_(state["velocity"])


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are orthogonalised before each step [Muon]; vectors and classifiers take plain steps.

    A convolution's weight is a matrix of one row per output channel. The step of a matrix has the length that a
    gradient step of the same learning rate would have for a matrix of orthonormal rows, times the root of the ratio of
    rows to columns where it exceeds one. Weight decay is decoupled, as in AdamW.
    """

    def __init__(self, params: Iterable[Any], lr: float, momentum: float, *, nesterov: bool = True) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002 - torch's signature
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["velocity"] = torch.zeros_like(parameter)
                velocity = state["velocity"].mul_(group["momentum"]).add_(parameter.grad)
                update = parameter.grad.add(velocity, alpha=group["momentum"]) if group["nesterov"] else velocity
                if parameter.ndim > 1:
                    matrix = update.flatten(1)
                    scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                    update = (orthogonalise(matrix) * scale).reshape(parameter.shape).to(parameter.dtype)
                if group["weight_decay"]:
                    parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"])


def orthogonalise(matrix: Tensor) -> Tensor:
    """A matrix of nearly orthonormal rows or columns with the singular vectors of ``matrix``, shape unchanged.

    Five steps of the quintic Newton-Schulz iteration [Muon]: singular values end between about 0.7 and 1.2.
    """
    a, b, c = _NEWTON_SCHULZ
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if is_tall else matrix).float()
    x = x / (x.norm() + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    found: Tensor = x.T if is_tall else x
    return found
