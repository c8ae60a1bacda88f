import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.space.base import Space
from ce_nas.space.nasbench201 import NasBench201Space
from ce_nas.space.visited import Taken

SPACE = NasBench201Space()
ROWS = st.lists(st.integers(0, SPACE.size - 1), max_size=6)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["add", "update", "discard"]), ROWS), max_size=8))
def test_the_marks_are_those_of_what_is_in_the_set(changes):
    taken, expected = Taken(SPACE), set()
    for change, rows in changes:
        cells = [SPACE.listed[row] for row in rows]
        if change == "update":
            taken.update(cells)
            expected.update(cells)
        else:
            for cell in cells:
                getattr(taken, change)(cell)
                getattr(expected, change)(cell)
    assert taken == expected
    assert np.flatnonzero(taken.marks).tolist() == sorted(SPACE.index[cell] for cell in expected)


def test_it_is_kept_as_it_is():
    taken = Taken(SPACE)
    taken.update(SPACE.listed[3:5])
    again = pickle.loads(pickle.dumps(taken))
    again.add(SPACE.listed[7])
    assert np.flatnonzero(again.marks).tolist() == [3, 4, 7]
    assert again == {SPACE.listed[row] for row in (3, 4, 7)}


def test_a_space_too_large_to_list_has_no_marks():
    huge = Space("huge", [f"v{place}" for place in range(20)], [["a", "b", "c"]] * 20)
    taken = Taken(huge)
    taken.add((0,) * 20)
    taken.update([(1,) * 20])
    taken.discard((0,) * 20)
    assert taken.marks is None
    assert taken == {(1,) * 20}
