"""Proximal policy optimisation in the environment, from a network that is handed in or from nothing.

Sources
    [PPO] Schulman, Wolski, Dhariwal, Radford, Klimov. Proximal Policy Optimization Algorithms. arXiv 1707.06347.
    [mask] Huang, Ontanon. A Closer Look at Invalid Action Masking in Policy Gradient Algorithms. FLAIRS 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import MissingExtraError
from ce_nas.learn.imitation import HIDDEN, network_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.allocate.policy_file import PolicyNetwork
    from ce_nas.learn.env import SearchEnv

__all__ = ["PpoSettings", "improve"]


@dataclass(frozen=True, slots=True)
class PpoSettings:
    """How it is trained."""

    #: steps of the environment between two changes of the policy, of all environments together
    rollout: int = 2048
    #: steps of the environment between two looks at how good the policy is
    look_every: int = 8192
    rate: float = 1e-4
    batch: int = 512
    epochs: int = 6
    clip: float = 0.1
    #: what a later reward counts, and how far advantages look ahead
    discount: float = 1.0
    trace: float = 0.97
    #: changes end early when the policy has moved so far
    most_divergence: float = 0.02
    #: a policy that is trained from nothing is encouraged to try things out
    entropy: float = 0.0


def improve(  # noqa: PLR0913 - where, from what, how long and how, and who looks
    environments: Sequence[Callable[[], SearchEnv]],
    begin: PolicyNetwork | None,
    steps: int,
    *,
    seed: int,
    settings: PpoSettings,
    look: Callable[[int, PolicyNetwork], bool],
) -> None:
    """Train for so many steps; ``look`` is handed the steps so far and the policy, and says whether to go on.

    :param environments: one maker each; all of them discrete, or none.
    :raises MissingExtraError: if the extra ``rl`` is not installed.
    """
    try:
        from sb3_contrib import MaskablePPO
        from stable_baselines3 import PPO
        from stable_baselines3.common.vec_env import DummyVecEnv
    except ImportError as error:
        raise MissingExtraError(error.name or "sb3_contrib", "rl", "Training a policy") from error
    import torch

    torch.set_num_threads(1)
    vector = DummyVecEnv(list(environments))
    discrete = hasattr(vector.action_space, "n")
    model: Any = (MaskablePPO if discrete else PPO)(
        "MlpPolicy",
        vector,
        learning_rate=settings.rate,
        n_steps=max(settings.rollout // len(environments), 1),
        batch_size=min(settings.batch, settings.rollout),
        n_epochs=settings.epochs,
        gamma=settings.discount,
        gae_lambda=settings.trace,
        clip_range=settings.clip,
        ent_coef=settings.entropy,
        target_kl=settings.most_divergence,
        policy_kwargs={"net_arch": {"pi": list(HIDDEN), "vf": list(HIDDEN)}, "activation_fn": torch.nn.Tanh},
        seed=seed,
        device="cpu",
    )
    if begin:
        _put(model.policy, begin)
    done = 0
    while done < steps:
        model.learn(min(settings.look_every, steps - done), reset_num_timesteps=False)
        done = model.num_timesteps
        if not look(done, _taken(model.policy, discrete=discrete)):
            break


def _put(policy: Any, network: PolicyNetwork) -> None:  # noqa: ANN401 - sb3 is not typed
    """Begin with the weights of ``network``."""
    import torch

    with torch.no_grad():
        for part, weights, biases in zip(_acting(policy), network.weights, network.biases, strict=True):
            part.weight.copy_(torch.as_tensor(weights.T.copy()))
            part.bias.copy_(torch.as_tensor(biases))


def _taken(policy: Any, *, discrete: bool) -> PolicyNetwork:  # noqa: ANN401
    """The weights of the part that acts."""
    import torch

    return network_of(torch.nn.Sequential(*_acting(policy)), discrete=discrete)


def _acting(policy: Any) -> list[Any]:  # noqa: ANN401
    """The linear layers from the observation to the action."""
    import torch

    hidden = [part for part in policy.mlp_extractor.policy_net if isinstance(part, torch.nn.Linear)]
    return [*hidden, policy.action_net]
