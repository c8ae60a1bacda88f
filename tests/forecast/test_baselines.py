"""The decomposition finds days and weeks, and gives way where there are too few of them."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.core.errors import MissingExtraError
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast import baselines as mstl
from ce_nas.forecast.base import Past
from ce_nas.forecast.baselines import SeasonalNaive


@pytest.fixture
def forecaster():
    pytest.importorskip("statsforecast", reason="the forecaster mstl needs the extra 'baselines'")
    return mstl.Mstl()


def past_of(values, step_s=HOUR_S):
    return Past(np.asarray(values, dtype=float), step_s, 0.0, datetime(2021, 7, 2, 6, tzinfo=UTC), "zone")


def test_days_and_weeks_are_found_under_noise(forecaster):
    hours = np.arange(33 * 24)
    clean = 400 + 80 * np.sin(hours / 24 * 2 * np.pi) - 60 * (hours // 24 % 7 >= 5)
    noisy = clean + np.random.default_rng(0).normal(0, 20, len(clean))
    known, coming = noisy[: 28 * 24], clean[28 * 24 : 32 * 24]
    forecast = forecaster.predict(past_of(known), 4 * DAY_S)
    naive = SeasonalNaive().predict(past_of(known), 4 * DAY_S)
    off, naive_off = (np.abs(made.mean_g_per_kwh - coming).mean() for made in (forecast, naive))
    assert off < 0.6 * naive_off
    stacked = np.array(list(forecast.quantiles_g_per_kwh.values()))
    assert list(forecast.quantiles_g_per_kwh) == [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]
    assert (np.diff(stacked, axis=0) >= 0).all()


def test_with_less_than_two_weeks_it_is_seasonal_naive(forecaster):
    known = 300 + 50 * np.cos(np.arange(14 * 24 - 1))
    forecast, naive = (made.predict(past_of(known), DAY_S) for made in (forecaster, SeasonalNaive()))
    assert np.array_equal(forecast.mean_g_per_kwh, naive.mean_g_per_kwh)
    assert (forecast.forecaster, forecast.quantiles_g_per_kwh) == ("mstl", {})


def test_without_its_package_it_says_which_extra_brings_it(monkeypatch):
    monkeypatch.setattr(mstl, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"baselines"):
        mstl.Mstl()
