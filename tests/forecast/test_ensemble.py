from datetime import timedelta

import numpy as np
import pytest

from ce_nas.core.errors import ModelError, SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S
from ce_nas.forecast.backtest import Issues
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.baselines import Persistence, SeasonalNaive
from ce_nas.forecast.ensemble import BlendForecaster, fit_blend
from ce_nas.forecast.model_file import load_model, save_model


class Constant(Forecaster):
    """Always the same, with quantiles around it."""

    lookback_s = DAY_S

    def __init__(self, value, spread=2.0):
        self.name = f"always {value:g}"
        self.value, self.spread = value, spread

    def predict(self, past, horizon_s):
        steps = round(horizon_s / past.step_s)
        values = np.full(steps, float(self.value))
        quantiles = {0.1: values / self.spread, 0.9: values * self.spread}
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, values, quantiles)


@pytest.fixture
def issues(start):
    return Issues(start + timedelta(days=10), start + timedelta(days=20))


def test_the_best_weights_are_found_for_each_zone_and_day(grid, issues):
    hours = np.arange(40 * 24)
    parts = [Constant(100), Constant(400)]
    records = [
        grid.record(np.full(len(hours), 100.0), zone="low"),
        grid.record(np.full(len(hours), 200.0), zone="middle"),
        grid.record(np.full(len(hours), 400.0), zone="high"),
    ]
    blend = fit_blend(parts, records, issues)
    assert blend.weights["low"] == pytest.approx(np.tile([1.0, 0.0], (4, 1)))
    assert blend.weights["middle"] == pytest.approx(np.tile([0.5, 0.5], (4, 1)))
    assert blend.weights["high"] == pytest.approx(np.tile([0.0, 1.0], (4, 1)))


def test_forecasters_that_are_alike_get_equal_weights(grid, issues):
    blend = fit_blend([Constant(300), Constant(300)], [grid.record()], issues)
    assert blend.weights["zone"] == pytest.approx(np.full((4, 2), 0.5))


def test_means_and_quantiles_are_averaged_in_logarithms(grid, issue):
    weights = {"zone": np.array([[0.5, 0.5], [1.0, 0.0]])}
    forecast = issue(BlendForecaster([Constant(100), Constant(400, 4.0)], weights), grid.record(), 5)
    assert forecast.mean_g_per_kwh == pytest.approx(np.repeat([200.0, 100.0], [24, 72]))
    assert forecast.quantiles_g_per_kwh[0.1] == pytest.approx(np.repeat([np.sqrt(5000.0), 50.0], [24, 72]))


def test_a_zone_without_weights_gets_the_mean_of_the_others(grid, issue):
    weights = {"a": np.array([[1.0, 0.0]]), "b": np.array([[0.0, 1.0]])}
    blend = BlendForecaster([Constant(100), Constant(400)], weights)
    assert issue(blend, grid.record(), 5).mean_g_per_kwh == pytest.approx(200.0)


def test_only_levels_that_all_parts_issue_are_issued(grid, issue):
    blend = BlendForecaster([Constant(100), Persistence()], {"zone": np.array([[0.5, 0.5]])})
    assert not issue(blend, grid.record(), 5).quantiles_g_per_kwh


def test_it_is_no_worse_than_its_parts_where_it_was_fitted(grid, issues, issue, off):
    record = grid.record()
    parts = [Persistence(), SeasonalNaive()]
    blend = fit_blend(parts, [record], issues)
    of_all = [np.mean([off(issue(one, record, day), record, day) for day in range(10, 21)]) for one in (blend, *parts)]
    assert of_all[0] <= min(of_all[1:]) * 1.01


def test_weights_are_saved_and_read_back_for_the_same_parts_only(tmp_path):
    parts = [Constant(100), Constant(400)]
    blend = BlendForecaster(parts, {"zone": np.array([[0.3, 0.7]])})
    where = blend.save(tmp_path / "blend")
    again = BlendForecaster.load(where, parts)
    assert again.weights["zone"] == pytest.approx(np.array([[0.3, 0.7]]))
    with pytest.raises(ModelError, match=r"always 100"):
        BlendForecaster.load(where, parts[::-1])


@pytest.mark.parametrize("weights", [{}, [], {"zone": [[0.3, 0.3]]}, {"zone": [[1.0]]}, {"zone": "much"}])
def test_weights_that_cannot_be_are_refused(tmp_path, weights):
    parts = [Constant(100), Constant(400)]
    where = BlendForecaster(parts, {"zone": np.array([[0.3, 0.7]])}).save(tmp_path / "blend")
    settings, _ = load_model(where)
    broken = save_model(where, {"kind": "blend", "parts": settings["parts"], "weights": weights}, {})
    with pytest.raises(ModelError, match="Fit the blend again"):
        BlendForecaster.load(broken, parts)


def test_nothing_to_blend_is_an_error(grid, issues):
    with pytest.raises(SettingsError, match="got none"):
        fit_blend([], [grid.record()], issues)
