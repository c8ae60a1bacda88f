"""``ce-nas doctor`` on machines that lack something."""

import json
from importlib import metadata

import pytest

from ce_nas.apps.cli import doctor
from ce_nas.core.errors import TableError


@pytest.fixture
def run_doctor(ce_nas, tmp_path):
    def run(*arguments):
        result = ce_nas("doctor", "--json", "checks.json", *arguments)
        checks = json.loads((tmp_path / "checks.json").read_text())
        return result, {(check["group"], check["name"]): check for check in checks}

    return run


def test_this_machine_passes(run_doctor):
    result, checks = run_doctor()
    assert result.status == 0, result.stdout
    assert "15,625" in checks["machine", "embedded benchmark"]["details"]
    assert checks["required packages", "numpy"]["ok"]
    assert checks["extras", "torch"]["required"] is False
    for name in ("python", "disk", "built-in zones", "built-in proxy scores"):
        assert checks["machine", name]["ok"]
        assert checks["machine", name]["details"]


def test_a_missing_extra_is_optional(run_doctor, monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda _: ["numpy>=2", "no-such-package>=1; extra == 'fast'"])
    result, checks = run_doctor()
    assert result.status == 0, result.stdout
    assert checks["extras", "fast"] == {
        "group": "extras", "name": "fast", "ok": False, "required": False,
        "details": "no-such-package is not installed", "fix": "pip install --upgrade 'ce-nas[fast]'",
    }  # fmt: skip
    assert "optional" in result.stdout
    assert "ce-nas[fast]" in "".join(result.stdout.split())


def test_a_missing_or_outdated_required_package_fails(run_doctor, monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda _: ["no-such-package", "numpy>=999"])
    result, checks = run_doctor()
    assert result.status == 1
    assert checks["required packages", "no-such-package"]["details"] == "no-such-package is not installed"
    assert "is older than 999" in checks["required packages", "numpy"]["details"]


def test_without_metadata_the_rest_is_checked(run_doctor, monkeypatch):
    def raise_not_found(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", raise_not_found)
    result, checks = run_doctor()
    assert result.status == 0, result.stdout
    assert checks["required packages", "metadata"]["fix"] == "pip install ce-nas"


def test_a_failing_check_shows_its_error(run_doctor, monkeypatch):
    def fail():
        message = "Expected 15625 rows, got 3."
        raise TableError(message)

    monkeypatch.setattr(doctor, "_describe_benchmark", fail)
    result, checks = run_doctor("--quiet")
    assert result.status == 1
    assert result.stdout == ""
    assert checks["machine", "embedded benchmark"]["details"] == "Expected 15625 rows, got 3."


@pytest.mark.parametrize(
    ("text", "extra", "requirement"),
    [
        ("numpy", "", ("numpy", "")),
        ("scikit-learn<3,>=1.5", "", ("scikit-learn", "1.5")),
        ('torch>=2.6; extra == "torch"', "torch", ("torch", "2.6")),
        ("uvicorn[standard]>=0.30; python_version > '3' and extra == 'dashboard'", "dashboard", ("uvicorn", "0.30")),
    ],
)
def test_requirements_are_parsed(text, extra, requirement):
    assert doctor.read_requirements([text])[extra] == [requirement]


def test_extras_include_other_extras():
    requirements = ["ce-nas[b]; extra == 'a'", "ce-nas[c]; extra == 'b'", "x>=1.2; extra == 'c'"]
    assert doctor.read_requirements(requirements)["a"] == [("x", "1.2")]


@pytest.mark.parametrize("status", [0, 1])
def test_the_check_of_the_gpu_follows_if_asked_for(run_doctor, monkeypatch, status):
    pytest.importorskip("torch", reason="needs the extra torch")
    asked = []
    monkeypatch.setattr("ce_nas.gpu_check.main", lambda arguments: asked.append(arguments) or status)
    result, checks = run_doctor("--gpu", "checked")
    assert (result.status, asked) == (status, [["--out", "checked"]])
    assert checks["machine", "python"]["ok"]


def test_a_run_folder_has_no_gpu(ce_nas):
    result = ce_nas("doctor", "run", "--gpu", "checked")
    assert result.status == 2
    assert "Expected a run folder or --gpu, got both; leave one out." in result.stderr.replace("\n", " ")
