"""Candidates of a space that cannot be listed."""

import numpy as np
import pytest

from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.search.regions import WholeSpace
from ce_nas.search.surrogate.candidates import Candidates
from ce_nas.space.darts import DartsSpace

SPACE = DartsSpace()
DRAWN = SPACE.sample(stream(0, "candidates"), 2000)


class Even:
    """The region of the architectures whose choices add up to an even number."""

    samples = ()

    def contains(self, architectures):
        return np.array([sum(one) % 2 == 0 for one in np.asarray(architectures).tolist()], dtype=bool)


def trained(architectures):
    return [Observation(one, (float(-sum(one)), float(one[0]))) for one in architectures]


def changes(one, others):
    return min(sum(a != b for a, b in zip(one, other, strict=True)) for other in others)


def test_they_lie_in_the_space_and_the_region_and_none_is_excluded():
    exclude = set(DRAWN[:40])
    found = Candidates(SPACE, stream(0, "c")).drawn(exclude, Even(), trained(DRAWN[:40]))
    assert 800 < len(found) == len(set(found))
    assert all(SPACE.contains(one) for one in found)
    assert Even().contains(found).all()
    assert not exclude & set(found)


def test_many_are_close_to_the_best_whatever_variable_changes():
    best = trained(DRAWN[:12])
    found = Candidates(SPACE, stream(0, "c")).drawn(set(), WholeSpace(), best)
    neighbours = [one for one in found if changes(one, DRAWN[:12]) == 1]
    assert len(neighbours) > 250
    varied = {
        place
        for one in neighbours
        for place, (a, b) in enumerate(zip(one, min(DRAWN[:12], key=lambda b, o=one: changes(o, [b])), strict=True))
        if a != b
    }
    assert varied == set(range(22))


def test_what_scored_best_is_kept_in_mind_and_estimates_alone_are():
    candidates = Candidates(SPACE, stream(0, "c"))
    scored = [Observation(one, (-rank / 2000, 1.0), 0.0, (float(rank),)) for rank, one in enumerate(DRAWN)]
    for start in range(0, 2000, 200):
        candidates.tell(scored[start : start + 200])
    candidates.tell(trained(DRAWN[:10]))
    found = set(candidates.drawn({DRAWN[-1]}, WholeSpace(), trained(DRAWN[:10])))
    assert set(DRAWN[-500:-1]) <= found
    assert not set(DRAWN[100:1400]) & found
    assert DRAWN[-1] not in found


@pytest.mark.parametrize("number", [1, 3])
def test_a_few_trainings_suffice(number):
    found = Candidates(SPACE, stream(0, "c")).drawn(set(), WholeSpace(), trained(DRAWN[:number]))
    assert len(found) > 1000
