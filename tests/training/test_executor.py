"""Training tasks resume to the same result, and cells are scored by the supernet of their region."""

import json
import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="real trainings need the extra torch")

from ce_nas.benchmarks.base import Failure, TaskError  # noqa: E402
from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.records import Objective, Task, TaskKind  # noqa: E402
from ce_nas.space.darts import DartsSpace  # noqa: E402
from ce_nas.space.nasbench201_cell import NasBench201Space  # noqa: E402
from ce_nas.training.executor import TrainingConfig, TrainingExecutor  # noqa: E402
from ce_nas.training.networks.nasbench201_network import NasBench201Network, count_flops, count_parameters  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402

RECIPE = Recipe(epochs=2, batch=128, shift=0, flip=False)
CELL, INSIDE, OUTSIDE = (4, 1, 3, 1, 0, 2), (4, 4, 4, 4, 4, 4), (1, 3, 1, 2, 0, 4)
OBJECTIVES = (
    Objective("accuracy", "%", maximise=True, reference=0.0),
    Objective("parameters", "M", maximise=False, reference=1.0),
    Objective("flops", "M", maximise=False, reference=1.0),
)
CONFIG = TrainingConfig(
    NasBench201Space(), OBJECTIVES, channels=4, cells=1, recipe=RECIPE, supernet_recipe=replace(RECIPE, epochs=4)
)


def executor(config=CONFIG):
    return TrainingExecutor(config, "cpu")


def after(polls):
    """A stop request that is True after a number of polls."""
    count = iter(range(10_000))
    return lambda: next(count) >= polls


def never():
    return False


@pytest.fixture(autouse=True)
def without_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="module")
def supernets(tmp_path_factory):
    """A folder with the supernet of the whole space, and one of a region initialised with its weights."""
    folder = tmp_path_factory.mktemp("supernets")
    assert executor().run(Task(0, TaskKind.SUPERNET, ()), folder, never).values == ()
    before = executor().run(Task(1, TaskKind.SAMPLING, (INSIDE, OUTSIDE)), folder, never)
    region = Task(7, TaskKind.SUPERNET, (INSIDE,), 0.5)
    assert executor().run(region, folder, after(3)) is None
    assert not (folder / "supernet-7.pt").exists()
    assert executor().run(region, folder, never).values == ()
    return folder, before


def test_a_resumed_training_gives_the_same_result(tmp_path):
    task = Task(0, TaskKind.EVALUATION, (CELL,))
    uninterrupted = executor().run(task, tmp_path / "uninterrupted", never)
    assert executor().run(task, tmp_path / "resumed", after(5)) is None
    assert executor().run(task, tmp_path / "resumed", never) == uninterrupted
    accuracy, parameters, flops = uninterrupted.values[0]
    network = NasBench201Network(CELL, channels=4, cells=1, in_channels=1)
    assert accuracy < -15  # above the chance level of 10 %, minimised
    assert parameters == pytest.approx(count_parameters(network) / 1e6)
    assert flops == pytest.approx(count_flops(network, (1, 8, 8)) / 1e6)


def test_fidelity_decides_the_epochs(tmp_path):
    executor().run(Task(0, TaskKind.EVALUATION, (CELL,), 0.5), tmp_path, never)
    content = torch.load(tmp_path / "task-0.pt", weights_only=True)
    executor().run(Task(1, TaskKind.EVALUATION, (CELL,)), tmp_path, never)
    assert 2 * content["steps"] == torch.load(tmp_path / "task-1.pt", weights_only=True)["steps"]
    assert content["spent"]["duration_s"] > 0


def test_scores_come_from_the_supernet_of_the_cells_region(supernets):
    folder, before = supernets
    outcome = executor().run(Task(2, TaskKind.SAMPLING, (INSIDE, OUTSIDE)), folder, never)
    assert outcome.scores[1] == before.scores[1]
    assert outcome.scores[0] != before.scores[0]
    assert [row[0] for row in outcome.values] == [-score for (score,) in outcome.scores]
    assert json.loads((folder / "supernet-7.json").read_text()) == [0.5, [list(INSIDE)]]


def test_the_newest_region_with_the_cell_scores_it(supernets):
    folder, _ = supernets
    worker = executor()
    worker.run(Task(12, TaskKind.SUPERNET, (INSIDE, CELL), 1.0), folder, never)
    newest = worker.run(Task(13, TaskKind.SAMPLING, (INSIDE, OUTSIDE)), folder, never)
    (folder / "supernet-12.pt").unlink()
    older = executor().run(Task(13, TaskKind.SAMPLING, (INSIDE, OUTSIDE)), folder, never)
    assert newest.scores[0] != older.scores[0]
    assert newest.scores[1] == older.scores[1]


def test_stopped_scoring_restarts(supernets):
    folder, before = supernets
    task = Task(3, TaskKind.SAMPLING, (OUTSIDE, OUTSIDE))
    assert executor().run(task, folder, after(1)) is None
    assert executor().run(task, folder, never).scores == (before.scores[1],) * 2


def test_a_diverged_training_fails_the_task(tmp_path):
    diverging = replace(CONFIG, recipe=replace(RECIPE, learning_rate=1e30))
    with pytest.raises(TaskError) as caught:
        executor(diverging).run(Task(0, TaskKind.EVALUATION, (CELL,)), tmp_path, never)
    assert caught.value.failure is Failure.DIVERGED


def test_networks_of_another_space_are_trained(tmp_path):
    config = replace(CONFIG, space=DartsSpace(), cells=2, recipe=replace(RECIPE, epochs=1, drop_path=0.2))
    architecture = (0,) * len(config.space.variables)
    outcome = executor(config).run(Task(0, TaskKind.EVALUATION, (architecture,)), tmp_path, never)
    assert outcome.values[0][1] > 0


def test_an_unknown_metric_is_refused():
    with pytest.raises(SettingsError, match="robustness"):
        replace(CONFIG, objectives=(Objective("robustness", "%", maximise=True, reference=0.0),))


def test_the_latency_is_measured_once_before_the_training(tmp_path, monkeypatch):
    """It is in the folder when a training is stopped at its first step, and the resumed one does not measure again."""
    monkeypatch.setattr("ce_nas.training.latency.wait_until_idle", lambda *_: 0.0)
    objectives = (OBJECTIVES[0], Objective("latency", "ms", maximise=False, reference=1000.0))
    config = replace(CONFIG, objectives=objectives, recipe=replace(RECIPE, whitening=2))
    task = Task(3, TaskKind.EVALUATION, (INSIDE,))
    assert executor(config).run(task, tmp_path, lambda: True) is None
    (file,) = tmp_path.glob("latency-*.json")
    found = json.loads(file.read_text())
    assert (found["architecture"], found["batch"], found["precision"]) == (list(INSIDE), 1, "float32")
    assert 0 < found["low_s"] <= found["median_s"] <= found["high_s"]
    monkeypatch.setattr("ce_nas.training.executor.measure_latency", lambda *_, **__: pytest.fail("measured twice"))
    outcome = executor(config).run(task, tmp_path, never)
    assert outcome.values[0][1] == pytest.approx(1e3 * found["median_s"])


def test_without_a_supernet_sampling_measures_the_latency_alone(tmp_path, monkeypatch):
    """Of the accuracy it says nothing; a resumed task and the training measure nothing again."""
    monkeypatch.setattr("ce_nas.training.latency.wait_until_idle", lambda *_: 0.0)
    objectives = (OBJECTIVES[0], Objective("latency", "ms", maximise=False, reference=1000.0))
    worker = executor(replace(CONFIG, objectives=objectives, has_supernet=False))
    task = Task(0, TaskKind.SAMPLING, (INSIDE, CELL))
    assert worker.run(task, tmp_path, after(1)) is None
    assert len(list(tmp_path.glob("latency-*.json"))) == 1
    outcome = worker.run(task, tmp_path, never)
    assert outcome.scores == ((), ())
    assert [math.isnan(accuracy) for accuracy, _ in outcome.values] == [True, True]
    monkeypatch.setattr("ce_nas.training.executor.measure_latency", lambda *_, **__: pytest.fail("measured twice"))
    assert worker.run(task, tmp_path, never).values_or_none() == outcome.values_or_none()
    trained = worker.run(Task(1, TaskKind.EVALUATION, (CELL,)), tmp_path, never)
    assert trained.values[0][1] == outcome.values[1][1] > 0
    assert not (tmp_path / "supernet.pt").exists()


def test_a_busy_device_is_waited_for_once_a_task(tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr("ce_nas.training.latency.wait_until_idle", lambda _, longest_s: waits.append(longest_s) or 0.8)
    objectives = (OBJECTIVES[0], Objective("latency", "ms", maximise=False, reference=1000.0))
    worker = executor(replace(CONFIG, objectives=objectives, has_supernet=False))
    worker.run(Task(0, TaskKind.SAMPLING, (INSIDE, CELL)), tmp_path, never)
    worker.run(Task(1, TaskKind.SAMPLING, (OUTSIDE,)), tmp_path, never)
    assert waits == [3.0, 0.0, 3.0]
    assert {json.loads(file.read_text())["busy_share"] for file in tmp_path.glob("latency-*.json")} == {0.8}
