"""Behaviour cloning: a network trained on the hindsight expert's demonstrations."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.rng import seeded_torch
from ce_nas.policies.learned.actions import ACTIONS
from ce_nas.policies.learned.policy_network import PolicyNetwork

if TYPE_CHECKING:
    import torch

    from ce_nas.rl.expert import Demonstrations

__all__ = ["HIDDEN_SIZES", "train_behavior_cloning"]

#: units of the hidden layers of every policy network
HIDDEN_SIZES = (64, 64)
#: demonstrations per step, and passes over all of them
BATCH_SIZE, N_EPOCHS = 256, 40
#: of AdamW; the learning rate is the initial one of a cosine schedule
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 1e-3


def train_behavior_cloning(demonstrations: Demonstrations, seed: int, *, discrete: bool = True) -> PolicyNetwork:
    """Train a network on demonstrations; the same demonstrations and seed give the same network.

    The loss is weighted by the demonstrations' weights: for a discrete policy the cross-entropy over the unmasked
    actions, for a continuous one the squared error of the shares.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with seeded_torch(seed):
        layers = _build_layers(demonstrations.observations.shape[1], len(ACTIONS) if discrete else 2)
    optimiser = torch.optim.AdamW(layers.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    observations, masks = torch.as_tensor(demonstrations.observations), torch.as_tensor(demonstrations.masks)
    actions = torch.as_tensor(demonstrations.actions)
    weights = torch.as_tensor(demonstrations.weights / demonstrations.weights.mean(), dtype=torch.float32)
    shares = torch.as_tensor(2.0 * np.array(ACTIONS, dtype=np.float32) - 1.0)[actions]
    steps = N_EPOCHS * -(-len(actions) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(N_EPOCHS):
        for rows in torch.split(torch.randperm(len(actions), generator=generator), BATCH_SIZE):
            outputs = layers(observations[rows])
            if discrete:
                logits = outputs.masked_fill(~masks[rows], -1e9)
                losses = torch.nn.functional.cross_entropy(logits, actions[rows], reduction="none")
            else:
                losses = ((outputs - shares[rows]) ** 2).sum(dim=1)
            optimiser.zero_grad()
            (losses * weights[rows]).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return to_policy_network(layers, discrete=discrete)


def to_policy_network(layers: torch.nn.Module, *, discrete: bool) -> PolicyNetwork:
    """The weights of consecutive layers as a network that needs no torch."""
    import torch

    linear = [layer for layer in layers.modules() if isinstance(layer, torch.nn.Linear)]
    return PolicyNetwork(
        weights=tuple(layer.weight.detach().numpy().T.copy() for layer in linear),
        biases=tuple(layer.bias.detach().numpy().copy() for layer in linear),
        discrete=discrete,
    )


def _build_layers(inputs: int, outputs: int) -> torch.nn.Sequential:
    import torch

    sizes = (inputs, *HIDDEN_SIZES)
    layers: list[torch.nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], outputs))
