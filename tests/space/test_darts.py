"""The DARTS space: genotypes in and out, and how architectures look to a searcher."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.core.rng import random_stream
from ce_nas.space.darts import DARTS_EDGES, DARTS_NODES, DARTS_OPERATIONS, DartsSpace

SPACE = DartsSpace()
#: the cells that DARTS itself found (second order), as its authors wrote them
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=[2, 3, 4, 5])"
)
ARCHITECTURES = st.tuples(*(st.integers(0, len(names) - 1) for names in SPACE.choices))


def test_size_of_the_darts_space():
    pairs = [node * (node - 1) // 2 for node in DARTS_NODES]
    assert SPACE.size == (np.prod(pairs) * 7**8) ** 2
    assert SPACE.size == pytest.approx(1.08e18, rel=0.01)


def test_darts_space_is_never_listed():
    with pytest.raises(SettingsError, match="sample from it instead"):
        _ = SPACE.members


@given(ARCHITECTURES)
def test_text_and_genotype_round_trip(architecture):
    assert SPACE.parse(SPACE.text(architecture)) == architecture
    assert SPACE.architecture(SPACE.genotype(architecture)) == architecture


@given(ARCHITECTURES, st.lists(st.booleans(), min_size=8, max_size=8))
def test_order_of_node_inputs_does_not_matter(architecture, swapped):
    genotype = SPACE.genotype(architecture)
    pairs = genotype.normal + genotype.reduce
    turned = [
        pair
        for node, swap in enumerate(swapped)
        for pair in (reversed(pairs[2 * node : 2 * node + 2]) if swap else pairs[2 * node : 2 * node + 2])
    ]
    assert SPACE.architecture(genotype._replace(normal=turned[:8], reduce=turned[8:])) == architecture


def test_genotype_of_the_darts_authors():
    architecture = SPACE.parse(DARTS_V2)
    assert SPACE.genotype(architecture).reduce[2:4] == [("max_pool_3x3", 1), ("skip_connect", 2)]
    assert SPACE.parse(SPACE.text(architecture)) == architecture
    with_ranges = DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)")
    assert SPACE.parse(with_ranges) == architecture
    assert SPACE.parse(DARTS_V2.replace("normal=", "").replace("normal_concat=", "")) == architecture


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Genotype()",
        "Genotype(normal=1, normal_concat=2, reduce=3, reduce_concat=4)",
        DARTS_V2.replace("Genotype", "__import__"),
        DARTS_V2.replace("sep_conv_3x3", "none"),
        DARTS_V2.replace("('skip_connect', 0)", "('skip_connect', 1)", 1),
        DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"),
        DARTS_V2.replace("('sep_conv_3x3', 0), ", "", 1),
        DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=[3, 4, 5]"),
        DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=range(2, 10000000000)"),
        DARTS_V2.replace("[2, 3, 4, 5]", "range(open('/etc/passwd'))"),
    ],
)
def test_invalid_genotype_is_rejected(text):
    with pytest.raises(TableError, match=r"^Expected a genotype (such as|with two different earlier nodes)"):
        SPACE.parse(text)


@given(ARCHITECTURES)
def test_encoding_is_operation_per_edge(architecture):
    (row,) = SPACE.encode([architecture]).reshape(1, 2, len(DARTS_EDGES), len(DARTS_OPERATIONS))
    genotype = SPACE.genotype(architecture)
    for cell, pairs in enumerate((genotype.normal, genotype.reduce)):
        present = {
            (DARTS_EDGES[edge], DARTS_OPERATIONS[code]) for edge, code in zip(*np.nonzero(row[cell]), strict=True)
        }
        assert present == {((2 + index // 2, source), name) for index, (name, source) in enumerate(pairs)}
    assert row.sum() == 16


def test_encoding_of_no_architectures():
    assert SPACE.encode([]).shape == (0, 196)


def test_encoding_is_unique():
    drawn = sorted(set(SPACE.sample(random_stream(0, "darts"), 500)))
    near = list(SPACE.neighbours(drawn[0]))
    assert len(near) == sum(len(names) - 1 for names in SPACE.choices)
    everything = [*drawn, *near]
    assert len(np.unique(SPACE.encode(everything), axis=0)) == len(set(everything))


def test_genotypes_of_official_predictions_are_unique(nb301_predictions):
    architectures, _ = nb301_predictions
    assert len(set(architectures)) == 363
