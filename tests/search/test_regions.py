from hypothesis import given
from hypothesis import strategies as st

from ce_nas.search.regions import UnionContainer, WholeSpace, deduplicate, filter_excluded


def test_whole_space_contains_everything():
    assert WholeSpace().contains([(0, 1), (2, 3)]).tolist() == [True, True]
    assert list(WholeSpace().samples) == []


def test_union_container_membership():
    either = UnionContainer({(1,)}, [(2,)])
    assert (1,) in either
    assert (2,) in either
    assert (3,) not in either


def test_deduplicate_keeps_the_first_in_order():
    assert deduplicate([(2,), (1,), (2,), (3,)], exclude={(1,)}) == [(2,), (3,)]


@given(st.lists(st.integers(0, 9)), st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=4))
def test_filter_excluded_with_nested_containers(numbers, parts):
    architectures = [(number,) for number in numbers]
    sets = [{(number,) for number in part} for part in parts]
    nested = UnionContainer(sets[0], UnionContainer(*sets[1:]))
    expected = [architecture for architecture in architectures if not any(architecture in part for part in sets)]
    assert filter_excluded(architectures, nested) == expected
    assert [architecture for architecture in architectures if architecture not in nested] == expected
    assert deduplicate(architectures, nested) == list(dict.fromkeys(expected))
    assert filter_excluded(architectures, sets[0]) == [
        architecture for architecture in architectures if architecture not in sets[0]
    ]
