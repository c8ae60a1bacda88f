import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.cma_es import CmaSearcher, rank_by_hypervolume_contribution
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.random import RandomSearcher
from ce_nas.search.regions import WholeSpace
from ce_nas.space.distributions import Categorical, Float, Integer
from ce_nas.space.mixed import MixedSpace
from ce_nas.space.nasbench201_cell import NasBench201Space

REAL = MixedSpace("real", {f"x{index}": Float(0.0, 1.0) for index in range(4)})
MIXED = MixedSpace(
    "mixed",
    {"x": Float(-1.0, 1.0), "n": Integer(0, 9), "wide": Integer(0, 999), "kind": Categorical(tuple("abc")),
     "fixed": Integer(7, 7)},
)  # fmt: skip
NAMED = NasBench201Space()
SPACES = {"real": REAL, "mixed": MIXED, "named": NAMED}
REFERENCE = (4.0, 4.0)


def observed(space, architectures):
    """Two sphere functions, one around a third of every range and one around two thirds."""
    units = space.encode(architectures)
    near, far = ((units - 1 / 3) ** 2).sum(axis=1), ((units - 2 / 3) ** 2).sum(axis=1)
    return [
        Observation(architecture, values)
        for architecture, values in zip(architectures, zip(near.tolist(), far.tolist(), strict=True), strict=True)
    ]


def run(space, searcher, evaluations, batch=5):
    known = {}
    asked = space.sample(random_stream(0, "starts"), 10)
    while len(known) < evaluations:
        observations = observed(space, asked)
        known.update((observation.architecture, observation.values) for observation in observations)
        searcher.tell(observations)
        asked = searcher.ask(batch, known)
    return known


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
def test_proposals_are_new_unique_members_for_any_batch_size(name):
    space = SPACES[name]
    searcher = CmaSearcher(space, random_stream(0, "cma"), REFERENCE)
    known = set()
    for batch in (10, 1, 3, 30, 2, 7, 1, 1, 25):
        asked = searcher.ask(batch, known)
        assert len(set(asked)) == len(asked) == batch
        assert not known & set(asked)
        assert all(space.contains(architecture) for architecture in asked)
        assert all(
            type(value) is (float if isinstance(value, float) else int)
            for architecture in asked
            for value in architecture
        )
        known |= set(asked)
        searcher.tell(observed(space, asked))


@pytest.mark.parametrize("name", ["real", "mixed"])
def test_beats_random_search(name):
    space = SPACES[name]
    by_cma = [reached(space, CmaSearcher(space, random_stream(seed, "s"), REFERENCE), 150) for seed in range(3)]
    by_chance = [reached(space, RandomSearcher(space, random_stream(seed, "s")), 150) for seed in range(3)]
    assert min(by_cma) > max(by_chance)


@pytest.mark.parametrize("name", SPACES)
def test_proposals_stay_in_the_region(name):
    space = SPACES[name]
    searcher = CmaSearcher(space, random_stream(0, "cma"), REFERENCE)
    observations = observed(space, space.sample(random_stream(1, "starts"), 40))
    searcher.tell(observations)
    for _ in range(4):
        region = Half(space, observations)
        asked = searcher.ask_within(8, {observation.architecture for observation in observations}, region)
        assert len(asked) == 8
        assert region.contains(asked).all()
        new = observed(space, asked)
        searcher.tell(new)
        observations += new


def test_restarts_when_the_region_excludes_its_centre():
    searcher = CmaSearcher(REAL, random_stream(0, "cma"), REFERENCE)
    observations = observed(REAL, [*REAL.sample(random_stream(1, "starts"), 30), (0.9, 0.5, 0.5, 0.5)])
    searcher.tell(observations)
    searcher.ask_within(3, set(), WholeSpace(observations[-1:]))
    assert searcher._run.centre == (0.9, 0.5, 0.5, 0.5)
    region = Half(REAL, observations)
    searcher.ask_within(3, set(), region)
    assert region.contains([searcher._run.centre])[0]


def test_searches_leaf_of_lamoo_partition():
    inner = CmaSearcher(REAL, random_stream(0, "cma"), REFERENCE)
    lamoo = LamooSearcher(REAL, random_stream(0, "lamoo"), REFERENCE, inner, PartitionSettings(), exploration_share=0.0)
    run(REAL, lamoo, 60)
    asked = lamoo.ask(5, set())
    assert (
        {lamoo.region_of(architecture) for architecture in asked}
        == {"".join("+-"[not side.good] for side in lamoo._current_node.path)}
        != {""}
    )
    assert lamoo._region_of_node(lamoo._current_node).contains(asked).all()


def test_region_is_held_until_convergence():
    inner = CmaSearcher(REAL, random_stream(0, "cma"), REFERENCE)
    lamoo = LamooSearcher(REAL, random_stream(0, "lamoo"), REFERENCE, inner, PartitionSettings(), exploration_share=0.0)
    lamoo.tell(observed(REAL, REAL.sample(random_stream(0, "starts"), 40)))
    held = []
    for turn in range(12):
        asked = lamoo.ask(5, set())
        held.append(lamoo._current_node)
        lamoo.tell(observed(REAL, asked))
        if turn == 5:
            inner._run.converged = True
    assert held[0].path
    assert len({id(node) for node in held[:6]}) == len({id(node) for node in held[6:]}) == 1
    assert held[5] is not held[6]


def test_no_region_is_held_with_three_objectives():
    assert not _asked_once(REFERENCE * 2).holds_region
    assert _asked_once(REFERENCE).holds_region


def _asked_once(reference):
    searcher = CmaSearcher(REAL, random_stream(0, "cma"), reference[:3])
    cells = REAL.sample(random_stream(0, "starts"), 20)
    searcher.tell(
        [
            Observation(architecture, (*observation.values, 1.0)[: len(reference[:3])])
            for architecture, observation in zip(cells, observed(REAL, cells), strict=True)
        ]
    )
    searcher.ask(3, set())
    return searcher


def test_initial_sigma_scales_with_sample_spread():
    wide, close = (
        [tuple(0.5 + width * (np.array(architecture) - 0.5)) for architecture in REAL.sample(random_stream(0, "s"), 30)]
        for width in (1.0, 0.3)
    )
    sigma = []
    for cells in (wide, close):
        searcher = CmaSearcher(REAL, random_stream(0, "cma"), REFERENCE)
        searcher.tell(observed(REAL, cells))
        searcher.ask(3, set())
        sigma.append(searcher._run._cma._sigma)
    assert sigma[1] == pytest.approx(0.3 * sigma[0], rel=0.01)


def test_starts_anywhere_while_nothing_beats_the_reference():
    searcher = CmaSearcher(REAL, random_stream(0, "cma"), (-1.0, -1.0))
    observations = observed(REAL, REAL.sample(random_stream(0, "starts"), 30))
    searcher.tell(observations)
    assert len({searcher._start_run(WholeSpace(observations)).centre for _ in range(20)}) == 20


def test_converged_run_is_replaced():
    searcher = CmaSearcher(REAL, random_stream(0, "cma"), REFERENCE[:1])
    asked, runs = REAL.sample(random_stream(0, "starts"), 10), []
    for _ in range(60):
        searcher.tell(
            [Observation(architecture, (sum((value - 0.5) ** 2 for value in architecture),)) for architecture in asked]
        )
        asked = searcher.ask(8, set())
        runs += [searcher._run] if searcher._run not in runs else []
    assert len(runs) > 1
    assert [run.converged for run in runs] == [True] * (len(runs) - 1) + [False]


def test_known_architectures_are_not_proposed_again():
    space = MixedSpace("small", {"kind": Categorical(tuple("abcd")), "n": Integer(0, 5)})
    searcher = CmaSearcher(space, random_stream(0, "cma"), REFERENCE)
    members = set(space.all_architectures)
    searcher.tell(observed(space, space.all_architectures[:20]))
    assert set(searcher.ask(10, set(space.all_architectures[:20]))) == members - set(space.all_architectures[:20])
    assert searcher.ask(10, members) == []


def test_space_without_free_variables():
    space = MixedSpace("fixed", {"n": Integer(3, 3)})
    searcher = CmaSearcher(space, random_stream(0, "cma"), REFERENCE, startup=1)
    searcher.tell([Observation((3,), (1.0, 1.0))])
    assert searcher.ask(2, set()) == [(3,)]


def test_ranking_front_first_and_beyond_reference_last():
    values = np.array([[5.0, 0.1], [3.0, 3.0], [0.5, 3.5], [2.0, 2.0], [1.0, 1.0], [9.0, 0.0]])
    ranks = rank_by_hypervolume_contribution(values, values, np.array(REFERENCE))
    assert ranks.tolist() == [4, 3, 1, 2, 0, 5]


def test_ranking_of_the_front_by_hypervolume_contribution():
    values = np.array([[0.0, 3.0], [1.0, 2.9], [2.0, 1.0]])
    assert rank_by_hypervolume_contribution(values, values, np.array(REFERENCE)).tolist() == [1, 2, 0]


def test_ranking_with_failed_trainings():
    values = np.array([[np.inf, np.inf], [1.0, 1.0], [np.inf, np.inf]])
    assert rank_by_hypervolume_contribution(values, values, np.array(REFERENCE)).tolist() == [1, 0, 2]


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_any_number_of_objectives(objectives):
    searcher = CmaSearcher(REAL, random_stream(0, "cma"), [4.0] * objectives)
    asked = REAL.sample(random_stream(0, "starts"), 12)
    for _ in range(4):
        searcher.tell([Observation(architecture, architecture[:objectives]) for architecture in asked])
        asked = searcher.ask(9, set())
        assert len(asked) == 9


def test_same_seed_gives_same_proposals():
    first, again, other = (
        run(MIXED, CmaSearcher(MIXED, random_stream(seed, "s"), REFERENCE), 60) for seed in (1, 1, 2)
    )
    assert list(first) == list(again) != list(other)


@pytest.mark.parametrize("wrong", [{"startup": 0}, {"population": 3}, {"max_sigma": 0.0}])
def test_invalid_settings_are_rejected(wrong):
    with pytest.raises(SettingsError, match="Expected a startup"):
        CmaSearcher(REAL, random_stream(0, "cma"), REFERENCE, **wrong)
