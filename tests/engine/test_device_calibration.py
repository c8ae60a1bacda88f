"""The price of a training and of a score, measured on a live search's device before the search."""

import time
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from ce_nas.api import Search
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, Observation, StopReason
from ce_nas.engine import device_calibration
from ce_nas.engine.device_calibration import _End, _evaluate, _Probe, calibrate_device
from ce_nas.engine.inputs import RunInputs
from ce_nas.space.base import Space

OWN = """
import time

SPACE = {"width": [16, 32, 64, 128], "depth": [1, 2, 3, 4]}
OBJECTIVES = ["accuracy:max:0", "size:min:600"]


def setup():
    time.sleep(1.0)


def evaluate(architecture):
    time.sleep(0.6)
    return {"accuracy": 90 - 100 / architecture["width"], "size": architecture["width"] * architecture["depth"]}
"""
SCORES = """

def score_many(architectures):
    time.sleep(0.1 * len(architectures))
    return [architecture["width"] for architecture in architectures]
"""


def measure(**flags):
    return calibrate_device(Search(live={"enabled": True, **flags.pop("live", {})}, gpus=1, **flags)._inputs)


@pytest.mark.slow
@pytest.mark.parametrize("scores", [SCORES, ""])
def test_scores_and_trainings_of_own_code_are_timed_apart_from_the_start_up(tmp_path, scores):
    file = tmp_path / "own.py"
    file.write_text(OWN + scores)
    found = measure(evaluate=file, hours=1, zone="coal-flat")
    assert 0.6 <= found.training_s < 1.2
    assert found.start_up_s >= 1.0
    assert found.training_j > 0
    assert found.trainings == 2
    if scores:
        assert 0.1 <= found.score_s < 0.25
        assert 0 < found.score_j < found.training_j
        assert found.scores >= 3
    else:
        assert (found.score_s, found.score_j, found.scores) == (0.0, 0.0, 0)
    assert (found.supernet_s, found.supernet_j) == (0.0, 0.0)
    assert list(tmp_path.iterdir()) == [file] or (tmp_path / "__pycache__").exists()


@pytest.mark.slow
def test_time_scale_rules_and_budgets_of_the_search_do_not_stop_it(tmp_path):
    """An hour of the grid takes 3.6 s; the site is closed all day, and no budget is left."""
    file = tmp_path / "own.py"
    file.write_text(OWN + SCORES)
    closed = {"closed": ["00:00-24:00"]}
    found = measure(evaluate=file, hours=10, time_scale=1000.0, site=closed, carbon_budget="1g", zone="coal-flat")
    assert 600 <= found.training_s < 1500
    assert 100 <= found.score_s < 300


@pytest.mark.slow
def test_code_that_trains_nothing_in_time_is_refused(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN.replace("0.6", "60"))
    with pytest.raises(SettingsError, match="raise --hours"):
        measure(evaluate=file, hours=0.001, zone="coal-flat")


@pytest.mark.long
@pytest.mark.skipif(find_spec("torch") is None, reason="the networks need torch")
def test_networks_are_measured_with_their_supernet_in_under_a_minute():
    begin_s = time.monotonic()
    found = measure(data="digits", hours=1, zone="coal-flat", live={"recipe": {"epochs": 4}, "supernet_epochs": 3})
    assert time.monotonic() - begin_s < 60
    assert found.scores >= 2
    assert 0 < found.score_s < found.training_s
    assert found.supernet_s > found.training_s  # twelve epochs against four
    assert found.supernet_j > 0


def make_engine(has_scores=True, supernet_s=0.0, supernet_j=0.0):
    totals = SimpleNamespace(
        total_energy_j=0.0,
        device_s={Activity.SUPERNET: supernet_s} if supernet_s else {},
        energy_j={Activity.SUPERNET: supernet_j} if supernet_s else {},
    )
    ledger = SimpleNamespace(totals=totals, pue=2.0, time_scale=10.0, record=lambda _: None)
    parts = SimpleNamespace(
        ledger=ledger,
        cluster=SimpleNamespace(read_energy=list),
        clock=SimpleNamespace(now_s=0.0),
        problem=SimpleNamespace(has_proxy_scores=has_scores, measures_costs=False),
    )
    return SimpleNamespace(components=parts, stop_reason=None)


@pytest.fixture
def real_time(monkeypatch):
    """The real time, set by hand."""
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(device_calibration, "monotonic_s", lambda: now.s)
    return now


SPACE = Space("toy", ["a", "b"], [list("uvwxyz")] * 2)


def make_probe(engine, epochs=0):
    probe = _Probe(SPACE, 0, epochs)
    probe.attach(engine)
    return probe


@pytest.mark.parametrize(("first_s", "second"), [(0.5, 16), (2.0, 5), (12.0, 1), (26.0, 0)])
def test_the_second_batch_has_as_many_scores_as_fit_into_ten_seconds(real_time, first_s, second):
    probe = make_probe(make_engine())
    (one,) = probe.ask(16, set())
    real_time.s += first_s
    probe.tell([Observation(one, (1.0, 1.0), 0.0, (1.0,))])
    assert len(probe.ask(16, {one})) == second


@pytest.mark.parametrize(
    ("epochs", "first_s", "fidelities"),
    [
        (0, 20.0, [1.0, 1.0]),  # own code, short enough for another
        (0, 30.0, [1.0]),
        (10, 1.0, [0.1, 1.0]),  # the whole training fits into 25 s
        (100, 5.0, [0.01, 0.05]),  # five epochs do
        (100, 20.0, [0.01, 0.01]),  # most of it may be start-up
        (100, 100.0, [0.01]),
        (1, 20.0, [1.0, 1.0]),
    ],
)
def test_how_long_trainings_are(real_time, epochs, first_s, fidelities):
    engine, done = make_engine(has_scores=False), []
    probe = make_probe(engine, epochs)
    while not engine.stop_reason:
        (network,) = probe.ask(1, {network for network, fidelity in done if fidelity == 1.0})
        done.append((network, probe.fidelity_of(network)))
        real_time.s += first_s
        probe.tell([Observation(network, (1.0, 1.0), done[-1][1])])
    assert [fidelity for _, fidelity in done] == pytest.approx(fidelities)
    assert engine.stop_reason is StopReason.DONE
    if 1.0 not in fidelities[:1]:
        assert len({network for network, _ in done}) == 1  # so that the second time is of more of the same


def test_what_is_made_of_the_times():
    """Start-up 7 s and 70 J; supernet 3 s and 30 J; scores of 2 s and 20 J; half a training of 30 s and 300 J."""
    engine = make_engine(supernet_s=0.3, supernet_j=60.0)  # device seconds are real ones, energy includes PUE
    probe = make_probe(engine, epochs=10)
    probe.batches = [_End(1.0, 12.0, 120.0, 0.0), _End(4.0, 20.0, 200.0, 0.0)]
    probe.trainings = [_End(0.1, 26.0, 260.0, 0.0), _End(0.5, 56.0, 560.0, 0.0)]
    found = _evaluate(probe, engine, supernet_epochs=30)
    assert (found.training_s, found.training_j) == pytest.approx((60.0, 600.0))
    assert (found.score_s, found.score_j) == pytest.approx((2.0, 20.0))
    assert (found.supernet_s, found.supernet_j) == pytest.approx((90.0, 900.0))
    assert (found.start_up_s, found.start_up_j) == pytest.approx((7.0, 70.0))
    assert (found.trainings, found.scores, found.of_random_network) == (2, 5, True)


def test_a_single_batch_and_a_single_training_bear_the_start_up():
    engine = make_engine()
    probe = make_probe(engine)
    probe.batches = [_End(1.0, 30.0, 300.0, 0.0)]
    probe.trainings = [_End(1.0, 90.0, 900.0, 0.0)]
    found = _evaluate(probe, engine, supernet_epochs=0)
    assert (found.training_s, found.score_s, found.start_up_s) == (60.0, 30.0, 0.0)


def test_the_settings_of_the_search_are_left_as_they_are(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    inputs = Search(live=True, evaluate=file, gpus=1, hours=5, evaluations=7, zone="coal-flat")._inputs
    reduced = device_calibration._reduce(inputs.settings, 0, costs_alone=False)
    assert (reduced.budget.evaluations, reduced.budget.time_s, reduced.budget.stop) == (None, 5 * 3600.0, "never")
    assert inputs.settings.budget.evaluations == 7
    assert RunInputs(reduced).benchmark.space.size == 16
    assert np.isinf(reduced.budget.carbon or np.inf)
