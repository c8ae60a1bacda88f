"""Behaviour of the virtual and the wall clock beyond the contract in tests/testing/contracts/test_clocks.py."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.clock import VirtualClock, WallClock


def test_virtual_clock_advances_at_once():
    clock = VirtualClock()
    clock.post("done", 80 * 3600.0)
    start_s = time.monotonic()
    assert clock.next(100 * 3600.0) == "done"
    assert clock.now_s == 80 * 3600.0
    assert clock.next(100 * 3600.0) is None
    assert clock.now_s == 100 * 3600.0
    assert time.monotonic() - start_s < 1


@given(st.lists(st.tuples(st.integers(-3, 10), st.booleans(), st.integers(0, 12)), max_size=40))
def test_virtual_clock_is_monotonic_and_delivers_when_due(steps):
    clock, due, seen = VirtualClock(), {}, []
    for number, (delay_s, cancelled, until_s) in enumerate(steps):
        signal_id = clock.post(number, delay_s)
        if cancelled:
            clock.cancel(signal_id)
        else:
            due[number] = max(clock.now_s + delay_s, clock.now_s)
        before_s = clock.now_s
        signal = clock.next(until_s)
        assert clock.now_s >= before_s
        if signal is not None:
            assert clock.now_s == due.pop(signal)
            seen.append(signal)
        else:
            assert clock.now_s == max(before_s, until_s)
            assert all(at_s > until_s for at_s in due.values())
    while (signal := clock.next(1e9)) is not None:
        assert clock.now_s == due.pop(signal)
    assert due == {}


def test_wall_clock_wakes_from_another_thread():
    clock = WallClock()
    threading.Timer(0.05, clock.post, ("finished",)).start()
    start_s = time.monotonic()
    assert clock.next(30.0) == "finished"
    assert time.monotonic() - start_s < 10


def test_wall_clock_wait_ends_at_earlier_signal():
    clock = WallClock()
    clock.post("late", 20.0)
    threading.Timer(0.05, clock.post, ("early", 0.05)).start()
    assert clock.next(30.0) == "early"
    assert clock.now_s < 10


def test_wall_clock_cancel_from_another_thread():
    clock = WallClock()
    signal_id = clock.post("never", 0.2)
    threading.Timer(0.05, clock.cancel, (signal_id,)).start()
    assert clock.next(0.3) is None
    assert clock.now_s >= 0.3


@pytest.mark.parametrize("time_scale", [0.5, 1.0, 1000.0])
def test_wall_clock_time_scale(time_scale):
    start_s = time.monotonic()
    clock = WallClock(time_scale)
    clock.post("due", 0.1 * time_scale)
    assert clock.next(60 * time_scale) == "due"
    assert clock.now_s >= 0.1 * time_scale
    assert 0.1 <= time.monotonic() - start_s < 10


def test_wall_clock_initial_time():
    clock = WallClock(time_scale=100.0, initial_s=5000.0)
    assert 5000.0 <= clock.now_s < 6000.0
    clock.post("due", 1.0)
    assert clock.next(5000.0) is None
    assert clock.next(6000.0) == "due"
    assert clock.now_s >= 5001.0


def test_wall_clock_posts_from_many_threads():
    clock = WallClock()
    threads = [
        threading.Thread(target=lambda first=first: [clock.post(first + i) for i in range(100)])
        for first in range(0, 800, 100)
    ]
    for thread in threads:
        thread.start()
    signals = [clock.next(30.0) for _ in range(800)]
    for thread in threads:
        thread.join()
    assert sorted(signals) == list(range(800))
    assert clock.next(0.0) is None
