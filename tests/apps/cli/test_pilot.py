"""``ce-nas pilot``: papers from a simulation and from runs, and errors."""

import json

import pytest

INPUTS = ("--gpus", 4, "--gpu-hours", 40, "--trainings", 60, "--zone", "wind")


@pytest.mark.slow
def test_a_paper_from_a_file_and_options(ce_nas, tmp_path):
    (tmp_path / "team.toml").write_text('gpus = 2\nzone = "coal"\nelectricity_price = 0.2\n')
    result = ce_nas("pilot", "team.toml", *INPUTS, "--quick", "--lang", "ja", "--json", "result.json")
    assert result.status == 0, result.stderr
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["inputs"]["gpus"] == 4
    assert content["inputs"]["electricity_price"] == 0.2
    assert content["provenance"]["zone"] == "wind"
    assert "CE-NAS" in result.stdout
    text = (tmp_path / "pilot/decision.html").read_text()
    assert 'lang="ja"' in text
    assert text.count('<div class="sheet">') == 2
    assert "# " in (tmp_path / "pilot/decision.md").read_text()


@pytest.mark.long
def test_a_paper_from_a_run(ce_nas, tmp_path):
    search = ("search", "--hours", 4, "--gpus", 2, "--searcher", "random", "--policy", "fixed", "--out", "run", "-q")
    assert ce_nas(*search).status == 0
    result = ce_nas("pilot", "--run", "run", "--out", "paper", "--lang", "en")
    assert result.status == 0, result.stderr
    assert "Too few runs for a conclusion" in result.stdout
    assert (tmp_path / "paper/decision.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gpus", -4), "Expected gpus between 1 and 512, got -4."),
        (("--zone", "atlantis"), "atlantis"),
        (("--deadline", "3h"), "Expected a deadline of 50 h or more"),
        (("nothing.toml",), "nothing.toml"),
        (("--baseline-run", "run"), "name them with --run"),
        (("--run", "nowhere"), "Expected a run's journal"),
        (("--quick", "--thorough"), "got both; leave one out"),
    ],
)
def test_invalid_inputs_are_one_sentence(ce_nas, arguments, message, tmp_path):
    result = ce_nas("pilot", *arguments, "--lang", "en")
    assert result.status == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_table_fits_a_narrow_terminal_with_every_method_named(monkeypatch, capsys):
    from pathlib import Path

    from ce_nas.apps.cli.pilot import _print_page
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.page import ReportPage, ReportSection, ReportTable

    monkeypatch.setenv("COLUMNS", "80")
    translate = Translator("ja")
    header = (translate("pilot.way"), "kWh", "kg CO2eq", "EUR", "h")
    row = (
        translate("pilot.way.ce-nas"),
        "5.09 [5.07, 6.15]",
        "1.15 [1.07, 1.38]",
        "15 [14.9, 18.1]",
        "5.98 [5.68, 17]",
    )
    table = ReportTable("", header, [row])
    sections = [ReportSection("decision", "d"), ReportSection("search", "s", tables=[table])]
    _print_page(ReportPage("title", "lead", sections, translate), Path("paper.html"))
    printed = capsys.readouterr().out
    assert row[0] in printed
    for cell in row[1:]:
        assert all(part in printed for part in cell.replace(" [", "\n[").split("\n"))
