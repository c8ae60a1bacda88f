"""The interface of policies, and the allocations that several policies share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation

if TYPE_CHECKING:
    from ce_nas.components.base import ComponentSettings
    from ce_nas.core.records import State

__all__ = [
    "DEFAULT_WARMUP_SCORES",
    "MAX_PLANNED_PERIODS",
    "Decision",
    "Policy",
    "active_allocation",
]

#: scores from which trainings are chosen well enough by default
DEFAULT_WARMUP_SCORES = 20_000
#: the most batches of scores that are waited for before the first training: a whole space is not
MAX_FIRST_BATCHES = 16
#: the most coming periods that policies plan: a week of hours
MAX_PLANNED_PERIODS = 168


@dataclass(frozen=True, slots=True)
class Decision:
    """An allocation and the reason for it.

    Example:
        >>> from ce_nas.core.records import Allocation
        >>> Decision(Allocation(sampling=2, evaluating=6), "The coming hour is clean.").done
        False
    """

    allocation: Allocation
    #: one sentence for the journal, with the figures that decided
    reason: str
    #: whether the policy has no more work to do: nothing new begins, what has started is finished on the evaluating
    #: devices of the allocation, and the run ends; at once if none evaluates
    done: bool = False
    #: the most trainings to begin until the next decision; None: as many as the devices take
    max_new_trainings: int | None = None
    #: whether devices that have nothing left to sample train for the rest of the period, instead of being released; if
    #: none evaluates, all wait for the last score
    train_when_sampled: bool = False
    #: the site to move the search to; None: it stays
    site: str | None = None

    def require_device_count(self, devices: int) -> None:
        """Check that the allocation is of ``devices`` devices.

        :raises SettingsError: if it is not.
        """
        if min(self.allocation.counts().values()) < 0 or self.allocation.devices != devices:
            message = (
                f"Expected an allocation of {devices} devices, none of its parts below 0, got {self.allocation}; let "
                "the policy allocate all devices of its state."
            )
            raise SettingsError(message)


class Policy(ABC):
    """Allocates the devices once a period, from the state alone, which it never changes.

    Example:
        >>> from ce_nas.core.records import Allocation
        >>> from ce_nas.testing import make_state
        >>> class OfficeHours(Policy):
        ...     name = "office-hours"
        ...
        ...     def decide(self, state):
        ...         devices = state.cluster.devices
        ...         if 8 <= state.now_s / 3600 % 24 < 18:
        ...             return Decision(Allocation(0, 0, released=devices), "Office hours.")
        ...         return Decision(Allocation(0, devices), "Night.")
        >>> OfficeHours().decide(make_state(now_s=9 * 3600.0)).reason
        'Office hours.'
    """

    #: the name that settings choose it by
    name: str

    @classmethod
    def from_settings(cls, settings: ComponentSettings) -> Self:
        """The policy with the options of its settings as keywords."""
        return cls(**settings.options())

    @abstractmethod
    def decide(self, state: State) -> Decision:
        """Allocate the ``state.cluster.devices`` devices until the next decision."""


def active_allocation(
    state: State, active_devices: int, warmup_scores: int, *, scores_first: bool = False
) -> Allocation:
    """The allocation in which ``active_devices`` devices work and the others are released.

    Until ``warmup_scores`` architectures are scored, half of the active devices sample, rounded up, but no more than
    sampling can use.

    :param scores_first: whether all of them sample while nothing is scored and nothing trained, if more than one batch
        and few are left to score.
    """
    search, cluster = state.search, state.cluster
    is_warmup = search.can_sample and search.samples < warmup_scores
    has_started = search.samples or search.evaluations or cluster.running or cluster.suspended
    all_sample = scores_first and not has_started and 1 < search.sampling_demand <= MAX_FIRST_BATCHES
    if is_warmup and all_sample:
        return Allocation(active_devices, 0, released=cluster.devices - active_devices)
    sampling = int(min((active_devices + 1) // 2, search.sampling_demand)) if is_warmup else 0
    return Allocation(sampling, active_devices - sampling, released=state.cluster.devices - active_devices)
