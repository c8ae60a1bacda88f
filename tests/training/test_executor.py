"""Tasks carried out by training: left and gone on with alike, scored by the supernet that a cell belongs to."""

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="real trainings need the extra torch")

from ce_nas.benchmarks.base import Failure, TaskError  # noqa: E402
from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.records import Objective, Task, TaskKind  # noqa: E402
from ce_nas.space.darts import DartsSpace  # noqa: E402
from ce_nas.space.nasbench201 import NasBench201Space  # noqa: E402
from ce_nas.training.executor import TrainingExecutor, TrainingPlan  # noqa: E402
from ce_nas.training.networks.nasbench201 import NasBench201Network, count_flops, count_parameters  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402

RECIPE = Recipe(epochs=2, batch=128, shift=0, flip=False)
CELL, INSIDE, OUTSIDE = (4, 1, 3, 1, 0, 2), (4, 4, 4, 4, 4, 4), (1, 3, 1, 2, 0, 4)
OBJECTIVES = (
    Objective("accuracy", "%", maximise=True, reference=0.0),
    Objective("parameters", "M", maximise=False, reference=1.0),
    Objective("flops", "M", maximise=False, reference=1.0),
)
PLAN = TrainingPlan(
    NasBench201Space(), OBJECTIVES, channels=4, cells=1, recipe=RECIPE, supernet_recipe=replace(RECIPE, epochs=4)
)


def executor(plan=PLAN):
    return TrainingExecutor(plan, "cpu")


def after(steps):
    """An order to leave that comes after so many questions."""
    asked = iter(range(10_000))
    return lambda: next(asked) >= steps


def never():
    return False


@pytest.fixture(autouse=True)
def without_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="module")
def supernets(tmp_path_factory):
    """A folder with the supernet of the whole space, and one of a region begun with its weights."""
    folder = tmp_path_factory.mktemp("supernets")
    assert executor().run(Task(0, TaskKind.SUPERNET, ()), folder, never).values == ()
    before = executor().run(Task(1, TaskKind.SAMPLING, (INSIDE, OUTSIDE)), folder, never)
    region = Task(7, TaskKind.SUPERNET, (INSIDE,), 0.5)
    assert executor().run(region, folder, after(3)) is None
    assert not (folder / "supernet-7.pt").exists()
    assert executor().run(region, folder, never).values == ()
    return folder, before


def test_a_training_that_was_left_ends_as_one_that_was_not(tmp_path):
    task = Task(0, TaskKind.EVALUATION, (CELL,))
    straight = executor().run(task, tmp_path / "straight", never)
    assert executor().run(task, tmp_path / "left", after(5)) is None
    assert executor().run(task, tmp_path / "left", never) == straight
    accuracy, parameters, flops = straight.values[0]
    network = NasBench201Network(CELL, channels=4, cells=1, in_channels=1)
    assert accuracy < -15  # a tenth is chance, and all objectives are minimised
    assert parameters == pytest.approx(count_parameters(network) / 1e6)
    assert flops == pytest.approx(count_flops(network, (1, 8, 8)) / 1e6)


def test_a_part_of_a_training_takes_a_part_of_its_epochs(tmp_path):
    executor().run(Task(0, TaskKind.EVALUATION, (CELL,), 0.5), tmp_path, never)
    content = torch.load(tmp_path / "task-0.pt", weights_only=True)
    executor().run(Task(1, TaskKind.EVALUATION, (CELL,)), tmp_path, never)
    assert 2 * content["steps"] == torch.load(tmp_path / "task-1.pt", weights_only=True)["steps"]
    assert content["spent"]["duration_s"] > 0


def test_scores_come_from_the_supernet_of_a_cells_own_region(supernets):
    folder, before = supernets
    found = executor().run(Task(2, TaskKind.SAMPLING, (INSIDE, OUTSIDE)), folder, never)
    assert found.scores[1] == before.scores[1]
    assert found.scores[0] != before.scores[0]
    assert [row[0] for row in found.values] == [-score for (score,) in found.scores]
    assert json.loads((folder / "supernet-7.json").read_text()) == [0.5, [list(INSIDE)]]


def test_the_newest_region_that_holds_a_cell_scores_it(supernets):
    folder, _ = supernets
    worker = executor()
    worker.run(Task(12, TaskKind.SUPERNET, (INSIDE, CELL), 1.0), folder, never)
    newest = worker.run(Task(13, TaskKind.SAMPLING, (INSIDE, OUTSIDE)), folder, never)
    (folder / "supernet-12.pt").unlink()
    older = executor().run(Task(13, TaskKind.SAMPLING, (INSIDE, OUTSIDE)), folder, never)
    assert newest.scores[0] != older.scores[0]
    assert newest.scores[1] == older.scores[1]


def test_scoring_that_is_left_is_done_again(supernets):
    folder, before = supernets
    task = Task(3, TaskKind.SAMPLING, (OUTSIDE, OUTSIDE))
    assert executor().run(task, folder, after(1)) is None
    assert executor().run(task, folder, never).scores == (before.scores[1],) * 2


def test_a_training_that_diverges_says_so(tmp_path):
    wild = replace(PLAN, recipe=replace(RECIPE, learning_rate=1e30))
    with pytest.raises(TaskError) as caught:
        executor(wild).run(Task(0, TaskKind.EVALUATION, (CELL,)), tmp_path, never)
    assert caught.value.failure is Failure.DIVERGED


def test_networks_of_another_space_train_too(tmp_path):
    plan = replace(PLAN, space=DartsSpace(), cells=2, recipe=replace(RECIPE, epochs=1, drop_path=0.2))
    architecture = (0,) * len(plan.space.variables)
    found = executor(plan).run(Task(0, TaskKind.EVALUATION, (architecture,)), tmp_path, never)
    assert found.values[0][1] > 0


def test_a_metric_that_no_network_has_is_refused():
    with pytest.raises(SettingsError, match="robustness"):
        replace(PLAN, objectives=(Objective("robustness", "%", maximise=True, reference=0.0),))
