from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("lightgbm", reason="boosting needs lightgbm")

from ce_nas.core.errors import ModelError, SettingsError
from ce_nas.forecast.adaptive import LEVELS
from ce_nas.forecast.baselines import DampedProfile, SeasonalNaive
from ce_nas.forecast.boosting import BoostingForecaster, BoostingSettings, fit_boosting
from ce_nas.forecast.dataset import Span
from ce_nas.forecast.model_file import load_model, save_model

SMALL = BoostingSettings(trees=20, leaf_hours=100)


@pytest.fixture(scope="module")
def record(grid):
    return grid.record(known=grid.known, mix=grid.mix)


@pytest.fixture(scope="module")
def spans(start):
    return Span(start, start + timedelta(days=60)), Span(start + timedelta(days=60), start + timedelta(days=68))


@pytest.fixture(scope="module")
def model(record, spans):
    return fit_boosting(record, *spans, SMALL)


def test_it_is_far_better_than_yesterday(model, record, issue, off):
    fitted, naive = (
        np.mean([off(issue(forecaster, record, day), record, day) for day in range(69, 76)])
        for forecaster in (model, SeasonalNaive())
    )
    assert fitted < 0.5 * naive


def test_quantiles_come_in_order(model, record, issue):
    forecast = issue(model, record, 70.25)
    bands = np.array([forecast.quantiles_g_per_kwh[level] for level in LEVELS])
    assert (np.diff(bands, axis=0) >= 0).all()
    assert forecast.forecaster == "boosting"


def test_the_same_seed_gives_the_same_trees_and_nothing_later_than_validation_is_seen(grid, record, spans, tmp_path):
    seen = np.arange(len(grid.intensity)) < 68 * 24
    known = {name: np.where(seen, values, values / 2) for name, values in grid.known.items()}
    mix = {source: np.where(seen, values, 1.0) for source, values in grid.mix.items()}
    other = grid.record(np.where(seen, grid.intensity, 999.0), known, mix)
    first, again = (
        fit_boosting(one, *spans, SMALL).save(tmp_path / name) for one, name in ((record, "a"), (other, "b"))
    )
    assert first.with_suffix(".npz").read_bytes() == again.with_suffix(".npz").read_bytes()
    assert first.read_text() == again.read_text()


def test_nothing_of_the_future_reaches_it(model, grid, record, issue):
    cut = 70 * 24
    spoilt = np.concatenate([grid.intensity[:cut], 5 * grid.intensity[cut:]])
    mix = {source: np.concatenate([values[:cut], 0 * values[cut:]]) for source, values in grid.mix.items()}
    known = {name: np.concatenate([values[: cut + 96], 0 * values[cut + 96 :]]) for name, values in grid.known.items()}
    first = issue(model, record, 70).mean_g_per_kwh
    assert np.array_equal(first, issue(model, grid.record(spoilt, known, mix), 70).mean_g_per_kwh)


def test_a_short_past_is_forecast_by_its_profile(model, record, issue):
    short = issue(model, record, 10)
    assert short.forecaster == "boosting"
    assert np.array_equal(short.mean_g_per_kwh, issue(DampedProfile(), record, 10).mean_g_per_kwh)


def test_what_was_saved_forecasts_the_same(model, record, issue, tmp_path):
    again = BoostingForecaster.load(model.save(tmp_path / "model"))
    once, other = issue(model, record, 70), issue(again, record, 70)
    assert np.array_equal(once.mean_g_per_kwh, other.mean_g_per_kwh)
    assert np.array_equal(once.quantiles_g_per_kwh[0.1], other.quantiles_g_per_kwh[0.1])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda settings, _: settings.update(kind="other"), "got 'other'"),
        (lambda settings, _: settings.pop("columns"), "'columns'"),
        (lambda _, arrays: arrays.pop("trees"), "'trees'"),
        (lambda _, arrays: arrays.update(offsets=np.zeros(3)), "reshape"),
        (lambda _, arrays: arrays.update(trees=np.frombuffer(b"oak", dtype=np.uint8)), "LightGBM writes"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(model, tmp_path, change, complaint, capfd):
    settings, arrays = load_model(model.save(tmp_path / "model"))
    change(settings, arrays)
    where = save_model(
        tmp_path / "broken", {k: v for k, v in settings.items() if k not in ("format", "sha256")}, arrays
    )
    with pytest.raises(ModelError, match=complaint):
        BoostingForecaster.load(where)
    capfd.readouterr()


def test_a_record_too_short_is_refused(record, spans, start):
    late = Span(start + timedelta(days=78), start + timedelta(days=80))
    with pytest.raises(SettingsError, match="both spans"):
        fit_boosting(record, spans[0], late, SMALL)
