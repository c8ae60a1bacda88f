"""A modelled device draws its wattage for as long as it does a thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, Source
from ce_nas.energy.power_model import AVERAGE_PUE, PowerModel

WATTS = st.floats(0, 2000)


@given(
    st.builds(
        PowerModel,
        training_w=WATTS,
        sampling_w=WATTS,
        idle_w=WATTS,
        checkpoint_s=st.floats(0.1, 100),
        checkpoint_j=st.floats(0, 1e5),
        restore_s=st.floats(0.1, 100),
        restore_j=st.floats(0, 1e5),
        startup_s=st.floats(0.1, 100),
        startup_j=st.floats(0, 1e5),
    )
)
def test_no_activity_draws_more_than_the_peak(power):
    draws = [power.power_w(activity) for activity in Activity]
    assert max(draws) == power.peak_w
    assert min(draws) >= 0


@given(st.sampled_from(Activity), st.floats(0, 1e6), st.floats(0, 1e5))
def test_a_reading_is_power_over_its_stretch(activity, start_s, length_s):
    power = PowerModel()
    reading = power.reading(3, activity, start_s, start_s + length_s)
    assert reading.energy_j == pytest.approx(power.power_w(activity) * (reading.end_s - reading.start_s))
    assert (reading.device, reading.activity, reading.source) == (3, activity, Source.MODELLED)
    assert reading.coverage == 1.0


def test_a_whole_checkpoint_and_a_whole_restore_draw_what_is_stated():
    power = PowerModel(checkpoint_s=8.0, checkpoint_j=2000.0, restore_s=5.0, restore_j=500.0)
    assert power.reading(0, Activity.CHECKPOINT, 10.0, 18.0).energy_j == 2000.0
    assert power.reading(0, Activity.RESTORE, 10.0, 15.0).energy_j == 500.0


def test_what_takes_no_time_draws_nothing():
    power = PowerModel(checkpoint_s=0.0, checkpoint_j=0.0, restore_s=0.0, restore_j=0.0, startup_s=0.0, startup_j=0.0)
    for activity in (Activity.CHECKPOINT, Activity.RESTORE, Activity.STARTUP):
        assert power.power_w(activity) == 0.0
    assert power.peak_w == power.training_w


@pytest.mark.parametrize("what", ["checkpoint", "restore", "startup"])
def test_energy_in_no_time_is_refused(what):
    with pytest.raises(
        SettingsError, match=f"Expected {what}_j of 0 where {what}_s is 0, got 50 J; give it a duration"
    ):
        PowerModel(**{f"{what}_s": 0.0, f"{what}_j": 50.0})


def test_a_supernets_training_draws_what_sampling_does():
    assert PowerModel(sampling_w=123.0).power_w(Activity.SUPERNET) == 123.0


def test_the_defaults_are_those_of_their_sources():
    assert PowerModel().training_w == 172 + 115
    assert PowerModel().idle_w < PowerModel().training_w
    assert AVERAGE_PUE == 1.56
