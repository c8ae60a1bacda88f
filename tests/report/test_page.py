from ce_nas.report.i18n.words import Words
from ce_nas.report.page import Page, Section
from ce_nas.report.run_report import run_page


def test_a_page_knows_all_its_figures_in_order(result):
    page = run_page(result.entries, Words("en"))
    assert [chart.name for chart in page.charts] == ["front", "grid", "division", "hours", "grams", "activity"]
    assert Page("t", "l", [Section("s", "S")], Words("en")).charts == []
