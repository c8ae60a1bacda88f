import numpy as np
import pytest

from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.surrogate.encoding import FeatureEncoder
from ce_nas.search.surrogate.initial_design import choose_greedy_front, prior_values
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.search.surrogate.training_set import SurrogateDataset
from ce_nas.space.base import Space

SPACE = Space("toy", ["a", "b", "c"], [list("uvwxyz")] * 3)
CELLS = SPACE.all_architectures
COST = SPACE.members.sum(axis=1).astype(float)
#: a score that agrees with the accuracy but for noise
VOTE = 10.0 * COST + np.random.default_rng(0).normal(0.0, 8.0, SPACE.size)
REFERENCE = np.array([0.0, 16.0])
ENCODER = FeatureEncoder(SPACE)


def dataset(votes):
    data = SurrogateDataset(SPACE, [True, False], [None, COST])
    data.set_proxy_scores(VOTE[:, None], votes)
    return data


def test_greedy_front_adds_the_most_at_each_step():
    values, reference = prior_values(dataset(VOTE), ENCODER, CELLS, REFERENCE)
    rows = choose_greedy_front(values, reference, [], 4)
    for count, row in enumerate(rows):
        before = values[rows[:count]]
        best = max(hypervolume(np.vstack([before, values[[other]]]), reference) for other in range(SPACE.size))
        assert hypervolume(np.vstack([before, values[[row]]]), reference) == pytest.approx(best)
    assert choose_greedy_front(values, reference, rows[:2], 2) == rows[2:]


@pytest.mark.parametrize(
    "votes",
    [-VOTE, np.random.default_rng(3).permutation(VOTE), np.full(SPACE.size, 1.0)],
    ids=["negated", "shuffled", "constant"],
)
def test_scores_that_contradict_the_costs_choose_nothing(votes):
    assert prior_values(dataset(votes), ENCODER, CELLS, REFERENCE) is None


def test_few_scores_choose_nothing():
    votes = VOTE.copy()
    votes[50:] = np.nan
    assert prior_values(dataset(votes), ENCODER, CELLS, REFERENCE) is None


def test_searcher_begins_with_the_promised_front():
    def searcher():
        return SurrogateSearcher(
            SPACE,
            random_stream(0, "s"),
            REFERENCE,
            known_objectives=[None, COST],
            proxy_scores=VOTE[:, None],
            votes=VOTE,
        )

    values, reference = prior_values(dataset(VOTE), ENCODER, CELLS, REFERENCE)
    front = [CELLS[row] for row in choose_greedy_front(values, reference, [], 6)]
    assert searcher().ask(6, exclude=set()) == front
    one_by_one, begun = searcher(), set()
    for _ in range(6):
        begun.update(one_by_one.ask(1, exclude=set(begun)))
    assert begun == set(front)
