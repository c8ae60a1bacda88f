"""Weights and quantiles from the latest errors."""

import numpy as np
import pytest

from ce_nas.forecast.hourly import QUANTILE_LEVELS
from ce_nas.forecast.stacking import assumed_spread, error_quantiles, stacking_weights


def test_stacking_weights_find_the_better_member():
    rng = np.random.default_rng(0)
    good, bad = 0.05 * rng.normal(size=(60, 24)), 0.5 * rng.normal(size=(60, 24))
    recency = np.ones(60)
    weights = stacking_weights(np.stack([bad, good]), recency, np.array([1.0, 0.0]))
    assert weights.sum() == pytest.approx(1.0)
    assert weights[1] > 0.95
    kept = stacking_weights(np.stack([good, bad]), recency, np.array([1.0, 0.0]))
    assert kept[0] > 0.97
    assert not stacking_weights(np.zeros((2, 20, 24)), np.ones(20), np.array([1.0, 0.0]))[1] > 1e-6


def test_quantiles_follow_growing_errors():
    rng = np.random.default_rng(1)
    calm, wild = 0.1 * rng.normal(size=(80, 24)), 0.3 * rng.normal(size=(40, 24))
    recency = 0.5 ** (np.arange(120)[::-1] / 45)
    bands = error_quantiles(np.concatenate([calm, wild]), recency)
    assert bands.shape == (len(QUANTILE_LEVELS), 24)
    later = 0.3 * rng.normal(size=(50, 24))
    inside = (bands[2] <= later) & (later <= bands[6])
    assert inside.mean() > 0.7


def test_the_assumed_spread_grows_for_a_day() -> None:
    spread = assumed_spread(np.array([1.0, 12.0, 24.0, 72.0]))
    assert (np.diff(spread[:3]) > 0).all()
    assert spread[2] == spread[3]
