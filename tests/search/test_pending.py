from ce_nas.core.records import Observation
from ce_nas.search.pending import Pending


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
