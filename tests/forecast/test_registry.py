"""Every name stands for the forecaster of that name, a file for what was fitted; and why is said."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.errors import ModelError, SettingsError
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.backtest import Issues
from ce_nas.forecast.baselines import DampedProfile, SeasonalNaive
from ce_nas.forecast.conformal import Calibrated, calibrate
from ce_nas.forecast.ensemble import BlendForecaster
from ce_nas.forecast.history import History
from ce_nas.forecast.model_file import save_model
from ce_nas.forecast.registry import choose, load, model_path, named, save
from ce_nas.grid.trace import Series

START = datetime(2021, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history():
    hours = np.arange(60 * 24)
    noise = np.random.default_rng(0).normal(0, 15, len(hours))
    return History("X/1", Series(START, HOUR_S, 300 + 60 * np.sin(hours / 12 * np.pi) + noise))


@pytest.fixture(scope="module")
def table(history):
    return calibrate(DampedProfile(), history, Issues(START + timedelta(days=10), START + timedelta(days=50)))


@pytest.mark.parametrize("name", ["adaptive", "damped-profile", "mstl", "persistence", "seasonal-naive"])
def test_a_name_gives_the_forecaster_of_that_name(name, tmp_path):
    if name == "mstl":
        pytest.importorskip("statsforecast", reason="the forecaster mstl needs the extra 'baselines'")
    assert named(name).name == name
    chosen = choose(name, "X", tmp_path)
    assert (chosen.forecaster.name, chosen.reason, chosen.sha256) == (name, "chosen by name", None)


def test_another_name_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match="Did you mean 'adaptive'"):
        named("adaptiv")


def test_what_was_fitted_for_a_zone_is_taken_for_it_alone(history, table, tmp_path):
    where = save(model_path(tmp_path, "X/1"), DampedProfile(), table, {"until": "2021"})
    assert where == tmp_path / "X_1.json"
    chosen, other = choose("auto", "X/1", tmp_path), choose("auto", "Y", tmp_path)
    assert chosen.forecaster.name == "damped-profile, calibrated"
    assert chosen.reason == "a model fitted for zone 'X/1' is in the user's data folder"
    assert other.forecaster.name == "damped-profile"
    assert other.reason.startswith("no model fitted for zone 'Y'")
    past = history.past(55 * DAY_S, 50 * DAY_S)
    read, made = chosen.forecaster.predict(past, DAY_S), Calibrated(DampedProfile(), table).predict(past, DAY_S)
    for level, values in made.quantiles_g_per_kwh.items():
        assert np.array_equal(values, read.quantiles_g_per_kwh[level])


def test_a_model_is_told_apart_by_its_calibration_too(table, tmp_path):
    path = save(tmp_path / "x", DampedProfile(), table)
    before = choose(str(path), "X", tmp_path)
    beside = path.with_suffix(".calibration.json")
    content = json.loads(beside.read_text())
    content["offsets"][0][0] -= 0.1
    beside.write_text(json.dumps(content))
    assert choose(str(path), "X", tmp_path).sha256 != before.sha256
    beside.unlink()
    assert load(path).name == "damped-profile"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"forecaster": "mstl"}, "a calibration of 'damped-profile' in .* got one of 'mstl'"),
        ({"levels": [0.5]}, "Expected a calibration in .* Fit it again"),
    ],
)
def test_a_calibration_of_something_else_is_refused(table, tmp_path, change, said):
    path = save(tmp_path / "x", DampedProfile(), table)
    path.with_suffix(".calibration.json").write_text(json.dumps(table.content() | change))
    with pytest.raises(ModelError, match=said):
        load(path)


def test_a_file_that_is_no_model_is_refused(tmp_path, table):
    with pytest.raises(ModelError, match="Fit one with 'ce-nas forecast fit'"):
        choose("nowhere.json", "X", tmp_path)
    path = save(tmp_path / "x", SeasonalNaive(), table)
    path.write_text(path.read_text().replace("seasonal-naive", "crystal-ball"))
    with pytest.raises(
        ModelError, match=r"Expected a model of transformer, boosting, blend, adaptive, .* got 'crystal-ball'"
    ):
        load(path)


def test_a_place_that_cannot_be_written_to_is_said(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="Expected to write"):
        save(tmp_path / "file" / "x", DampedProfile(), table)


def test_a_blend_is_saved_and_read_with_its_parts(tmp_path, history, table):
    parts = [DampedProfile(), SeasonalNaive()]
    blend = BlendForecaster(parts, {"X/1": np.array([[0.3, 0.7]])})
    where = save(tmp_path / "mixed", blend, replace(table, forecaster="blend"))
    found = load(where)
    assert isinstance(found, Calibrated)
    past = history.since(START + timedelta(days=40)).past(0.0, found.lookback_s, DAY_S)
    assert found.predict(past, DAY_S).mean_g_per_kwh == pytest.approx(blend.predict(past, DAY_S).mean_g_per_kwh)
    chosen = choose(str(where), "X/1", tmp_path)
    assert chosen.forecaster.name == "blend, calibrated"
    # a part that was fitted has a file beside the blend, and the blend's digest depends on it
    save_model(tmp_path / "mixed.part1", {"kind": "seasonal-naive"}, {})
    assert choose(str(where), "X/1", tmp_path).sha256 != chosen.sha256


def test_a_blend_whose_part_is_missing_says_where_it_should_be(tmp_path):
    where = save_model(tmp_path / "mixed", {"kind": "blend", "parts": ["transformer"], "weights": {"X": [[1.0]]}}, {})
    with pytest.raises(ModelError, match=r"part 0 of a blend, 'transformer', at .*mixed\.part0\.json"):
        load(where)
