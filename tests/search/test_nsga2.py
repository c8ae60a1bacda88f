import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.space.base import Space


def space_of(variables=10, choices=4):
    return Space("toy", [f"v{i}" for i in range(variables)], [[*"abcdefgh"[:choices]]] * variables)


def values(architecture):
    """Two objectives at odds: the sum of the choices, and its distance from alternating ones."""
    target = [3 if index % 2 else 0 for index in range(len(architecture))]
    return float(sum(architecture)), float(sum(abs(a - t) for a, t in zip(architecture, target, strict=True)))


def search(searcher, evaluations, batch=5):
    found = {}
    while len(found) < evaluations:
        observations = [Observation(architecture, values(architecture)) for architecture in searcher.ask(batch, found)]
        found.update((observation.architecture, observation.values) for observation in observations)
        searcher.tell(observations)
    return hypervolume(list(found.values()), [30.0, 30.0])


def test_beats_random_search():
    space = space_of()
    evolved = [search(Nsga2Searcher(space, random_stream(seed, "evolution")), 150) for seed in range(3)]
    by_chance = [search(RandomSearcher(space, random_stream(seed, "uniform")), 150) for seed in range(3)]
    assert min(evolved) > max(by_chance)


def test_offspring_resemble_their_parents():
    space = space_of(variables=20)
    searcher = Nsga2Searcher(space, random_stream(0, "evolution"), population=2, mutation=0.05)
    parents = [(0,) * 20, (1,) * 20]
    searcher.tell([Observation(parents[0], (0.0, 1.0)), Observation(parents[1], (1.0, 0.0))])
    children = np.array(searcher.ask(40, set(parents)))
    assert np.isin(children, (0, 1)).mean() > 0.9
    assert ((children == 0).any(axis=1) & (children == 1).any(axis=1)).mean() > 0.5


def test_population_is_the_best_of_all_observations():
    space = space_of(variables=6)
    searcher = Nsga2Searcher(space, random_stream(0, "evolution"), population=2, crossover=0.0, mutation=1 / 6)
    bad = [Observation(tuple(architecture), (9.0, 9.0)) for architecture in space.members[500:600].tolist()]
    good = [Observation((0,) * 6, (0.0, 1.0)), Observation((3,) * 6, (1.0, 0.0))]
    searcher.tell([*bad, *good])
    children = np.array(searcher.ask(20, {observation.architecture for observation in [*bad, *good]}))
    changes = np.minimum((children != 0).sum(axis=1), (children != 3).sum(axis=1))
    assert np.median(changes) <= 2


def test_binary_tournament_selects_the_better():
    searcher = Nsga2Searcher(space_of(), random_stream(0, "evolution"))
    winners = searcher._tournament_winners(10, 5000)
    assert (winners == 0).mean() == pytest.approx(0.19, abs=0.03)  # 1 - (9/10)^2
    assert (winners == 9).mean() == pytest.approx(0.01, abs=0.01)


def test_estimates_are_not_parents():
    space = space_of()
    searcher = Nsga2Searcher(space, random_stream(0, "evolution"), population=2)
    untrained = Nsga2Searcher(space, random_stream(0, "evolution"), population=2)
    searcher.tell([Observation((0,) * 10, (0.0, 0.0), fidelity=0.0), Observation((1,) * 10, (0.0, 0.0), fidelity=0.5)])
    assert searcher.ask(5, set()) == untrained.ask(5, set())


def test_neighbours_are_proposed_when_offspring_are_known():
    space = space_of(variables=4)
    searcher = Nsga2Searcher(space, random_stream(0, "evolution"), population=2, mutation=0.0)
    parents = [(0, 0, 0, 0), (0, 0, 0, 1)]
    searcher.tell([Observation(parents[0], (0.0, 1.0)), Observation(parents[1], (1.0, 0.0))])
    proposals = searcher.ask(6, set(parents))
    near = {near for parent in parents for near in space.neighbours(parent)} - set(parents)
    assert len(proposals) == 6
    assert set(proposals) <= near


@pytest.mark.parametrize("wrong", [{"population": 1}, {"crossover": 1.5}, {"mutation": -0.1}])
def test_invalid_settings_are_rejected(wrong):
    with pytest.raises(SettingsError, match="Expected a population"):
        Nsga2Searcher(space_of(), random_stream(0, "evolution"), **wrong)
