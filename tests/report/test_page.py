from ce_nas.report.i18n.translator import Translator
from ce_nas.report.page import ReportPage, ReportSection
from ce_nas.report.run_report import build_run_report


def test_charts_of_a_page_in_order(finished_run):
    page = build_run_report(finished_run.entries, Translator("en"))
    assert [chart.name for chart in page.charts] == ["saved", "front", "grid", "division", "hours", "grams", "activity"]
    assert ReportPage("t", "l", [ReportSection("s", "S")], Translator("en")).charts == []
