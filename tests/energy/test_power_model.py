"""A modelled device draws constant power during an activity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, ReadingSource
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
def test_peak_power_is_maximum(power):
    powers_w = [power.power_w(activity) for activity in Activity]
    assert max(powers_w) == power.peak_w
    assert min(powers_w) >= 0


@given(st.sampled_from(Activity), st.floats(0, 1e6), st.floats(0, 1e5))
def test_modelled_reading_is_power_times_duration(activity, start_s, duration_s):
    power = PowerModel()
    reading = power.model_reading(3, activity, start_s, start_s + duration_s)
    assert reading.energy_j == pytest.approx(power.power_w(activity) * (reading.end_s - reading.start_s))
    assert (reading.device, reading.activity, reading.source) == (3, activity, ReadingSource.MODELLED)
    assert reading.coverage == 1.0


def test_checkpoint_and_restore_energy():
    power = PowerModel(checkpoint_s=8.0, checkpoint_j=2000.0, restore_s=5.0, restore_j=500.0)
    assert power.model_reading(0, Activity.CHECKPOINT, 10.0, 18.0).energy_j == 2000.0
    assert power.model_reading(0, Activity.RESTORE, 10.0, 15.0).energy_j == 500.0


def test_zero_duration_draws_no_power():
    power = PowerModel(checkpoint_s=0.0, checkpoint_j=0.0, restore_s=0.0, restore_j=0.0, startup_s=0.0, startup_j=0.0)
    for activity in (Activity.CHECKPOINT, Activity.RESTORE, Activity.STARTUP):
        assert power.power_w(activity) == 0.0
    assert power.peak_w == power.training_w


@pytest.mark.parametrize("step", ["checkpoint", "restore", "startup"])
def test_energy_without_duration_is_refused(step):
    with pytest.raises(
        SettingsError, match=f"Expected {step}_j of 0 where {step}_s is 0, got 50 J; set {step}_s above 0"
    ):
        PowerModel(**{f"{step}_s": 0.0, f"{step}_j": 50.0})


def test_supernet_draws_sampling_power():
    assert PowerModel(sampling_w=123.0).power_w(Activity.SUPERNET) == 123.0


def test_default_powers_match_sources():
    assert PowerModel().training_w == 172 + 115
    assert PowerModel().idle_w < PowerModel().training_w
    assert AVERAGE_PUE == 1.56
