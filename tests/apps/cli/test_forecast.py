"""``ce-nas forecast``: fit, predict, backtest and plot on a built-in zone."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.core.errors import ModelError, SettingsError

ISSUE_TIME = ("--issue-time", "2023-06-01")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs ``ce-nas forecast`` in a folder of its own; returns its output or raises its error."""
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments):
        result = CliRunner().invoke(app, ["forecast", *map(str, arguments)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return run_command


def test_predict_names_what_acted_and_shows_intervals(run):
    out = " ".join(run("predict", "--zone", "wind", *ISSUE_TIME, "--json", "out.json").split())
    assert "wind, by online-ensemble: the default" in out
    assert "weights: adaptive" in out
    assert "mean error of its latest forecasts:" in out
    assert out.count("2023-06-0") == 16
    content = json.loads(run("predict", "--zone", "wind", *ISSUE_TIME, "--horizon", "24h", "--json", "-", "-q"))
    assert content["issued"] == "2023-06-01T00:00:00+00:00"
    assert len(content["mean_g_per_kwh"]) == 24
    assert content["fallback"] is None
    assert sum(content["weights"].values()) == pytest.approx(1.0, abs=0.01)
    low, high = (np.array(content["quantiles_g_per_kwh"][level]) for level in ("0.1", "0.9"))
    assert (low < high).all()


def test_predict_shows_a_day_or_less_hour_by_hour_with_intervals(run):
    out = run("predict", "--zone", "wind", *ISSUE_TIME, "--forecaster", "damped-profile", "--ahead", "12h")
    rows = [line for line in out.splitlines() if "2023-06-01" in line]
    assert len(rows) == 12
    assert all(row.count(" to ") == 2 for row in rows)
    assert "damped-profile, calibrated" in out


def test_predict_with_a_fitted_model(run, tmp_path, capfd):
    out = run("fit", "--zone", "wind", "--forecaster", "damped-profile", "--until", "2023-05-01", "--json", "fit.json")
    assert "damped-profile for zone wind, calibrated on" in out
    fitted = json.loads((tmp_path / "fit.json").read_text())
    assert fitted["model"] == str(tmp_path / "mine/forecasters/wind.json")
    content = json.loads(run("predict", "--zone", "wind", *ISSUE_TIME, "--json", "-", "-q"))
    assert content["reason"].endswith("with the model fitted for zone 'wind'")
    assert {"damped-profile", "fitted damped-profile"} <= set(content["weights"])
    by_file = ("--forecaster", fitted["model"])
    content = json.loads(run("predict", "--zone", "wind", *ISSUE_TIME, *by_file, "--json", "-", "-q"))
    assert content["forecaster"] == "damped-profile, calibrated"
    output = run("plot", "--zone", "wind", *ISSUE_TIME, *by_file, "--out", "forecast.png", "--json", "plot.json")
    assert "damped-profile, calibrated" in output
    assert (tmp_path / "forecast.png").read_bytes().startswith(b"\x89PNG")
    assert len(json.loads((tmp_path / "plot.json").read_text())["truth_g_per_kwh"]) == 96
    with pytest.raises(ModelError, match=r"has seen zone 'wind' until 2023-05-01"):
        run("predict", "--zone", "wind", "--issue-time", "2023-04-01", *by_file)


def test_fit_shows_its_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path))
    arguments = ["forecast", "fit", "--zone", "wind", "--forecaster", "persistence"]
    assert "calibrating the intervals of persistence" in CliRunner().invoke(app, arguments).stderr
    assert not CliRunner().invoke(app, [*arguments, "-q"]).stderr


def test_backtest_has_intervals_without_being_asked(run, tmp_path):
    span = ("--first-issue", "2023-05-01", "--last-issue", "2023-05-12", "--horizon", "24h")
    run("backtest", "--zone", "solar", *span, "--forecaster", "seasonal-naive", "--json", "table.json")
    (result,) = json.loads((tmp_path / "table.json").read_text())
    assert 0.5 < result["coverage"]["0.8"] < 1


def test_backtest_compares_forecasters(run, tmp_path):
    span = ("--first-issue", "2023-05-01", "--last-issue", "2023-05-20", "--horizon", "48h")
    names = ("--forecaster", "seasonal-naive", "--forecaster", "persistence")
    out = run("backtest", "--zone", "solar", *span, *names, "--calibrate", "--json", "table.json")
    assert "20 issues from 2023-05-01 00:00 UTC to 2023-05-20 00:00 UTC" in " ".join(out.split())
    first, second = json.loads((tmp_path / "table.json").read_text())
    assert first["forecaster"] == "seasonal-naive, calibrated"
    assert len(first["mape_by_day_pct"]) == 2
    assert first["mape_pct"] < second["mape_pct"]
    assert 0.6 < first["coverage"]["0.8"] < 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("predict", "--zone", "wind", "--issue-time", "2030-01-01"), SettingsError, "Expected an issue time"),
        (("predict", "--zone", "wind", "--forecaster", "oracle"), SettingsError, "Unknown forecaster 'oracle'"),
        (("predict", "--zone", "wind", "--forecaster", "no.json"), ModelError, "ce-nas forecast fit"),
        (("predict", "--zone", "wind", "--horizon", "96"), SettingsError, "Expected a duration"),
        (("backtest", "--zone", "wind", "--first-issue", "2031-01-01"), SettingsError, "Expected issues from"),
        (("fit", "--zone", "wind", "--forecaster", "adaptiv"), SettingsError, "Did you mean 'adaptive'"),
        (
            ("fit", "--zone", "wind", "--forecaster", "persistence", "--until", "2023-01-09"),
            SettingsError, "10 issues or more",
        ),
    ],
)  # fmt: skip
def test_errors(run, arguments, error, message):
    with pytest.raises(error, match=message):
        run(*arguments)
