"""Cells of NAS-Bench-201 are written and read as their benchmark does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import TableError
from ce_nas.space.nasbench201_cell import NB201_EDGES, NB201_OPERATIONS, NasBench201Space

SPACE = NasBench201Space()
KNOWN = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"


def test_size_is_15625_cells():
    assert SPACE.size == len(SPACE.members) == 15_625 == len(NB201_OPERATIONS) ** len(NB201_EDGES)


def test_edges_in_the_order_of_the_text():
    text = SPACE.text((0, 1, 2, 3, 4, 1))
    assert text == "|none~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_1x1~0|nor_conv_3x3~1|skip_connect~2|"
    nodes = [[source for to, source in NB201_EDGES if to == node] for node in (1, 2, 3)]
    assert nodes == [[0], [0, 1], [0, 1, 2]]


def test_parse_first_cell_of_the_benchmark():
    assert SPACE.parse(KNOWN) == (2, 3, 1, 3, 1, 1)


@given(st.tuples(*[st.integers(0, 4)] * 6))
def test_text_round_trip(cell):
    assert SPACE.parse(SPACE.text(cell)) == cell


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        KNOWN[:-1],
        f"{KNOWN} ",
        KNOWN.replace("avg_pool_3x3", "max_pool_3x3"),
        KNOWN.replace("~2", "~1"),
        KNOWN.replace("|+|", "||"),
        "edge=none",
    ],
)
def test_invalid_text_is_rejected_with_an_example(text):
    with pytest.raises(TableError, match=r"^Expected a NAS-Bench-201 cell such as '\|none~0\|.*, got "):
        SPACE.parse(text)
