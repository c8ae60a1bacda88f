import json
from xml.etree import ElementTree as ET

import pytest

from ce_nas.report.files import write_figures, write_report
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.plotting.plots_extra import has_plots
from ce_nas.report.plotting.run_overview import draw_overview


def test_same_journal_gives_same_bytes(finished_run, tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_report(tmp_path / name, finished_run.entries)
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"summary.json", "report.html", "report.md", *(["report.png"] if has_plots() else [])}


def test_the_summary_begins_with_the_saving(finished_run, tmp_path):
    write_report(tmp_path, finished_run.entries)
    content = json.loads((tmp_path / "summary.json").read_text())
    assert list(content)[:2] == ["headline", "savings"]
    assert "**" not in content["headline"]
    assert content["savings"]["carbon_g"] == finished_run.summary.carbon_g["full"] == content["carbon_g"]["full"]


def test_overview_is_a_png_also_of_an_empty_run(finished_run):
    for entries in (finished_run.entries, finished_run.entries[:1]):
        assert draw_overview(entries).startswith(b"\x89PNG")


@pytest.mark.long
@pytest.mark.parametrize("language", ["en", "ja"])
def test_figures_are_svg_and_png_and_shown_in_markdown(finished_run, tmp_path, language):
    legible = write_figures(tmp_path, finished_run.entries, Translator(language))
    assert legible or language == "ja"
    write_report(tmp_path, finished_run.entries, language)
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    names = {"saved", "front", "grid", "division", "hours", "grams", "activity"}
    assert set(drawn) == {f"{name}.{ending}" for name in names for ending in ("svg", "png")}
    for name in names:
        assert ET.fromstring(drawn[f"{name}.svg"]).tag.endswith("svg")
        assert drawn[f"{name}.png"].startswith(b"\x89PNG")
        assert f"(figures/{name}.svg)" in (tmp_path / "report.md").read_text()


@pytest.mark.long
def test_png_is_english_without_a_japanese_font(finished_run, tmp_path, monkeypatch):
    monkeypatch.setattr("ce_nas.report.plotting.png.find_japanese_font", lambda: None)
    assert not write_figures(tmp_path, finished_run.entries, Translator("ja"))
    japanese = (tmp_path / "figures/grid.png").read_bytes()
    assert write_figures(tmp_path, finished_run.entries, Translator("en"))
    assert (tmp_path / "figures/grid.png").read_bytes() == japanese
