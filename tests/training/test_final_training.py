"""The final training: waiting for clean hours, its time and energy after interruptions, and its duration before it."""

import pytest

torch = pytest.importorskip("torch")

from ce_nas.core.errors import StoreError  # noqa: E402
from ce_nas.energy.power_model import PowerModel  # noqa: E402
from ce_nas.space.nasbench201_cell import NasBench201Space  # noqa: E402
from ce_nas.training import final_training  # noqa: E402
from ce_nas.training.final_training import FinalTraining, FinalTrainingConfig, measure_training_time  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402

RECIPE = Recipe(epochs=1, batch=128, shift=1, flip=False, mixup=0.2, cutout=2, clip=5.0, ema=0.9, learning_rate=0.05)
PLAN = FinalTrainingConfig(NasBench201Space(), (4, 1, 3, 2, 0, 4), "digits", 2, 1, RECIPE, 3, ("cpu",))


def start_training(folder):
    folder.mkdir(exist_ok=True)
    return FinalTraining(PLAN, folder, PowerModel(), start_s=50.0, time_scale=1000.0)


def weights(training):
    return training.trainer.network.state_dict().values()


class KilledError(Exception):
    pass


class Grid:
    """A grid that is dirty from one look on, for three looks."""

    def __init__(self, first):
        self.looks, self.first, self.times = 0, first, []

    def __call__(self, now_s):
        self.looks += 1
        self.times.append(now_s)
        return self.first <= self.looks < self.first + 3


@pytest.mark.slow
def test_a_training_waits_in_dirty_hours_and_ends_in_the_same_bits(tmp_path, monkeypatch):
    whole = start_training(tmp_path / "first")
    expected = whole.run()
    monkeypatch.setattr(final_training, "WAIT_INTERVAL_S", 1.0)
    training = start_training(tmp_path / "second")
    grid = Grid(3)
    assert training.run(is_dirty=grid) == expected
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(training), strict=True))
    assert grid.times == sorted(grid.times)
    assert grid.times[0] == 50.0
    first, second = training.readings
    assert second.start_s >= first.end_s + 1.0  # it waited, and used nothing meanwhile


def test_a_wait_that_was_killed_goes_on_where_it_was(tmp_path, monkeypatch):
    """Of a wait of four intervals at most, a kill after two leaves two; then it works on, however dirty the grid is."""
    monkeypatch.setattr(final_training, "WAIT_INTERVAL_S", 1.0)
    monkeypatch.setattr(final_training, "LONGEST_WAIT_S", 4.0)
    times = []

    def is_dirty(now_s):
        times.append(now_s)
        if len(times) == 3:
            raise KilledError
        return True

    with pytest.raises(KilledError):
        start_training(tmp_path).run(is_dirty=is_dirty)
    again = start_training(tmp_path)
    assert again.now_s == 52.0
    again.run(is_dirty=is_dirty)
    assert times[:5] == [50.0, 51.0, 52.0, 52.0, 53.0]
    assert len(again.readings) == 1
    assert again.readings[0].start_s == 54.0
    assert start_training(tmp_path)._works_until_clean


def test_a_wait_before_the_last_reading_is_part_of_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr(final_training, "WAIT_INTERVAL_S", 1.0)
    training = start_training(tmp_path)
    training.run(is_dirty=Grid(1))
    assert training.readings[0].start_s == 53.0
    assert start_training(tmp_path).now_s == training.readings[-1].end_s


def test_a_damaged_record_of_a_wait_is_named(tmp_path):
    (tmp_path / "waited.json").write_text("{")
    with pytest.raises(StoreError, match=r"waited\.json.*remove the file"):
        start_training(tmp_path)


def test_a_training_is_timed_before_it_by_a_few_of_its_steps(monkeypatch):
    """A clock that advances by a second per look: one a step, one at the start and at the end."""
    monkeypatch.setattr(final_training, "monotonic_s", iter(range(1000)).__next__)
    steps = -(-1438 // 128) if RECIPE.keep_last else 1438 // 128
    # looks at 1 .. 6 s end the timing once more than 5 s have passed; six steps and the last look are 7 s
    processor_s = iter((3.0, 6.5))
    monkeypatch.setattr(final_training, "tree_cpu_time_s", lambda _: next(processor_s))
    found = measure_training_time(PLAN)
    assert found.duration_s == pytest.approx(7 / 6 * steps, rel=0.2)
    assert found.undisturbed_s == pytest.approx(steps)
    assert found.processor_share == pytest.approx(0.5)
