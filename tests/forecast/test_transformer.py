import json
import time
from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("torch", reason="the transformer needs torch")

from ce_nas.core.errors import ModelError
from ce_nas.forecast.dataset import Span
from ce_nas.forecast.hourly import QUANTILE_LEVELS
from ce_nas.forecast.model_file import load_model, save_model
from ce_nas.forecast.simple_forecasters import SeasonalNaive
from ce_nas.forecast.train_transformer import TransformerFitSettings, fit_transformer
from ce_nas.forecast.transformer import TransformerForecaster


@pytest.fixture(scope="module")
def record(grid):
    return grid.record(known=grid.known, mix=grid.mix)


@pytest.fixture(scope="module")
def model(record, start):
    spans = Span(start, start + timedelta(days=58)), Span(start + timedelta(days=58), start + timedelta(days=66))
    return fit_transformer(
        [record],
        *spans,
        TransformerFitSettings(width=16, layers=1, batch_size=16, steps_per_validation=30, max_validations=3),
    )


def test_beats_seasonal_naive(model, record, issue, error):
    fitted, naive = (
        np.mean([error(issue(forecaster, record, day), record, day) for day in range(67, 76)])
        for forecaster in (model, SeasonalNaive())
    )
    assert fitted < 0.5 * naive


def test_quantiles_are_ordered_about_the_mean(model, record, issue):
    forecast = issue(model, record, 70)
    bands = np.array([forecast.quantiles_g_per_kwh[level] for level in QUANTILE_LEVELS])
    assert (np.diff(bands, axis=0) > 0).all()
    assert np.array_equal(forecast.mean_g_per_kwh, forecast.quantiles_g_per_kwh[0.5])


def test_unknown_zone_is_predicted_from_its_past(model, grid, windy_grid, issue, error):
    other = windy_grid(60, 5).record(zone="elsewhere")
    forecast = issue(model, other, 50)
    assert forecast.forecaster == "transformer"
    assert error(forecast, other, 50) < 0.25
    known, unknown = (grid.record(known=grid.known, mix=grid.mix, zone=zone) for zone in ("zone", "elsewhere"))
    assert not np.array_equal(issue(model, known, 70).mean_g_per_kwh, issue(model, unknown, 70).mean_g_per_kwh)


def test_future_never_changes_a_forecast(model, grid, record, issue):
    cut = 60 * 24
    changed = np.concatenate([grid.intensity[:cut], 5 * grid.intensity[cut:]])
    mix = {source: np.concatenate([values[:cut], 0 * values[cut:]]) for source, values in grid.mix.items()}
    known = {name: np.concatenate([values[: cut + 96], 0 * values[cut + 96 :]]) for name, values in grid.known.items()}
    first = issue(model, record, 60).mean_g_per_kwh
    assert np.array_equal(first, issue(model, grid.record(changed, known, mix), 60).mean_g_per_kwh)


def test_short_horizon_and_short_covariates(model, grid, record, issue, error):
    day = issue(model, record, 70, 86400.0)
    assert len(day.mean_g_per_kwh) == 24
    short = {name: values[: 70 * 24 + 30] for name, values in grid.known.items()}
    forecast = issue(model, grid.record(known=short, mix=grid.mix), 70)
    assert error(forecast, record, 70) < 0.3


@pytest.mark.parametrize("step_s", [300.0, 900.0])
def test_short_steps_are_predicted_hourly(model, windy_grid, issue, error, step_s):
    grid = windy_grid(30, 2, step_s)
    forecast = issue(model, grid.record(known=grid.known), 20)
    assert len(forecast.mean_g_per_kwh) == 4 * 86400 / step_s
    assert error(forecast, grid.record(), 20) < 0.3


def test_loaded_model_predicts_the_same(model, record, issue, tmp_path):
    again = TransformerForecaster.load(model.save(tmp_path / "model"))
    assert again.spec == model.spec
    original, loaded = issue(model, record, 70), issue(again, record, 70)
    assert np.array_equal(original.mean_g_per_kwh, loaded.mean_g_per_kwh)


def test_prediction_is_fast_once_fitted(model, record, issue):
    issue(model, record, 69)
    durations_s = []
    for hour in range(5):
        start_s = time.process_time()
        issue(model, record, 69 + hour / 24)
        durations_s.append(time.process_time() - start_s)
    assert min(durations_s) < 0.05


def rewrite(path, change):
    settings, arrays = load_model(path)
    change(settings, arrays)
    settings = {name: value for name, value in settings.items() if name not in ("format", "sha256")}
    return save_model(path.with_name("changed"), settings, arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda settings, _: settings.update(kind="other"), "got 'other'"),
        (lambda settings, _: settings.pop("zones"), "'zones'"),
        (lambda settings, _: settings["layout"]["mix_sources"].append("hope"), "columns"),
        (lambda settings, _: settings["network_config"].update(width=32), "width"),
        (lambda settings, _: settings["network_config"].update(colour=1), "colour"),
        (lambda _, arrays: arrays.pop("0.position_embedding"), "position_embedding"),
        (lambda _, arrays: arrays.clear(), "no network"),
        (lambda _, arrays: arrays.update({"x.position_embedding": np.ones(1)}), "x"),
    ],
)
def test_inconsistent_files_are_rejected(model, tmp_path, change, message):
    path = rewrite(model.save(tmp_path / "model"), change)
    assert json.loads(path.read_text())
    with pytest.raises(ModelError, match=message):
        TransformerForecaster.load(path)
