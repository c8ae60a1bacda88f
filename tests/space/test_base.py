"""Spaces hold what they list, show it to a searcher in one-hot rows, and write and read it in words."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.core.rng import random_stream
from ce_nas.space.base import Space
from ce_nas.space.nasbench201_cell import NasBench201Space

NAMES = st.text(max_size=8)
CHOICES = st.lists(st.lists(NAMES, min_size=1, max_size=4, unique=True), min_size=1, max_size=4)


def free_space():
    return Space("free", ["a", "b", "c"], [["x", "y"], ["x", "y", "z"], ["x"]])


def listed_space():
    rows = np.array([[0, 0, 0], [0, 2, 0], [1, 1, 0], [1, 2, 0]], dtype=np.int32)
    return Space("listed", ["a", "b", "c"], [["x", "y"], ["x", "y", "z"], ["x"]], rows)


SPACES = {"free": free_space, "listed": listed_space, "nas-bench-201": NasBench201Space}


@pytest.fixture(params=SPACES)
def space(request):
    return SPACES[request.param]()


@st.composite
def spaces(draw):
    """Spaces with whatever names a table of one's own may bring, half of them with listed members."""
    choices = draw(CHOICES)
    variables = draw(st.lists(NAMES, min_size=len(choices), max_size=len(choices), unique=True))
    everything = list(itertools.product(*(range(len(names)) for names in choices)))
    listed = draw(st.none() | st.lists(st.sampled_from(everything), min_size=1, unique=True))
    return Space("any", variables, choices, None if listed is None else np.array(listed))


def test_members_are_unique_and_indexed(space):
    members = list(map(tuple, space.members.tolist()))
    assert len(set(members)) == len(members) == space.size
    assert all(space.contains(member) for member in members)
    assert [space.index[member] for member in members] == list(range(space.size))


def test_unlisted_space_is_every_combination():
    assert free_space().size == 6
    assert set(map(tuple, free_space().members.tolist())) == set(itertools.product((0, 1), (0, 1, 2), (0,)))


def test_listed_space_contains_listed_members_only():
    assert listed_space().size == 4
    assert not listed_space().contains((0, 1, 0))


@pytest.mark.parametrize("stranger", [(), (0, 0), (0, 0, 0, 0), (2, 0, 0), (0, 3, 0), (-1, 0, 0), (0, 0, 1)])
@pytest.mark.parametrize("make", [free_space, listed_space])
def test_non_members_are_not_contained(make, stranger):
    assert not make().contains(stranger)
    with pytest.raises(SettingsError, match=f"a choice for each of its 3 variables, got {re.escape(repr(stranger))}"):
        make().require_member(stranger)


@given(spaces())
def test_text_round_trip(space):
    for member in map(tuple, space.members.tolist()):
        assert space.parse(space.text(member)) == member
    assert len(set(map(space.text, map(tuple, space.members.tolist())))) == space.size


def test_text_quotes_names_where_needed():
    space = Space("own", ["edge0", "edge 1"], [["skip_connect"], ["conv 3x3", "none"]])
    assert space.text((0, 0)) == "edge0=skip_connect 'edge 1=conv 3x3'"


@pytest.mark.parametrize(
    "text",
    ["", "a=x", "a=x b=x c=x d=x", "a=x b=w c=x", "a=x b=x c='x", "x x x", "b=x a=x c=x", "a=x b=x c=x x", "|none~0|"],
)
@pytest.mark.parametrize("make", [free_space, listed_space])
def test_invalid_text_is_rejected_with_an_example(make, text):
    with pytest.raises(TableError, match=r"^Expected an architecture of (free|listed) such as 'a=x b=x c=x', got "):
        make().parse(text)


def test_text_of_unlisted_architecture_is_rejected():
    assert free_space().parse("a=x b=y c=x") == (0, 1, 0)
    with pytest.raises(TableError, match="listed"):
        listed_space().parse("a=x b=y c=x")


@given(spaces())
def test_encoding_is_one_hot_and_unique(space):
    rows = space.encode(space.members)
    assert rows.shape == (space.size, sum(map(len, space.choices)))
    assert set(np.unique(rows)) <= {0.0, 1.0}
    assert (rows.sum(axis=1) == len(space.variables)).all()
    assert len(np.unique(rows, axis=0)) == space.size


def test_one_hot_column_order():
    assert free_space().encode([(1, 2, 0)]).tolist() == [[0, 1, 0, 0, 1, 1]]
    assert free_space().encode([]).shape == (0, 6)


def test_samples_are_members_of_plain_integers(space):
    drawn = space.sample(random_stream(0, "test"), 50)
    assert len(drawn) == 50
    assert all(type(choice) is int for member in drawn for choice in member)
    assert all(space.contains(member) for member in drawn)
    assert drawn == space.sample(random_stream(0, "test"), 50)
    assert space.sample(random_stream(0, "test"), 0) == []


@pytest.mark.parametrize("make", [free_space, listed_space])
def test_samples_are_uniform(make):
    space, n = make(), 12_000
    counts = np.bincount(
        [space.index[member] for member in space.sample(random_stream(1, "test"), n)], minlength=space.size
    )
    expected = n / space.size
    assert (np.abs(counts - expected) < 5 * math.sqrt(expected)).all()


@given(spaces())
def test_neighbours_are_all_members_one_variable_away(space):
    members = list(map(tuple, space.members.tolist()))
    for member in members:
        near = list(space.neighbours(member))
        assert len(set(near)) == len(near)
        assert set(near) == {other for other in members if sum(a != b for a, b in zip(member, other, strict=True)) == 1}


def test_nasbench201_cell_has_24_neighbours():
    assert len(list(NasBench201Space().neighbours((0, 1, 2, 3, 4, 0)))) == 24
