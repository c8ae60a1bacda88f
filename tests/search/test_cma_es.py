import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.cma_es import CmaSearcher, ranking
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.lamoo.searcher import LamooSearcher
from ce_nas.search.random import UniformSearcher
from ce_nas.search.regions import WholeSpace
from ce_nas.space.distributions import Categorical, Float, Integer
from ce_nas.space.mixed import MixedSpace
from ce_nas.space.nasbench201 import NasBench201Space

REAL = MixedSpace("real", {f"x{place}": Float(0.0, 1.0) for place in range(4)})
MIXED = MixedSpace(
    "mixed",
    {"x": Float(-1.0, 1.0), "n": Integer(0, 9), "wide": Integer(0, 999), "kind": Categorical(tuple("abc")),
     "fixed": Integer(7, 7)},
)  # fmt: skip
NAMED = NasBench201Space()
SPACES = {"real": REAL, "mixed": MIXED, "named": NAMED}
REFERENCE = (4.0, 4.0)


def observed(space, architectures):
    """Two spheres, one around a third of every range and one around two thirds."""
    units = space.encode(architectures)
    near, far = ((units - 1 / 3) ** 2).sum(axis=1), ((units - 2 / 3) ** 2).sum(axis=1)
    return [
        Observation(one, values)
        for one, values in zip(architectures, zip(near.tolist(), far.tolist(), strict=True), strict=True)
    ]


def run(space, searcher, evaluations, batch=5):
    found = {}
    asked = space.sample(stream(0, "starts"), 10)
    while len(found) < evaluations:
        told = observed(space, asked)
        found.update((one.architecture, one.values) for one in told)
        searcher.tell(told)
        asked = searcher.ask(batch, found)
    return found


def reached(space, searcher, evaluations):
    return hypervolume(list(run(space, searcher, evaluations).values()), REFERENCE)


class Half:
    """The region where the first variable is in the lower half of its range."""

    def __init__(self, space, samples):
        self._space = space
        self.samples = [sample for sample in samples if self.contains([sample.architecture])[0]]

    def rows(self, space):
        return np.flatnonzero(self.contains(space.members))

    def contains(self, architectures):
        return self._space.encode(architectures)[:, 0] < 0.5


@pytest.mark.parametrize("name", SPACES)
def test_proposals_are_new_distinct_members_for_batches_of_any_size(name):
    space = SPACES[name]
    searcher = CmaSearcher(space, stream(0, "cma"), REFERENCE)
    found = set()
    for batch in (10, 1, 3, 30, 2, 7, 1, 1, 25):
        asked = searcher.ask(batch, found)
        assert len(set(asked)) == len(asked) == batch
        assert not found & set(asked)
        assert all(space.contains(one) for one in asked)
        assert all(type(value) is (float if isinstance(value, float) else int) for one in asked for value in one)
        found |= set(asked)
        searcher.tell(observed(space, asked))


@pytest.mark.parametrize("name", ["real", "mixed"])
def test_it_beats_chance(name):
    space = SPACES[name]
    by_cma = [reached(space, CmaSearcher(space, stream(seed, "s"), REFERENCE), 150) for seed in range(3)]
    by_chance = [reached(space, UniformSearcher(space, stream(seed, "s")), 150) for seed in range(3)]
    assert min(by_cma) > max(by_chance)


@pytest.mark.parametrize("name", SPACES)
def test_proposals_stay_in_the_region(name):
    space = SPACES[name]
    searcher = CmaSearcher(space, stream(0, "cma"), REFERENCE)
    told = observed(space, space.sample(stream(1, "starts"), 40))
    searcher.tell(told)
    for _ in range(4):
        region = Half(space, told)
        asked = searcher.ask_within(8, {one.architecture for one in told}, region)
        assert len(asked) == 8
        assert region.contains(asked).all()
        news = observed(space, asked)
        searcher.tell(news)
        told += news


def test_it_starts_anew_where_the_region_has_left_it_behind():
    searcher = CmaSearcher(REAL, stream(0, "cma"), REFERENCE)
    told = observed(REAL, [*REAL.sample(stream(1, "starts"), 30), (0.9, 0.5, 0.5, 0.5)])
    searcher.tell(told)
    searcher.ask_within(3, set(), WholeSpace(told[-1:]))
    assert searcher._run.centre == (0.9, 0.5, 0.5, 0.5)
    region = Half(REAL, told)
    searcher.ask_within(3, set(), region)
    assert region.contains([searcher._run.centre])[0]


def test_it_searches_the_leaves_of_a_partition():
    inner = CmaSearcher(REAL, stream(0, "cma"), REFERENCE)
    lamoo = LamooSearcher(REAL, stream(0, "lamoo"), REFERENCE, inner, PartitionSettings(), outside=0.0)
    run(REAL, lamoo, 60)
    asked = lamoo.ask(5, set())
    assert (
        {lamoo.region_of(one) for one in asked} == {"".join("+-"[not side.good] for side in lamoo._held.path)} != {""}
    )
    assert lamoo._region(lamoo._held).contains(asked).all()


def test_a_region_is_searched_until_the_distribution_has_converged():
    inner = CmaSearcher(REAL, stream(0, "cma"), REFERENCE)
    lamoo = LamooSearcher(REAL, stream(0, "lamoo"), REFERENCE, inner, PartitionSettings(), outside=0.0)
    lamoo.tell(observed(REAL, REAL.sample(stream(0, "starts"), 40)))
    held = []
    for turn in range(12):
        asked = lamoo.ask(5, set())
        held.append(lamoo._held)
        lamoo.tell(observed(REAL, asked))
        if turn == 5:
            inner._run.converged = True
    assert held[0].path
    assert len({id(node) for node in held[:6]}) == len({id(node) for node in held[6:]}) == 1
    assert held[5] is not held[6]


def test_with_three_objectives_no_region_is_held():
    assert not _asked_once(REFERENCE * 2).busy
    assert _asked_once(REFERENCE).busy


def _asked_once(reference):
    searcher = CmaSearcher(REAL, stream(0, "cma"), reference[:3])
    cells = REAL.sample(stream(0, "starts"), 20)
    searcher.tell(
        [
            Observation(one, (*told.values, 1.0)[: len(reference[:3])])
            for one, told in zip(cells, observed(REAL, cells), strict=True)
        ]
    )
    searcher.ask(3, set())
    return searcher


def test_it_starts_the_narrower_the_closer_the_samples_lie():
    wide, close = (
        [tuple(0.5 + width * (np.array(one) - 0.5)) for one in REAL.sample(stream(0, "s"), 30)] for width in (1.0, 0.3)
    )
    sigma = []
    for cells in (wide, close):
        searcher = CmaSearcher(REAL, stream(0, "cma"), REFERENCE)
        searcher.tell(observed(REAL, cells))
        searcher.ask(3, set())
        sigma.append(searcher._run._cma._sigma)
    assert sigma[1] == pytest.approx(0.3 * sigma[0], rel=0.01)


def test_while_nothing_betters_the_reference_it_starts_anywhere():
    searcher = CmaSearcher(REAL, stream(0, "cma"), (-1.0, -1.0))
    told = observed(REAL, REAL.sample(stream(0, "starts"), 30))
    searcher.tell(told)
    assert len({searcher._started(WholeSpace(told)).centre for _ in range(20)}) == 20


def test_a_converged_distribution_makes_room_for_another():
    searcher = CmaSearcher(REAL, stream(0, "cma"), REFERENCE[:1])
    asked, runs = REAL.sample(stream(0, "starts"), 10), []
    for _ in range(60):
        searcher.tell([Observation(one, (sum((value - 0.5) ** 2 for value in one),)) for one in asked])
        asked = searcher.ask(8, set())
        runs += [searcher._run] if searcher._run not in runs else []
    assert len(runs) > 1
    assert [run.converged for run in runs] == [True] * (len(runs) - 1) + [False]


def test_what_is_known_already_counts_without_being_proposed_again():
    space = MixedSpace("small", {"kind": Categorical(tuple("abcd")), "n": Integer(0, 5)})
    searcher = CmaSearcher(space, stream(0, "cma"), REFERENCE)
    members = set(space.listed)
    searcher.tell(observed(space, space.listed[:20]))
    assert set(searcher.ask(10, set(space.listed[:20]))) == members - set(space.listed[:20])
    assert searcher.ask(10, members) == []


def test_a_space_with_nothing_to_choose_is_drawn_from():
    space = MixedSpace("fixed", {"n": Integer(3, 3)})
    searcher = CmaSearcher(space, stream(0, "cma"), REFERENCE, startup=1)
    searcher.tell([Observation((3,), (1.0, 1.0))])
    assert searcher.ask(2, set()) == [(3,)]


def test_ranking_puts_the_front_before_the_dominated_and_what_is_beyond_the_reference_last():
    values = np.array([[5.0, 0.1], [3.0, 3.0], [0.5, 3.5], [2.0, 2.0], [1.0, 1.0], [9.0, 0.0]])
    places = ranking(values, values, np.array(REFERENCE))
    assert places.tolist() == [4, 3, 1, 2, 0, 5]


def test_ranking_of_the_front_goes_by_what_each_point_alone_adds():
    values = np.array([[0.0, 3.0], [1.0, 2.9], [2.0, 1.0]])
    assert ranking(values, values, np.array(REFERENCE)).tolist() == [1, 2, 0]


def test_ranking_takes_failed_trainings():
    values = np.array([[np.inf, np.inf], [1.0, 1.0], [np.inf, np.inf]])
    assert ranking(values, values, np.array(REFERENCE)).tolist() == [1, 0, 2]


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_any_number_of_objectives(objectives):
    searcher = CmaSearcher(REAL, stream(0, "cma"), [4.0] * objectives)
    asked = REAL.sample(stream(0, "starts"), 12)
    for _ in range(4):
        searcher.tell([Observation(one, one[:objectives]) for one in asked])
        asked = searcher.ask(9, set())
        assert len(asked) == 9


def test_the_same_seed_gives_the_same_proposals():
    first, again, other = (run(MIXED, CmaSearcher(MIXED, stream(seed, "s"), REFERENCE), 60) for seed in (1, 1, 2))
    assert list(first) == list(again) != list(other)


@pytest.mark.parametrize("wrong", [{"startup": 0}, {"population": 3}, {"spread": 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(SettingsError, match="Expected a startup"):
        CmaSearcher(REAL, stream(0, "cma"), REFERENCE, **wrong)
