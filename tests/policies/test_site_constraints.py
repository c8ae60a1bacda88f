"""A decision satisfies the site's constraints, and its reason names what was changed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation
from ce_nas.policies.base import Decision, Policy
from ce_nas.policies.site_constraints import ClosedHours, MinimumHoldTime, PowerCap, SiteConstrainedPolicy, WeeklyWindow
from ce_nas.testing import make_state

HOUR_S = 3600.0
MONDAY = datetime(2021, 7, 5, tzinfo=UTC)


class Constant(Policy):
    """Always the same decision; keeps the last state."""

    name = "constant"

    def __init__(self, *parts, done=False):
        self.decision = Decision(Allocation(*parts), "As always.", done)
        self.state = None

    def decide(self, state):
        self.state = state
        return self.decision


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("mon-fri 09:00-17:00", [9, 16.9, 96 + 12], [8.9, 17, 120 + 12, 144 + 12]),
        ("sat 00:00-24:00", [120, 143.9], [119.9, 144]),
        ("22:00-06:00", [22, 23.9, 24, 29.9, 5], [6, 21.9]),
        ("sun-mon 20:00-02:00", [20, 25.9, 144 + 21, 168 + 1], [19, 26, 48 + 21]),
    ],
)
def test_window_follows_the_calendar(text, inside, outside):
    window = WeeklyWindow.parse(text)
    for hours, within in [*((hour, True) for hour in inside), *((hour, False) for hour in outside)]:
        moment = MONDAY + timedelta(hours=hours)
        assert window.overlaps(moment, moment + timedelta(seconds=1)) == within


@pytest.mark.parametrize("text", ["", "monday 9-17", "mon-fry 09:00-17:00", "mon 09:00-25:00", "09:70-10:00", "mon"])
def test_invalid_window_is_refused(text):
    with pytest.raises(SettingsError, match="Expected a window such as"):
        WeeklyWindow.parse(text)


def test_closed_hours_release_all_devices_and_are_announced():
    inner = Constant(2, 6)
    closed = SiteConstrainedPolicy(inner, [ClosedHours([WeeklyWindow.parse("mon-fri 09:00-17:00")], MONDAY)])
    open_hours = [
        hour for hour in range(48) if closed.decide(make_state(now_s=hour * HOUR_S)).allocation == Allocation(2, 6)
    ]
    assert open_hours == [*range(9), *range(17, 33), *range(41, 48)]
    decision = closed.decide(make_state(now_s=12.5 * HOUR_S))
    assert decision.allocation == Allocation(0, 0, released=8)
    assert decision.reason == "As always. The cluster may not be used in this period."
    assert inner.state.grid.closed_periods[:6] == (0, 1, 2, 3, 4, 20)
    assert closed.name == "constant"


def test_allocation_is_held_for_the_minimum_time():
    held = SiteConstrainedPolicy(Constant(0, 8), [MinimumHoldTime(3 * HOUR_S)])
    current = Allocation(0, 0, released=8)
    for since_h, allocation in ((1, current), (2.9, current), (3, Allocation(0, 8))):
        state = make_state(now_s=10 * HOUR_S, allocated_since_s=(10 - since_h) * HOUR_S, allocation=current)
        assert held.decide(state).allocation == allocation
    assert held.decide(make_state()).allocation == Allocation(0, 8)  # the first allocation is free
    assert "stays for 3 h" in held.decide(make_state(now_s=HOUR_S, allocation=current)).reason


def test_minimum_hold_ends_when_nothing_is_left_to_sample():
    held = SiteConstrainedPolicy(Constant(0, 8), [MinimumHoldTime(3 * HOUR_S)])
    state = make_state(now_s=HOUR_S, allocation=Allocation(4, 4), can_sample=False)
    assert held.decide(state).allocation == Allocation(0, 8)


def test_constraints_keep_done():
    held = SiteConstrainedPolicy(
        Constant(0, 0, 0, 8, done=True), [MinimumHoldTime(3 * HOUR_S), PowerCap(1.0, 10.0, 1.0)]
    )
    assert held.decide(make_state(now_s=HOUR_S, allocation=Allocation(4, 4))).done


@given(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)).filter(any),
    st.floats(0, 5000),
    st.floats(1, 600),
    st.floats(0, 100),
)
def test_power_cap_limits_the_drawn_power(requested, cap_w, working_w, idle_w):
    decision = SiteConstrainedPolicy(Constant(*requested), [PowerCap(cap_w, working_w, idle_w)]).decide(
        make_state(devices=sum(requested))
    )
    allowed = decision.allocation
    drawn_w = (allowed.sampling + allowed.evaluating) * working_w + allowed.idle * idle_w
    assert drawn_w <= cap_w * (1 + 1e-12)
    assert allowed.devices == sum(requested)
    assert (allowed == Allocation(*requested)) == (decision.reason == "As always.")
    assert allowed.evaluating == min(requested[1], int(cap_w / working_w))


def test_later_constraint_takes_precedence():
    rules = [MinimumHoldTime(3 * HOUR_S), ClosedHours([WeeklyWindow.parse("00:00-12:00")], MONDAY)]
    state = make_state(now_s=HOUR_S, allocation=Allocation(4, 4))
    assert SiteConstrainedPolicy(Constant(0, 8), rules).decide(state).allocation == Allocation(0, 0, released=8)
