"""What the doctor says of a machine that lacks something."""

import json

import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli import doctor
from ce_nas.apps.cli.main import app
from ce_nas.core.errors import TableError

RUN = CliRunner()


def checks_of(path, *arguments):
    found = RUN.invoke(app, ["doctor", "--json", str(path), *arguments])
    return found, {check["name"]: check for check in json.loads(path.read_text())}


def test_what_can_be_done_without_is_said_and_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "OPTIONAL", ("a-package-that-nobody-has",))
    found, checks = checks_of(tmp_path / "checks.json")
    assert found.exit_code == 0, found.output
    assert checks["a-package-that-nobody-has"] == {
        "name": "a-package-that-nobody-has", "ok": False, "needed": False, "found": "not installed",
    }  # fmt: skip
    assert "without" in found.output


def test_what_is_needed_and_missing_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "NEEDED", ("a-package-that-nobody-has",))
    found, checks = checks_of(tmp_path / "checks.json")
    assert found.exit_code == 1
    assert not checks["a-package-that-nobody-has"]["ok"]


def test_what_is_there_and_broken_is_said_in_its_own_words(tmp_path, monkeypatch):
    def broken():
        message = "Expected 15625 rows, got 3."
        raise TableError(message)

    monkeypatch.setattr(doctor, "_benchmark", broken)
    found, checks = checks_of(tmp_path / "checks.json", "--quiet")
    assert found.exit_code == 1
    assert found.output == ""
    assert checks["embedded benchmark"]["found"] == "Expected 15625 rows, got 3."


@pytest.mark.parametrize("name", ["python", "disk", "built-in zones", "built-in cheap scores"])
def test_the_machine_itself_is_looked_at(tmp_path, name):
    _, checks = checks_of(tmp_path / "checks.json", "--quiet")
    assert checks[name]["ok"]
    assert checks[name]["found"]
