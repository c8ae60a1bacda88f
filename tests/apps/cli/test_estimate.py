"""``ce-nas estimate``: its table in narrow and wide terminals, and its JSON."""

import io
import json

import pytest
from rich.console import Console

from ce_nas.analysis.estimate import Estimate, EstimateRow
from ce_nas.analysis.statistics import Interval
from ce_nas.api import Search
from ce_nas.apps.cli.estimate import _print_estimate
from ce_nas.report.i18n.translator import LANGUAGES, Translator


def make_row(when, zone, start_h=0.0):
    interval = Interval(2_000.0, 1_500.0, 3_000.0)
    energy = Interval(3.6e7, 1.8e7, 7.2e7)
    return EstimateRow(when, zone, start_h, interval, energy, interval.scaled(0.01), interval.scaled(0.01), interval)


FOUND = Estimate(
    (make_row("now", "solar"), make_row("best-start", "solar", 7.0), make_row("zone", "hydro")), "simulated", 6
)


@pytest.fixture
def found(monkeypatch):
    asked = []
    monkeypatch.setattr(Search, "estimate", lambda _, **options: asked.append(options) or FOUND)
    return asked


def test_a_row_for_each_site(monkeypatch):
    output = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda **_: Console(file=output, width=80))
    rows = (make_row("now", "solar"), make_row("site", "solar"), make_row("site", "hydro"))
    _print_estimate(Estimate(rows, "simulated", 6), Translator("en"))
    lines = [" ".join(line.split()) for line in output.getvalue().splitlines()]
    for start in ("now, moving between sites 2.00 kg", "at solar alone 2.00 kg", "at hydro alone 2.00 kg"):
        assert any(line.startswith(start) for line in lines)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 140])
def test_the_estimate_fits_its_terminal(monkeypatch, width, language):
    output = io.StringIO()
    options = {"force_terminal": True, "no_color": True, "highlight": False}
    monkeypatch.setattr("rich.console.Console", lambda **_: Console(file=output, width=width, **options))
    translate = Translator(language)
    _print_estimate(FOUND, translate)
    lines = output.getvalue().splitlines()
    assert "2.00 kg" in lines[0]
    for row in ("solar", "hydro", "7"):
        assert any(row in line for line in lines)
    assert translate("estimate.trainings") in output.getvalue()
    table = next(index for index, line in enumerate(lines) if "─" in line)
    assert len([line for line in lines[table + 1 : table + 4] if "kg" in line]) == 3  # a line each


def test_settings_zones_and_json(ce_nas, found):
    result = ce_nas("estimate", "--hours", 12, "--zones", "hydro,coal", "--searches", 4, "--json", "-")
    assert result.status == 0, result.stderr
    assert json.loads(result.stdout)["basis"] == "simulated"
    assert found[0]["zones"] == ["hydro", "coal"]
    assert found[0]["searches"] == 4
    assert "2.00 kg [1.50 to 3.00]" in ce_nas("estimate", "--lang", "en").stdout


def test_a_search_keeps_an_estimate_and_says_how_it_held(ce_nas, tmp_path):
    (tmp_path / "before.json").write_text(json.dumps(FOUND.to_dict()))
    flags = ("--policy", "vanilla", "--searcher", "random", "--gpus", 1, "--hours", 2)
    result = ce_nas("search", *flags, "--estimate", "before.json", "--out", "run")
    assert result.status == 0, result.stderr
    assert (tmp_path / "run" / "estimate.json").exists()
    assert "2.00 kg [1.50 kg to 3.00 kg]" in " ".join(result.stdout.split())


def test_a_recipe_is_estimated_and_not_together_with_a_file(ce_nas, found, tmp_path):
    result = ce_nas("estimate", "--recipe", "digits", "--json", "-")
    assert result.status == 0, result.stderr
    assert json.loads(result.stdout)["count"] == 6
    (tmp_path / "own.toml").write_text("")
    refused = ce_nas("estimate", "own.toml", "--recipe", "digits")
    assert refused.status == 2
    assert "Expected a file or --recipe" in " ".join(refused.stderr.split())
