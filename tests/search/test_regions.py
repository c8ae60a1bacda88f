from hypothesis import given
from hypothesis import strategies as st

from ce_nas.search.regions import AnyOf, WholeSpace, distinct, left_of


def test_the_whole_space_leaves_nothing_out():
    assert WholeSpace().contains([(0, 1), (2, 3)]).tolist() == [True, True]
    assert list(WholeSpace().samples) == []


def test_any_of_several_containers():
    either = AnyOf({(1,)}, [(2,)])
    assert (1,) in either
    assert (2,) in either
    assert (3,) not in either


def test_distinct_keeps_the_first_of_each_in_order():
    assert distinct([(2,), (1,), (2,), (3,)], exclude={(1,)}) == [(2,), (3,)]


@given(st.lists(st.integers(0, 9)), st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=4))
def test_what_is_left_is_in_none_of_the_containers_however_they_are_nested(numbers, parts):
    architectures = [(number,) for number in numbers]
    sets = [{(number,) for number in part} for part in parts]
    nested = AnyOf(sets[0], AnyOf(*sets[1:]))
    expected = [one for one in architectures if not any(one in part for part in sets)]
    assert left_of(architectures, nested) == expected
    assert [one for one in architectures if one not in nested] == expected
    assert distinct(architectures, nested) == list(dict.fromkeys(expected))
    assert left_of(architectures, sets[0]) == [one for one in architectures if one not in sets[0]]
