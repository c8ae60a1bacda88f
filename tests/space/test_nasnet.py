"""NASNet's cell space: text, members, and which architectures are the same network."""

import numpy as np
import pytest

from ce_nas.core.errors import TableError
from ce_nas.space.nasnet import NASNET_OPERATIONS, NasNetNode, NasNetSpace, loose_ends

SPACE = NasNetSpace()


def sample(n, seed=0):
    return SPACE.sample(np.random.default_rng(seed), n)


def test_five_nodes_of_two_inputs_and_two_operations():
    assert len(SPACE.variables) == 40
    assert SPACE.size == (np.prod([float(node) ** 2 for node in range(2, 7)]) * 11**10) ** 2
    assert {"sep_conv_7x7", "conv_1x7_7x1"} < set(NASNET_OPERATIONS)


@pytest.mark.parametrize("architecture", sample(5))
def test_text_round_trip(architecture):
    assert SPACE.parse(SPACE.text(architecture)) == architecture


@pytest.mark.parametrize(
    "text", ["", "normal", "normal conv(0)+conv(1)", SPACE.text(sample(1)[0]).replace("(0)", "(9)")]
)
def test_other_text_is_refused(text):
    with pytest.raises(TableError, match="two cells of five nodes"):
        SPACE.parse(text)


def test_loose_ends_are_the_nodes_that_none_uses():
    nodes = [NasNetNode(0, 0, 1, 0), NasNetNode(2, 0, 2, 0), NasNetNode(0, 0, 3, 0), *[NasNetNode(0, 0, 0, 0)] * 2]
    assert loose_ends(nodes) == [4, 5, 6]


def test_swapped_inputs_and_renumbered_nodes_are_the_same_network():
    swap = NasNetNode(1, 5, 0, 2), NasNetNode(0, 2, 1, 5)
    rest = [NasNetNode(0, 0, 0, 0)] * 3
    first, second = ([swap[0], NasNetNode(2, 1, 0, 3), *rest], [swap[1], NasNetNode(0, 3, 2, 1), *rest])
    moved = [NasNetNode(0, 0, 0, 0), swap[0], NasNetNode(3, 1, 0, 3), *rest[:2]]
    canonical = {SPACE.canonical(SPACE.architecture(cell, rest + rest[:2])) for cell in (first, second, moved)}
    assert len(canonical) == 1


@pytest.mark.parametrize("architecture", sample(5, seed=1))
def test_the_canonical_form_is_a_fixed_point_of_the_same_counts(architecture):
    canonical = SPACE.canonical(architecture)
    assert SPACE.canonical(canonical) == canonical <= architecture
    for index in (0, 1):
        cells = [SPACE.cell(each, index) for each in (architecture, canonical)]
        assert len({len(loose_ends(cell)) for cell in cells}) == 1
        codes = [sorted(code for node in cell for code in (node[1], node[3])) for cell in cells]
        assert codes[0] == codes[1]
