"""Profiles of GPUs: time and power by power limit."""

import json

import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.energy.power_profile import BUILTIN_PROFILES, PowerLimit, PowerProfile, read_power_profile


@pytest.mark.parametrize("name", BUILTIN_PROFILES)
def test_builtin_profiles_slow_down_and_save_power_with_every_watt(name):
    limits = PowerProfile.builtin(name).limits()
    assert limits[0] == PowerLimit(BUILTIN_PROFILES[name][0][0], 1.0, 1.0)
    assert [point.limit_w for point in limits] == sorted((point.limit_w for point in limits), reverse=True)
    assert [point.time_factor for point in limits] == sorted(point.time_factor for point in limits)
    assert [point.power_factor for point in limits] == sorted((point.power_factor for point in limits), reverse=True)
    assert min(point.energy_factor for point in limits) < 0.9


@pytest.mark.parametrize("name", BUILTIN_PROFILES)
def test_builtin_profiles_are_the_medians_of_the_published_measurements(shared_data, name):
    measured = read_power_profile(str(shared_data / f"power/zeus_summary_power_{name}.csv"))
    for limit_w, time, power in BUILTIN_PROFILES[name]:
        assert measured.at(limit_w).time_factor == pytest.approx(time, abs=6e-4)
        assert measured.at(limit_w).power_factor == pytest.approx(power, abs=6e-4)


def test_between_measured_limits_it_is_interpolated():
    profile = PowerProfile([PowerLimit(200, 1, 1), PowerLimit(100, 1.5, 0.6)], "card", "two limits")
    assert profile.at(150) == PowerLimit(150.0, 1.25, pytest.approx(0.8))
    assert profile.at(50).limit_w == 100
    assert profile.scaled_to(400).at(300).time_factor == 1.25


def test_a_table_is_normalised_training_by_training(tmp_path):
    path = tmp_path / "card.csv"
    path.write_text(
        "network,power_limit,time_per_epoch,average_power\n"
        "small,200,10,100\nsmall,100,12,60\nlarge,200,100,200\nlarge,100,140,100\nunfinished,100,7,7\n"
    )
    assert read_power_profile(str(path)).at(100) == PowerLimit(100.0, pytest.approx(1.3), pytest.approx(0.55))
    listed = tmp_path / "card.json"
    listed.write_text(json.dumps([{"limit_w": 200, "time": 2, "power": 150}, {"limit_w": 100, "time": 3, "power": 90}]))
    assert read_power_profile(str(listed)).at(100) == PowerLimit(100.0, 1.5, pytest.approx(0.6))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("watts,time,power\n200,1,2\n", "Expected a column 'power_limit'"),
        ("power_limit,time,power\n200,1,100\n", "two or more different power limits"),
        ("power_limit,time,power\n200,1,100\n100,,60\n", "Expected a number in every row"),
        ("power_limit,time,power\n200,1,100\n200,2,100\n", "measured once at the highest limit"),
        ("power_limit,time,power\n200,1,100\n100,0,60\n", "above zero"),
    ],
)
def test_a_file_without_a_profile_is_refused(tmp_path, content, message):
    (tmp_path / "card.csv").write_text(content)
    with pytest.raises(EnergyError, match=message):
        read_power_profile(str(tmp_path / "card.csv"))


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(EnergyError, match="rtx6000"):
        read_power_profile("rtx600")
