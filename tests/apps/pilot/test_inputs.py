"""A team's own figures, and what is said of those that are of no use."""

import pytest

from ce_nas.apps.pilot.inputs import PilotFigures, read_figures
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import HOUR_S


def test_what_is_not_stated_is_assumed_and_known_to_be():
    figures = PilotFigures.of({"gpus": "4", "deadline": "7d", "zone": None, "electricity_price": ""})
    assert (figures.gpus, figures.deadline_s) == (4, 7 * 24 * HOUR_S)
    assert figures.stated == {"gpus", "deadline_s"}
    assert PilotFigures.of({"deadline": 120}).deadline_s == 120 * HOUR_S
    assert not figures.priced
    assert PilotFigures.of({"carbon_price": 0}).priced


def test_what_follows_from_the_figures():
    figures = PilotFigures(gpus=4, gpu_hours=100, gpu_power_w=574.0)
    assert figures.at_once_s == 25 * HOUR_S
    assert figures.limit_s == 50 * HOUR_S
    assert figures.idle_w == pytest.approx(120.0)
    assert PilotFigures(idle_power_w=10.0).idle_w == 10.0


@pytest.mark.parametrize(
    ("stated", "said"),
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
def test_figures_that_are_of_no_use_are_named(stated, said):
    with pytest.raises(SettingsError, match=said):
        PilotFigures.of(stated)


def test_a_file_of_figures(tmp_path):
    path = tmp_path / "team.toml"
    path.write_text('gpus = 16\ndeadline = "5d"\ntrace = "grid.csv"\nelectricity_price = 0.2\n')
    figures = PilotFigures.of(read_figures(path))
    assert (figures.gpus, figures.trace, figures.electricity_price) == (16, tmp_path / "grid.csv", 0.2)
    with pytest.raises(SettingsError, match="No such file"):
        read_figures(tmp_path / "none.toml")
    path.write_text("gpus = = 3")
    with pytest.raises(SettingsError, match="Expected TOML"):
        read_figures(path)
