"""Cells that are the same network share a key, and only they do."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.space.isomorphism import (
    canonical_key,
    cheapest_rows,
    count_functions,
    is_connected,
    published_key,
    unique_rows,
)
from ce_nas.space.nasbench201_cell import NB201_EDGES, NasBench201Space

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


def test_published_keys_give_6466_classes(space):
    cells = [tuple(cell) for cell in space.members.tolist()]
    assert len({published_key(cell) for cell in cells}) == 6466


def test_canonical_keys_give_5260_classes(classes):
    representatives, inverse = classes
    assert len(representatives) == 5260
    assert inverse.max() == 5259


def test_representative_is_first_row_of_its_class(classes):
    representatives, inverse = classes
    assert (inverse[representatives] == np.arange(len(representatives))).all()
    assert (np.diff(representatives) > 0).all()
    assert (representatives[inverse] <= np.arange(len(inverse))).all()


def test_representative_has_no_irrelevant_operation(space, classes):
    for row in classes[0]:
        cell = tuple(space.members[row].tolist())
        for edge in np.flatnonzero(cell):
            assert canonical_key((*cell[:edge], NONE, *cell[edge + 1 :])) != canonical_key(cell)


@given(cell=CELLS)
@settings(deadline=None, max_examples=60)
def test_cell_computes_same_function_as_representative(cell, space, classes):
    representatives, inverse = classes
    representative = tuple(space.members[representatives[inverse[space.index[cell]]]].tolist())
    assert canonical_key(cell) == canonical_key(representative)
    assert same_function(representative, cell)


@given(cell=CELLS, edge=st.integers(0, 5), operation=st.integers(0, 4))
@settings(deadline=None, max_examples=60)
def test_neighbours_share_a_key_iff_same_function(cell, edge, operation):
    near = (*cell[:edge], operation, *cell[edge + 1 :])
    assert (canonical_key(cell) == canonical_key(near)) == same_function(cell, near)


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
def test_canonical_key_rules(one, other, same):
    assert (canonical_key(one) == canonical_key(other)) is same


def test_is_connected_iff_output_depends_on_input(space):
    cells = [tuple(cell) for cell in space.members.tolist()]
    weights = (0.7, 1.3, 1.9, 2.3, 0.4, 3.1)
    assert all(is_connected(cell) == (output(cell, weights, 0.3) != 0.0) for cell in cells)
    assert all(bool(canonical_key(cell)) == is_connected(cell) for cell in cells)


def test_cheapest_row_of_each_class(space, classes):
    representatives, inverse = classes
    costs = np.random.default_rng(0).random((space.size, 1))
    rows = cheapest_rows(space, costs)
    np.testing.assert_array_equal(inverse[rows], inverse)
    least = np.full(len(representatives), np.inf)
    np.minimum.at(least, inverse, costs[:, 0])
    np.testing.assert_array_equal(costs[rows, 0], least[inverse])
    np.testing.assert_array_equal(cheapest_rows(space, np.hstack([costs, 1000 * costs])), rows)


def test_cheapest_rows_without_costs_are_representatives(space, classes):
    representatives, inverse = classes
    np.testing.assert_array_equal(cheapest_rows(space, np.empty((space.size, 0))), representatives[inverse])


def test_count_functions(space):
    plain = space.text((CONV3, NONE, NONE, SKIP, NONE, NONE))
    dangling = space.text((NONE, NONE, NONE, SKIP, NONE, NONE))
    other = space.text((CONV3, NONE, NONE, NONE, SKIP, NONE))
    assert count_functions([plain, dangling, plain]) == 1
    assert count_functions([plain, dangling, other]) == 2
    assert count_functions([]) == 0


def test_text_of_another_space_is_its_own_function():
    assert count_functions(["op1=a op2=b", "op1=b op2=a", "op1=a op2=b"]) == 2
