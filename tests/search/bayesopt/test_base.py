import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.bayesopt.ehvi_searcher import EhviSearcher
from ce_nas.search.bayesopt.qlognehvi_searcher import QLogNehviSearcher
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.random import RandomSearcher
from ce_nas.search.regions import WholeSpace
from ce_nas.space.base import Space
from ce_nas.space.distributions import Categorical, Float, Integer
from ce_nas.space.mixed import MixedSpace

REAL = MixedSpace("real", {"x0": Float(0.0, 1.0), "x1": Float(0.0, 1.0)})
MIXED = MixedSpace("mixed", {"x": Float(-1.0, 1.0), "n": Integer(0, 9), "kind": Categorical(tuple("abc"))})
NAMED = Space("named", ["a", "b", "c"], [[*"wxyz"]] * 3)
SPACES = {"real": REAL, "mixed": MIXED, "named": NAMED}
REFERENCE = (2.0, 2.0)


def observed(space, architectures):
    units = space.encode(architectures)
    near, far = ((units - 1 / 3) ** 2).sum(axis=1), ((units - 2 / 3) ** 2).sum(axis=1)
    return [
        Observation(architecture, (float(a), float(b)))
        for architecture, a, b in zip(architectures, near, far, strict=True)
    ]


@pytest.fixture(params=["ehvi", "qlognehvi"])
def searcher_of(request):
    """Makes a searcher of each kind, with settings that take little time."""
    if request.param == "qlognehvi":
        pytest.importorskip("botorch", reason="the extra bo is not installed")

    def make(space, seed=0, **options):
        options = {"candidates": 64, "n_restarts": 1, **options}
        if request.param == "ehvi":
            return EhviSearcher(space, random_stream(seed, "bo"), REFERENCE, **options)
        return QLogNehviSearcher(space, random_stream(seed, "bo"), REFERENCE, **{"mc_samples": 16, **options})

    return make


class Half:
    """The region where the first column is in the lower half."""

    def __init__(self, space, samples):
        self._space = space
        self.samples = [sample for sample in samples if self.contains([sample.architecture])[0]]

    def contains(self, architectures):
        return self._space.encode(architectures)[:, 0] < 0.5

    def rows(self, space):
        return np.flatnonzero(self.contains(space.members))


@pytest.mark.parametrize("name", SPACES)
def test_proposals_are_new_unique_members_of_the_region(name, searcher_of):
    space = SPACES[name]
    searcher = searcher_of(space)
    observations = observed(space, list(dict.fromkeys(space.sample(random_stream(0, "starts"), 15))))
    searcher.tell(observations)
    known = {observation.architecture for observation in observations}
    region = Half(space, observations)
    asked = searcher.ask_within(4, known, region)
    assert len(set(asked)) == 4
    assert not known & set(asked)
    assert all(space.contains(architecture) for architecture in asked)
    assert region.contains(asked).all()


def test_beats_random_search(searcher_of):
    starts = REAL.sample(random_stream(0, "starts"), 10)

    def reached(searcher):
        known_values, asked = {}, starts
        while asked:
            observations = observed(REAL, asked)
            known_values.update((observation.architecture, observation.values) for observation in observations)
            searcher.tell(observations)
            asked = searcher.ask(5, known_values) if len(known_values) < 25 else []
        return hypervolume(list(known_values.values()), REFERENCE)

    assert reached(searcher_of(REAL)) > max(
        reached(RandomSearcher(REAL, random_stream(seed, "u"))) for seed in range(3)
    )


def test_local_optimisation_leaves_the_candidate_pool(searcher_of):
    observations = observed(REAL, REAL.sample(random_stream(0, "starts"), 15))
    best = {}
    for n_restarts in (0, 2):
        searcher = searcher_of(REAL, n_restarts=n_restarts)
        searcher.tell(observations)
        (best[n_restarts],) = searcher.ask(1, set())
    assert best[0] != best[2]


def test_batch_points_are_spread_out(searcher_of):
    searcher = searcher_of(REAL)
    searcher.tell(observed(REAL, REAL.sample(random_stream(0, "starts"), 15)))
    asked = np.array(searcher.ask(4, set()))
    apart = np.linalg.norm(asked[:, None] - asked[None], axis=2) + np.eye(4)
    assert apart.min() > 0.01


def test_finite_space_is_exhausted(searcher_of):
    searcher = searcher_of(NAMED)
    members = set(NAMED.all_architectures)
    searcher.tell(observed(NAMED, NAMED.all_architectures[:58]))
    assert set(searcher.ask(10, set(NAMED.all_architectures[:58]))) == set(NAMED.all_architectures[58:])
    assert searcher.ask(3, members) == []


def test_searches_leaf_of_lamoo_partition(searcher_of):
    lamoo = LamooSearcher(
        REAL, random_stream(0, "lamoo"), REFERENCE, searcher_of(REAL), PartitionSettings(), exploration_share=0.0
    )
    lamoo.tell(observed(REAL, REAL.sample(random_stream(0, "starts"), 40)))
    asked = lamoo.ask(3, set())
    assert lamoo.partition.select_leaf().path
    assert lamoo._region_of_node(lamoo.partition.select_leaf()).contains(asked).all()


def test_failed_and_partial_trainings_are_not_modelled(searcher_of):
    searcher = searcher_of(REAL)
    points = REAL.sample(random_stream(0, "starts"), 30)
    observations = observed(REAL, points[:12])
    searcher.tell(observations)
    searcher.tell([Observation(point, (np.inf, 1e100)) for point in points[12:20]])
    searcher.tell([Observation(point, (0.0, 0.0), fidelity=0.5) for point in points[20:]])
    clean = searcher_of(REAL)
    clean.tell(observations)
    assert searcher.ask(2, set()) == clean.ask(2, set())


def test_constant_objectives(searcher_of):
    searcher = searcher_of(REAL)
    searcher.tell([Observation(point, (1.0, 1.0)) for point in REAL.sample(random_stream(0, "starts"), 12)])
    assert len(searcher.ask(2, set())) == 2


def test_all_points_worse_than_reference(searcher_of):
    searcher = searcher_of(REAL)
    observations = observed(REAL, REAL.sample(random_stream(0, "starts"), 12))
    searcher.tell([Observation(cell, (first + 9, second + 9)) for cell, (first, second), *_ in observations])
    assert len(searcher.ask(2, set())) == 2


def test_same_seed_gives_same_proposals(searcher_of):
    proposals = []
    for seed in (0, 0, 1):
        searcher = searcher_of(MIXED, seed)
        searcher.tell(observed(MIXED, MIXED.sample(random_stream(0, "starts"), 12)))
        proposals.append(searcher.ask(3, set()))
    assert proposals[0] == proposals[1] != proposals[2]


def test_proposals_keep_away_from_pending_points(searcher_of):
    observations = observed(REAL, REAL.sample(random_stream(0, "starts"), 15))
    searcher = searcher_of(REAL)
    searcher.tell(observations)
    known, asked = {observation.architecture for observation in observations}, []
    for _ in range(3):
        asked += searcher.ask(1, known)
        known |= set(asked)
    apart = np.linalg.norm(np.array(asked)[:, None] - np.array(asked)[None], axis=2) + np.eye(3)
    assert apart.min() > 0.01


def test_random_proposals_without_trainings(searcher_of):
    assert len(searcher_of(REAL).ask_within(3, set(), WholeSpace())) == 3


@pytest.mark.parametrize("wrong", [{"startup": 0}, {"candidates": 1}, {"max_model_samples": 1}, {"n_restarts": -1}])
def test_invalid_settings_are_rejected(wrong, searcher_of):
    with pytest.raises(SettingsError, match="Expected a startup"):
        searcher_of(REAL, **wrong)
