import pytest

from ce_nas.experiments.base import ExperimentReport
from ce_nas.experiments.figures import create_panels
from ce_nas.experiments.output import experiment_page, write_experiment_report
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.page import ReportTable
from ce_nas.report.plotting import plots_extra


def test_experiment_page_has_tables_and_figures(tmp_path):
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4])
    report = ExperimentReport(
        "An experiment",
        {},
        [ReportTable("Grams", ("who", "kg"), [("us", "1.5")])],
        {"drawing": lambda: figure},
        ["So."],
    )
    write_experiment_report(tmp_path, "small", report, [], "ja")
    text = (tmp_path / "small.html").read_text()
    assert 'lang="ja"' in text
    assert "data:image/svg+xml;base64," in text
    for expected in ("An experiment", "Grams", "1.5", "So."):
        assert expected in text
    assert experiment_page(report, {}, Translator("en")).sections[-1].notes == ["So."]


def draw_course():
    figure, (axes,) = create_panels(1)
    axes.plot([1, 2], [3, 4], label="a")
    return figure


@pytest.mark.parametrize(("language", "note"), [("en", "No figure is drawn"), ("ja", "図は描かれません")])
def test_without_the_extra_plots_the_tables_are_there_and_a_note_says_so(tmp_path, monkeypatch, language, note):
    monkeypatch.setattr(plots_extra, "find_spec", lambda name: None)
    table = ReportTable("T", ("x",), [("12",)])
    report = ExperimentReport("Title", {"a": 1.0}, [table], {"course": lambda: 1 / 0}, ["A note."])
    write_experiment_report(tmp_path, "test", report, [], language)
    assert {path.name for path in tmp_path.iterdir()} == {"test.json", "test.md", "test.html", "test.jsonl"}
    for name in ("test.md", "test.html"):
        text = (tmp_path / name).read_text().replace("&#39;", "'")
        assert all(part in text for part in ("A note.", note, "pip install 'ce-nas[plots]'", "12"))
        assert "course" not in text
    write_experiment_report(tmp_path, "none", ExperimentReport("Title", {}, [table], {}), [], language)
    assert note not in (tmp_path / "none.md").read_text()


def test_same_results_give_same_files(tmp_path, make_result):
    pytest.importorskip("matplotlib", reason="needs the extra plots")
    results = [make_result("ce-nas", 0, [(50, 1, 300, 4), (60, 2, 300, 5)], zone="DE")]
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        report = ExperimentReport(
            "Title", {"a": 1.0}, [ReportTable("T", ("x",), [("1|2",)])], {"course": draw_course}, ["A note."]
        )
        write_experiment_report(folder, "test", report, results)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"test.json", "test.md", "test.html", "test.jsonl", "course.png", "course.svg"}
    text = written[0]["test.md"].decode()
    assert "![course](course.png)" in text
    assert "1\\|2" in text
