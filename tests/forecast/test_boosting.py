from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("lightgbm", reason="boosting needs lightgbm")

from ce_nas.core.errors import ModelError, SettingsError
from ce_nas.forecast.boosting import BoostingForecaster, BoostingSettings, fit_boosting
from ce_nas.forecast.dataset import Span
from ce_nas.forecast.hourly import QUANTILE_LEVELS
from ce_nas.forecast.model_file import load_model, save_model
from ce_nas.forecast.simple_forecasters import DampedProfile, SeasonalNaive

SMALL = BoostingSettings(max_trees=20, min_data_in_leaf=100)


@pytest.fixture(scope="module")
def record(grid):
    return grid.record(known=grid.known, mix=grid.mix)


@pytest.fixture(scope="module")
def spans(start):
    return Span(start, start + timedelta(days=60)), Span(start + timedelta(days=60), start + timedelta(days=68))


@pytest.fixture(scope="module")
def model(record, spans):
    return fit_boosting(record, *spans, SMALL)


def test_beats_seasonal_naive(model, record, issue, error):
    fitted, naive = (
        np.mean([error(issue(forecaster, record, day), record, day) for day in range(69, 76)])
        for forecaster in (model, SeasonalNaive())
    )
    assert fitted < 0.5 * naive


def test_quantiles_are_ordered(model, record, issue):
    forecast = issue(model, record, 70.25)
    bands = np.array([forecast.quantiles_g_per_kwh[level] for level in QUANTILE_LEVELS])
    assert (np.diff(bands, axis=0) >= 0).all()
    assert forecast.forecaster == "boosting"


def test_seed_determines_trees_and_validation_ends_the_data(grid, record, spans, tmp_path):
    used = np.arange(len(grid.intensity)) < 68 * 24
    known = {name: np.where(used, values, values / 2) for name, values in grid.known.items()}
    mix = {source: np.where(used, values, 1.0) for source, values in grid.mix.items()}
    other = grid.record(np.where(used, grid.intensity, 999.0), known, mix)
    first, again = (
        fit_boosting(data, *spans, SMALL).save(tmp_path / name) for data, name in ((record, "a"), (other, "b"))
    )
    assert first.with_suffix(".npz").read_bytes() == again.with_suffix(".npz").read_bytes()
    assert first.read_text() == again.read_text()


def test_future_never_changes_a_forecast(model, grid, record, issue):
    cut = 70 * 24
    changed = np.concatenate([grid.intensity[:cut], 5 * grid.intensity[cut:]])
    mix = {source: np.concatenate([values[:cut], 0 * values[cut:]]) for source, values in grid.mix.items()}
    known = {name: np.concatenate([values[: cut + 96], 0 * values[cut + 96 :]]) for name, values in grid.known.items()}
    first = issue(model, record, 70).mean_g_per_kwh
    assert np.array_equal(first, issue(model, grid.record(changed, known, mix), 70).mean_g_per_kwh)


def test_short_past_falls_back_to_damped_profile(model, record, issue):
    short = issue(model, record, 10)
    assert short.forecaster == "boosting"
    assert np.array_equal(short.mean_g_per_kwh, issue(DampedProfile(), record, 10).mean_g_per_kwh)


def test_loaded_model_predicts_the_same(model, record, issue, tmp_path):
    again = BoostingForecaster.load(model.save(tmp_path / "model"))
    original, loaded = issue(model, record, 70), issue(again, record, 70)
    assert np.array_equal(original.mean_g_per_kwh, loaded.mean_g_per_kwh)
    assert np.array_equal(original.quantiles_g_per_kwh[0.1], loaded.quantiles_g_per_kwh[0.1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda settings, _: settings.update(kind="other"), "got 'other'"),
        (lambda settings, _: settings.pop("layout"), "'layout'"),
        (lambda _, arrays: arrays.pop("trees"), "'trees'"),
        (lambda _, arrays: arrays.update(offsets=np.zeros(3)), "reshape"),
        (lambda _, arrays: arrays.update(trees=np.frombuffer(b"oak", dtype=np.uint8)), "LightGBM writes"),
    ],
)
def test_inconsistent_files_are_rejected(model, tmp_path, change, message, capfd):
    settings, arrays = load_model(model.save(tmp_path / "model"))
    change(settings, arrays)
    path = save_model(tmp_path / "broken", {k: v for k, v in settings.items() if k not in ("format", "sha256")}, arrays)
    with pytest.raises(ModelError, match=message):
        BoostingForecaster.load(path)
    capfd.readouterr()


def test_short_record_is_rejected(record, spans, start):
    late = Span(start + timedelta(days=78), start + timedelta(days=80))
    with pytest.raises(SettingsError, match="both spans"):
        fit_boosting(record, spans[0], late, SMALL)
