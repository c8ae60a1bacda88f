"""A decision stays within what the site allows, and says where it was mended."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation
from ce_nas.policies.base import Allocator, Decision
from ce_nas.policies.site_constraints import Closed, Constrained, MinimumTime, PowerCap, Window

HOUR_S = 3600.0
MONDAY = datetime(2021, 7, 5, tzinfo=UTC)


class Says(Allocator):
    """Always the same."""

    name = "says"

    def __init__(self, *parts, done=False):
        self.decision = Decision(Allocation(*parts), "As always.", done)
        self.seen = None

    def decide(self, view):
        self.seen = view
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
def test_a_window_is_of_the_calendar(text, inside, outside):
    window = Window.parse(text)
    for hours, within in [*((hour, True) for hour in inside), *((hour, False) for hour in outside)]:
        moment = MONDAY + timedelta(hours=hours)
        assert window.meets(moment, moment + timedelta(seconds=1)) == within


@pytest.mark.parametrize("text", ["", "monday 9-17", "mon-fry 09:00-17:00", "mon 09:00-25:00", "09:70-10:00", "mon"])
def test_what_is_no_window_is_refused(text):
    with pytest.raises(SettingsError, match="Expected a window such as"):
        Window.parse(text)


def test_a_period_that_meets_a_closed_window_uses_nothing_and_the_policy_knows_it_beforehand(view_of):
    says = Says(2, 6)
    closed = Constrained(says, [Closed([Window.parse("mon-fri 09:00-17:00")], MONDAY)])
    open_hours = [
        hour for hour in range(48) if closed.decide(view_of(now_s=hour * HOUR_S)).allocation == Allocation(2, 6)
    ]
    assert open_hours == [*range(9), *range(17, 33), *range(41, 48)]
    decision = closed.decide(view_of(now_s=12.5 * HOUR_S))
    assert decision.allocation == Allocation(0, 0, released=8)
    assert decision.reason == "As always. The cluster may not be used in this period."
    assert says.seen.closed[:6] == (0, 1, 2, 3, 4, 20)
    assert closed.name == "says"


def test_a_division_stays_for_the_minimum_time(view_of):
    held = Constrained(Says(0, 8), [MinimumTime(3 * HOUR_S)])
    present = Allocation(0, 0, released=8)
    for since_h, allocation in ((1, present), (2.9, present), (3, Allocation(0, 8))):
        view = view_of(now_s=10 * HOUR_S, allocated_s=(10 - since_h) * HOUR_S, allocation=present)
        assert held.decide(view).allocation == allocation
    assert held.decide(view_of()).allocation == Allocation(0, 8)  # there was none before
    assert "stays for 3 h" in held.decide(view_of(now_s=HOUR_S, allocation=present)).reason


def test_what_cannot_be_sampled_any_more_is_not_held_on_to(view_of):
    held = Constrained(Says(0, 8), [MinimumTime(3 * HOUR_S)])
    view = view_of(now_s=HOUR_S, allocation=Allocation(4, 4), can_sample=False)
    assert held.decide(view).allocation == Allocation(0, 8)


def test_a_run_that_is_done_is_done(view_of):
    held = Constrained(Says(0, 0, 0, 8, done=True), [MinimumTime(3 * HOUR_S), PowerCap(1.0, 10.0, 1.0)])
    assert held.decide(view_of(now_s=HOUR_S, allocation=Allocation(4, 4))).done


@given(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)).filter(any),
    st.floats(0, 5000),
    st.floats(1, 600),
    st.floats(0, 100),
)
def test_the_devices_draw_no_more_than_the_cap(view_of, wanted, cap_w, working_w, idle_w):
    decision = Constrained(Says(*wanted), [PowerCap(cap_w, working_w, idle_w)]).decide(view_of(devices=sum(wanted)))
    allowed = decision.allocation
    drawn_w = (allowed.sampling + allowed.evaluating) * working_w + allowed.idle * idle_w
    assert drawn_w <= cap_w * (1 + 1e-12)
    assert allowed.devices == sum(wanted)
    assert (allowed == Allocation(*wanted)) == (decision.reason == "As always.")
    assert allowed.evaluating == min(wanted[1], int(cap_w / working_w))


def test_the_last_rule_has_the_last_word(view_of):
    rules = [MinimumTime(3 * HOUR_S), Closed([Window.parse("00:00-12:00")], MONDAY)]
    view = view_of(now_s=HOUR_S, allocation=Allocation(4, 4))
    assert Constrained(Says(0, 8), rules).decide(view).allocation == Allocation(0, 0, released=8)
