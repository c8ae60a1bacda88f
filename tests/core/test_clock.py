"""What one kind of clock does and the other does not."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.clock import VirtualClock, WallClock


def test_eighty_hours_pass_at_once():
    clock = VirtualClock()
    clock.post("done", 80 * 3600.0)
    began_s = time.monotonic()
    assert clock.next(100 * 3600.0) == "done"
    assert clock.now_s == 80 * 3600.0
    assert clock.next(100 * 3600.0) is None
    assert clock.now_s == 100 * 3600.0
    assert time.monotonic() - began_s < 1


@given(st.lists(st.tuples(st.integers(-3, 10), st.booleans(), st.integers(0, 12)), max_size=40))
def test_virtual_time_never_runs_backwards_and_signals_come_when_due(steps):
    clock, due, seen = VirtualClock(), {}, []
    for number, (in_s, cancelled, until_s) in enumerate(steps):
        ticket = clock.post(number, in_s)
        if cancelled:
            clock.cancel(ticket)
        else:
            due[number] = max(clock.now_s + in_s, clock.now_s)
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


def test_a_waiting_wall_clock_is_woken_from_another_thread():
    clock = WallClock()
    threading.Timer(0.05, clock.post, ("finished",)).start()
    began_s = time.monotonic()
    assert clock.next(30.0) == "finished"
    assert time.monotonic() - began_s < 10


def test_an_earlier_signal_shortens_a_wait_that_has_begun():
    clock = WallClock()
    clock.post("late", 20.0)
    threading.Timer(0.05, clock.post, ("early", 0.05)).start()
    assert clock.next(30.0) == "early"
    assert clock.now_s < 10


def test_cancelling_from_another_thread_keeps_a_wait_from_ending_early():
    clock = WallClock()
    ticket = clock.post("never", 0.2)
    threading.Timer(0.05, clock.cancel, (ticket,)).start()
    assert clock.next(0.3) is None
    assert clock.now_s >= 0.3


@pytest.mark.parametrize("time_scale", [0.5, 1.0, 1000.0])
def test_scaled_time_passes_so_much_faster(time_scale):
    clock = WallClock(time_scale)
    clock.post("due", 0.1 * time_scale)
    began_s = time.monotonic()
    assert clock.next(60 * time_scale) == "due"
    assert clock.now_s >= 0.1 * time_scale
    assert 0.1 <= time.monotonic() - began_s < 10


def test_a_run_that_goes_on_keeps_its_time():
    clock = WallClock(time_scale=100.0, began_s=5000.0)
    assert 5000.0 <= clock.now_s < 6000.0
    clock.post("due", 1.0)
    assert clock.next(5000.0) is None
    assert clock.next(6000.0) == "due"
    assert clock.now_s >= 5001.0


def test_many_threads_lose_no_signal():
    clock = WallClock()
    threads = [
        threading.Thread(target=lambda first=first: [clock.post(first + i) for i in range(100)])
        for first in range(0, 800, 100)
    ]
    for thread in threads:
        thread.start()
    found = [clock.next(30.0) for _ in range(800)]
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(800))
    assert clock.next(0.0) is None
