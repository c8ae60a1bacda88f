"""What a site allows: another allocator's decisions, mended where they go beyond it, with the reason said."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation
from ce_nas.core.units import HOUR_S
from ce_nas.policies.base import Allocator, Decision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ce_nas.core.records import View

__all__ = ["Closed", "Constrained", "MinimumTime", "PowerCap", "Rule", "Window"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"\s*(?:(\w{3})(?:-(\w{3}))?\s+)?(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})\s*")
#: how many coming periods a policy is told of
_TOLD = 168


class Rule(ABC):
    """One thing that a site asks for."""

    def tell(self, view: View) -> View:
        """The view with what a policy should know of the rule beforehand."""
        return view

    @abstractmethod
    def mend(self, view: View, decision: Decision) -> Decision:
        """The decision as far as the rule allows it; as it was, if it does."""


class Constrained(Allocator):
    """Another allocator within rules; a later rule has the last word.

    :param inner: whose decisions are mended; its name stays.
    """

    def __init__(self, inner: Allocator, rules: Sequence[Rule]) -> None:
        self.name = inner.name
        self._inner = inner
        self._rules = tuple(rules)

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        for rule in self._rules:
            view = rule.tell(view)
        decision = self._inner.decide(view)
        for rule in self._rules:
            decision = rule.mend(view, decision)
        return decision


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that comes back on stated days of every week, UTC."""

    #: 0 is Monday
    days: frozenset[int]
    #: seconds of the day; a window that ends at or before its start goes on into the next day
    from_s: float
    until_s: float

    @classmethod
    def parse(cls, text: str) -> Window:
        """The window written as ``mon-fri 09:00-17:00``, ``sat 00:00-24:00`` or ``22:00-06:00`` (every day), UTC.

        :raises SettingsError: if the text is none of these forms.
        """
        match = _WINDOW.fullmatch(text.lower())
        days = _days(match.group(1), match.group(2)) if match else None
        clock = [int(part) for part in match.groups()[2:]] if match else [99] * 4
        from_s, until_s = (HOUR_S * clock[at] + 60.0 * clock[at + 1] for at in (0, 2))
        if days is None or max(from_s, until_s) > 24 * HOUR_S or max(clock[1::2]) > 59:
            message = f"Expected a window such as 'mon-fri 09:00-17:00' or '22:00-06:00' (UTC), got {text!r}."
            raise SettingsError(message)
        return cls(days, from_s, until_s if until_s > from_s else until_s + 24 * HOUR_S)

    def meets(self, start: datetime, end: datetime) -> bool:
        """Whether some of the window lies between two moments, the second not included."""
        day = start.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        while day < end:
            opens, closes = day + timedelta(seconds=self.from_s), day + timedelta(seconds=self.until_s)
            if day.weekday() in self.days and opens < end and start < closes:
                return True
            day += timedelta(days=1)
        return False


class Closed(Rule):
    """No device is used in a period that meets one of these windows; a checkpoint may still be written as it begins.

    :param start: the moment at which the run begins, UTC.
    """

    def __init__(self, windows: Sequence[Window], start: datetime) -> None:
        self._windows = tuple(windows)
        self._start = start

    def tell(self, view: View) -> View:
        """See :meth:`Rule.tell`: which of the coming periods are closed."""
        return replace(view, closed=tuple(period for period in range(_TOLD) if self._is_closed(view, period)))

    def mend(self, view: View, decision: Decision) -> Decision:
        """See :meth:`Rule.mend`."""
        if not self._is_closed(view, 0) or decision.allocation.released == view.devices:
            return decision
        return _mended(decision, Allocation(0, 0, released=view.devices), "The cluster may not be used in this period.")

    def _is_closed(self, view: View, period: int) -> bool:
        begins = self._start + timedelta(seconds=view.now_s + period * view.period_s)
        ends = begins + timedelta(seconds=view.period_s)
        return any(window.meets(begins, ends) for window in self._windows)


class MinimumTime(Rule):
    """A division stays for so long before it may change.

    :param shortest_s: from one change to the next.
    """

    def __init__(self, shortest_s: float) -> None:
        self._shortest_s = shortest_s

    def mend(self, view: View, decision: Decision) -> Decision:
        """See :meth:`Rule.mend`; what can no longer be sampled is not held to it."""
        present, since_s = view.allocation, view.now_s - view.allocated_s
        free = present is None or decision.done or since_s >= self._shortest_s
        if present is None or free or present == decision.allocation or (present.sampling and not view.can_sample):
            return decision
        reason = (
            f"The division was changed {since_s / HOUR_S:.2g} h ago and stays for {self._shortest_s / HOUR_S:.2g} h."
        )
        return _mended(decision, present, reason)


class PowerCap(Rule):
    """The devices draw no more than the site allows, PUE included; what is too many is given back.

    Idle devices go first, then those that sample, then those that evaluate.

    :param cap_w: what the site allows, W.
    :param working_w: the most that a device draws while it works, starts up or writes a checkpoint, W.
    :param idle_w: what one draws that is held and idle, W.
    """

    def __init__(self, cap_w: float, working_w: float, idle_w: float) -> None:
        self._cap_w = cap_w
        self._working_w = working_w
        self._idle_w = idle_w

    def mend(self, view: View, decision: Decision) -> Decision:
        """See :meth:`Rule.mend`."""
        wanted = decision.allocation
        most = int(min(self._cap_w / self._working_w, view.devices)) if self._working_w else view.devices
        evaluating = min(wanted.evaluating, most)
        sampling = min(wanted.sampling, most - evaluating)
        left_w = self._cap_w - (evaluating + sampling) * self._working_w
        idle = int(min(left_w / self._idle_w, wanted.idle)) if self._idle_w else wanted.idle
        allowed = Allocation(sampling, evaluating, idle, view.devices - sampling - evaluating - idle)
        if allowed == wanted:
            return decision
        return _mended(decision, allowed, f"The site allows {self._cap_w:,.0f} W: {most} devices at work.")


def _mended(decision: Decision, allocation: Allocation, reason: str) -> Decision:
    return replace(decision, allocation=allocation, reason=f"{decision.reason} {reason}")


def _days(first: str | None, last: str | None) -> frozenset[int] | None:
    """The days from one to the other, over the week's end if need be; None if there is no such day."""
    if first is None:
        return frozenset(range(7))
    if first not in _DAYS or (last or first) not in _DAYS:
        return None
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    return frozenset((begin + day) % 7 for day in range((end - begin) % 7 + 1))
