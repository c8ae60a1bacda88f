import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.core.rng import random_stream
from ce_nas.space.distributions import Categorical, Float, Integer
from ce_nas.space.mixed import MixedSpace

MIXED = MixedSpace(
    "mixed",
    {
        "rate": Float(1e-4, 1.0, log=True),
        "layers": Integer(1, 8),
        "block kind": Categorical(("conv 3x3", "conv=1x1", "none")),
        "drop": Float(0.0, 0.5),
    },
)
FINITE = MixedSpace("finite", {"a": Integer(-1, 1), "b": Categorical(("x", "y")), "c": Integer(5, 5)})
POINTS = st.tuples(st.floats(1e-4, 1.0), st.integers(1, 8), st.integers(0, 2), st.floats(0.0, 0.5))


def test_size_is_infinite_with_a_real_variable():
    assert MIXED.size == math.inf
    assert FINITE.size == 6


def test_members_of_finite_and_infinite_spaces():
    assert len(set(FINITE.all_architectures)) == 6
    assert all(FINITE.contains(member) for member in FINITE.all_architectures)
    assert all(type(value) is int for member in FINITE.all_architectures for value in member)
    with pytest.raises(SettingsError, match="mixed has a real variable"):
        _ = MIXED.members


def test_samples_have_the_types_of_their_domains():
    samples = MIXED.sample(random_stream(0, "s"), 200)
    assert all(MIXED.contains(sample) for sample in samples)
    assert {tuple(map(type, sample)) for sample in samples} == {(float, int, int, float)}
    assert {sample[1] for sample in samples} == set(range(1, 9))
    assert {sample[2] for sample in samples} == {0, 1, 2}


@given(POINTS)
def test_encoding_round_trip(point):
    units = MIXED.encode([point])
    assert units.shape == (1, 6)
    (back,) = MIXED.decode(units)
    assert back[1:3] == point[1:3]
    assert back == pytest.approx(point, rel=1e-9)


def test_encoding_columns():
    middle = (0.01, 1, 2, 0.25)
    assert MIXED.encode([middle])[0] == pytest.approx([0.5, 0.0625, 0, 0, 1, 0.5])
    assert not MIXED.one_hot


@given(POINTS)
def test_text_round_trip(point):
    assert MIXED.parse(MIXED.text(point)) == point


def test_text_names_the_variables():
    assert MIXED.text((0.01, 3, 0, 0.25)) == "rate=0.01 layers=3 'block kind=conv 3x3' drop=0.25"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rate=0.01 layers=3 'block kind=none'",
        "rate=0.01 layers=9 'block kind=none' drop=0.1",
        "rate=nan layers=3 'block kind=none' drop=0.1",
        "rate=0.01 layers=3 'block kind=other' drop=0.1",
        "rate=0.01 depth=3 'block kind=none' drop=0.1",
        "rate=0.01 layers=3 'block kind=none",
    ],
)
def test_invalid_text_is_rejected(text):
    with pytest.raises(TableError, match="Expected an architecture of mixed such as "):
        MIXED.parse(text)


@given(POINTS)
def test_neighbours_are_members_one_variable_away(point):
    neighbours = list(MIXED.neighbours(point))
    assert len(neighbours) >= 1 + 2 + 2 + 2
    assert all(MIXED.contains(near) for near in neighbours)
    assert all(sum(a != b for a, b in zip(near, point, strict=True)) == 1 for near in neighbours)


def test_mutation_changes_masked_variables_only():
    rows = np.array(MIXED.sample(random_stream(0, "s"), 50))
    marks = random_stream(1, "marks").random(rows.shape) < 0.4
    changed = MIXED.mutate(rows, marks, random_stream(2, "m"))
    assert ((changed != rows) == marks).all()
    assert all(MIXED.contains(architecture) for architecture in MIXED.architectures(changed))


@pytest.mark.parametrize("wrong", [(), (0.5, 2, 1), (2.0, 2, 1, 0.1), (0.5, 2.5, 1, 0.1), (0.5, 2, 3, 0.1)])
def test_invalid_points_are_not_contained(wrong):
    assert not MIXED.contains(wrong)


def test_space_without_variables_is_rejected():
    with pytest.raises(SettingsError, match="one variable or more"):
        MixedSpace("empty", {})
