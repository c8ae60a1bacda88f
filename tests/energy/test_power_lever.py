"""The choice of a power limit, and a site's power cap over time."""

import math
from datetime import UTC, datetime

import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.energy.power_lever import PowerCapSchedule, PowerLever
from ce_nas.energy.power_profile import PowerLimit, PowerProfile

START = datetime(2021, 7, 2, 6, tzinfo=UTC)


@pytest.fixture
def lever():
    return PowerLever(PowerProfile.builtin("v100"), max_slowdown=0.05, gpu_share=0.6)


def test_a_steady_grid_takes_the_limit_with_the_least_energy_within_the_bound(lever):
    chosen = lever.choose(300.0, 300.0)
    within = [limit for limit in lever.limits if limit.time_factor <= 1.05]
    assert chosen == min(within, key=lambda limit: limit.energy_factor)
    assert 1.0 < chosen.time_factor <= 1.05


def test_the_host_draws_the_same_at_every_limit():
    profile = PowerProfile([PowerLimit(200, 1, 1), PowerLimit(100, 1.04, 0.5)], "card", "two limits")
    assert PowerLever(profile, 0.05, gpu_share=0.6).limits[-1].power_factor == pytest.approx(0.4 + 0.6 * 0.5)
    assert PowerLever(profile, 0.05, gpu_share=0.0).choose(300.0, 300.0).limit_w == 200.0  # slower saves nothing then


def test_work_is_slowed_less_in_an_hour_cleaner_than_those_to_come(lever):
    speeds = [lever.choose(now, 100.0).time_factor for now in (10.0, 60.0, 90.0, 100.0, 400.0)]
    assert speeds == sorted(speeds)
    assert speeds[0] == 1.0
    assert lever.choose(0.0, 0.0).energy_factor == lever.choose(300.0, 300.0).energy_factor


def test_no_slow_down_is_no_lever():
    assert PowerLever(PowerProfile.builtin("a40"), 0.0, 0.6).choose(400.0, 200.0).time_factor == 1.0


def write(tmp_path, text):
    path = tmp_path / "cap.csv"
    path.write_text(text)
    return path


def test_a_cap_is_read_in_utc_or_in_seconds_of_the_run(tmp_path):
    clock = write(tmp_path, "time,cap_w\n2021-07-02T08:00,1500\n2021-07-02T09:00,\n2021-07-02T07:00,3000\n")
    expected = PowerCapSchedule((3600.0, 7200.0, 10800.0), (3000.0, 1500.0, math.inf))
    assert PowerCapSchedule.read(clock, START) == expected
    seconds = write(tmp_path, "time_s,W\n3600,3000\n7200,1500\n10800,\n")
    assert PowerCapSchedule.read(seconds, START) == expected


def test_a_cap_holds_until_the_next():
    schedule = PowerCapSchedule((0.0, 3600.0, 7200.0), (3000.0, 1500.0, math.inf))
    assert [schedule.lowest_w(at, at + 1) for at in (-10.0, 0.0, 3599.5, 3600.0, 7199.0, 7200.0, 1e6)] == [
        math.inf, 3000.0, 1500.0, 1500.0, 1500.0, math.inf, math.inf,
    ]  # fmt: skip
    assert [schedule.lowest_w(100.0, end) for end in (3599.0, 3600.0)] == [3000.0, 1500.0]
    assert schedule.changes_between(0.0, 7200.0) == [3600.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("when,cap_w\n2021-07-02T08:00,1500\n", "Expected the columns 'time' and 'cap_w'"),
        ("time,cap_w\nnoon,1500\n", "Expected a time such as"),
        ("time,cap_w\n2021-07-02T08:00,-5\n", "Expected W of 0 or more"),
        ("time,cap_w\n2021-07-02T08:00,much\n", "Expected W of 0 or more"),
        ("time,cap_w\n2021-07-02T08:00,5\n2021-07-02T08:00,6\n", "every time once"),
    ],
)
def test_a_file_that_is_no_cap_is_refused(tmp_path, text, message):
    with pytest.raises(EnergyError, match=message):
        PowerCapSchedule.read(write(tmp_path, text), START)
