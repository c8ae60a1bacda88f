import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.space.base import Space
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.space.visited import VisitedSet

SPACE = NasBench201Space()
ROWS = st.lists(st.integers(0, SPACE.size - 1), max_size=6)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["add", "update", "discard"]), ROWS), max_size=8))
def test_row_mask_matches_the_set(changes):
    visited, expected = VisitedSet(SPACE), set()
    for change, rows in changes:
        cells = [SPACE.all_architectures[row] for row in rows]
        if change == "update":
            visited.update(cells)
            expected.update(cells)
        else:
            for cell in cells:
                getattr(visited, change)(cell)
                getattr(expected, change)(cell)
    assert visited == expected
    assert np.flatnonzero(visited.row_mask).tolist() == sorted(SPACE.index[cell] for cell in expected)


def test_visited_set_survives_pickling():
    visited = VisitedSet(SPACE)
    visited.update(SPACE.all_architectures[3:5])
    loaded = pickle.loads(pickle.dumps(visited))
    loaded.add(SPACE.all_architectures[7])
    assert np.flatnonzero(loaded.row_mask).tolist() == [3, 4, 7]
    assert loaded == {SPACE.all_architectures[row] for row in (3, 4, 7)}


def test_huge_space_has_no_row_mask():
    huge = Space("huge", [f"v{index}" for index in range(20)], [["a", "b", "c"]] * 20)
    visited = VisitedSet(huge)
    visited.add((0,) * 20)
    visited.update([(1,) * 20])
    visited.discard((0,) * 20)
    assert visited.row_mask is None
    assert visited == {(1,) * 20}
