"""Without matplotlib a report keeps its pages and SVGs, and what needs a PNG says so before any work."""

import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.core.clock import utc_now
from ce_nas.core.errors import MissingExtraError
from ce_nas.core.records import Forecast
from ce_nas.report.files import write_figures, write_report
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.plotting import plots_extra, render_png
from ce_nas.report.plotting.chart import Chart
from ce_nas.report.plotting.forecast import draw_forecast
from ce_nas.report.plotting.plots_extra import has_plots, require_plots
from ce_nas.report.plotting.png import find_japanese_font
from ce_nas.report.plotting.policy_training import plot_learning_curves
from ce_nas.report.plotting.run_overview import draw_overview

WITHOUT = r"needs the package 'matplotlib'; install it with: pip install 'ce-nas\[plots\]'$"


@pytest.fixture
def no_plots(monkeypatch):
    """An environment without matplotlib: importing it fails, as it does where it is not installed."""
    monkeypatch.setattr(plots_extra, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def test_the_extra_is_there_or_named(monkeypatch):
    monkeypatch.setattr(plots_extra, "find_spec", lambda name: None)
    assert not has_plots()
    with pytest.raises(MissingExtraError, match=r"^Training a policy needs .*'ce-nas\[rl\]'$"):
        require_plots("Training a policy", "rl")
    monkeypatch.setattr(plots_extra, "find_spec", lambda name: object() if name == "matplotlib" else None)
    assert has_plots()
    require_plots("A figure")


def test_every_drawing_names_the_extra(no_plots, finished_run, tmp_path):
    day = np.full(24, 200.0)
    forecast = Forecast("persistence", 0.0, 0.0, 3600.0, day)
    find_japanese_font.cache_clear()
    for draw in (
        lambda: render_png(Chart("c", "t", "", "x", "y", ())),
        lambda: draw_overview(finished_run.entries),
        lambda: draw_forecast(forecast, utc_now(), "wind", day, day),
        lambda: finished_run.report(tmp_path / "new/overview.png"),
        find_japanese_font,
    ):
        with pytest.raises(MissingExtraError, match=WITHOUT):
            draw()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MissingExtraError, match=r"'ce-nas\[rl\]'$"):
        plot_learning_curves(tmp_path)


def test_a_report_without_the_extra_is_whole_but_for_the_pngs(no_plots, finished_run, tmp_path):
    assert write_figures(tmp_path, finished_run.entries, Translator("ja"))
    write_report(tmp_path, finished_run.entries, "ja")
    assert {path.name for path in tmp_path.iterdir()} == {"figures", "report.html", "report.md", "summary.json"}
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert drawn == {f"{name}.svg" for name in ("saved", "front", "grid", "division", "hours", "grams", "activity")}
    assert "(figures/grid.svg)" in (tmp_path / "report.md").read_text()


def test_commands_without_the_extra(no_plots, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    search = ["search", "--zone", "gas", "--hours", "3", "--gpus", "1", "--searcher", "random", "--out", "run"]
    done = run(app, [*search, "--no-progress"])
    assert done.exit_code == 0, done.output
    assert "plots" not in done.output
    done = run(app, ["report", "run", "--lang", "en"])
    assert done.exit_code == 0, done.output
    assert "pip install 'ce-nas[plots]'" in done.stderr
    assert "plots" not in run(app, ["report", "run", "--quiet"]).output
    assert not list(tmp_path.rglob("*.png"))
    for command in (["forecast", "plot", "--zone", "wind"], ["policy", "train", "--out", "trained"]):
        refused = run(app, command)
        assert isinstance(refused.exception, MissingExtraError), refused.output
    assert {path.name for path in tmp_path.iterdir()} == {"run"}
