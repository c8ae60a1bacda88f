import numpy as np
import pytest

from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.base import EarlierSearch
from ce_nas.search.surrogate.encoding import FeatureEncoder
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.search.surrogate.transfer import EarlierPredictions
from ce_nas.space.base import Space

SPACE = Space("toy", ["a", "b", "c", "d"], [list("vwxyz")] * 4)
CELLS = SPACE.all_architectures
COST = SPACE.members.sum(axis=1) + 1.0
_RNG = np.random.default_rng(0)
#: an error that falls with the cost and depends on the choices in a way of its own
ERROR = 40.0 - 1.2 * COST + _RNG.normal(0.0, 3.0, (4, 5))[np.arange(4), SPACE.members].sum(axis=1)
ERROR -= ERROR.min() - 1.0
#: the same architectures on other data: another scale, much the same order
OTHER = 2.0 * ERROR**0.8 + _RNG.normal(0.0, 0.5, SPACE.size)
REFERENCE = np.array([60.0, 20.0])
VALUES = np.column_stack([ERROR, COST])
BEST = hypervolume(VALUES, REFERENCE)


def earlier(errors=OTHER, count=60, name="earlier"):
    rows = np.random.default_rng(5).permutation(SPACE.size)[:count]
    return EarlierSearch(name, [CELLS[row] for row in rows], np.column_stack([errors[rows], np.full(count, np.nan)]))


def predictions(*searches):
    return EarlierPredictions(SPACE, FeatureEncoder(SPACE), searches, 0)


def search(searches, seed=0, trainings=24, costs=COST):
    """The share of the hypervolume missing after each batch of eight."""
    known = [None, costs] if costs is not None else None
    searcher = SurrogateSearcher(SPACE, random_stream(seed, "s"), REFERENCE, known_objectives=known, earlier=searches)
    trained, missing = {}, []
    while len(trained) < trainings:
        asked = searcher.ask(8, trained)
        observed = [Observation(cell, tuple(VALUES[SPACE.index[cell]].tolist())) for cell in asked]
        searcher.tell(observed)
        trained.update((one.architecture, one.values) for one in observed)
        missing.append(1.0 - hypervolume(list(trained.values()), REFERENCE) / BEST)
    return np.array(missing)


def test_architectures_that_were_not_trained_are_predicted():
    columns = predictions(earlier()).columns(CELLS)
    assert columns.shape == (SPACE.size, 1)
    assert np.corrcoef(columns[:, 0], ERROR)[0, 1] > 0.9


def test_each_search_is_a_column_and_those_that_say_nothing_are_left_out():
    shuffled = np.random.default_rng(1).permutation(OTHER)
    few, constant = earlier(count=7), earlier(np.ones(SPACE.size))
    assert len(predictions(earlier(), earlier(ERROR), earlier(shuffled), few, constant)) == 2


def test_values_of_a_table_are_taken_as_they_are():
    table = earlier(OTHER, SPACE.size)
    assert len(CELLS) > 512  # more than a model predicts from
    ranks = np.argsort(np.argsort(predictions(table).columns(CELLS)[:, 0]))
    assert (ranks == np.argsort(np.argsort(OTHER))).all()


def test_promised_values_are_shares_of_the_range():
    promised = predictions(earlier()).promised(CELLS)
    assert (promised >= -1.0).all()
    assert (promised <= 0.0).all()
    assert np.corrcoef(promised, ERROR)[0, 1] > 0.8


def test_objectives_that_no_search_measured_have_no_prediction():
    assert len(EarlierPredictions(SPACE, FeatureEncoder(SPACE), [earlier()], 1)) == 0


@pytest.mark.parametrize("costs", [COST, None], ids=["costs known", "costs unknown"])
def test_a_warm_search_needs_fewer_trainings(costs):
    cold = np.mean([search((), seed, costs=costs) for seed in range(3)], axis=0)
    warm = np.mean([search((earlier(),), seed, costs=costs) for seed in range(3)], axis=0)
    assert (warm[1:] < cold[1:]).all()
    if costs is not None:  # the first trainings follow what is promised at known costs
        assert warm[0] < 0.5 * cold[0]


@pytest.mark.long
@pytest.mark.parametrize(
    "errors", [OTHER.max() - OTHER, np.random.default_rng(2).permutation(OTHER)], ids=["negated", "shuffled"]
)
def test_a_misleading_search_costs_little(errors):
    cold = np.mean([search((), seed, trainings=40)[-1] for seed in range(3)])
    misled = np.mean([search((earlier(errors),), seed, trainings=40)[-1] for seed in range(3)])
    assert misled < 1.5 * cold + 0.005


def test_a_huge_space_starts_warm():
    huge = Space("huge", [f"v{index}" for index in range(24)], [list("abcd")] * 24)
    cells = list(dict.fromkeys(huge.sample(np.random.default_rng(0), 80)))
    errors = np.array([100.0 - sum(cell) for cell in cells])
    before = EarlierSearch("before", cells, np.column_stack([errors, np.full(len(cells), np.nan)]))

    def first(searches):
        searcher = SurrogateSearcher(
            huge,
            random_stream(0, "s"),
            (100.0, 120.0),
            known_objectives=[None, lambda architectures: np.array([30.0 + cell[0] for cell in architectures])],
            earlier=searches,
        )
        return max(sum(cell) for cell in searcher.ask(8, set()))

    assert first((before,)) > first(()) + 3


def test_notes_say_what_a_search_starts_from_and_whether_it_counts():
    def notes(errors):
        searcher = SurrogateSearcher(
            SPACE, random_stream(0, "s"), REFERENCE, known_objectives=[None, COST], earlier=[earlier(errors)]
        )
        trained, said = set(), searcher.notes()
        for _ in range(3):
            asked = searcher.ask(8, trained)
            searcher.tell([Observation(cell, tuple(VALUES[SPACE.index[cell]].tolist())) for cell in asked])
            trained.update(asked)
            said += searcher.notes()
        return said

    first, *later = notes(OTHER)
    assert first == "Starts warm from 60 trainings of earlier."
    assert later == ["After 8 trainings earlier ones count."]
    assert notes(OTHER.max() - OTHER)[1].startswith("After 8 trainings earlier ones do not count: ")


def test_a_search_without_earlier_ones_has_no_notes():
    searcher = SurrogateSearcher(SPACE, random_stream(0, "s"), REFERENCE, known_objectives=[None, COST])
    asked = searcher.ask(16, set())
    searcher.tell([Observation(cell, tuple(VALUES[SPACE.index[cell]].tolist())) for cell in asked])
    searcher.ask(4, set(asked))
    assert searcher.notes() == []
