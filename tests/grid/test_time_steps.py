"""The step of times that jitter, end their steps, or have steps of several lengths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.grid.time_steps import (
    US_PER_S,
    complete_steps,
    find_calendar_spans,
    find_coarser,
    find_held_times,
    find_offsets,
    hold_values,
    round_step,
    snap,
)

HOUR_US = 3600 * US_PER_S


def hourly(rows: int) -> np.ndarray:
    return np.arange(rows, dtype=np.int64) * HOUR_US


@given(
    jitter_s=st.lists(st.integers(-30, 30), min_size=10, max_size=40),
    step_min=st.sampled_from([30, 60, 120]),
)
def test_jittered_times_move_to_their_step(jitter_s: list[int], step_min: int) -> None:
    step_us = step_min * 60 * US_PER_S
    exact = np.arange(len(jitter_s), dtype=np.int64) * step_us
    moved = snap(exact + np.array(jitter_s) * US_PER_S, step_us)
    assert (np.diff(moved) == step_us).all()
    assert (np.abs(find_offsets(moved, step_us)) == 0).all()


def test_a_difference_near_a_usual_step_is_that_step() -> None:
    assert round_step(HOUR_US + 20 * US_PER_S) == HOUR_US
    assert round_step(47 * 60 * US_PER_S) == 47 * 60 * US_PER_S


def test_last_seconds_of_steps_become_their_ends() -> None:
    ends, are_ends = complete_steps(hourly(24) + HOUR_US - US_PER_S)
    assert are_ends
    assert ends.tolist() == (hourly(24) + HOUR_US).tolist()
    assert not complete_steps(hourly(24))[1]


def test_rows_without_values_between_those_of_a_longer_step_are_found() -> None:
    has_value = np.arange(48) % 2 == 0
    on_step = find_coarser(hourly(48), has_value)
    assert on_step is not None
    assert on_step.tolist() == has_value.tolist()
    has_value[1] = True  # a value between two steps: the rows' own step counts
    assert find_coarser(hourly(48), has_value) is None


def test_values_hold_for_their_own_step_and_not_over_a_gap() -> None:
    quarter_us = HOUR_US // 4
    differences = np.array([HOUR_US] * 10 + [quarter_us] * 10, dtype=np.int64)
    assert find_held_times(differences, HOUR_US).tolist() == [HOUR_US] * 10 + [quarter_us] * 11
    with_gap = np.array([HOUR_US] * 10 + [5 * HOUR_US] + [HOUR_US] * 10, dtype=np.int64)
    assert find_held_times(with_gap, HOUR_US).tolist() == [HOUR_US] * 22


def test_months_and_years_have_their_own_lengths() -> None:
    months = np.array(["2021-01", "2021-02", "2021-03"], dtype="datetime64[M]")
    times_us = months.astype("datetime64[us]").astype(np.int64)
    spans = find_calendar_spans(times_us)
    assert spans is not None
    assert (spans // (24 * HOUR_US)).tolist() == [31, 28, 31]
    assert find_calendar_spans(times_us + HOUR_US) is None


def test_held_values_leave_gaps_missing() -> None:
    held = hold_values(np.array([1.0, 2.0]), np.array([0, 3]), np.array([2, 1]), 4)
    np.testing.assert_array_equal(held, [1.0, 1.0, np.nan, 2.0])
    assert not held.flags.writeable


@pytest.mark.parametrize("values", [0, 1])
def test_fewer_than_two_values_have_no_step(values):
    assert find_coarser(np.arange(16) * 900 * 1_000_000, np.arange(16) < values) is None
