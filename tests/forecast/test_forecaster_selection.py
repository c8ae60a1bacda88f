"""The choice of a forecaster by name or file, and its reason."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.components.registry import FORECASTERS
from ce_nas.core.errors import ModelError, SettingsError
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.backtest import IssueTimes
from ce_nas.forecast.conformal import CalibratedForecaster, calibrate_quantiles
from ce_nas.forecast.ensemble import EnsembleForecaster
from ce_nas.forecast.forecaster_selection import (
    create_forecaster,
    history_needed_s,
    load_forecaster,
    model_path,
    save_forecaster,
    select_forecaster,
)
from ce_nas.forecast.history import RecordedHistory
from ce_nas.forecast.model_file import save_model
from ce_nas.forecast.simple_forecasters import DampedProfile, SeasonalNaive
from ce_nas.grid.trace import Series

START = datetime(2021, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history():
    hours = np.arange(60 * 24)
    noise = np.random.default_rng(0).normal(0, 15, len(hours))
    return RecordedHistory("X/1", Series(START, HOUR_S, 300 + 60 * np.sin(hours / 12 * np.pi) + noise))


@pytest.fixture(scope="module")
def calibration(history):
    return calibrate_quantiles(
        DampedProfile(), history, IssueTimes(START + timedelta(days=10), START + timedelta(days=50))
    )


@pytest.mark.parametrize("name", [component.name for component in FORECASTERS.components()])
def test_forecaster_by_name(name, tmp_path):
    if name == "mstl":
        pytest.importorskip("statsforecast", reason="the forecaster mstl needs the extra 'baselines'")
    assert create_forecaster(name).name == name
    selected = select_forecaster(name, "X", tmp_path)
    assert (selected.forecaster.name, selected.reason, selected.sha256) == (name, "chosen by name", None)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(SettingsError, match="Did you mean 'adaptive'"):
        create_forecaster("adaptiv")


@pytest.mark.long
def test_auto_has_the_model_of_the_zone_as_a_member(history, calibration, tmp_path):
    path = save_forecaster(model_path(tmp_path, "X/1"), DampedProfile(), calibration, {"until": "some day"})
    assert path == tmp_path / "X_1.json"
    selected, other = select_forecaster("auto", "X/1", tmp_path), select_forecaster("auto", "Y", tmp_path)
    assert (selected.forecaster.name, other.forecaster.name) == ("online-ensemble", "online-ensemble")
    assert selected.reason.endswith("with the model fitted for zone 'X/1'")
    assert selected.sha256 == select_forecaster(str(path), "X/1", tmp_path).sha256
    assert (other.reason, other.sha256) == ("the default: its members are weighed by their latest errors", None)
    past = history.inputs_at(55 * DAY_S, 50 * DAY_S)
    assert set(other.forecaster.predict(past, DAY_S).quantiles_g_per_kwh) >= {0.1, 0.9}


def test_model_that_has_seen_the_run_is_refused_or_left_out(calibration, tmp_path):
    seen = {"zone": "X", "until": "2021-05-01 00:00 UTC"}
    path = save_forecaster(model_path(tmp_path, "X"), DampedProfile(), calibration, seen)
    before, after = (datetime(2021, month, 2, tzinfo=UTC) for month in (4, 5))
    with pytest.raises(ModelError, match=r"has seen zone 'X' until 2021-05-01.*take 'auto'"):
        select_forecaster(str(path), "X", tmp_path, before)
    left_out = select_forecaster("auto", "X", tmp_path, before)
    assert left_out.sha256 is None
    assert "the model fitted for zone 'X' is left out: it has seen data until 2021-05-01" in left_out.reason
    for name in ("auto", str(path)):
        assert select_forecaster(name, "X", tmp_path, after).sha256 is not None
    assert select_forecaster(str(path), "Y", tmp_path, before).sha256 is not None


def test_history_needed(tmp_path):
    assert history_needed_s("damped-profile") == 0
    assert history_needed_s("adaptive") == history_needed_s("auto") == history_needed_s("any.json") == 14 * DAY_S


def test_digest_depends_on_the_calibration(calibration, tmp_path):
    path = save_forecaster(tmp_path / "x", DampedProfile(), calibration)
    before = select_forecaster(str(path), "X", tmp_path)
    calibration_path = path.with_suffix(".calibration.json")
    content = json.loads(calibration_path.read_text())
    content["offsets"][0][0] -= 0.1
    calibration_path.write_text(json.dumps(content))
    assert select_forecaster(str(path), "X", tmp_path).sha256 != before.sha256
    calibration_path.unlink()
    assert load_forecaster(path).name == "damped-profile"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"forecaster": "mstl"}, "a calibration of 'damped-profile' in .* got one of 'mstl'"),
        ({"levels": [0.5]}, "Expected a calibration in .* Fit it again"),
    ],
)
def test_calibration_of_another_forecaster_is_rejected(calibration, tmp_path, change, message):
    path = save_forecaster(tmp_path / "x", DampedProfile(), calibration)
    path.with_suffix(".calibration.json").write_text(json.dumps(calibration.to_json() | change))
    with pytest.raises(ModelError, match=message):
        load_forecaster(path)


def test_file_without_a_model_is_rejected(tmp_path, calibration):
    with pytest.raises(ModelError, match="Fit one with 'ce-nas forecast fit'"):
        select_forecaster("nowhere.json", "X", tmp_path)
    path = save_forecaster(tmp_path / "x", SeasonalNaive(), calibration)
    path.write_text(path.read_text().replace("seasonal-naive", "unknown-kind"))
    with pytest.raises(
        ModelError, match=r"Expected a model of transformer, boosting, ensemble, adaptive, .* got 'unknown-kind'"
    ):
        load_forecaster(path)


def test_unwritable_path_is_named(calibration, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="Expected to write"):
        save_forecaster(tmp_path / "file" / "x", DampedProfile(), calibration)


def test_ensemble_round_trip_with_members(tmp_path, history, calibration):
    members = [DampedProfile(), SeasonalNaive()]
    ensemble = EnsembleForecaster(members, {"X/1": np.array([[0.3, 0.7]])})
    path = save_forecaster(tmp_path / "mixed", ensemble, replace(calibration, forecaster="ensemble"))
    loaded = load_forecaster(path)
    assert isinstance(loaded, CalibratedForecaster)
    past = history.with_time_origin(START + timedelta(days=40)).inputs_at(0.0, loaded.lookback_s, DAY_S)
    assert loaded.predict(past, DAY_S).mean_g_per_kwh == pytest.approx(ensemble.predict(past, DAY_S).mean_g_per_kwh)
    selected = select_forecaster(str(path), "X/1", tmp_path)
    assert selected.forecaster.name == "ensemble, calibrated"
    # a fitted member has its own file, and the digest of the ensemble depends on it
    save_model(tmp_path / "mixed.member1", {"kind": "seasonal-naive"}, {})
    assert select_forecaster(str(path), "X/1", tmp_path).sha256 != selected.sha256


def test_missing_ensemble_member_is_named(tmp_path):
    path = save_model(
        tmp_path / "mixed", {"kind": "ensemble", "members": ["transformer"], "weights": {"X": [[1.0]]}}, {}
    )
    with pytest.raises(ModelError, match=r"member 0 of an ensemble, 'transformer', at .*mixed\.member0\.json"):
        load_forecaster(path)
