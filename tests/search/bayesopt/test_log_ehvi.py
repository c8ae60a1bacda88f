import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.rng import stream
from ce_nas.pareto.hypervolume import hypervolume, hypervolume_gains
from ce_nas.search.bayesopt.gp import SmoothProcess
from ce_nas.search.bayesopt.log_ehvi import Boxes, LogGain, _log_hope


def beliefs(objectives, seed=0):
    rng = stream(seed, "samples")
    points, values = rng.random((8, 2)), rng.random((8, objectives))
    processes = [SmoothProcess(points, column, np.full(2, 0.4)) for column in values.T]
    return processes, values, np.ones(objectives)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(0, 12), st.integers(0, 10_000))
def test_boxes_are_what_no_point_dominates(objectives, count, seed):
    rng = stream(seed, "points")
    points, candidates = rng.random((count, objectives)), rng.random((10, objectives))
    reference = np.full(objectives, 0.9)
    boxes = Boxes.of(points, reference)
    parts = np.maximum(boxes.high - np.maximum(boxes.low, candidates[:, None]), 0.0).prod(axis=2)
    assert parts.sum(axis=1) == pytest.approx(hypervolume_gains(points, candidates, reference), abs=1e-12)
    floor = np.maximum(boxes.low, 0.0)  # no two overlap: their volumes add up to what is not dominated
    assert (boxes.high - floor).prod(axis=1).sum() == pytest.approx(
        0.9**objectives - hypervolume(points, reference), abs=1e-12
    )


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_gain_is_what_draws_gain_on_average(objectives):
    processes, values, reference = beliefs(objectives)
    gain = LogGain(processes, Boxes.of(values, reference))
    points = stream(1, "points").random((3, 2))
    parts = [process.at(points) for process in processes]
    noise = stream(2, "noise").standard_normal((20_000, objectives))
    for place in range(3):
        mean, deviation = (np.array([part[kind][place] for part in parts]) for kind in (0, 1))
        drawn = hypervolume_gains(values, mean + deviation * noise, reference).mean()
        assert np.exp(gain.at(points)[place]) == pytest.approx(drawn, rel=0.05, abs=1e-3)


@pytest.mark.parametrize("objectives", [2, 3])
def test_its_slopes_are_those_of_its_values(objectives):
    processes, values, reference = beliefs(objectives)
    gain = LogGain(processes, Boxes.of(values, reference))
    point = np.array([0.3, 0.6])
    value, slopes = gain.with_slopes(point)
    assert value == pytest.approx(gain.at(point[None])[0])
    for place, step in enumerate(1e-5 * np.eye(2)):
        ends = [gain.at((point + sign * step)[None])[0] for sign in (1, -1)]
        assert slopes[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3)


def test_the_hopeless_are_told_apart():
    processes, values, _ = beliefs(2)
    gain = LogGain(processes, Boxes.of(values, np.full(2, -30.0)))
    logs = gain.at(stream(1, "points").random((20, 2)))
    assert np.isfinite(logs).all()
    assert len(set(logs.tolist())) == 20
    assert logs.max() < -500


def test_what_is_given_is_not_worth_another_training():
    processes, values, reference = beliefs(2)
    gain = LogGain(processes, Boxes.of(values, reference))
    point = np.array([0.3, 0.6])
    assert gain.given(point).at(point[None])[0] < gain.at(point[None])[0] - 3.0


def test_the_tail_goes_on_where_its_parts_meet():
    for meeting in (-1.0, -1e3):
        below, above = _log_hope(np.array([meeting - 1e-6, meeting + 1e-6]))
        assert below == pytest.approx(above, rel=1e-4)
    assert _log_hope(np.array([0.0])) == pytest.approx(np.log(1 / np.sqrt(2 * np.pi)))
    assert _log_hope(np.array([-np.inf]))[0] == -np.inf
