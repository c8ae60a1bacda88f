"""Proximal policy optimisation in the environment, from an initial network or from scratch.

Sources
    [PPO] Schulman, Wolski, Dhariwal, Radford, Klimov. Proximal Policy Optimization Algorithms. arXiv 1707.06347.
    [mask] Huang, Ontanon. A Closer Look at Invalid Action Masking in Policy Gradient Algorithms. FLAIRS 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import MissingExtraError
from ce_nas.rl.behavior_cloning import HIDDEN_SIZES, to_policy_network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.policies.learned.policy_network import PolicyNetwork
    from ce_nas.rl.env import SearchEnv

__all__ = ["PpoCheckpoint", "PpoSettings", "train_ppo"]

#: weights of actor and critic, state of their optimiser, and the steps so far
PpoCheckpoint = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PpoSettings:
    """Hyperparameters of PPO.

    Example:
        >>> PpoSettings(n_epochs=5).clip_range
        0.2
    """

    #: environment steps per rollout, of all environments together
    rollout_steps: int = 4096
    #: environment steps between two validations; each interval starts with new searches
    eval_interval_steps: int = 32768
    #: initial steps in which only the critic is trained, if there is an initial network
    critic_warmup_steps: int = 8192
    #: softmax temperature applied to the initial network, so that it explores
    initial_temperature: float = 2.0
    #: initial learning rate, which decays linearly to 0, and the rate of the critic warm-up
    learning_rate: float = 5e-4
    critic_warmup_learning_rate: float = 1e-3
    batch_size: int = 256
    n_epochs: int = 10
    clip_range: float = 0.2
    #: discount factor, and lambda of generalised advantage estimation
    gamma: float = 1.0
    gae_lambda: float = 0.97
    #: KL divergence from the old policy at which a rollout's updates stop
    target_kl: float = 0.03
    #: weight of the entropy bonus
    entropy_coef: float = 0.0


def train_ppo(  # noqa: PLR0913 - the parameters of one training
    env_factories: Sequence[Callable[[], SearchEnv]],
    initial_network: PolicyNetwork | None,
    total_steps: int,
    *,
    seed: int,
    settings: PpoSettings,
    callback: Callable[[int, PolicyNetwork, PpoCheckpoint], bool],
    checkpoint: PpoCheckpoint | None = None,
) -> None:
    """Train a policy for ``total_steps`` environment steps, or until ``callback`` returns false.

    :param env_factories: one per environment; all of them discrete, or none.
    :param initial_network: network to start from; None: random weights.
    :param callback: called after each evaluation interval with the steps so far, the policy, and a checkpoint from
        which a later call continues bit by bit.
    :param checkpoint: checkpoint to continue from.
    :raises MissingExtraError: if the extra ``rl`` is not installed.
    """
    try:
        from stable_baselines3.common.vec_env import DummyVecEnv
    except ImportError as error:
        raise MissingExtraError(error.name or "stable_baselines3", "rl", "Training a policy") from error
    import torch

    torch.set_num_threads(1)
    vector = DummyVecEnv(list(env_factories))
    first_indices: list[int] = vector.get_attr("first_index")
    model = _build_model(vector, seed, settings)
    if initial_network:
        _load_weights(model.policy, initial_network, settings.initial_temperature if initial_network.discrete else 1.0)
    if checkpoint:
        _load_checkpoint(model, checkpoint)
    while model.num_timesteps < total_steps:
        done = model.num_timesteps
        warming_up = initial_network is not None and done < settings.critic_warmup_steps
        _set_phase(model, settings, done / total_steps, warming_up=warming_up)
        model.set_random_seed(seed + done)
        model._last_obs = None  # noqa: SLF001 - a checkpoint holds no running searches
        vector.set_options([{"scenario_index": first + done} for first in first_indices])
        interval = settings.critic_warmup_steps - done if warming_up else settings.eval_interval_steps
        model.learn(min(interval, total_steps - done), reset_num_timesteps=False)
        if warming_up:
            continue
        network = _extract_network(model.policy, discrete=hasattr(vector.action_space, "n"))
        if not callback(model.num_timesteps, network, _make_checkpoint(model)):
            break


def _set_phase(model: Any, settings: PpoSettings, share: float, *, warming_up: bool) -> None:  # noqa: ANN401 - sb3 is not typed
    """Train the critic alone in the warm-up, else both; each at its learning rate.

    :param share: of the steps that are done, 0 to 1.
    """
    for layer in _actor_layers(model.policy):
        layer.requires_grad_(not warming_up)
    rate = settings.critic_warmup_learning_rate if warming_up else settings.learning_rate * (1.0 - share)
    model.lr_schedule = partial(_constant_schedule, rate)


def _make_checkpoint(model: Any) -> PpoCheckpoint:  # noqa: ANN401 - sb3 is not typed
    return {
        "policy": model.policy.state_dict(),
        "optimiser": model.policy.optimizer.state_dict(),
        "steps": model.num_timesteps,
    }


def _load_checkpoint(model: Any, checkpoint: PpoCheckpoint) -> None:  # noqa: ANN401 - sb3 is not typed
    model.policy.load_state_dict(checkpoint["policy"])
    model.policy.optimizer.load_state_dict(checkpoint["optimiser"])
    model.num_timesteps = checkpoint["steps"]


def _constant_schedule(rate: float, _: float) -> float:
    return rate


def _build_model(vector: Any, seed: int, settings: PpoSettings) -> Any:  # noqa: ANN401 - sb3 is not typed
    """The model that stable-baselines3 trains; with action masks if actions are discrete."""
    import torch
    from sb3_contrib import MaskablePPO
    from stable_baselines3 import PPO

    return (MaskablePPO if hasattr(vector.action_space, "n") else PPO)(
        "MlpPolicy",
        vector,
        learning_rate=settings.learning_rate,
        n_steps=max(settings.rollout_steps // vector.num_envs, 1),
        batch_size=min(settings.batch_size, settings.rollout_steps),
        n_epochs=settings.n_epochs,
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        ent_coef=settings.entropy_coef,
        target_kl=settings.target_kl,
        policy_kwargs={
            "net_arch": {"pi": list(HIDDEN_SIZES), "vf": list(HIDDEN_SIZES)},
            "activation_fn": torch.nn.Tanh,
        },
        seed=seed,
        device="cpu",
    )


def _load_weights(policy: Any, network: PolicyNetwork, temperature: float) -> None:  # noqa: ANN401 - sb3 is not typed
    """Copy the weights of ``network`` into the actor, its outputs divided by ``temperature``."""
    import torch

    with torch.no_grad():
        for layer, weights, biases in zip(_actor_layers(policy), network.weights, network.biases, strict=True):
            layer.weight.copy_(torch.as_tensor(weights.T.copy()))
            layer.bias.copy_(torch.as_tensor(biases))
        policy.action_net.weight /= temperature
        policy.action_net.bias /= temperature


def _extract_network(policy: Any, *, discrete: bool) -> PolicyNetwork:  # noqa: ANN401 - sb3 is not typed
    """The weights of the actor."""
    import torch

    return to_policy_network(torch.nn.Sequential(*_actor_layers(policy)), discrete=discrete)


def _actor_layers(policy: Any) -> list[Any]:  # noqa: ANN401 - sb3 is not typed
    """The linear layers from the observation to the action."""
    import torch

    hidden = [layer for layer in policy.mlp_extractor.policy_net if isinstance(layer, torch.nn.Linear)]
    return [*hidden, policy.action_net]
