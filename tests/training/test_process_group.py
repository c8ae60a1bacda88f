"""Training in several processes: the course of one process, the same bits after a stop, batch norm over all of them."""

import dataclasses
import json
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.energy.power_model import PowerModel  # noqa: E402
from ce_nas.space.nasbench201_cell import NasBench201Space  # noqa: E402
from ce_nas.training.data_parallel import BatchPart  # noqa: E402
from ce_nas.training.final_training import FinalTraining, FinalTrainingConfig, build_trainer  # noqa: E402
from ce_nas.training.process_group import RankFailedError, RankProcesses  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402

RECIPE = Recipe(epochs=1, batch=128, shift=1, flip=False, mixup=0.2, cutout=2, clip=5.0, ema=0.9, learning_rate=0.05)


def config(recipe=RECIPE, devices=("cpu", "cpu")):
    return FinalTrainingConfig(NasBench201Space(), (4, 1, 3, 2, 0, 4), "digits", 2, 1, recipe, 3, devices)


def train_in_processes(plan, checkpoint, stop_after=None):
    """Train in a process per device up to the end, or to a stop some steps on; returns the trainer's state."""
    with RankProcesses(partial(build_trainer, plan), plan.devices, checkpoint, 3600.0) as processes:
        while not processes.has_ended(0.05):
            if stop_after is not None and processes.completed_steps >= stop_after:
                break
    trainer = build_trainer(plan)
    trainer.load(checkpoint)
    return trainer


def weights(trainer):
    return {name: value.double() for name, value in trainer._network.state_dict().items()}


@pytest.mark.parametrize(("count", "expected"), [(6, [3, 3]), (5, [3, 2]), (2, [1, 1])])
def test_the_parts_of_a_batch_by_hand(count, expected):
    parts = [BatchPart(rank, 2) for rank in (0, 1)]
    rows = [list(range(count)[part.rows(count)]) for part in parts]
    assert [len(each) for each in rows] == expected
    assert rows[0] + rows[1] == list(range(count))
    losses = np.random.default_rng(0).random(count)
    means = [part.weight(count) * losses[part.rows(count)].mean() for part in parts]
    assert np.mean(means) == pytest.approx(losses.mean())


def test_a_batch_of_fewer_images_than_processes_is_refused():
    with pytest.raises(
        SettingsError, match="batches of 3 images or more for as many processes, got one of 2; set keep"
    ):
        BatchPart(0, 3).require_images([64, 64, 2])


@pytest.mark.long
def test_two_processes_take_the_steps_of_one(tmp_path):
    """Two steps: later on the differences of rounding grow, which double precision would not show."""
    plan = config(dataclasses.replace(RECIPE, batch=768))
    one = build_trainer(plan)
    start = {name: value.clone() for name, value in weights(one).items()}
    while not one.is_finished:
        one.advance(steps=1)
    two = train_in_processes(plan, tmp_path / "checkpoint.pt")
    assert two.step == one.step == 2
    found, expected = weights(two), weights(one)
    names = [name for name in start if "num" not in name]
    moved = max(float((expected[name] - start[name]).abs().max()) for name in names)
    apart = max(float((found[name] - expected[name]).abs().max()) for name in names)
    assert apart < 0.01 * moved


@pytest.mark.long
def test_a_stopped_training_ends_in_the_same_bits(tmp_path):
    whole = train_in_processes(config(), tmp_path / "whole.pt")
    assert whole.step == 12
    train_in_processes(config(), tmp_path / "stopped.pt", stop_after=1)
    again = train_in_processes(config(), tmp_path / "stopped.pt")
    assert all(torch.equal(value, weights(whole)[name]) for name, value in weights(again).items())


@pytest.mark.long
def test_an_error_of_a_process_is_the_trainings(tmp_path):
    plan = config(Recipe(epochs=1, batch=128, flip=False, learning_rate=1e30))
    with pytest.raises(RankFailedError, match=r"Process \d of the training failed: Expected a finite loss"):
        train_in_processes(plan, tmp_path / "checkpoint.pt")


@pytest.mark.long
def test_the_energy_of_all_processes_is_booked_once(tmp_path):
    training = FinalTraining(config(), tmp_path, PowerModel(), start_s=10.0)
    metrics = training.run()
    assert metrics == training.trainer.evaluate(training.data.test)
    readings = training.readings
    assert [reading.device for reading in readings] == [0, 1]
    assert {(reading.start_s, reading.energy_j) for reading in readings} == {(10.0, readings[0].energy_j)}
    assert readings[0].energy_j > 0
    assert json.loads((tmp_path / "readings.json").read_text())[1]["device"] == 1
    assert FinalTraining(config(), tmp_path, PowerModel()).trainer.is_finished
