"""The learned policy: a small trained network chooses among discrete allocations; inference needs only numpy.

Source
    [CE-NAS] Zhao, Liu, Jiang, Guo. CE-NAS: An End-to-End Carbon-Efficient Neural Architecture Search Framework.
    NeurIPS 2024 (a policy trained by reinforcement learning).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field

from ce_nas.components.base import ComponentSettings
from ce_nas.components.quantities import File  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import POLICIES
from ce_nas.forecast.resampling import intensity_by_period
from ce_nas.policies.base import Decision, Policy
from ce_nas.policies.learned.actions import action_mask, allocation_from_action, allocation_from_shares
from ce_nas.policies.learned.observation import extract_features
from ce_nas.policies.learned.policy_network import load_builtin_policy, read_policy

if TYPE_CHECKING:
    from ce_nas.core.records import Allocation, State
    from ce_nas.policies.learned.policy_network import PolicyNetwork

__all__ = ["LearnedPolicy"]


class LearnedSettings(ComponentSettings):
    """Settings of the policy learned."""

    file: File | None = Field(
        None, description="File of a network from ce-nas policy train; unset: the one that comes with the package."
    )
    expected_trainings: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None,
        description="Trainings after which searches usually end: once they may need all the time "
        "left, no GPU waits; unset: it may wait into the deadline.",
    )


@POLICIES.register("learned", LearnedSettings)
class LearnedPolicy(Policy):
    """Takes the action that its network prefers among the unmasked ones [CE-NAS].

    :param network: a trained network; None for the one that comes with the package.
    :param expected_trainings: see :func:`~ce_nas.policies.learned.actions.action_mask`.

    Example:
        >>> from ce_nas.testing import make_state
        >>> LearnedPolicy().decide(make_state(forecast=[400.0] * 6 + [100.0] * 34)).allocation.devices
        8
    """

    name = "learned"

    def __init__(self, network: PolicyNetwork | None = None, expected_trainings: float | None = None) -> None:
        self._network = network or load_builtin_policy()
        self._expected_trainings = expected_trainings

    @classmethod
    def from_settings(cls, settings: LearnedSettings) -> Self:  # type: ignore[override]
        """See :meth:`Policy.from_settings`."""
        return cls(read_policy(settings.file) if settings.file else None, settings.expected_trainings)

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        outputs = self._network.forward(extract_features(state))
        if self._network.discrete:
            action = int(np.where(action_mask(state, self._expected_trainings), outputs, -np.inf).argmax())
            allocation = allocation_from_action(action, state.cluster.devices)
        else:
            evaluating, sampling = ((np.clip(outputs, -1.0, 1.0) + 1.0) / 2.0).tolist()
            allocation = allocation_from_shares(evaluating, sampling, state, self._expected_trainings)
        return Decision(allocation, _reason(allocation, state))


def _reason(allocation: Allocation, state: State) -> str:
    text = f"{allocation.evaluating} devices evaluate, {allocation.sampling} sample, {allocation.released} are released"
    ahead = intensity_by_period(state)
    if not len(ahead):
        return f"The network decided: {text}. Nothing is known of the grid yet."
    cleaner = int(np.count_nonzero(ahead[1:] < ahead[0]))
    return (
        f"The network decided: {text}. Forecast {ahead[0]:.0f} g/kWh; "
        f"{cleaner} of the {len(ahead) - 1} periods that follow are forecast cleaner."
    )
