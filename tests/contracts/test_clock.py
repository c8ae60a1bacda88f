"""What every clock keeps, whether its time jumps or passes. A unit here is a fiftieth of a second of real time."""

import time

import pytest

from ce_nas.core.clock import Clock, VirtualClock, WallClock

CLOCKS = {"virtual": VirtualClock, "wall": lambda: WallClock(50.0), "wall, resumed": lambda: WallClock(50.0, 900.0)}


@pytest.fixture(params=CLOCKS)
def clock(request):
    return CLOCKS[request.param]()


def test_time_begins_where_it_is_told_and_does_not_run_backwards(clock: Clock):
    moments = []
    for _ in range(5):
        moments.append(clock.now_s)
        clock.next(clock.now_s + 0.5)
    assert moments == sorted(moments)
    assert moments[0] >= 0


def test_signals_come_in_the_order_of_their_moments_and_never_early(clock):
    zero_s = clock.now_s
    for in_s in (3.0, 1.0, 2.0):
        clock.post(in_s, in_s)
    for in_s in (1.0, 2.0, 3.0):
        assert clock.next(zero_s + 100) == in_s
        assert clock.now_s >= zero_s + in_s


def test_ties_come_in_the_order_of_posting(clock):
    signals = [{"no": "order"}, object(), "text", 1, ("tuple",)]
    for signal in signals:
        clock.post(signal)
    until_s = clock.now_s + 10
    assert [clock.next(until_s) for _ in signals] == signals


def test_until_is_reached_but_not_passed_by_a_later_signal(clock):
    until_s = clock.now_s + 1.0
    clock.post("later", 3.0)
    assert clock.next(until_s) is None
    assert clock.now_s >= until_s
    assert clock.next(until_s + 100) == "later"


def test_a_signal_due_beyond_until_waits_even_if_time_has_gone_on(clock):
    zero_s = clock.now_s
    clock.post("due", 1.0)
    if isinstance(clock, WallClock):
        time.sleep(0.05)
    assert clock.next(zero_s + 0.5) is None
    assert clock.next(zero_s + 100) == "due"


def test_a_moment_that_is_past_gives_what_was_due_and_turns_nothing_back(clock):
    clock.next(clock.now_s + 2.0)
    before_s = clock.now_s
    assert clock.next(before_s - 1.0) is None
    assert clock.now_s >= before_s


def test_a_signal_that_is_overdue_comes_at_once_and_turns_nothing_back(clock):
    clock.next(clock.now_s + 2.0)
    before_s = clock.now_s
    clock.post("overdue", -1.0)
    assert clock.next(before_s + 1.0) == "overdue"
    assert before_s <= clock.now_s


def test_what_was_cancelled_never_comes(clock):
    until_s = clock.now_s + 3.0
    tickets = [clock.post(number, 1.0) for number in range(4)]
    assert len(set(tickets)) == 4
    clock.cancel(tickets[0])
    clock.cancel(tickets[2])
    clock.cancel(tickets[2])
    assert [clock.next(until_s), clock.next(until_s), clock.next(until_s)] == [1, 3, None]


def test_cancelling_too_late_takes_nothing_else_away(clock):
    until_s = clock.now_s + 2.0
    ticket = clock.post("first")
    assert clock.next(until_s) == "first"
    clock.cancel(ticket)
    clock.post("second")
    assert clock.next(until_s) == "second"


def test_without_signals_the_wait_ends_at_until(clock):
    until_s = clock.now_s + 2.0
    assert clock.next(until_s) is None
    assert clock.now_s >= until_s
