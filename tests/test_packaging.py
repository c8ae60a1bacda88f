"""The distribution: what it is made of, what it names, and how light its import is."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ce_nas

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
CONTAINER = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
SOURCE = Path(ce_nas.__file__).parent


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("use", ["", "ce_nas.run", "ce_nas.Search", "ce_nas.optimize"])
def test_what_is_slow_to_import_is_imported_where_it_is_used(use):
    code = (
        f"import sys, ce_nas; {use or 'ce_nas'}\n"
        "print(*{'matplotlib', 'pandas', 'pyarrow', 'sklearn', 'torch'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, ""), ran.stderr


def test_the_import_takes_no_more_modules_than_python_starts_with():
    """``import ce_nas`` is under a third of a second because it brings little of the standard library."""
    code = "import sys; before = set(sys.modules); import ce_nas; print(*(set(sys.modules) - before))"
    ran = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"], capture_output=True, text=True, check=True)  # fmt: skip # noqa: E501
    roots = {name.partition(".")[0] for name in ran.stdout.split()}
    assert {root for root in roots if root not in sys.stdlib_module_names} == {"ce_nas", "lazy_loader"}
    assert len(ran.stdout.split()) < 100


def test_one_version_everywhere():
    assert PROJECT["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["hatch"]["version"]["path"] == "src/ce_nas/_version.py"
    assert f"\nversion: {ce_nas.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert released[0].split()[0] == ce_nas.__version__


def test_classifiers_are_of_the_versions_that_are_tried():
    tried = re.search(r"python: \[(.*)\]", (ROOT / ".github/workflows/ci.yml").read_text())[1]
    named = [text.rpartition(" :: ")[2] for text in PROJECT["classifiers"] if ":: Python :: 3." in text]
    assert named == re.findall(r"3\.\d+", tried)
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_licence_files_are_there():
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])


def test_every_dependency_has_a_third_party_notice():
    notices = script("third_party_notices")
    rows = notices.read_rows(notices.NOTICES.read_text())
    assert set(rows) == set(notices.read_dependencies())
    assert all(rows.values())


def test_an_undocumented_dependency_is_noticed():
    notices = script("third_party_notices")
    shortened = re.sub(r"^\| cmaes .*\n", "", notices.NOTICES.read_text(), flags=re.MULTILINE)
    assert set(notices.read_dependencies()) - set(notices.read_rows(shortened)) == {"cmaes"}


def test_data_and_scripts_in_the_package_are_noticed_or_our_own():
    """A file of another kind than ours, such as a library of JavaScript, has to be named in the notices."""
    notices = (ROOT / "THIRD-PARTY.md").read_text()
    data = {path.relative_to(SOURCE).as_posix() for path in (SOURCE / "data").iterdir() if path.suffix != ".py"}
    assert {name for name in data if f"`{name}`" not in notices and "__pycache__" not in name} == set()
    foreign = re.compile(r"copyright|licen[sc]e|@license|jquery|bootstrap", re.IGNORECASE)
    for path in SOURCE.rglob("*"):
        if path.suffix in {".js", ".css", ".woff2", ".ttf", ".wasm"}:
            assert not foreign.search(path.read_text()), path
    assert not [path for path in SOURCE.rglob("*") if path.suffix in {".woff2", ".ttf", ".wasm", ".so", ".jar"}]


def test_every_extra_is_checked_alone():
    extras = script("check_extras")
    assert set(extras.list_extras()) == set(extras.USES)
    for use in extras.USES.values():
        compile(use, "use", "exec")


def test_an_extra_that_fails_is_reported(tmp_path, monkeypatch):
    extras = script("check_extras")
    monkeypatch.setattr(
        extras, "_run", lambda command, folder=None: subprocess.CompletedProcess(command, 1, "", "a\nb")
    )
    found = extras.check("torch", tmp_path, uv=False)
    assert not found.ok
    assert (found.extra, found.said) == ("torch", "b")
    assert str(found).startswith("FAIL torch")


def test_the_container_copies_and_installs_what_is_there():
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINER, flags=re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert {"pyproject.toml", "src"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert all(f"!{name}" in allowed for name in copied)
    needed = {PROJECT["readme"], *PROJECT["license-files"]}  # the build reads these
    assert needed <= set(copied)
    constraints = re.findall(r"--constraint (\S+)", CONTAINER)
    assert constraints
    assert set(constraints) <= set(copied)
    assert set(re.search(r"ARG EXTRAS=(\S*)", CONTAINER)[1].split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_container_runs_a_search_as_another_user_than_root():
    lines = CONTAINER.splitlines()
    user = next(index for index, line in enumerate(lines) if re.match(r"USER (?!0\b|root)", line))
    assert user < lines.index('ENTRYPOINT ["ce-nas"]') < lines.index('CMD ["search"]')
    assert re.search(r"ARG PYTHON=(\S+)", CONTAINER)[1] in {text.split()[-1] for text in PROJECT["classifiers"]}
    assert not re.search(r"^ADD |--no-verify|:latest|curl|wget", CONTAINER, flags=re.MULTILINE)
