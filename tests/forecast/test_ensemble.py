from datetime import timedelta

import numpy as np
import pytest

from ce_nas.core.errors import ModelError, SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S
from ce_nas.forecast.backtest import IssueTimes
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.ensemble import EnsembleForecaster, fit_ensemble
from ce_nas.forecast.model_file import load_model, save_model
from ce_nas.forecast.simple_forecasters import Persistence, SeasonalNaive


class Constant(Forecaster):
    """Predicts a constant, with quantiles around it."""

    lookback_s = DAY_S

    def __init__(self, value, spread=2.0):
        self.name = f"constant {value:g}"
        self.value, self.spread = value, spread

    def predict(self, inputs, horizon_s):
        steps = round(horizon_s / inputs.step_s)
        values = np.full(steps, float(self.value))
        quantiles = {0.1: values / self.spread, 0.9: values * self.spread}
        return Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, values, quantiles)


@pytest.fixture
def issues(start):
    return IssueTimes(start + timedelta(days=10), start + timedelta(days=20))


def test_best_weights_by_zone_and_day(grid, issues):
    hours = np.arange(40 * 24)
    members = [Constant(100), Constant(400)]
    records = [
        grid.record(np.full(len(hours), 100.0), zone="low"),
        grid.record(np.full(len(hours), 200.0), zone="middle"),
        grid.record(np.full(len(hours), 400.0), zone="high"),
    ]
    ensemble = fit_ensemble(members, records, issues)
    assert ensemble.weights["low"] == pytest.approx(np.tile([1.0, 0.0], (4, 1)))
    assert ensemble.weights["middle"] == pytest.approx(np.tile([0.5, 0.5], (4, 1)))
    assert ensemble.weights["high"] == pytest.approx(np.tile([0.0, 1.0], (4, 1)))


def test_equal_members_get_equal_weights(grid, issues):
    ensemble = fit_ensemble([Constant(300), Constant(300)], [grid.record()], issues)
    assert ensemble.weights["zone"] == pytest.approx(np.full((4, 2), 0.5))


def test_means_and_quantiles_are_geometric_means(grid, issue):
    weights = {"zone": np.array([[0.5, 0.5], [1.0, 0.0]])}
    forecast = issue(EnsembleForecaster([Constant(100), Constant(400, 4.0)], weights), grid.record(), 5)
    assert forecast.mean_g_per_kwh == pytest.approx(np.repeat([200.0, 100.0], [24, 72]))
    assert forecast.quantiles_g_per_kwh[0.1] == pytest.approx(np.repeat([np.sqrt(5000.0), 50.0], [24, 72]))


def test_unknown_zone_gets_mean_weights(grid, issue):
    weights = {"a": np.array([[1.0, 0.0]]), "b": np.array([[0.0, 1.0]])}
    ensemble = EnsembleForecaster([Constant(100), Constant(400)], weights)
    assert issue(ensemble, grid.record(), 5).mean_g_per_kwh == pytest.approx(200.0)


def test_quantiles_need_all_members(grid, issue):
    ensemble = EnsembleForecaster([Constant(100), Persistence()], {"zone": np.array([[0.5, 0.5]])})
    assert not issue(ensemble, grid.record(), 5).quantiles_g_per_kwh


def test_not_worse_than_members_where_fitted(grid, issues, issue, error):
    record = grid.record()
    members = [Persistence(), SeasonalNaive()]
    ensemble = fit_ensemble(members, [record], issues)
    errors = [
        np.mean([error(issue(model, record, day), record, day) for day in range(10, 21)])
        for model in (ensemble, *members)
    ]
    assert errors[0] <= min(errors[1:]) * 1.01


def test_weights_round_trip_needs_the_same_members(tmp_path):
    members = [Constant(100), Constant(400)]
    ensemble = EnsembleForecaster(members, {"zone": np.array([[0.3, 0.7]])})
    path = ensemble.save(tmp_path / "ensemble")
    again = EnsembleForecaster.load(path, members)
    assert again.weights["zone"] == pytest.approx(np.array([[0.3, 0.7]]))
    with pytest.raises(ModelError, match=r"constant 100"):
        EnsembleForecaster.load(path, members[::-1])


@pytest.mark.parametrize("weights", [{}, [], {"zone": [[0.3, 0.3]]}, {"zone": [[1.0]]}, {"zone": "much"}])
def test_invalid_weights_are_rejected(tmp_path, weights):
    members = [Constant(100), Constant(400)]
    path = EnsembleForecaster(members, {"zone": np.array([[0.3, 0.7]])}).save(tmp_path / "ensemble")
    settings, _ = load_model(path)
    invalid = save_model(path, {"kind": "ensemble", "members": settings["members"], "weights": weights}, {})
    with pytest.raises(ModelError, match="Fit the ensemble again"):
        EnsembleForecaster.load(invalid, members)


def test_no_member_is_rejected(grid, issues):
    with pytest.raises(SettingsError, match="got none"):
        fit_ensemble([], [grid.record()], issues)
