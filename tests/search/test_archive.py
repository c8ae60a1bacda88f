from ce_nas.core.records import Observation
from ce_nas.search.archive import Archive, Pending, values_of


def test_only_full_trainings_are_kept_and_the_newest_counts():
    archive = Archive()
    estimate = Observation((0,), (1.0, 1.0), fidelity=0.0)
    part = Observation((0,), (1.0, 1.0), fidelity=0.5)
    first, other, again = (Observation((a,), (v, v)) for a, v in ((1, 2.0), (2, 3.0), (1, 4.0)))
    assert archive.add([estimate, part]) == []
    assert archive.add([first, other]) == [first, other]
    assert archive.add([again]) == [again]
    assert archive.observations == (again, other)
    assert len(archive) == 2
    assert values_of(archive.observations).tolist() == [[4.0, 4.0], [3.0, 3.0]]


def test_what_was_taken_up_is_pending_until_it_is_told_of():
    pending = Pending()
    pending.add([(0,), (1,), (2,)])
    assert pending.taken({(0,), (1,), (7,)}) == [(0,), (1,)]
    assert pending.taken({(0,), (1,), (2,)}) == [(0,), (1,)]  # the third was not taken up, and is forgotten
    pending.tell([Observation((0,), (1.0,))])
    assert pending.taken({(0,), (1,)}) == [(1,)]


def test_only_the_newest_count():
    pending = Pending()
    pending.add([(number,) for number in range(40)])
    assert pending.taken({(number,) for number in range(40)}) == [(number,) for number in range(8, 40)]
