"""Tables of commands fit the terminal, in 80 columns as well."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from ce_nas.analysis.statistics import Interval
from ce_nas.apps.cli.tables import print_page, print_summary, print_sweep, print_table
from ce_nas.experiments.sweep import SweepRow, SweepSummary
from ce_nas.report.explanation_pages import build_hour_page
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.page import Fact, ReportPage, ReportSection

STRATEGIES = ("vanilla + random", "suspend-resume + surrogate")


def sweep(share=True):
    rows = [
        SweepRow(
            strategy,
            zone,
            5,
            Interval(12.345, 11.2, 14.56),
            Interval(20.0, 19.0, 21.0),
            Interval(50.0, 49.0, 51.0),
            Interval(812.3, 800.1, 900.4),
            Interval(0.9123, 0.9012, 0.934) if share else None,
            Interval(1234.0, 1200.0, 1300.0),
            Interval(1.234, 0.0, 2.345),
            0.8,
        )
        for zone in ("solar", "wind")
        for strategy in STRATEGIES
    ]
    return SweepSummary(STRATEGIES[0], tuple(rows))


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_a_sweep_fits_the_terminal_and_says_all_of_it(monkeypatch, capsys, language, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    print_sweep(sweep(), Translator(language))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= columns
    assert [line for line in lines if line != line.rstrip()] == []
    words = " ".join(lines).split()
    for part in (
        "solar",
        "wind",
        "surrogate",
        "12.3",
        "[11.2,",
        "14.6]",
        "91.2",
        "1,234",
        "[1,200,",
        "1.23",
        "80",
        "%",
    ):
        assert part in words, part
    assert sum("[11.2, 14.6]" in line for line in lines) == 4  # no interval is broken over lines


@pytest.mark.parametrize(("columns", "same_line"), [(80, False), (120, True)])
def test_an_interval_stands_beside_or_below_its_median(monkeypatch, capsys, columns, same_line):
    monkeypatch.setenv("COLUMNS", str(columns))
    print_sweep(sweep(), Translator("en"))
    lines = capsys.readouterr().out.splitlines()
    assert any("12.3 [11.2, 14.6]" in line for line in lines) == same_line


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_nothing_of_a_japanese_summary_is_cut(finished_run, monkeypatch, capsys, columns):
    """Between its few blanks, lines of Japanese are longer than a column."""
    monkeypatch.setenv("COLUMNS", str(columns))
    print_summary(finished_run.summary, finished_run.savings, None, Translator("ja"))
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert max(map(cell_len, (line for line in shown.splitlines() if not line.startswith("  |")))) <= columns
    assert "合成した標準年" in "".join(shown.split())


def test_another_choice_is_a_command_of_the_shell(finished_run, capsys):
    print_summary(finished_run.summary, finished_run.savings, Path("ünï run"), Translator("en"))
    assert "Another choice: ce-nas choose 'ünï run' --rule ..." in capsys.readouterr().out


def test_a_list_leaves_out_what_is_empty(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    print_table("T", ("who", "kilogrammes", "maximum"), [("us", "12", "")])
    assert capsys.readouterr().out.split() == ["T", "us", "kilogrammes:", "12"]


def test_a_japanese_name_of_a_row_is_folded_before_the_table_becomes_a_list(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    amounts = ["44.9 [42.1, 53.7]"] * 4
    rows = [["現在の方法、最後の学習まで", *amounts], ["CE-NAS", *amounts]]
    print_table("表", ["方法", "kWh", "kg", "EUR", "h"], rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert sum("[42.1, 53.7]  [42.1, 53.7]" in line for line in lines) == 2
    assert "現在の方法、最後の学習まで" in "".join(line.split("  ")[0] for line in lines)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_page_is_no_wider_than_the_terminal(finished_run, monkeypatch, capsys, language):
    monkeypatch.setenv("COLUMNS", "80")
    print_page(build_hour_page(finished_run.entries, 2, Translator(language)))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert not [line for line in lines if line.startswith(("#", "|", "**")) or line != line.rstrip()]


def test_a_page_has_its_texts_without_marks(capsys):
    section = ReportSection("s", "Part", facts=[Fact("kg", "1.5", "full")], paragraphs=["**All** of `x[0]`."],
                            notes=["A [note]."])  # fmt: skip
    print_page(ReportPage("Title", "Lead.", [section], Translator("en")))
    assert capsys.readouterr().out == "Title\nLead.\n\nPart\nAll of x[0].\nkg: 1.5 (full)\n- A [note].\n"


def test_a_hypervolume_without_a_known_maximum_is_no_percentage(capsys):
    print_sweep(sweep(share=False), Translator("en"))
    shown = capsys.readouterr().out
    assert "812" in shown
    assert "percent of the largest" not in shown


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (30, ["who   kilograms     trainings", "─" * 29, "us   1.5 [1, 2]  123456789012",
              "all           2             3"]),
        (26, ["", "us", "  kilograms: 1.5 [1, 2]", "  trainings: 123456789012", "", "all", "  kilograms: 2",
              "  trainings: 3"]),
    ],
)  # fmt: skip
def test_a_table_that_cannot_fit_is_a_list(monkeypatch, capsys, columns, expected):
    monkeypatch.setenv("COLUMNS", str(columns))
    print_table("Grams", ("who", "kilograms", "trainings"), [("us", "1.5 [1, 2]", "123456789012"), ("all", "2", "3")])
    assert capsys.readouterr().out.splitlines() == ["", "Grams", *expected]
