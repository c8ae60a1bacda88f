from xml.etree import ElementTree as ET

import pytest

from ce_nas.report.files import write_figures, write_report
from ce_nas.report.i18n.words import Words
from ce_nas.report.plotting.overview import overview


def test_the_same_journal_gives_the_same_bytes(result, tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_report(tmp_path / name, result.entries)
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"summary.json", "report.html", "report.md", "report.png"}


def test_the_figure_is_a_picture_also_of_a_run_that_has_only_begun(result):
    for entries in (result.entries, result.entries[:1]):
        assert overview(entries).startswith(b"\x89PNG")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_figure_is_drawn_twice_and_shown_in_the_markdown(result, tmp_path, language):
    legible = write_figures(tmp_path, result.entries, Words(language))
    assert legible or language == "ja"
    write_report(tmp_path, result.entries, language)
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    names = {"front", "grid", "division", "hours", "grams", "activity"}
    assert set(drawn) == {f"{name}.{ending}" for name in names for ending in ("svg", "png")}
    for name in names:
        assert ET.fromstring(drawn[f"{name}.svg"]).tag.endswith("svg")
        assert drawn[f"{name}.png"].startswith(b"\x89PNG")
        assert f"(figures/{name}.svg)" in (tmp_path / "report.md").read_text()


def test_without_a_font_the_pictures_are_in_english(result, tmp_path, monkeypatch):
    monkeypatch.setattr("ce_nas.report.plotting.png.japanese_font", lambda: None)
    assert not write_figures(tmp_path, result.entries, Words("ja"))
    japanese = (tmp_path / "figures/grid.png").read_bytes()
    assert write_figures(tmp_path, result.entries, Words("en"))
    assert (tmp_path / "figures/grid.png").read_bytes() == japanese
