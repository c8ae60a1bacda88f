import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.bayesopt.ehvi import EhviSearcher
from ce_nas.search.bayesopt.qlognehvi import QLogNehviSearcher
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.lamoo.searcher import LamooSearcher
from ce_nas.search.random import UniformSearcher
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
    return [Observation(one, (float(a), float(b))) for one, a, b in zip(architectures, near, far, strict=True)]


@pytest.fixture(params=["ehvi", "qlognehvi"])
def searcher_of(request):
    """Makes a searcher of each kind, with settings that take little time."""
    if request.param == "qlognehvi":
        pytest.importorskip("botorch", reason="the extra bo is not installed")

    def make(space, seed=0, **options):
        options = {"candidates": 64, "climbs": 1, **options}
        if request.param == "ehvi":
            return EhviSearcher(space, stream(seed, "bo"), REFERENCE, **options)
        return QLogNehviSearcher(space, stream(seed, "bo"), REFERENCE, **{"draws": 16, **options})

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
def test_proposals_are_new_distinct_members_inside_the_region(name, searcher_of):
    space = SPACES[name]
    searcher = searcher_of(space)
    told = observed(space, list(dict.fromkeys(space.sample(stream(0, "starts"), 15))))
    searcher.tell(told)
    known = {one.architecture for one in told}
    region = Half(space, told)
    asked = searcher.ask_within(4, known, region)
    assert len(set(asked)) == 4
    assert not known & set(asked)
    assert all(space.contains(one) for one in asked)
    assert region.contains(asked).all()


def test_it_beats_chance(searcher_of):
    starts = REAL.sample(stream(0, "starts"), 10)

    def reached(searcher):
        found, asked = {}, starts
        while asked:
            told = observed(REAL, asked)
            found.update((one.architecture, one.values) for one in told)
            searcher.tell(told)
            asked = searcher.ask(5, found) if len(found) < 25 else []
        return hypervolume(list(found.values()), REFERENCE)

    assert reached(searcher_of(REAL)) > max(reached(UniformSearcher(REAL, stream(seed, "u"))) for seed in range(3))


def test_climbs_leave_the_candidates_behind(searcher_of):
    told = observed(REAL, REAL.sample(stream(0, "starts"), 15))
    best = {}
    for climbs in (0, 2):
        searcher = searcher_of(REAL, climbs=climbs)
        searcher.tell(told)
        (best[climbs],) = searcher.ask(1, set())
    assert best[0] != best[2]


def test_batches_spread_out(searcher_of):
    searcher = searcher_of(REAL)
    searcher.tell(observed(REAL, REAL.sample(stream(0, "starts"), 15)))
    asked = np.array(searcher.ask(4, set()))
    apart = np.linalg.norm(asked[:, None] - asked[None], axis=2) + np.eye(4)
    assert apart.min() > 0.01


def test_a_finite_space_is_searched_to_its_end(searcher_of):
    searcher = searcher_of(NAMED)
    members = set(NAMED.listed)
    searcher.tell(observed(NAMED, NAMED.listed[:58]))
    assert set(searcher.ask(10, set(NAMED.listed[:58]))) == set(NAMED.listed[58:])
    assert searcher.ask(3, members) == []


def test_it_searches_the_leaves_of_a_partition(searcher_of):
    lamoo = LamooSearcher(REAL, stream(0, "lamoo"), REFERENCE, searcher_of(REAL), PartitionSettings(), outside=0.0)
    lamoo.tell(observed(REAL, REAL.sample(stream(0, "starts"), 40)))
    asked = lamoo.ask(3, set())
    assert lamoo.partition.chosen().path
    assert lamoo._region(lamoo.partition.chosen()).contains(asked).all()


def test_failed_trainings_and_estimates_are_not_modelled(searcher_of):
    searcher = searcher_of(REAL)
    points = REAL.sample(stream(0, "starts"), 30)
    told = observed(REAL, points[:12])
    searcher.tell(told)
    searcher.tell([Observation(one, (np.inf, 1e100)) for one in points[12:20]])
    searcher.tell([Observation(one, (0.0, 0.0), fidelity=0.5) for one in points[20:]])
    clean = searcher_of(REAL)
    clean.tell(told)
    assert searcher.ask(2, set()) == clean.ask(2, set())


def test_values_all_alike_do_no_harm(searcher_of):
    searcher = searcher_of(REAL)
    searcher.tell([Observation(one, (1.0, 1.0)) for one in REAL.sample(stream(0, "starts"), 12)])
    assert len(searcher.ask(2, set())) == 2


def test_points_all_beyond_the_reference_do_no_harm(searcher_of):
    searcher = searcher_of(REAL)
    told = observed(REAL, REAL.sample(stream(0, "starts"), 12))
    searcher.tell([Observation(one.architecture, (one.values[0] + 9, one.values[1] + 9)) for one in told])
    assert len(searcher.ask(2, set())) == 2


def test_the_same_seed_gives_the_same_proposals_and_another_seed_others(searcher_of):
    proposals = []
    for seed in (0, 0, 1):
        searcher = searcher_of(MIXED, seed)
        searcher.tell(observed(MIXED, MIXED.sample(stream(0, "starts"), 12)))
        proposals.append(searcher.ask(3, set()))
    assert proposals[0] == proposals[1] != proposals[2]


def test_what_is_under_way_is_not_proposed_next_to(searcher_of):
    told = observed(REAL, REAL.sample(stream(0, "starts"), 15))
    searcher = searcher_of(REAL)
    searcher.tell(told)
    known, asked = {one.architecture for one in told}, []
    for _ in range(3):
        asked += searcher.ask(1, known)
        known |= set(asked)
    apart = np.linalg.norm(np.array(asked)[:, None] - np.array(asked)[None], axis=2) + np.eye(3)
    assert apart.min() > 0.01


def test_without_trainings_it_draws(searcher_of):
    assert len(searcher_of(REAL).ask_within(3, set(), WholeSpace())) == 3


@pytest.mark.parametrize("wrong", [{"startup": 0}, {"candidates": 1}, {"most": 1}, {"climbs": -1}])
def test_settings_that_make_no_sense_are_refused(wrong, searcher_of):
    with pytest.raises(SettingsError, match="Expected a startup"):
        searcher_of(REAL, **wrong)
