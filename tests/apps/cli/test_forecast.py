"""Fit, predict, backtest and plot as a user meets them, on a built-in zone."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.core.errors import ModelError, SettingsError

LAST = ("--at", "2023-06-01")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs ``ce-nas forecast`` in a folder of its own; its standard output, or the error that it ended with."""
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)

    def go(*arguments):
        found = CliRunner().invoke(app, ["forecast", *map(str, arguments)])
        if found.exception and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found.stdout

    return go


def test_without_a_model_a_baseline_predicts_and_says_why(run):
    out = run("predict", "--zone", "wind", *LAST, "--json", "out.json")
    assert "damped-profile (no model fitted for zone 'wind'" in " ".join(out.split())
    assert out.count("2023-06-0") == 16
    content = json.loads(run("predict", "--zone", "wind", *LAST, "--ahead", "24h", "--json", "-", "-q"))
    assert content["issued"] == "2023-06-01T00:00:00+00:00"
    assert len(content["mean_g_per_kwh"]) == 24
    assert content["quantiles_g_per_kwh"] == {}


def test_a_fitted_model_is_found_and_has_intervals(run, tmp_path):
    out = run("fit", "--zone", "wind", "--forecaster", "damped-profile", "--until", "2023-05-01", "--json", "fit.json")
    assert "damped-profile for zone wind, calibrated on" in out
    told = json.loads((tmp_path / "fit.json").read_text())
    assert told["model"] == str(tmp_path / "mine/forecasters/wind.json")
    content = json.loads(run("predict", "--zone", "wind", *LAST, "--json", "-", "-q"))
    assert content["reason"] == "a model fitted for zone 'wind' is in the user's data folder"
    low, high = (np.array(content["quantiles_g_per_kwh"][level]) for level in ("0.1", "0.9"))
    assert (low < high).all()
    by_file = json.loads(run("predict", "--zone", "wind", *LAST, "--forecaster", told["model"], "--json", "-", "-q"))
    assert by_file["mean_g_per_kwh"] == content["mean_g_per_kwh"]
    drawn = run("plot", "--zone", "wind", *LAST, "--out", "seen.png", "--json", "plot.json")
    assert "damped-profile, calibrated" in drawn
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")
    assert len(json.loads((tmp_path / "plot.json").read_text())["truth_g_per_kwh"]) == 96


def test_a_backtest_stands_forecasters_side_by_side(run, tmp_path):
    span = ("--first", "2023-05-01", "--last", "2023-05-20", "--ahead", "48h")
    names = ("--forecaster", "seasonal-naive", "--forecaster", "persistence")
    out = run("backtest", "--zone", "solar", *span, *names, "--calibrate", "--json", "table.json")
    assert "20 issues from 2023-05-01 00:00 UTC to 2023-05-20 00:00 UTC" in " ".join(out.split())
    first, second = json.loads((tmp_path / "table.json").read_text())
    assert first["forecaster"] == "seasonal-naive, calibrated"
    assert len(first["mape_by_day_pct"]) == 2
    assert first["mape_pct"] < second["mape_pct"]
    assert 0.6 < first["coverage"]["0.8"] < 1


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("predict", "--zone", "wind", "--at", "2030-01-01"), SettingsError, "Expected a moment inside the record"),
        (("predict", "--zone", "wind", "--forecaster", "oracle"), SettingsError, "Unknown forecaster 'oracle'"),
        (("predict", "--zone", "wind", "--forecaster", "no.json"), ModelError, "ce-nas forecast fit"),
        (("predict", "--zone", "wind", "--ahead", "96"), SettingsError, "Expected a duration"),
        (("backtest", "--zone", "wind", "--first", "2031-01-01"), SettingsError, "Expected issues from"),
        (("fit", "--zone", "wind", "--forecaster", "adaptiv"), SettingsError, "Did you mean 'adaptive'"),
        (
            ("fit", "--zone", "wind", "--forecaster", "persistence", "--until", "2023-01-09"),
            SettingsError, "10 issues or more",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(run, arguments, error, said):
    with pytest.raises(error, match=said):
        run(*arguments)
