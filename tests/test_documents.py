"""The documents are true: their Python runs, their commands run, and their links lead somewhere."""

import ast
import importlib
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


#: pages whose Python is not run here, and why
NOT_RUN = {
    "data.md": "tests/cases/test_data_page.py runs it together with its commands",
    "forecasting.md": "trains a network for minutes on two years of a zone's record",
    "live-grids.md": "asks a provider over the network",
}
PAGES_WITH_PYTHON = sorted(page.name for page in (ROOT / "docs").glob("*.md") if "```python" in page.read_text())


@pytest.mark.long
@pytest.mark.parametrize("page", [page for page in PAGES_WITH_PYTHON if page not in NOT_RUN])
def test_python_of_a_page_runs_from_its_top_to_its_end(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in code_blocks(f"docs/{page}", "python"):
        exec(compile(block, page, "exec"), names)
    capsys.readouterr()


@pytest.mark.parametrize("page", PAGES_WITH_PYTHON)
def test_python_of_a_page_names_nothing_that_is_not_there(page):
    """Every block compiles, and what it imports exists, also on the pages that are not run here."""
    for block in code_blocks(f"docs/{page}", "python"):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Import | ast.ImportFrom)
                and (root := ast.unparse(node).split()[1].split(".")[0]) != "ce_nas"
            ):
                pytest.importorskip(root, reason=f"{page} is of an extra's package")
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), (page, ast.unparse(node))


def test_the_pages_that_are_not_run_have_python():
    assert set(NOT_RUN) <= set(PAGES_WITH_PYTHON)


READMES = ("README.md", "README.ja.md")


@pytest.mark.parametrize("page", [*READMES, *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))])
def test_commands_of_a_page_exist_with_their_options(page):
    from typer.main import get_command

    from ce_nas.apps.cli.main import app

    root = get_command(app)
    text = "\n".join(code_blocks(page, "console")).replace("\\\n", " ")
    for line in text.splitlines():
        if not line.startswith("$ ce-nas "):
            continue
        command, arguments = root, shlex.split(line, comments=True)[2:]
        while hasattr(command, "resolve_command"):
            context = type(command).context_class(command, info_name="ce-nas")
            _, command, arguments = command.resolve_command(context, arguments)
        assert command is not None, line
        context = type(command).context_class(command, info_name=command.name)
        command.make_parser(context).parse_args(list(arguments))  # an unknown option is an error


@pytest.mark.long
@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("docs/command-line.md", ["search", "resume", "report", "compare", "grid", "doctor"]),
        ("docs/choosing.md", ["search", "choose", "choose", "export", "export"]),
        ("docs/budgets-and-sites.md", ["search", "search", "search"]),
    ],
)
def test_commands_of_a_page_run(page, expected, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from ce_nas.apps.cli.main import app

    monkeypatch.chdir(tmp_path)
    lines = [line for block in code_blocks(page, "console") for line in block.splitlines()]
    commands = [shlex.split(line)[2:] for line in lines if line.startswith("$ ce-nas ")]
    assert [command[0] for command in commands] == expected
    for command in commands:
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, (command, result.output, result.exception)


def test_the_first_example_is_the_same_everywhere():
    first = code_blocks("README.md", "python")[0]
    assert first in (ROOT / "examples/first_search.py").read_text()
    assert textwrap.indent(first, "    ") in ce_nas.__doc__


def test_links_between_documents():
    for document in [*(ROOT / name for name in READMES), ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_sections_that_the_readmes_link_to_exist():
    for name in READMES:
        for target, section in re.findall(r"\]\((docs/[a-z-]+\.md)#([^)]+)\)", (ROOT / name).read_text()):
            headings = re.findall(r"^#+ (.+)$", (ROOT / target).read_text(), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert section in slugs, f"{name} links to {target}#{section}"


def test_the_lines_of_the_readme_are_short():
    """128 columns, as they are read in a terminal; rows of tables excepted."""
    lines = (ROOT / "README.md").read_text().splitlines()
    assert [line for line in lines if len(line) > 128 and not line.startswith("|")] == []


def test_tests_and_scripts_that_documents_name_exist():
    tests = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "src/ce_nas/testing").rglob("*.py")]
    defined = set(re.findall(r"def (test_\w+)", "".join(test.read_text() for test in tests)))
    modules = {test.name for test in tests}
    for document in [*(ROOT / name for name in READMES), *(ROOT / "docs").glob("*.md")]:
        text = document.read_text()
        for path in re.findall(r"\b(?:tests|scripts|benchmarks|examples)/[a-z\d_/]+\.py", text):
            assert any((folder / path).exists() for folder in (ROOT, ROOT / "src/ce_nas")), (
                f"{document.name} names {path}"
            )
        for name in re.findall(r"`(test_\w+_\w+)`", text):  # test_images is an array
            assert name in defined, f"{document.name} names {name}"
        for name in re.findall(r"`(test_\w+\.py)`", text):
            assert name in modules, f"{document.name} names {name}"


def test_make_commands_of_the_readme_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text())
    assert {"search", "test", "docs"} <= set(named) <= set(targets)


def test_the_japanese_readme_has_the_content_of_the_english_one():
    """Sections, code, figures, links and rows of tables agree; only the words differ."""
    english, japanese = ((ROOT / name).read_text() for name in READMES)
    assert [len(heading) for heading in re.findall(r"^#+(?= )", english, flags=re.MULTILINE)] == [
        len(heading) for heading in re.findall(r"^#+(?= )", japanese, flags=re.MULTILINE)
    ]
    for language in ("python", "text"):
        assert code_blocks(READMES[0], language) == code_blocks(READMES[1], language)
    commands = [
        [line.split("#")[0].strip() for line in "".join(code_blocks(name, "console")).splitlines()] for name in READMES
    ]
    assert commands[0] == commands[1]
    links = [sorted(set(re.findall(r"\]\(([^)]+)\)", text)) - set(READMES)) for text in (english, japanese)]
    assert links[0] == links[1]
    figures = [sorted(re.findall(r"\d+\.\d+|\d{2,}|∞", text)) for text in (english, japanese)]
    assert figures[0] == figures[1]
    assert english.count("\n|") == japanese.count("\n|")
