"""The learned policy: a small network, trained beforehand, that chooses from the menu; it needs numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.forecast.resampling import coming_periods
from ce_nas.policies.base import Allocator, Decision
from ce_nas.policies.learned.actions import division, possible, shared_out
from ce_nas.policies.learned.features import observe
from ce_nas.policies.learned.network import load_builtin

if TYPE_CHECKING:
    from ce_nas.core.records import Allocation, View
    from ce_nas.policies.learned.network import PolicyNetwork

__all__ = ["Learned"]


class Learned(Allocator):
    """Takes the entry of the menu that its network prefers among those that make sense now.

    :param network: a network of one's own; None for the one that comes with the package.
    """

    name = "learned"

    def __init__(self, network: PolicyNetwork | None = None) -> None:
        self._network = network or load_builtin()

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        outputs = self._network.outputs(observe(view))
        if self._network.discrete:
            allocation = division(int(np.where(possible(view), outputs, -np.inf).argmax()), view.devices)
        else:
            evaluating, sampling = ((np.clip(outputs, -1.0, 1.0) + 1.0) / 2.0).tolist()
            allocation = shared_out(evaluating, sampling, view)
        return Decision(allocation, _reason(allocation, view))


def _reason(allocation: Allocation, view: View) -> str:
    does = f"{allocation.evaluating} devices evaluate, {allocation.sampling} sample, {allocation.released} are released"
    coming = coming_periods(view)
    if not len(coming):
        return f"The network decided: {does}. Nothing is known of the grid yet."
    cleaner = int(np.count_nonzero(coming[1:] < coming[0]))
    return (
        f"The network decided: {does}. Forecast {coming[0]:.0f} g/kWh; "
        f"{cleaner} of the {len(coming) - 1} periods that follow are forecast cleaner."
    )
