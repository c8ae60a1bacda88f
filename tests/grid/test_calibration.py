from __future__ import annotations

import numpy as np
import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.calibration import shape_of

HOURS = np.arange(24 * 28)


def test_a_daily_wave():
    shape = shape_of(300 + 100 * np.cos(2 * np.pi * HOURS / 24))
    assert shape.mean_g_per_kwh == pytest.approx(300)
    assert shape.std_g_per_kwh == pytest.approx(100 / 2**0.5)
    assert shape.daily_range_g_per_kwh == pytest.approx(200)
    # a correlation over n - lag of n hours shrinks by that share
    assert shape.after_hour == pytest.approx(np.cos(2 * np.pi / 24), abs=0.01)
    assert shape.after_day == pytest.approx(27 / 28)
    assert shape.after_week == pytest.approx(21 / 28)


def test_noise_has_no_memory():
    shape = shape_of(np.random.default_rng(0).normal(size=24 * 400))
    assert abs(shape.after_hour) + abs(shape.after_day) + abs(shape.after_week) < 0.06


def test_a_constant_always_resembles_itself():
    shape = shape_of(np.full(24 * 14, 5.0))
    assert (shape.std_g_per_kwh, shape.after_hour, shape.after_week) == (0, 1, 1)


def test_the_odd_hours_of_the_last_day_are_left_out():
    values = np.random.default_rng(0).normal(size=24 * 20 + 5)
    assert shape_of(values) == shape_of(values[:-5])


@pytest.mark.parametrize("values", [np.ones(24 * 13), np.where(HOURS == 7, np.nan, 1.0)])
def test_too_short_or_with_a_gap(values):
    with pytest.raises(TraceError, match="336 hours without a gap"):
        shape_of(values)
