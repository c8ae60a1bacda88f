"""The documents are true: their Python runs, their commands run, and their links lead somewhere."""

import re
import shlex
import textwrap
from pathlib import Path

import pytest

import ce_nas

ROOT = Path(__file__).parent.parent


def code_blocks(file, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / file).read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("index", range(len(code_blocks("README.md", "python"))))
def test_python_of_the_readme_runs(index, capsys):
    exec(compile(code_blocks("README.md", "python")[index], "README.md", "exec"), {})
    capsys.readouterr()


@pytest.mark.slow
def test_commands_of_the_readme_run(tmp_path, monkeypatch, capsys):
    from typer.testing import CliRunner

    from ce_nas.apps.cli.main import app

    monkeypatch.chdir(tmp_path)
    lines = [line for block in code_blocks("README.md", "console") for line in block.splitlines()]
    commands = [shlex.split(line)[2:] for line in lines if line.startswith("$ ce-nas ")]
    assert [command[0] for command in commands] == ["search", "resume", "report", "compare", "grid", "doctor"]
    for command in commands:
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, (command, result.output, result.exception)


def test_the_first_example_is_the_same_everywhere():
    first = code_blocks("README.md", "python")[0]
    assert first in (ROOT / "examples/first_search.py").read_text()
    assert textwrap.indent(first, "    ") in ce_nas.__doc__


def test_links_between_documents():
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
