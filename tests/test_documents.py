"""The documents are true: their Python runs, their commands run, their settings are settings."""

import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

import ce_nas
from ce_nas.config.schema import Settings

ROOT = Path(__file__).parent.parent


def blocks(file, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / file).read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("code", blocks("README.md", "python"), ids=["search", "own-parts"])
def test_the_readmes_python_runs(code, capsys):
    exec(compile(code, "README.md", "exec"), {})
    capsys.readouterr()


def test_the_readmes_commands_run(tmp_path):
    commands = [line[2:] for block in blocks("README.md", "console") for line in block.splitlines()]
    ours = [shlex.split(command)[1:] for command in commands if command.startswith("$ ce-nas"[2:])]
    assert [command[0] for command in ours] == ["search", "resume", "report", "compare", "grid", "doctor"]
    for command in ours:
        found = subprocess.run(
            [sys.executable, "-m", "ce_nas", *command], cwd=tmp_path, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        assert found.returncode == 0, (command, found.stderr)


def test_the_readmes_first_example_is_the_package_docstring_and_the_first_example():
    first = blocks("README.md", "python")[0]
    assert first in (ROOT / "examples/first_search.py").read_text()
    assert textwrap.indent(first, "    ") in ce_nas.__doc__


def test_the_documented_settings_are_the_defaults_as_far_as_they_show_them():
    (text,) = blocks("docs/settings.md", "toml")
    documented = Settings.model_validate(tomllib.loads(text))
    for section in ("cluster", "policy", "searcher"):
        assert getattr(documented, section) == getattr(Settings(), section)
    assert documented.budget.time == Settings().budget.time
    keys = {name for name in Settings.model_fields if Settings.model_fields[name].annotation not in (int, str)}
    for section in keys - {"seed", "forecaster"}:
        for key in type(getattr(Settings(), section)).model_fields:
            assert re.search(rf"^(# )?{key} = ", text, flags=re.MULTILINE), f"{section}.{key} is not documented"


def test_every_link_between_the_documents_leads_somewhere():
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_public_names_are_there():
    assert ce_nas.__all__ == sorted(ce_nas.__all__)
    assert (
        set(ce_nas.__all__) & {path.name for path in Path(ce_nas.__file__).parent.iterdir()} == set()
    )  # no room hides one
    for name in ce_nas.__all__:
        assert getattr(ce_nas, name)
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        _ = ce_nas.rum
