"""Constraints of a site: another policy's decisions, changed where they violate one, with the reason."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation
from ce_nas.core.units import HOUR_S
from ce_nas.policies.base import MAX_PLANNED_PERIODS, Decision, Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ce_nas.core.records import State

__all__ = ["ClosedHours", "MinimumHoldTime", "PowerCap", "SiteConstrainedPolicy", "SiteConstraint", "WeeklyWindow"]

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW_PATTERN = re.compile(r"\s*(?:(\w{3})(?:-(\w{3}))?\s+)?(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})\s*")


class SiteConstraint(ABC):
    """One constraint of a site on the allocation."""

    def annotate(self, state: State) -> State:
        """The state with what a policy can know of the constraint in advance."""
        return state

    @abstractmethod
    def enforce(self, state: State, decision: Decision) -> Decision:
        """The decision, changed where it violates the constraint."""


class SiteConstrainedPolicy(Policy):
    """Another policy under constraints; a later constraint takes precedence.

    :param inner: the policy whose decisions are constrained; its name stays.

    Example:
        >>> from ce_nas.policies.baselines import VanillaPolicy
        >>> from ce_nas.testing import make_state
        >>> cap = PowerCap(cap_w=1000.0, working_w=400.0, idle_w=50.0)
        >>> SiteConstrainedPolicy(VanillaPolicy(), [cap]).decide(make_state(devices=4)).allocation
        Allocation(sampling=0, evaluating=2, idle=0, released=2)
    """

    def __init__(self, inner: Policy, constraints: Sequence[SiteConstraint]) -> None:
        self.name = inner.name
        self._inner = inner
        self._constraints = tuple(constraints)

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        for constraint in self._constraints:
            state = constraint.annotate(state)
        decision = self._inner.decide(state)
        for constraint in self._constraints:
            decision = constraint.enforce(state, decision)
        return decision


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """An interval of the day on given days of every week, UTC.

    Example:
        >>> from datetime import UTC, datetime
        >>> window = WeeklyWindow.parse("mon-fri 09:00-17:00")
        >>> window.overlaps(datetime(2021, 7, 5, 16, tzinfo=UTC), datetime(2021, 7, 5, 18, tzinfo=UTC))
        True
    """

    #: 0 is Monday
    days: frozenset[int]
    #: seconds of the day; the end may lie in the next day
    start_s: float
    end_s: float

    @classmethod
    def parse(cls, text: str) -> WeeklyWindow:
        """Parse a window written as ``mon-fri 09:00-17:00``, ``sat 00:00-24:00`` or ``22:00-06:00`` (every day), UTC.

        :raises SettingsError: if the text has none of these forms.
        """
        match = _WINDOW_PATTERN.fullmatch(text.lower())
        days = _weekday_range(match.group(1), match.group(2)) if match else None
        times = [int(part) for part in match.groups()[2:]] if match else [99] * 4
        from_s, until_s = (HOUR_S * times[at] + 60.0 * times[at + 1] for at in (0, 2))
        if days is None or max(from_s, until_s) > 24 * HOUR_S or max(times[1::2]) > 59:
            message = f"Expected a window such as 'mon-fri 09:00-17:00' or '22:00-06:00' (UTC), got {text!r}."
            raise SettingsError(message)
        return cls(days, from_s, until_s if until_s > from_s else until_s + 24 * HOUR_S)

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether any of the window lies between two moments, the second excluded."""
        day = start.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        while day < end:
            opens, closes = day + timedelta(seconds=self.start_s), day + timedelta(seconds=self.end_s)
            if day.weekday() in self.days and opens < end and start < closes:
                return True
            day += timedelta(days=1)
        return False


class ClosedHours(SiteConstraint):
    """No device is used in a period that overlaps a window; checkpoints may still be written at its start.

    :param start: start of the run, UTC.
    """

    def __init__(self, windows: Sequence[WeeklyWindow], start: datetime) -> None:
        self._windows = tuple(windows)
        self._start = start

    def annotate(self, state: State) -> State:
        """See :meth:`SiteConstraint.annotate`: adds the closed ones of the coming periods."""
        closed = tuple(period for period in range(MAX_PLANNED_PERIODS) if self._is_closed(state, period))
        return replace(state, grid=replace(state.grid, closed_periods=closed))

    def enforce(self, state: State, decision: Decision) -> Decision:
        """See :meth:`SiteConstraint.enforce`."""
        if not self._is_closed(state, 0) or decision.allocation.released == state.cluster.devices:
            return decision
        allocation = Allocation(0, 0, released=state.cluster.devices)
        has_started = state.cluster.running + state.cluster.suspended > 0  # to be finished when the site opens
        decision = replace(decision, done=decision.done and not has_started, max_new_trainings=0)
        return _with_allocation(decision, allocation, "The cluster may not be used in this period.")

    def _is_closed(self, state: State, period: int) -> bool:
        start = self._start + timedelta(seconds=state.now_s + period * state.period_s)
        end = start + timedelta(seconds=state.period_s)
        return any(window.overlaps(start, end) for window in self._windows)


class MinimumHoldTime(SiteConstraint):
    """An allocation is held for a minimum time before it may change.

    :param min_hold_s: time from one change to the next, s.
    """

    def __init__(self, min_hold_s: float) -> None:
        self._min_hold_s = min_hold_s

    def enforce(self, state: State, decision: Decision) -> Decision:
        """See :meth:`SiteConstraint.enforce`; sampling devices are not held when nothing is left to sample."""
        current, held_s = state.cluster.allocation, state.now_s - state.cluster.allocated_since_s
        if current is None or current == decision.allocation or decision.done or held_s >= self._min_hold_s:
            return decision
        if current.sampling and not state.search.can_sample:
            return decision
        reason = (
            f"The allocation was changed {held_s / HOUR_S:.2g} h ago and stays for {self._min_hold_s / HOUR_S:.2g} h."
        )
        return _with_allocation(decision, current, reason)


class PowerCap(SiteConstraint):
    """The devices draw no more than the site allows, PUE included; devices beyond that are released.

    Idle devices are released first, then sampling ones, then evaluating ones.

    :param cap_w: power that the site allows, W.
    :param working_w: the most that a device draws while it works, starts up or writes a checkpoint, W.
    :param idle_w: power of a device that is held and idle, W.
    """

    def __init__(self, cap_w: float, working_w: float, idle_w: float) -> None:
        self._cap_w = cap_w
        self._working_w = working_w
        self._idle_w = idle_w

    def enforce(self, state: State, decision: Decision) -> Decision:
        """See :meth:`SiteConstraint.enforce`."""
        requested, devices = decision.allocation, state.cluster.devices
        max_working = int(min(self._cap_w / self._working_w, devices)) if self._working_w else devices
        evaluating = min(requested.evaluating, max_working)
        sampling = min(requested.sampling, max_working - evaluating)
        left_w = self._cap_w - (evaluating + sampling) * self._working_w
        idle = int(min(left_w / self._idle_w, requested.idle)) if self._idle_w else requested.idle
        allowed = Allocation(sampling, evaluating, idle, devices - sampling - evaluating - idle)
        if allowed == requested:
            return decision
        reason = f"The site allows {self._cap_w:,.0f} W: {max_working} devices at work."
        return _with_allocation(decision, allowed, reason)


def _with_allocation(decision: Decision, allocation: Allocation, reason: str) -> Decision:
    return replace(decision, allocation=allocation, reason=f"{decision.reason} {reason}")


def _weekday_range(first: str | None, last: str | None) -> frozenset[int] | None:
    """The days from the first to the last, across the end of the week if needed; None if a name is unknown."""
    if first is None:
        return frozenset(range(7))
    if first not in _WEEKDAYS or (last or first) not in _WEEKDAYS:
        return None
    start, end = _WEEKDAYS.index(first), _WEEKDAYS.index(last or first)
    return frozenset((start + day) % 7 for day in range((end - start) % 7 + 1))
