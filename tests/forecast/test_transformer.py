import json
import time
from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("torch", reason="the transformer needs torch")

from ce_nas.core.errors import ModelError
from ce_nas.forecast.adaptive import LEVELS
from ce_nas.forecast.baselines import SeasonalNaive
from ce_nas.forecast.dataset import Span
from ce_nas.forecast.model_file import load_model, save_model
from ce_nas.forecast.train_transformer import FitSettings, fit_transformer
from ce_nas.forecast.transformer import TransformerForecaster


@pytest.fixture(scope="module")
def record(grid):
    return grid.record(known=grid.known, mix=grid.mix)


@pytest.fixture(scope="module")
def model(record, start):
    spans = Span(start, start + timedelta(days=58)), Span(start + timedelta(days=58), start + timedelta(days=66))
    return fit_transformer([record], *spans, FitSettings(width=16, layers=1, batch=16, steps=30, looks=3))


def test_it_is_far_better_than_yesterday(model, record, issue, off):
    fitted, naive = (
        np.mean([off(issue(forecaster, record, day), record, day) for day in range(67, 76)])
        for forecaster in (model, SeasonalNaive())
    )
    assert fitted < 0.5 * naive


def test_quantiles_come_in_order_about_the_mean(model, record, issue):
    forecast = issue(model, record, 70)
    bands = np.array([forecast.quantiles_g_per_kwh[level] for level in LEVELS])
    assert (np.diff(bands, axis=0) > 0).all()
    assert np.array_equal(forecast.mean_g_per_kwh, forecast.quantiles_g_per_kwh[0.5])


def test_a_zone_never_seen_is_forecast_from_its_past(model, grid, windy_grid, issue, off):
    other = windy_grid(60, 5).record(zone="elsewhere")
    forecast = issue(model, other, 50)
    assert forecast.forecaster == "transformer"
    assert off(forecast, other, 50) < 0.25
    known, unknown = (grid.record(known=grid.known, mix=grid.mix, zone=zone) for zone in ("zone", "elsewhere"))
    assert not np.array_equal(issue(model, known, 70).mean_g_per_kwh, issue(model, unknown, 70).mean_g_per_kwh)


def test_nothing_of_the_future_reaches_it(model, grid, record, issue):
    cut = 60 * 24
    spoilt = np.concatenate([grid.intensity[:cut], 5 * grid.intensity[cut:]])
    mix = {source: np.concatenate([values[:cut], 0 * values[cut:]]) for source, values in grid.mix.items()}
    known = {name: np.concatenate([values[: cut + 96], 0 * values[cut + 96 :]]) for name, values in grid.known.items()}
    first = issue(model, record, 60).mean_g_per_kwh
    assert np.array_equal(first, issue(model, grid.record(spoilt, known, mix), 60).mean_g_per_kwh)


def test_a_shorter_horizon_and_less_known_ahead_still_give_a_forecast(model, grid, record, issue, off):
    day = issue(model, record, 70, 86400.0)
    assert len(day.mean_g_per_kwh) == 24
    short = {name: values[: 70 * 24 + 30] for name, values in grid.known.items()}
    forecast = issue(model, grid.record(known=short, mix=grid.mix), 70)
    assert off(forecast, record, 70) < 0.3


@pytest.mark.parametrize("step_s", [300.0, 900.0])
def test_short_steps_are_forecast_hour_by_hour(model, windy_grid, issue, off, step_s):
    grid = windy_grid(30, 2, step_s)
    forecast = issue(model, grid.record(known=grid.known), 20)
    assert len(forecast.mean_g_per_kwh) == 4 * 86400 / step_s
    assert off(forecast, grid.record(), 20) < 0.3


def test_what_was_saved_forecasts_the_same(model, record, issue, tmp_path):
    again = TransformerForecaster.load(model.save(tmp_path / "model"))
    assert again.fitted == model.fitted
    once, other = issue(model, record, 70), issue(again, record, 70)
    assert np.array_equal(once.mean_g_per_kwh, other.mean_g_per_kwh)


def test_four_days_take_less_than_a_blink_once_the_past_is_learned(model, record, issue):
    issue(model, record, 69)
    took_s = []
    for hour in range(5):
        began_s = time.process_time()
        issue(model, record, 69 + hour / 24)
        took_s.append(time.process_time() - began_s)
    assert min(took_s) < 0.05


def broken(where, change):
    settings, arrays = load_model(where)
    change(settings, arrays)
    settings = {name: value for name, value in settings.items() if name not in ("format", "sha256")}
    return save_model(where.with_name("broken"), settings, arrays)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda settings, _: settings.update(kind="other"), "got 'other'"),
        (lambda settings, _: settings.pop("zones"), "'zones'"),
        (lambda settings, _: settings["columns"]["sources"].append("hope"), "columns"),
        (lambda settings, _: settings["shape"].update(width=32), "width"),
        (lambda settings, _: settings["shape"].update(colour=1), "colour"),
        (lambda _, arrays: arrays.pop("0.place"), "place"),
        (lambda _, arrays: arrays.clear(), "no network"),
        (lambda _, arrays: arrays.update({"x.place": np.ones(1)}), "x"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(model, tmp_path, change, complaint):
    where = broken(model.save(tmp_path / "model"), change)
    assert json.loads(where.read_text())
    with pytest.raises(ModelError, match=complaint):
        TransformerForecaster.load(where)
