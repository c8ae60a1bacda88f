"""Cells that are the same network share a key, and only they do."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.space.isomorphism import (
    canonical,
    cheapest_rows,
    functions,
    is_connected,
    published_key,
    unique_rows,
)
from ce_nas.space.nasbench201 import NB201_EDGES, NasBench201Space

NONE, SKIP, POOL, CONV1, CONV3 = range(5)
CELLS = st.tuples(*[st.integers(0, 4)] * 6)
POINTS = (0.3, -1.1, 2.7)


@pytest.fixture(scope="module")
def space():
    return NasBench201Space()


@pytest.fixture(scope="module")
def classes(space):
    return unique_rows(space)


def output(cell, weights, x):
    """The cell with opaque odd functions for its operations; ``weights`` holds a number an edge."""
    nodes = [x, 0.0, 0.0, 0.0]
    for (to, source), operation, weight in zip(NB201_EDGES, cell, weights, strict=True):
        term = {
            NONE: lambda _, w: 0.0 * w,
            SKIP: lambda v, _: v,
            POOL: lambda v, _: math.sin(v),
            CONV1: lambda v, w: math.tanh(w * v),
            CONV3: lambda v, w: math.atan(w * v),
        }[operation]
        nodes[to] += term(nodes[source], weight)
    return nodes[3]


def same_function(one, other):
    """Whether some exchange of the edges' weights makes both cells agree at every point."""
    fixed = (0.7, 1.3, 1.9, 2.3, 0.4, 3.1)
    target = [output(one, fixed, x) for x in POINTS]
    return any(
        all(math.isclose(output(other, w, x), y, abs_tol=1e-9) for x, y in zip(POINTS, target, strict=True))
        for w in itertools.permutations(fixed)
    )


def test_the_literature_s_counts_are_met(space):
    cells = [tuple(cell) for cell in space.members.tolist()]
    assert len({published_key(cell) for cell in cells}) == 6466


def test_there_are_5260_different_networks(classes):
    representatives, inverse = classes
    assert len(representatives) == 5260
    assert inverse.max() == 5259


def test_a_representative_stands_for_itself_and_is_its_class_s_first(classes):
    representatives, inverse = classes
    assert (inverse[representatives] == np.arange(len(representatives))).all()
    assert (np.diff(representatives) > 0).all()
    assert (representatives[inverse] <= np.arange(len(inverse))).all()


def test_a_representative_carries_nothing_that_does_not_matter(space, classes):
    for row in classes[0]:
        cell = tuple(space.members[row].tolist())
        for edge in np.flatnonzero(cell):
            assert canonical((*cell[:edge], NONE, *cell[edge + 1 :])) != canonical(cell)


@given(cell=CELLS)
@settings(deadline=None, max_examples=60)
def test_a_cell_computes_what_its_representative_computes(cell, space, classes):
    representatives, inverse = classes
    representative = tuple(space.members[representatives[inverse[space.index[cell]]]].tolist())
    assert canonical(cell) == canonical(representative)
    assert same_function(representative, cell)


@given(cell=CELLS, edge=st.integers(0, 5), operation=st.integers(0, 4))
@settings(deadline=None, max_examples=60)
def test_neighbours_share_a_key_exactly_if_they_are_one_function(cell, edge, operation):
    near = (*cell[:edge], operation, *cell[edge + 1 :])
    assert (canonical(cell) == canonical(near)) == same_function(cell, near)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param((CONV3, 0, 0, 0, SKIP, 0), (0, 0, 0, CONV3, 0, 0), True, id="a skipped node"),
        pytest.param((CONV3, CONV1, 0, 0, SKIP, SKIP), (CONV1, CONV3, 0, 0, SKIP, SKIP), True, id="addends commute"),
        pytest.param((CONV3, 0, 0, SKIP, 0, 0), (0, 0, 0, SKIP, 0, 0), True, id="a node that goes nowhere"),
        pytest.param((0, 0, CONV3, SKIP, 0, 0), (0, 0, 0, SKIP, 0, 0), True, id="a node that comes from nowhere"),
        pytest.param((CONV3, 0, SKIP, 0, SKIP, SKIP), (CONV3, CONV3, 0, 0, SKIP, SKIP), False, id="twice is not two"),
        pytest.param((CONV3, 0, 0, 0, SKIP, 0), (CONV1, 0, 0, 0, SKIP, 0), False, id="the kernel matters"),
    ],
)
def test_the_rules(one, other, same):
    assert (canonical(one) == canonical(other)) is same


def test_a_cell_is_connected_exactly_if_its_output_varies(space):
    cells = [tuple(cell) for cell in space.members.tolist()]
    weights = (0.7, 1.3, 1.9, 2.3, 0.4, 3.1)
    assert all(is_connected(cell) == (output(cell, weights, 0.3) != 0.0) for cell in cells)
    assert all(bool(canonical(cell)) == is_connected(cell) for cell in cells)


def test_the_cheapest_of_a_class_stands_for_it(space, classes):
    representatives, inverse = classes
    costs = np.random.default_rng(0).random((space.size, 1))
    rows = cheapest_rows(space, costs)
    np.testing.assert_array_equal(inverse[rows], inverse)
    least = np.full(len(representatives), np.inf)
    np.minimum.at(least, inverse, costs[:, 0])
    np.testing.assert_array_equal(costs[rows, 0], least[inverse])
    np.testing.assert_array_equal(cheapest_rows(space, np.hstack([costs, 1000 * costs])), rows)


def test_without_costs_the_plainest_stands_for_its_class(space, classes):
    representatives, inverse = classes
    np.testing.assert_array_equal(cheapest_rows(space, np.empty((space.size, 0))), representatives[inverse])


def test_different_functions_are_counted(space):
    plain = space.text((CONV3, NONE, NONE, SKIP, NONE, NONE))
    dangling = space.text((NONE, NONE, NONE, SKIP, NONE, NONE))
    other = space.text((CONV3, NONE, NONE, NONE, SKIP, NONE))
    assert functions([plain, dangling, plain]) == 1
    assert functions([plain, dangling, other]) == 2
    assert functions([]) == 0


def test_a_text_of_another_space_is_a_function_of_its_own():
    assert functions(["op1=a op2=b", "op1=b op2=a", "op1=a op2=b"]) == 2
