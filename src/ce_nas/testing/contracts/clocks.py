"""The contract of clocks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ce_nas.core.clock import WallClock

if TYPE_CHECKING:
    from ce_nas.core.clock import Clock

__all__ = ["ClockContract"]


class ClockContract:
    """Time never decreases, and signals arrive in order and never early.

    Fixtures to override: ``clock``, a new clock; a real one should run 50 times faster than real time.
    """

    @pytest.fixture
    def clock(self) -> Clock:
        raise NotImplementedError

    def test_clock_is_monotonic(self, clock: Clock) -> None:
        times_s = []
        for _ in range(5):
            times_s.append(clock.now_s)
            clock.next(clock.now_s + 0.5)
        assert times_s == sorted(times_s)
        assert times_s[0] >= 0

    def test_signals_arrive_in_order_and_never_early(self, clock: Clock) -> None:
        start_s = clock.now_s
        for delay_s in (3.0, 1.0, 2.0):
            clock.post(delay_s, delay_s)
        for delay_s in (1.0, 2.0, 3.0):
            assert clock.next(start_s + 100) == delay_s
            assert clock.now_s >= start_s + delay_s

    def test_simultaneous_signals_arrive_in_order_of_posting(self, clock: Clock) -> None:
        signals = [{"no": "order"}, object(), "text", 1, ("tuple",)]
        for signal in signals:
            clock.post(signal)
        until_s = clock.now_s + 10
        assert [clock.next(until_s) for _ in signals] == signals

    def test_later_signal_waits_for_next_call(self, clock: Clock) -> None:
        until_s = clock.now_s + 1.0
        clock.post("later", 3.0)
        assert clock.next(until_s) is None
        assert clock.now_s >= until_s
        assert clock.next(until_s + 100) == "later"

    def test_signal_due_after_until_waits(self, clock: Clock) -> None:
        start_s = clock.now_s
        clock.post("due", 1.0)
        if isinstance(clock, WallClock):
            threading.Event().wait(0.05)
        assert clock.next(start_s + 0.5) is None
        assert clock.next(start_s + 100) == "due"

    def test_until_in_the_past_keeps_time(self, clock: Clock) -> None:
        clock.next(clock.now_s + 2.0)
        before_s = clock.now_s
        assert clock.next(before_s - 1.0) is None
        assert clock.now_s >= before_s

    def test_overdue_signal_arrives_at_once(self, clock: Clock) -> None:
        clock.next(clock.now_s + 2.0)
        before_s = clock.now_s
        clock.post("overdue", -1.0)
        assert clock.next(before_s + 1.0) == "overdue"
        assert before_s <= clock.now_s

    def test_cancelled_signal_never_arrives(self, clock: Clock) -> None:
        until_s = clock.now_s + 3.0
        signal_ids = [clock.post(number, 1.0) for number in range(4)]
        assert len(set(signal_ids)) == 4
        clock.cancel(signal_ids[0])
        clock.cancel(signal_ids[2])
        clock.cancel(signal_ids[2])
        assert [clock.next(until_s), clock.next(until_s), clock.next(until_s)] == [1, 3, None]

    def test_late_cancel_is_ignored(self, clock: Clock) -> None:
        until_s = clock.now_s + 2.0
        signal_id = clock.post("first")
        assert clock.next(until_s) == "first"
        clock.cancel(signal_id)
        clock.post("second")
        assert clock.next(until_s) == "second"

    def test_wait_without_signals_ends_at_until(self, clock: Clock) -> None:
        until_s = clock.now_s + 2.0
        assert clock.next(until_s) is None
        assert clock.now_s >= until_s
