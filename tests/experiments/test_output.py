import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from ce_nas.analysis.statistics import Interval
from ce_nas.experiments.base import Report, Table
from ce_nas.experiments.compare import Strategy, compare
from ce_nas.experiments.output import band, colour_of, comparison_page, experiment_page, panels, write_report
from ce_nas.report.html import html
from ce_nas.report.i18n.words import Words


def test_a_band_leaves_out_what_was_never_reached():
    _, (axes,) = panels(1)
    band(axes, [1, 2, 3], [Interval(2, 1, math.inf), Interval(4, 3, 5), Interval(math.inf, 4, math.inf)], "ce-nas", "x")
    (line,) = axes.lines
    assert line.get_ydata().tolist() == [2, 4]
    assert np.isfinite(axes.collections[0].get_paths()[0].vertices).all()


def test_a_strategy_keeps_its_colour():
    assert colour_of("ce-nas", 3) == colour_of("ce-nas")
    assert colour_of("another", 0) != colour_of("another", 1)


@pytest.fixture(scope="module")
def found():
    strategies = [Strategy("vanilla", "uniform"), Strategy("fixed", "uniform")]
    return compare(strategies, ["solar", "gas"], [0], {"hours": 2, "gpus": 2}, processes=1)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_comparison_is_a_page_with_a_section_a_zone(found, language):
    page = comparison_page(found, Words(language))
    assert [section.name for section in page.sections] == ["zone-0", "zone-1", "basis"]
    text = html(page)
    for row in found.rows:
        assert f"{row.carbon_kg.median:,.4g} [{row.carbon_kg.low:,.4g}, {row.carbon_kg.high:,.4g}]" in text
    assert text.count("<svg") == 2
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_an_experiment_has_a_page_with_its_tables_and_figures(tmp_path):
    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4])
    report = Report("An experiment", {}, [Table("Grams", ("who", "kg"), [("us", "1.5")])], {"drawing": figure}, ["So."])
    write_report(tmp_path, "made", report, [], "ja")
    text = (tmp_path / "made.html").read_text()
    assert 'lang="ja"' in text
    assert "data:image/svg+xml;base64," in text
    for wanted in ("An experiment", "Grams", "1.5", "So."):
        assert wanted in text
    assert experiment_page(report, {}, Words("en")).sections[-1].notes == ["So."]


def test_the_same_findings_give_the_same_files(tmp_path, finding):
    found = [finding("ce-nas", 0, [(50, 1, 300, 4), (60, 2, 300, 5)], zone="DE")]
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        figure, (axes,) = panels(1)
        axes.plot([1, 2], [3, 4], label="a")
        report = Report("Title", {"a": 1.0}, [Table("T", ("x",), [("1|2",)])], {"course": figure}, ["A note."])
        write_report(folder, "test", report, found)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"test.json", "test.md", "test.html", "test.parquet", "course.png", "course.svg"}
    text = written[0]["test.md"].decode()
    assert "![course](course.png)" in text
    assert "1\\|2" in text
