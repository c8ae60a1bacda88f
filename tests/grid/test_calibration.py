from __future__ import annotations

import numpy as np
import pytest

from ce_nas.core.errors import TraceError

HOURS = np.arange(24 * 28)


def test_statistics_of_a_daily_wave(calibration):
    statistics = calibration.compute_trace_statistics(300 + 100 * np.cos(2 * np.pi * HOURS / 24))
    assert statistics.mean_g_per_kwh == pytest.approx(300)
    assert statistics.std_g_per_kwh == pytest.approx(100 / 2**0.5)
    assert statistics.daily_range_g_per_kwh == pytest.approx(200)
    # a correlation over n - lag of n hours shrinks by that share
    assert statistics.autocorrelation_1h == pytest.approx(np.cos(2 * np.pi / 24), abs=0.01)
    assert statistics.autocorrelation_24h == pytest.approx(27 / 28)
    assert statistics.autocorrelation_168h == pytest.approx(21 / 28)


def test_statistics_of_noise(calibration):
    statistics = calibration.compute_trace_statistics(np.random.default_rng(0).normal(size=24 * 400))
    assert (
        abs(statistics.autocorrelation_1h) + abs(statistics.autocorrelation_24h) + abs(statistics.autocorrelation_168h)
        < 0.06
    )


def test_statistics_of_a_constant(calibration):
    statistics = calibration.compute_trace_statistics(np.full(24 * 14, 5.0))
    assert (statistics.std_g_per_kwh, statistics.autocorrelation_1h, statistics.autocorrelation_168h) == (0, 1, 1)


def test_incomplete_last_day_is_left_out(calibration):
    values = np.random.default_rng(0).normal(size=24 * 20 + 5)
    assert calibration.compute_trace_statistics(values) == calibration.compute_trace_statistics(values[:-5])


@pytest.mark.parametrize("values", [np.ones(24 * 13), np.where(HOURS == 7, np.nan, 1.0)])
def test_short_series_or_gap_is_rejected(calibration, values):
    with pytest.raises(TraceError, match="336 hours without a gap"):
        calibration.compute_trace_statistics(values)
