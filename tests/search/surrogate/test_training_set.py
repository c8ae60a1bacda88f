import numpy as np
import pytest

from ce_nas.core.records import Observation
from ce_nas.search.surrogate.training_set import ArchitectureTable, SurrogateDataset
from ce_nas.space.base import Space

SMALL = Space("small", ["a", "b"], ["xyz", "xyz"])
HUGE = Space("huge", [f"v{index}" for index in range(30)], [[*"abcd"]] * 30)


@pytest.mark.parametrize("space", [SMALL, HUGE])
def test_table_rows_are_kept_and_nan_keeps_known_values(space):
    first, second = tuple(space.sample(np.random.default_rng(0), 1)[0]), (2,) * len(space.variables)
    table = ArchitectureTable(space, 2)
    assert table.count == 0
    table.update_row(first, np.array([1.0, np.nan]))
    table.update_row(first, np.array([np.nan, 2.0]))
    table.update_row(second, np.array([np.nan, 3.0]))
    np.testing.assert_array_equal(table.lookup([second, first]), [[np.nan, 3.0], [1.0, 2.0]])
    assert table.count == 2
    assert np.nansum(table.known_rows) == 6.0
    np.testing.assert_array_equal(table.lookup([(1,) * len(space.variables)]), [[np.nan, np.nan]])


def test_table_is_filled_at_once():
    table = ArchitectureTable(SMALL, 1)
    table.fill(np.where(np.arange(9) < 4, np.nan, np.arange(9.0))[:, None])
    assert table.count == 5
    assert table.lookup([(2, 2)])[0, 0] == 8.0


def test_each_fidelity_goes_to_its_table():
    dataset = SurrogateDataset(SMALL, [True, False])
    dataset.tell(
        [
            Observation((0, 0), (-0.7, 5.0), 0.0, (0.1, 0.2)),
            Observation((0, 1), (-60.0, 6.0), 0.06),
            Observation((0, 2), (-90.0, 7.0)),
        ]
    )
    assert dataset.counts == (1, 1, 1)
    assert dataset.full_trainings.observations[0].architecture == (0, 2)
    np.testing.assert_array_equal(dataset.known_table.lookup([(0, 0), (0, 1), (0, 2)])[:, 1], [5.0, 6.0, 7.0])
    assert np.isnan(
        dataset.known_table.known_rows[:, 0]
    ).all()  # estimates and part trainings are no values of an objective
    np.testing.assert_array_equal(dataset.proxy_scores.lookup([(0, 0)]), [[0.1, 0.2]])
    np.testing.assert_array_equal(dataset.partial_trainings.lookup([(0, 1)]), [[60.0]])
    assert dataset.changed_architectures == {(0, 0), (0, 1)}


def test_infinite_values_are_unknown():
    dataset = SurrogateDataset(SMALL, [True, False])
    dataset.tell([Observation((0, 0), (np.inf, np.inf), 0.0, (np.nan, 1.0)), Observation((1, 1), (np.inf, 3.0), 0.5)])
    assert np.isnan(dataset.known_table.lookup([(0, 0)])).all()
    assert dataset.partial_trainings.count == 0
    assert dataset.known_table.lookup([(1, 1)])[0, 1] == 3.0


def test_proxy_scores_of_another_width_are_ignored():
    dataset = SurrogateDataset(SMALL, [True, True])
    dataset.tell([Observation((0, 0), (0.0, 0.0), 0.0, (1.0,)), Observation((0, 1), (0.0, 0.0), 0.0, (1.0, 2.0))])
    assert dataset.proxy_scores.count == 1


def test_equivalent_architectures_share_scores_they_lack():
    space = Space("toy", ["a"], [["x", "y", "z"]])
    twins = {cell: [(0,), (1,)] for cell in [(0,), (1,)]}
    dataset = SurrogateDataset(space, [True], equivalents=twins)
    dataset.tell([Observation((0,), (-0.5,), 0.0, (3.0,))])
    assert dataset.proxy_scores.lookup([(1,)]).tolist() == [[3.0]]
    assert dataset.votes.known_architectures == [(0,), (1,)]
    assert dataset.changed_architectures == {(0,), (1,)}
    dataset.tell([Observation((1,), (-0.7,), 0.0, (4.0,))])
    assert dataset.votes.lookup([(0,), (1,)]).tolist() == [[0.5], [0.7]]


def test_a_measured_cost_is_modelled_from_what_was_measured_before_trainings_too():
    """The first value of an architecture stays, so that a model may add what is new at the end."""
    dataset = SurrogateDataset(SMALL, [True, False])
    assert dataset.measured == [1]
    dataset.tell([Observation((0, 0), (np.nan, 5.0), 0.0), Observation((0, 1), (np.nan, np.inf), 0.0)])
    dataset.tell([Observation((2, 2), (-90.0, 7.0)), Observation((0, 0), (-80.0, 5.5))])
    architectures, values = dataset.samples(1)
    assert (architectures, values.tolist()) == ([(0, 0), (2, 2)], [5.0, 7.0])
    architectures, values = dataset.samples(0)
    assert (architectures, values.tolist()) == ([(2, 2), (0, 0)], [-90.0, -80.0])
    assert dataset.votes.count == 0


def test_a_cost_that_is_known_in_advance_is_not_measured():
    assert SurrogateDataset(SMALL, [True, False], [None, np.arange(9.0)]).measured == []
