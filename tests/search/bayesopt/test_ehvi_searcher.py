import numpy as np
import pytest

from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.bayesopt.ehvi_searcher import EhviSearcher
from ce_nas.space.distributions import Float
from ce_nas.space.mixed import MixedSpace


@pytest.mark.long
@pytest.mark.parametrize("objectives", [2, 3, 4, 5])
def test_few_evaluations_cover_a_smooth_front(objectives):
    """Squared distances from the unit vectors: the points between these are the front, a thin slice of the cube."""
    space = MixedSpace("real", {f"x{index}": Float(0.0, 1.0) for index in range(objectives)})
    corners = np.eye(objectives)

    def values(points):
        return ((np.array(points)[:, None] - corners) ** 2).sum(axis=2)

    def reached(points):
        return hypervolume(values(points), np.full(objectives, 1.0))

    searcher = EhviSearcher(space, random_stream(0, "bo"), [1.0] * objectives, candidates=64, n_restarts=1)
    points_so_far = space.sample(random_stream(0, "starts"), 10)
    batch = points_so_far
    while len(points_so_far) < 30:
        pairs = zip(batch, values(batch).tolist(), strict=True)
        searcher.tell([Observation(point, tuple(value)) for point, value in pairs])
        batch = searcher.ask(4, set(points_so_far))
        points_so_far = points_so_far + batch
    assert reached(points_so_far) > max(reached(space.sample(random_stream(seed, "chance"), 60)) for seed in range(3))


def test_needs_no_optional_package(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "botorch", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    space = MixedSpace("real", {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    searcher = EhviSearcher(space, random_stream(0, "bo"), (2.0, 2.0))
    searcher.tell([Observation(point, point) for point in space.sample(random_stream(0, "starts"), 12)])
    assert len(searcher.ask(2, set())) == 2
