import copy

import pytest

from ce_nas.config.recorded_settings import read_recorded_settings
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError

LIVE = {"enabled": True, "supernet": False}


def header(**live):
    """The first entry of a journal, as far as it holds settings."""
    settings = settings_from_flags(objectives="accuracy,latency", zone="solar", live=LIVE | live)
    return {"settings": settings.model_dump(mode="json")}


@pytest.mark.parametrize("samples", [0, 8, 64])
def test_settings_are_those_that_were_recorded(samples):
    recorded = header(latency_samples=samples)
    assert read_recorded_settings(recorded).model_dump(mode="json") == recorded["settings"]


def test_a_run_begun_before_latencies_were_sampled_samples_none():
    recorded = header()
    del recorded["settings"]["live"]["latency_samples"]
    before = copy.deepcopy(recorded)
    assert read_recorded_settings(recorded).live.latency_samples == 0
    assert recorded == before


def test_a_run_begun_before_look_ahead_planned_for_its_searcher_does_not():
    recorded = {"settings": settings_from_flags(policy="look-ahead").model_dump(mode="json")}
    assert read_recorded_settings(recorded).policy.plan_for_searcher
    del recorded["settings"]["policy"]["plan_for_searcher"]
    assert not read_recorded_settings(recorded).policy.plan_for_searcher
    recorded["settings"]["policy"]["fewest_gpus"] = False  # as journals of that time have it
    assert not read_recorded_settings(recorded).policy.plan_for_searcher
    recorded["settings"]["policy"]["fewest_gpus"] = True
    with pytest.raises(
        SettingsError, match=r"policy\.fewest_gpus, which is gone; continue it with the earlier version"
    ):
        read_recorded_settings(recorded)
    other = {"settings": settings_from_flags(policy="threshold").model_dump(mode="json")}
    assert read_recorded_settings(other).policy.name == "threshold"
