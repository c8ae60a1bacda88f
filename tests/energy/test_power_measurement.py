"""The power profile measured in trainings: a GPU that gets slower by its limit, on a clock of the test."""

import json

import pytest

from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.energy.power_measurement import (
    MIN_STEPS,
    MixedMeasurement,
    PowerMeasurement,
    ProfilingGpu,
    TrainingProgress,
)
from ce_nas.energy.power_profile import PowerProfile, read_power_profile


def speed(limit_w):
    """Steps/s relative to the default limit of 400 W; nothing is lost down to 300 W."""
    return min(1.0, 0.5 + limit_w / 600.0)


def watts(limit_w):
    return min(limit_w, 380.0)


class TrainingGpu(EnergyMeter):
    """A GPU that trains, counts its energy, and asks at every step."""

    source, origin = None, "simulated"

    def __init__(self, steps_per_s=50.0):
        self.now_s, self.limit_w, self.steps, self.energy_j, self.set_w = 0.0, 400.0, 0.0, 0.0, []
        self.steps_per_s, self.task_id, self.closed = steps_per_s, 1, False

    def set_limit_w(self, limit_w):
        self.limit_w = limit_w
        self.set_w.append(limit_w)

    def snapshot(self):
        return MeterSnapshot(self.now_s, self.energy_j, self.now_s)

    def close(self):
        self.closed = True

    def progress(self):
        return None if self.task_id is None else TrainingProgress(self.task_id, int(self.steps), self.now_s)

    def pass_time(self, seconds=0.5):
        self.now_s += seconds
        self.energy_j += watts(self.limit_w) * seconds
        if self.task_id is not None:
            self.steps += self.steps_per_s * speed(self.limit_w) * seconds

    def measurement(self, path=None):
        gpu = ProfilingGpu("Tesla", 400.0, 120.0, self.set_limit_w, [self], self.progress)
        return PowerMeasurement(gpu, 10.0, path, lambda: self.now_s)


def look_until_done(gpu, measurement, seconds=2000.0, between=lambda: None):
    while measurement.result is None and gpu.now_s < seconds:
        gpu.pass_time()
        between()
        measurement.look()
    return measurement.result


def test_time_and_power_follow_each_limit_and_the_default_is_restored(tmp_path):
    gpu = TrainingGpu()
    profile = look_until_done(gpu, gpu.measurement(tmp_path / "power-profile.json"))
    assert [point.limit_w for point in profile.points] == [400.0 - 40.0 * number for number in range(8)]
    for point in profile.points:
        assert point.time_factor == pytest.approx(1.0 / speed(point.limit_w), rel=0.01)
        assert point.power_factor == pytest.approx(watts(point.limit_w) / 380.0, rel=0.01)
    assert gpu.limit_w == 400.0
    assert gpu.now_s < 8 * 15.0
    again = read_power_profile(str(tmp_path / "power-profile.json"))
    assert again.points == profile.points
    assert len(json.loads((tmp_path / "power-profile.json").read_text())) == 8


def test_no_lower_limit_is_measured_once_work_gets_dearer(monkeypatch):
    monkeypatch.setattr(f"{__name__}.speed", lambda limit_w: 1.0 if limit_w > 250.0 else 0.2)
    gpu = TrainingGpu()
    profile = look_until_done(gpu, gpu.measurement())
    assert min(point.limit_w for point in profile.points) == 240.0


def test_trainings_of_different_size_share_a_measurement_each_relative_to_itself():
    gpu = TrainingGpu()

    def next_training():  # every 40 s another one, which is twice as fast or as slow
        if int(gpu.now_s) // 40 + 1 != gpu.task_id:
            gpu.task_id, gpu.steps = int(gpu.now_s) // 40 + 1, 0.0
            gpu.steps_per_s = 50.0 if gpu.task_id % 2 else 100.0

    profile = look_until_done(gpu, gpu.measurement(), between=next_training)
    assert len(profile.points) == 8
    for point in profile.points:
        assert point.time_factor == pytest.approx(1.0 / speed(point.limit_w), rel=0.02)


def test_nothing_is_measured_while_a_cap_holds_the_limit_down_nor_without_a_training():
    gpu = TrainingGpu()
    measurement = gpu.measurement()
    gpu.pass_time()
    measurement.look()
    measurement.hold(lambda: gpu.set_limit_w(200.0), is_limited=True)
    set_so_far = list(gpu.set_w)
    for _ in range(200):
        gpu.pass_time()
        measurement.look()
    assert (gpu.limit_w, gpu.set_w) == (200.0, set_so_far)
    measurement.hold(lambda: gpu.set_limit_w(400.0), is_limited=False)
    gpu.task_id = None
    for _ in range(200):
        gpu.pass_time()
        measurement.look()
    assert (measurement.result, gpu.limit_w) == (None, 400.0)
    gpu.task_id = 7
    assert len(look_until_done(gpu, measurement).points) == 8


def test_a_training_that_hardly_asks_gives_no_profile_and_the_reason():
    gpu = TrainingGpu(steps_per_s=0.01)
    reason = look_until_done(gpu, gpu.measurement())
    assert f"Expected {MIN_STEPS} steps of a training in 50 s" in reason
    assert gpu.limit_w == 400.0


def test_an_end_in_between_closes_the_meters():
    gpu = TrainingGpu()
    measurement = gpu.measurement()
    measurement.start()
    measurement.close()
    assert gpu.closed


def test_types_are_measured_at_the_same_time_and_waited_for():
    fast, slow = TrainingGpu(), TrainingGpu(steps_per_s=30.0)
    slow.task_id = None  # nothing trains there yet
    measurements = [fast.measurement(), slow.measurement()]
    mixed = MixedMeasurement([(measurements[0], 2), (measurements[1], 1)], PowerProfile.builtin("v100"))
    assert look_until_done(fast, measurements[0])
    assert mixed.result is None
    slow.task_id = 7
    assert look_until_done(slow, measurements[1])
    assert [count for _, count in mixed.result.profiles] == [2, 1]
    assert mixed.result.profiles[0][0].points == measurements[0].result.points
    mixed.close()
    assert fast.closed
    assert slow.closed


def test_a_type_that_cannot_be_measured_has_the_shape_of_the_built_in_profile():
    good, rare = TrainingGpu(), TrainingGpu(steps_per_s=0.1)
    measurements = [good.measurement(), rare.measurement()]
    mixed = MixedMeasurement([(each, 1) for each in measurements], PowerProfile.builtin("v100"))
    for gpu, measurement in zip((good, rare), measurements, strict=True):
        look_until_done(gpu, measurement)
    (_, _), (shaped, _) = mixed.result.profiles
    assert shaped.default_limit_w == 400.0
    assert shaped.at(400.0 * 175.0 / 250.0).time_factor == pytest.approx(1.063)
    assert "as v100, since Expected 20 steps" in shaped.origin
    only = MixedMeasurement([(measurements[1], 1)], PowerProfile.builtin("v100"))
    assert "Expected 20 steps" in only.result


def test_while_the_plan_limits_the_types_none_is_measured():
    gpus = [TrainingGpu(), TrainingGpu()]
    measurements = [gpu.measurement() for gpu in gpus]
    mixed, applied = MixedMeasurement([(each, 1) for each in measurements], PowerProfile.builtin("v100")), []
    mixed.hold(lambda: applied.append(1), is_limited=True)
    for gpu, measurement in zip(gpus, measurements, strict=True):
        assert look_until_done(gpu, measurement, seconds=300.0) is None
    mixed.hold(lambda: applied.append(2), is_limited=False)
    for gpu, measurement in zip(gpus, measurements, strict=True):
        assert look_until_done(gpu, measurement)
    assert applied == [1, 2]
