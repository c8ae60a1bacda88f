"""Forecasts that a process keeps."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from ce_nas.forecast.base import ForecastInput
from ce_nas.forecast.forecast_cache import ForecastCache, digest_inputs

INPUTS = ForecastInput(np.arange(48.0) + 100, 3600.0, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "DE")


def test_the_oldest_result_goes_first() -> None:
    cache: ForecastCache[int] = ForecastCache(2)
    for number in range(3):
        cache.put(bytes([number]), number)
    assert [cache.get(bytes([number])) for number in range(3)] == [None, 1, 2]


def test_the_digest_is_of_all_that_counts() -> None:
    digest = digest_inputs(INPUTS, 3600.0, 86_400.0)
    assert digest_inputs(INPUTS, 3600.0, 86_400.0) == digest
    changed = INPUTS.intensity_g_per_kwh.copy()
    changed[-1] += 1
    assert digest_inputs(replace(INPUTS, intensity_g_per_kwh=changed), 3600.0, 86_400.0) != digest
    assert digest_inputs(INPUTS, 7200.0, 86_400.0) != digest
    earlier = INPUTS.intensity_g_per_kwh.copy()
    earlier[0] += 1  # before the hours that count
    assert digest_inputs(replace(INPUTS, intensity_g_per_kwh=earlier), 3600.0, 86_400.0) == digest


def test_the_zone_counts_with_a_model() -> None:
    elsewhere = replace(INPUTS, zone="FR")
    assert digest_inputs(elsewhere, 3600.0, 86_400.0) == digest_inputs(INPUTS, 3600.0, 86_400.0)
    assert digest_inputs(elsewhere, 3600.0, 86_400.0, "net") != digest_inputs(INPUTS, 3600.0, 86_400.0, "net")
