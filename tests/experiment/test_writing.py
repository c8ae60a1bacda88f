from ce_nas.experiment.drawing import panels
from ce_nas.experiment.protocol import Report, Table
from ce_nas.experiment.writing import write_report


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
