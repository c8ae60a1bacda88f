import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.rng import random_stream
from ce_nas.search.surrogate.encoding import FeatureEncoder, RankNormaliser, ScoreEncoder
from ce_nas.space.base import Space
from ce_nas.space.nasbench201_cell import NasBench201Space

SPACE = NasBench201Space()
ENCODER = FeatureEncoder(SPACE)
#: the edges of each path from input to output, in the order of an architecture's variables
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
CELLS = st.tuples(*[st.integers(0, 4)] * 6)


def live(cell):
    return {edge for path in PATHS if all(cell[edge] for edge in path) for edge in path}


@given(CELLS, st.integers(0, 5), st.integers(0, 4))
def test_functional_features_ignore_dead_edges(cell, edge, choice):
    other = (*cell[:edge], choice, *cell[edge + 1 :])
    if edge in live(cell) or edge in live(other):
        return
    for left, right in zip(ENCODER.functional_groups([cell]), ENCODER.functional_groups([other]), strict=True):
        np.testing.assert_array_equal(left, right)


def test_cost_features_distinguish_all_cells():
    every, _ = ENCODER.cost_groups(SPACE.members)
    assert len(np.unique(every, axis=0)) == SPACE.size


@given(CELLS)
def test_cost_features_drop_unused_operations(cell):
    _, run = ENCODER.cost_groups([cell])
    waited = {3, 4, 5}  # the edges into the output
    waited |= {edge for edge, then in ((0, 4), (1, 5), (2, 5)) if cell[then]}
    waited |= {0} if cell[2] and cell[5] else set()
    seen = [choice if edge in waited and live(cell) else 0 for edge, choice in enumerate(cell)]
    np.testing.assert_allclose(run, SPACE.encode([tuple(seen)]) / np.sqrt(6), rtol=1e-6)


@given(st.lists(CELLS, min_size=2, max_size=30, unique=True))
def test_path_counts_match_enumeration(cells):
    counts, _, _ = ENCODER.functional_groups(cells)

    def kinds(cell):
        return sorted(tuple(cell[e] for e in path if cell[e] != 1) for path in PATHS if all(cell[e] for e in path))

    for (row, left), (other, right) in itertools.combinations(enumerate(cells), 2):
        assert (kinds(left) == kinds(right)) == bool(np.allclose(counts[row], counts[other], atol=1e-4))


def test_feature_groups_have_similar_scale():
    cells = SPACE.sample(random_stream(0, "cells"), 400)
    for group in ENCODER.functional_groups(cells):
        distances = ((group[:200] - group[200:]) ** 2).sum(axis=1)
        assert 1.0 < distances.mean() < 3.0
        assert group.dtype == np.float32


def test_other_spaces_are_one_hot():
    space = Space("small", ["a", "b"], ["xy", "xyz"])
    (group,) = FeatureEncoder(space).functional_groups([(0, 0), (1, 0), (1, 2)])
    distances = ((group[:, None] - group[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances, [[0, 1, 2], [1, 0, 1], [2, 1, 0]], atol=1e-6)
    np.testing.assert_array_equal(FeatureEncoder(space).cost_groups([(0, 0)])[0], group[:1])


@given(st.lists(st.integers(-5, 5), min_size=3, max_size=40))
def test_normal_scores_keep_the_order(scores):
    column = np.array(scores, dtype=float)[:, None]
    normal = RankNormaliser.fit(column).transform(column)[:, 0]
    np.testing.assert_array_equal(np.argsort(normal, kind="stable"), np.argsort(scores, kind="stable"))
    assert np.isfinite(normal).all()


def test_normal_scores_depend_on_the_order_alone():
    scores = np.random.default_rng(0).normal(size=(50, 2))
    bent = np.column_stack([np.exp(scores[:, 0]), scores[:, 1] ** 3])
    np.testing.assert_allclose(RankNormaliser.fit(scores).transform(scores), RankNormaliser.fit(bent).transform(bent))


def test_few_missing_scores_are_zero_and_flagged():
    scores = np.array([[1.0, 5.0], [2.0, np.nan], [3.0, 4.0], [np.nan, np.nan]])
    groups = [np.zeros((4, 1), dtype=np.float32)]
    group = ScoreEncoder.fit(scores, groups).group(scores, groups)
    assert group[3, :2].tolist() == [0.0, 0.0]
    assert group[:, 2].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert group[0, 0] < 0 < group[2, 0]


def test_missing_scores_are_predicted_from_the_architecture():
    rng = np.random.default_rng(0)
    cells = SPACE.sample(rng, 600)
    groups = ENCODER.functional_groups(cells)
    scores = np.array([[cell.count(4) + 0.5 * cell.count(3)] for cell in cells]) + rng.normal(0, 0.1, (600, 1))
    known = scores.copy()
    known[300:] = np.nan
    encoder = ScoreEncoder.fit(known, groups)
    predicted = encoder.normal_scores(known, groups)[:, 0]
    assert np.corrcoef(predicted[300:], scores[300:, 0])[0, 1] > 0.8
    np.testing.assert_array_equal(predicted[:300], RankNormaliser.fit(known).transform(known)[:300, 0])
    assert not encoder.group(known, groups)[:, -1].any()
