"""Candidates of a space that cannot be listed."""

import numpy as np
import pytest

from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.search.regions import WholeSpace
from ce_nas.search.surrogate.candidates import CandidateSampler
from ce_nas.space.darts import DartsSpace

SPACE = DartsSpace()
DRAWN = SPACE.sample(random_stream(0, "candidates"), 2000)


class Even:
    """The region of the architectures whose choices add up to an even number."""

    samples = ()

    def contains(self, architectures):
        return np.array([sum(architecture) % 2 == 0 for architecture in np.asarray(architectures).tolist()], dtype=bool)


def trained(architectures):
    return [
        Observation(architecture, (float(-sum(architecture)), float(architecture[0]))) for architecture in architectures
    ]


def distance_to(architecture, others):
    return min(sum(a != b for a, b in zip(architecture, other, strict=True)) for other in others)


def test_candidates_are_new_members_of_the_region():
    exclude = set(DRAWN[:40])
    sampled = CandidateSampler(SPACE, random_stream(0, "c")).sample(exclude, Even(), trained(DRAWN[:40]))
    assert 800 < len(sampled) == len(set(sampled))
    assert all(SPACE.contains(architecture) for architecture in sampled)
    assert Even().contains(sampled).all()
    assert not exclude & set(sampled)


def test_candidates_include_neighbours_of_the_best():
    best = trained(DRAWN[:12])
    sampled = CandidateSampler(SPACE, random_stream(0, "c")).sample(set(), WholeSpace(), best)
    neighbours = [architecture for architecture in sampled if distance_to(architecture, DRAWN[:12]) == 1]
    assert len(neighbours) > 250
    varied = {
        index
        for architecture in neighbours
        for index, (a, b) in enumerate(
            zip(architecture, min(DRAWN[:12], key=lambda b, o=architecture: distance_to(o, [b])), strict=True)
        )
        if a != b
    }
    assert varied == set(range(22))


def test_candidates_include_best_proxy_scores():
    candidates = CandidateSampler(SPACE, random_stream(0, "c"))
    scored = [
        Observation(architecture, (-rank / 2000, 1.0), 0.0, (float(rank),)) for rank, architecture in enumerate(DRAWN)
    ]
    for start in range(0, 2000, 200):
        candidates.tell(scored[start : start + 200])
    candidates.tell(trained(DRAWN[:10]))
    sampled = set(candidates.sample({DRAWN[-1]}, WholeSpace(), trained(DRAWN[:10])))
    assert set(DRAWN[-500:-1]) <= sampled
    assert not set(DRAWN[100:1400]) & sampled
    assert DRAWN[-1] not in sampled


@pytest.mark.parametrize("number", [1, 3])
def test_candidates_with_few_trainings(number):
    sampled = CandidateSampler(SPACE, random_stream(0, "c")).sample(set(), WholeSpace(), trained(DRAWN[:number]))
    assert len(sampled) > 1000
