from ce_nas.search.regional import AnyOf, WholeSpace, distinct


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
