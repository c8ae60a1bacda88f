"""Options that several commands share: files that are written, and numbers of the settings."""

import json

import pytest

SMALL = ("--hours", 2, "--gpus", 1, "--processes", 1, "--seeds", 1, "--policies", "fixed", "--searchers", "random")
WRITING = [
    ("grid", "zones", "--json"),
    ("config", "schema", "--out"),
    ("explain", "run", "--html"),
    ("compare", *SMALL, "--html"),
    ("export", "run", "--to", "csv", "--out"),
    ("forecast", "plot", "--zone", "solar", "--forecaster", "persistence", "--out"),
]


@pytest.mark.parametrize("command", WRITING)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(ce_nas, tmp_path, command):
    (tmp_path / "file").write_text("kept")
    for target, reason in ((".", "it is a folder"), ("file/below", "it cannot be written"), ("x" * 300, "cannot be")):
        result = ce_nas(*command, target)
        assert result.status == 2
        assert f"Expected a file that can be written for {command[-1]}, got" in result.stderr
        assert reason in result.stderr
        assert "name another" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("command", [WRITING[0], WRITING[1], WRITING[5]])
def test_missing_folders_of_an_output_are_made_when_it_is_written(ce_nas, tmp_path, command):
    if command[0] == "forecast":
        pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    assert ce_nas(*command, "new/folder/out").status == 0
    assert (tmp_path / "new/folder/out").stat().st_size > 0


def test_no_folder_is_made_by_a_command_that_fails(ce_nas, tmp_path):
    assert ce_nas("search", "--seed", "x", "--json", "new/out.json").status == 2
    assert ce_nas("explain", "no-run", "--html", "new/out.html").status == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_page_of_a_comparison_makes_its_folder(ce_nas, tmp_path):
    result = ce_nas("compare", *SMALL, "--quiet", "--html", "new/page.html", "--json", "other/table.json")
    assert result.status == 0, result.stderr
    assert (tmp_path / "new/page.html").read_text().startswith("<!")
    assert len(json.loads((tmp_path / "other/table.json").read_text())["rows"]) == 1


def test_a_number_of_a_setting_is_read_from_its_text_and_another_text_is_not(ce_nas):
    for option, text, found in (
        ("--gpus", "1e4", "10000.0"),
        ("--gpus", "true", "'true'"),
        ("--pue", "0.5", "0.5"),
    ):
        result = ce_nas("search", option, text)
        assert result.status == 2
        assert f"got {found}." in result.stderr
