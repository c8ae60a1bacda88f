"""Proximal policy optimisation in the environment, from a network that is handed in or from nothing.

Sources
    [PPO] Schulman, Wolski, Dhariwal, Radford, Klimov. Proximal Policy Optimization Algorithms. arXiv 1707.06347.
    [mask] Huang, Ontanon. A Closer Look at Invalid Action Masking in Policy Gradient Algorithms. FLAIRS 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import MissingExtraError
from ce_nas.rl.behavior_cloning import HIDDEN, network_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.policies.learned.network import PolicyNetwork
    from ce_nas.rl.env import SearchEnv

__all__ = ["PpoSettings", "State", "improve"]

#: weights of both networks, of their optimiser, and the steps so far
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PpoSettings:
    """How it is trained."""

    #: steps of the environment between two changes of the policy, of all environments together
    rollout: int = 4096
    #: steps of the environment between two looks at how good the policy is; each such stretch begins with new searches
    look_every: int = 32768
    #: steps at the beginning in which a policy that was handed in is only watched, to learn what to expect of it
    watched: int = 8192
    #: by how much the preferences of a policy that was handed in are made weaker: one that is sure of itself tries
    #: nothing out, and then there is nothing to learn from
    softer: float = 2.0
    #: size of a change at the beginning, which falls to nothing at the end, and while the policy is only watched
    rate: float = 5e-4
    watching_rate: float = 1e-3
    batch: int = 256
    epochs: int = 10
    clip: float = 0.2
    #: what a later reward counts, and how far advantages look ahead
    discount: float = 1.0
    trace: float = 0.97
    #: changes end early when the policy has moved so far
    most_divergence: float = 0.03
    #: a policy that is trained from nothing is encouraged to try things out
    entropy: float = 0.0


def improve(  # noqa: PLR0913 - where, from what, how long and how, and who looks
    environments: Sequence[Callable[[], SearchEnv]],
    begin: PolicyNetwork | None,
    steps: int,
    *,
    seed: int,
    settings: PpoSettings,
    look: Callable[[int, PolicyNetwork, State], bool],
    state: State | None = None,
) -> None:
    """Train for so many steps; ``look`` is handed the steps so far, the policy and all that a later call needs to go on
    from there to the bit, and says whether to go on.

    :param environments: one maker each; all of them discrete, or none.
    :param state: what to go on from.
    :raises MissingExtraError: if the extra ``rl`` is not installed.
    """
    try:
        from stable_baselines3.common.vec_env import DummyVecEnv
    except ImportError as error:
        raise MissingExtraError(error.name or "stable_baselines3", "rl", "Training a policy") from error
    import torch

    torch.set_num_threads(1)
    vector = DummyVecEnv(list(environments))
    firsts: list[int] = vector.get_attr("first")
    model = _model(vector, seed, settings)
    if begin:
        _put(model.policy, begin, settings.softer if begin.discrete else 1.0)
    if state:
        model.policy.load_state_dict(state["policy"])
        model.policy.optimizer.load_state_dict(state["optimiser"])
        model.num_timesteps = state["steps"]
    while model.num_timesteps < steps:
        done = model.num_timesteps
        watching = begin is not None and done < settings.watched
        for part in _acting(model.policy):
            part.requires_grad_(not watching)
        rate = settings.watching_rate if watching else settings.rate * (1.0 - done / steps)
        model.lr_schedule = partial(_constant, rate)
        model.set_random_seed(seed + done)
        model._last_obs = None  # noqa: SLF001 - searches under way are not part of a state
        vector.set_options([{"number": first + done} for first in firsts])
        stretch = settings.watched - done if watching else settings.look_every
        model.learn(min(stretch, steps - done), reset_num_timesteps=False)
        if watching:
            continue
        kept = {
            "policy": model.policy.state_dict(),
            "optimiser": model.policy.optimizer.state_dict(),
            "steps": model.num_timesteps,
        }
        if not look(model.num_timesteps, _taken(model.policy, discrete=hasattr(vector.action_space, "n")), kept):
            break


def _constant(rate: float, _: float) -> float:
    return rate


def _model(vector: Any, seed: int, settings: PpoSettings) -> Any:  # noqa: ANN401 - sb3 is not typed
    """The model that sb3 trains; masked where actions are entries of the menu."""
    import torch
    from sb3_contrib import MaskablePPO
    from stable_baselines3 import PPO

    return (MaskablePPO if hasattr(vector.action_space, "n") else PPO)(
        "MlpPolicy",
        vector,
        learning_rate=settings.rate,
        n_steps=max(settings.rollout // vector.num_envs, 1),
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


def _put(policy: Any, network: PolicyNetwork, softer: float) -> None:  # noqa: ANN401 - sb3 is not typed
    """Begin with the weights of ``network``, what it puts out being so many times smaller."""
    import torch

    with torch.no_grad():
        for part, weights, biases in zip(_acting(policy), network.weights, network.biases, strict=True):
            part.weight.copy_(torch.as_tensor(weights.T.copy()))
            part.bias.copy_(torch.as_tensor(biases))
        policy.action_net.weight /= softer
        policy.action_net.bias /= softer


def _taken(policy: Any, *, discrete: bool) -> PolicyNetwork:  # noqa: ANN401
    """The weights of the part that acts."""
    import torch

    return network_of(torch.nn.Sequential(*_acting(policy)), discrete=discrete)


def _acting(policy: Any) -> list[Any]:  # noqa: ANN401
    """The linear layers from the observation to the action."""
    import torch

    hidden = [part for part in policy.mlp_extractor.policy_net if isinstance(part, torch.nn.Linear)]
    return [*hidden, policy.action_net]
