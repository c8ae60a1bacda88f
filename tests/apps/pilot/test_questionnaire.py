"""The inputs of a pilot: parsing, derived values and errors."""

import pytest

from ce_nas.apps.pilot.questionnaire import PilotInputs, read_inputs
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import HOUR_S


def test_missing_inputs_are_assumed():
    inputs = PilotInputs.from_mapping({"gpus": "4", "deadline": "7d", "zone": None, "electricity_price": ""})
    assert (inputs.gpus, inputs.deadline_s) == (4, 7 * 24 * HOUR_S)
    assert inputs.given_names == {"gpus", "deadline_s"}
    assert PilotInputs.from_mapping({"deadline": 120}).deadline_s == 120 * HOUR_S
    assert not inputs.has_prices
    assert PilotInputs.from_mapping({"carbon_price": 0}).has_prices


def test_derived_values():
    inputs = PilotInputs(gpus=4, gpu_hours=100, gpu_power_w=574.0)
    assert inputs.baseline_duration_s == 25 * HOUR_S
    assert inputs.effective_deadline_s == 50 * HOUR_S
    assert inputs.effective_idle_power_w == pytest.approx(120.0)
    assert PilotInputs(idle_power_w=10.0).effective_idle_power_w == 10.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gpus": -8}, r"gpus between 1 and 512, got -8"),
        ({"gpus": 2.5}, r"number for gpus, got 2.5"),
        ({"gpu_power_w": "much"}, r"number for gpu_power_w, got 'much'"),
        ({"pue": 0.5}, r"pue between 1 and 10, got 0.5"),
        ({"trainings": 5}, r"trainings between 20 and 1500, got 5"),
        ({"searches_per_year": "nan"}, r"searches_per_year between"),
        ({"gpus": 64, "trainings": 40}, r"no more GPUs than the 40 trainings"),
        ({"idle_power_w": 400}, r"idle_power_w of 287 W at most"),
        ({"deadline": "20h"}, r"deadline of 50 h or more, since 400 GPU-hours on 8 GPUs .* got 20 h"),
        ({"deadline": "soon"}, r"Expected a duration above zero"),
        ({"gpuz": 8}, r"gpuz"),
    ],
)
def test_invalid_inputs_are_named(given, message):
    with pytest.raises(SettingsError, match=message):
        PilotInputs.from_mapping(given)


def test_read_inputs_from_toml(tmp_path):
    path = tmp_path / "team.toml"
    path.write_text('gpus = 16\ndeadline = "5d"\ntrace = "grid.csv"\nelectricity_price = 0.2\n')
    inputs = PilotInputs.from_mapping(read_inputs(path))
    assert (inputs.gpus, inputs.trace, inputs.electricity_price) == (16, tmp_path / "grid.csv", 0.2)
    with pytest.raises(SettingsError, match="no such file"):
        read_inputs(tmp_path / "none.toml")
    path.write_text("gpus = = 3")
    with pytest.raises(SettingsError, match="Expected TOML"):
        read_inputs(path)
