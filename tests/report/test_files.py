from ce_nas.report.figures import overview
from ce_nas.report.files import write_report


def test_the_same_journal_gives_the_same_bytes(result, tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_report(tmp_path / name, result.entries)
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"summary.json", "report.md", "report.png"}


def test_the_figure_is_a_picture_also_of_a_run_that_has_only_begun(result):
    for entries in (result.entries, result.entries[:1]):
        assert overview(entries).startswith(b"\x89PNG")
