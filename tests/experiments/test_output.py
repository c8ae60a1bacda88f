from matplotlib.figure import Figure

from ce_nas.experiments.base import ExperimentReport
from ce_nas.experiments.figures import create_panels
from ce_nas.experiments.output import experiment_page, write_experiment_report
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.page import ReportTable


def test_experiment_page_has_tables_and_figures(tmp_path):
    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4])
    report = ExperimentReport(
        "An experiment", {}, [ReportTable("Grams", ("who", "kg"), [("us", "1.5")])], {"drawing": figure}, ["So."]
    )
    write_experiment_report(tmp_path, "small", report, [], "ja")
    text = (tmp_path / "small.html").read_text()
    assert 'lang="ja"' in text
    assert "data:image/svg+xml;base64," in text
    for expected in ("An experiment", "Grams", "1.5", "So."):
        assert expected in text
    assert experiment_page(report, {}, Translator("en")).sections[-1].notes == ["So."]


def test_same_results_give_same_files(tmp_path, make_result):
    results = [make_result("ce-nas", 0, [(50, 1, 300, 4), (60, 2, 300, 5)], zone="DE")]
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        figure, (axes,) = create_panels(1)
        axes.plot([1, 2], [3, 4], label="a")
        report = ExperimentReport(
            "Title", {"a": 1.0}, [ReportTable("T", ("x",), [("1|2",)])], {"course": figure}, ["A note."]
        )
        write_experiment_report(folder, "test", report, results)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"test.json", "test.md", "test.html", "test.jsonl", "course.png", "course.svg"}
    text = written[0]["test.md"].decode()
    assert "![course](course.png)" in text
    assert "1\\|2" in text
