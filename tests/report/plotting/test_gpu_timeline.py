import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.api import Study
from ce_nas.report.plotting.gpu_timeline import stretches
from ce_nas.store.journal import Entry

CHANGES = st.lists(st.tuples(st.floats(0, 20 * 3600), st.integers(0, 4)), min_size=1, max_size=8)


def journal(changes, end_s):
    """Divisions at these moments, and one period that ends."""
    divided = [
        Entry("divided", at_s, json.dumps({"allocation": {"evaluating": count, "released": 4 - count}}))
        for at_s, count in sorted(changes)
    ]
    return [*divided, Entry("period", end_s, "{}")]


@given(CHANGES, st.floats(3600, 24 * 3600))
def test_stretches_follow_one_another_and_fill_the_time(changes, end_s):
    found = stretches(journal(changes, end_s))
    first_h = min(at_s for at_s, _ in changes) / 3600
    assert sum(stretch.hours for stretch in found) == pytest.approx(max(end_s / 3600 - first_h, 0.0))
    assert all(one.end_h == other.begin_h for one, other in pairwise(found))
    assert all(stretch.hours > 0 for stretch in found)


def test_what_is_changed_in_the_middle_of_a_period_is_seen():
    found = stretches(journal([(0.0, 4), (1800.0, 1)], 7200.0))
    assert [(stretch.begin_h, stretch.end_h, stretch.allocation["evaluating"]) for stretch in found] == [
        (0.0, 0.5, 4),
        (0.5, 2.0, 1),
    ]


def test_a_run_without_a_period_has_none():
    assert stretches([]) == []


def test_stretches_of_a_run_are_what_its_devices_did():
    result = Study.of(hours=6, gpus=3, searcher="uniform", policy="heuristic", zone="solar").run()
    working_h = sum(
        stretch.hours * (stretch.allocation["evaluating"] + stretch.allocation["sampling"])
        for stretch in stretches(result.entries)
    )
    booked_h = result.summary.device_hours_by_activity
    assert working_h == pytest.approx(sum(booked_h.values()), rel=0.1)
