from ce_nas.core.records import Observation
from ce_nas.search.observation_history import ObservationHistory, PendingProposals, objective_values


def test_archive_keeps_newest_full_training():
    history = ObservationHistory()
    estimate = Observation((0,), (1.0, 1.0), fidelity=0.0)
    part = Observation((0,), (1.0, 1.0), fidelity=0.5)
    first, other, again = (Observation((a,), (v, v)) for a, v in ((1, 2.0), (2, 3.0), (1, 4.0)))
    assert history.add([estimate, part]) == []
    assert history.add([first, other]) == [first, other]
    assert history.add([again]) == [again]
    assert history.observations == (again, other)
    assert len(history) == 2
    assert objective_values(history.observations).tolist() == [[4.0, 4.0], [3.0, 3.0]]


def test_accepted_proposals_are_pending_until_observed():
    pending = PendingProposals()
    pending.add([(0,), (1,), (2,)])
    assert pending.retain_accepted({(0,), (1,), (7,)}) == [(0,), (1,)]
    assert pending.retain_accepted({(0,), (1,), (2,)}) == [(0,), (1,)]  # the third was not taken up, and is forgotten
    pending.discard_observed([Observation((0,), (1.0,))])
    assert pending.retain_accepted({(0,), (1,)}) == [(1,)]


def test_pending_proposals_are_limited_to_the_newest():
    pending = PendingProposals()
    pending.add([(number,) for number in range(40)])
    assert pending.retain_accepted({(number,) for number in range(40)}) == [(number,) for number in range(8, 40)]
