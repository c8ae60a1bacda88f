"""A network that does what was right in hindsight, as far as an observation tells it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.policies.learned.actions import MENU
from ce_nas.policies.learned.network import PolicyNetwork

if TYPE_CHECKING:
    import torch

    from ce_nas.rl.expert import Demonstrations

__all__ = ["HIDDEN", "imitate"]

#: units of the hidden layers
HIDDEN = (64, 64)
#: situations a step, passes over all of them, and the size of a step at the beginning
BATCH, PASSES, RATE = 256, 40, 2e-3
#: pull of the weights towards zero
DECAY = 1e-3


def imitate(shown: Demonstrations, seed: int, *, discrete: bool = True) -> PolicyNetwork:
    """Train a network on demonstrations; the same ones and the same seed give the same network.

    Each situation counts by how much it matters. Of a discrete policy the cross-entropy over the entries that make
    sense is made small, of a continuous one the squared distance to the right shares.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    layers = _layers(shown.observations.shape[1], len(MENU) if discrete else 2)
    optimiser = torch.optim.AdamW(layers.parameters(), lr=RATE, weight_decay=DECAY)
    observations, masks = torch.as_tensor(shown.observations), torch.as_tensor(shown.masks)
    choices = torch.as_tensor(shown.choices)
    weights = torch.as_tensor(shown.weights / shown.weights.mean(), dtype=torch.float32)
    shares = torch.as_tensor(2.0 * np.array(MENU, dtype=np.float32) - 1.0)[choices]
    steps = PASSES * -(-len(choices) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(PASSES):
        for rows in torch.split(torch.randperm(len(choices), generator=generator), BATCH):
            put_out = layers(observations[rows])
            if discrete:
                logits = put_out.masked_fill(~masks[rows], -1e9)
                losses = torch.nn.functional.cross_entropy(logits, choices[rows], reduction="none")
            else:
                losses = ((put_out - shares[rows]) ** 2).sum(dim=1)
            optimiser.zero_grad()
            (losses * weights[rows]).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return network_of(layers, discrete=discrete)


def network_of(layers: torch.nn.Module, *, discrete: bool) -> PolicyNetwork:
    """The weights of layers in a row, as a policy that needs no torch."""
    import torch

    linear = [part for part in layers.modules() if isinstance(part, torch.nn.Linear)]
    return PolicyNetwork(
        weights=tuple(part.weight.detach().numpy().T.copy() for part in linear),
        biases=tuple(part.bias.detach().numpy().copy() for part in linear),
        discrete=discrete,
    )


def _layers(inputs: int, outputs: int) -> torch.nn.Sequential:
    import torch

    sizes = (inputs, *HIDDEN)
    parts: list[torch.nn.Module] = []
    for into, out in pairwise(sizes):
        parts += [torch.nn.Linear(into, out), torch.nn.Tanh()]
    return torch.nn.Sequential(*parts, torch.nn.Linear(sizes[-1], outputs))
