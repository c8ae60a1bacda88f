import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.analysis.timeline import (
    JournalledMove,
    allocation_intervals,
    allocation_totals_h,
    decided_periods,
    site_moves,
)
from ce_nas.api import Search
from ce_nas.store.journal import JournalEntry

CHANGES = st.lists(st.tuples(st.floats(0, 20 * 3600), st.integers(0, 4)), min_size=1, max_size=8)


def make_entries(changes, end_s):
    """Allocations at these moments, and one period that ends."""
    allocated = [
        JournalEntry("allocated", at_s, json.dumps({"allocation": {"evaluating": count, "released": 4 - count}}))
        for at_s, count in sorted(changes)
    ]
    return [*allocated, JournalEntry("period", end_s, "{}")]


@given(CHANGES, st.floats(3600, 24 * 3600))
def test_allocation_intervals_fill_the_time(changes, end_s):
    intervals = allocation_intervals(make_entries(changes, end_s))
    first_h = min(at_s for at_s, _ in changes) / 3600
    assert sum(interval.hours for interval in intervals) == pytest.approx(max(end_s / 3600 - first_h, 0.0))
    assert all(one.end_h == other.start_h for one, other in pairwise(intervals))
    assert all(interval.hours > 0 for interval in intervals)


def test_allocation_change_within_a_period_is_kept():
    intervals = allocation_intervals(make_entries([(0.0, 4), (1800.0, 1)], 7200.0))
    assert [(one.start_h, one.end_h, one.allocation["evaluating"]) for one in intervals] == [
        (0.0, 0.5, 4),
        (0.5, 2.0, 1),
    ]
    assert allocation_totals_h(intervals, ("evaluating", "released")) == {"evaluating": 3.5, "released": 4.5}


def test_run_without_a_period_has_no_intervals():
    assert allocation_intervals([]) == []
    assert decided_periods([]) == []


def test_allocation_intervals_match_the_accounted_device_hours():
    run = Search(hours=6, gpus=3, searcher="random", policy="hotcarbon", zone="solar").run()
    totals_h = allocation_totals_h(allocation_intervals(run.entries), ("evaluating", "sampling"))
    assert sum(totals_h.values()) == pytest.approx(sum(run.summary.device_hours_by_activity.values()), rel=0.1)


def test_periods_are_paired_with_their_decisions(finished_run):
    decided = decided_periods(finished_run.entries)
    assert len(decided) == 9
    assert [one.start_h for one in decided] == list(range(9))
    assert sum(one.carbon_g for one in decided) == pytest.approx(finished_run.summary.carbon_g["full"])


def test_site_moves(finished_run):
    content = {"from_site": "home", "to_site": "north", "move_s": 900.0, "energy_j": 5.6e6, "carbon_g": 800.0}
    entry = JournalEntry("moved", 900.0, json.dumps(content))
    assert site_moves([entry]) == [JournalledMove(900.0, "home", "north", 900.0, 5.6e6, 800.0)]
    assert site_moves(finished_run.entries) == []
