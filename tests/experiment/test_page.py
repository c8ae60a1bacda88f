import pytest
from matplotlib.figure import Figure

from ce_nas.experiment.compare import Strategy, compare
from ce_nas.experiment.page import comparison_page, experiment_page
from ce_nas.experiment.protocol import Report, Table
from ce_nas.experiment.writing import write_report
from ce_nas.report.html import html
from ce_nas.report.words import Words


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
