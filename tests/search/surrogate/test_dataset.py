import numpy as np
import pytest

from ce_nas.core.records import Observation
from ce_nas.search.surrogate.dataset import Knowledge, Sheet
from ce_nas.space.base import Space

SMALL = Space("small", ["a", "b"], ["xyz", "xyz"])
HUGE = Space("huge", [f"v{place}" for place in range(30)], [[*"abcd"]] * 30)


@pytest.mark.parametrize("space", [SMALL, HUGE])
def test_rows_are_kept_and_nan_leaves_what_was_known(space):
    first, second = tuple(space.sample(np.random.default_rng(0), 1)[0]), (2,) * len(space.variables)
    sheet = Sheet(space, 2)
    assert sheet.count == 0
    sheet.put(first, np.array([1.0, np.nan]))
    sheet.put(first, np.array([np.nan, 2.0]))
    sheet.put(second, np.array([np.nan, 3.0]))
    np.testing.assert_array_equal(sheet.of([second, first]), [[np.nan, 3.0], [1.0, 2.0]])
    assert sheet.count == 2
    assert np.nansum(sheet.known) == 6.0
    np.testing.assert_array_equal(sheet.of([(1,) * len(space.variables)]), [[np.nan, np.nan]])


def test_a_whole_table_can_be_filled_in():
    sheet = Sheet(SMALL, 1)
    sheet.fill(np.where(np.arange(9) < 4, np.nan, np.arange(9.0))[:, None])
    assert sheet.count == 5
    assert sheet.of([(2, 2)])[0, 0] == 8.0


def test_each_fidelity_goes_to_its_place():
    knowledge = Knowledge(SMALL, [True, False])
    knowledge.tell(
        [
            Observation((0, 0), (-0.7, 5.0), 0.0, (0.1, 0.2)),
            Observation((0, 1), (-60.0, 6.0), 0.06),
            Observation((0, 2), (-90.0, 7.0)),
        ]
    )
    assert knowledge.versions == (1, 1, 1)
    assert knowledge.full.observations[0].architecture == (0, 2)
    np.testing.assert_array_equal(knowledge.costs.of([(0, 0), (0, 1), (0, 2)])[:, 1], [5.0, 6.0, 7.0])
    assert np.isnan(knowledge.costs.known[:, 0]).all()  # votes and part trainings are no values of an objective
    np.testing.assert_array_equal(knowledge.scores.of([(0, 0)]), [[0.1, 0.2]])
    np.testing.assert_array_equal(knowledge.early.of([(0, 1)]), [[60.0]])
    assert knowledge.changed == {(0, 0), (0, 1)}


def test_values_that_are_no_numbers_are_not_known():
    knowledge = Knowledge(SMALL, [True, False])
    knowledge.tell([Observation((0, 0), (np.inf, np.inf), 0.0, (np.nan, 1.0)), Observation((1, 1), (np.inf, 3.0), 0.5)])
    assert np.isnan(knowledge.costs.of([(0, 0)])).all()
    assert knowledge.early.count == 0
    assert knowledge.costs.of([(1, 1)])[0, 1] == 3.0


def test_scores_of_another_kind_are_left():
    knowledge = Knowledge(SMALL, [True, True])
    knowledge.tell([Observation((0, 0), (0.0, 0.0), 0.0, (1.0,)), Observation((0, 1), (0.0, 0.0), 0.0, (1.0, 2.0))])
    assert knowledge.scores.count == 1
