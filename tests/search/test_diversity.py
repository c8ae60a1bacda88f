import numpy as np
import pytest

from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.search.diversity import front_diversity, pruning
from ce_nas.search.regional import Listed
from ce_nas.search.regions import LamooSearcher
from ce_nas.space.space import Space

SPACE = Space("grid", ["a", "b"], ["xyz", "xyz"])


def test_the_diversity_of_a_front_by_hand():
    cells = {(0, 0): (1.0, 3.0), (0, 1): (2.0, 2.0), (2, 2): (3.0, 1.0), (1, 1): (3.0, 3.0)}
    told = [Observation(cell, values) for cell, values in cells.items()]
    told.append(Observation((1, 0), (0.0, 0.0), 0.5))  # a part training is on no front
    found = front_diversity(SPACE, told, [Listed([(0, 0), (0, 1)]), Listed([(1, 1)])])
    assert found.size == 3
    assert found.mean_distance == pytest.approx((0.5 + 1.0 + 1.0) / 3)
    assert found.nearest_distance == pytest.approx((0.5 + 0.5 + 1.0) / 3)
    assert found.coverage == pytest.approx(5 / 6)
    assert found.regions == pytest.approx(0.5)


def test_no_front_and_a_front_of_one():
    assert front_diversity(SPACE, []).size == 0
    one = front_diversity(SPACE, [Observation((0, 0), (1.0, 1.0)), Observation((0, 1), (np.inf, 0.0))])
    assert (one.size, one.mean_distance, one.regions) == (1, 0.0, None)


def test_pruning_that_hides_something_is_seen():
    cells = [(0, 0), (0, 1), (1, 0), (1, 1)]
    foreseen = np.array([[3.0, 3.0], [4.0, 2.0], [1.0, 1.0], [9.0, 9.0]])
    front = np.array([[5.0, 5.0]])
    hides = pruning(Listed(cells[:2]), front, (cells, foreseen), (10.0, 10.0))
    assert hides.undominated_outside == 1
    assert (hides.gain_inside, hides.gain_outside) == pytest.approx((24.0, 56.0))
    assert hides.too_narrow
    holds = pruning(Listed([(1, 0)]), front, (cells, foreseen), (10.0, 10.0))
    assert (holds.undominated_outside, holds.too_narrow) == (0, False)
    assert not pruning(Listed(cells), front, ([], np.empty((0, 2))), (10.0, 10.0)).too_narrow


def test_a_partition_says_in_how_many_of_its_leaves_the_front_lies():
    space = Space("grid", ["a", "b", "c"], [[*"uvwxyz"]] * 3)
    lamoo = LamooSearcher(space, stream(0, "lamoo"), (40.0, 40.0))
    assert lamoo.diversity().size == 0
    cells = list(dict.fromkeys(space.sample(stream(0, "cells"), 60)))
    lamoo.tell([Observation(cell, (float(10 + cell[0] - cell[1]), float(20 - cell[0] + cell[2]))) for cell in cells])
    found = lamoo.diversity()
    assert 0.0 < found.regions <= 1.0
    assert found.size > 1
