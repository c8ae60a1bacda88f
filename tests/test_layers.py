"""The shape of the package: layers, cycles, one reader of the clock."""

import ast
import graphlib
from pathlib import Path

import pytest

import ce_nas

grimp = pytest.importorskip("grimp", reason="needs import-linter, of the extra test")
importlinter = pytest.importorskip("importlinter.cli", reason="needs import-linter, of the extra test")

ROOT = Path(__file__).parents[1]
SOURCE = Path(ce_nas.__file__).parent


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("ce_nas", cache_dir=None)


def test_imports_go_down_the_layers(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert importlinter.lint_imports(no_cache=True) == 0, capsys.readouterr().out


def test_every_room_has_a_layer():
    contract = (ROOT / "pyproject.toml").read_text().partition("[[tool.importlinter.contracts]]")[2]
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")} - {"data", "config"}
    missing = [room for room in sorted(rooms) if f"ce_nas.{room}" not in contract]
    assert not missing, missing


def test_no_module_imports_itself_in_a_circle(graph):
    """Not even for types."""
    modules = {module for module in graph.modules if not graph.find_children(module)}
    sorter = graphlib.TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) & modules for module in modules}
    )
    sorter.prepare()  # raises CycleError with the circle


def test_modules_import_from_modules_not_from_a_room(graph):
    rooms = {module for module in graph.modules if graph.find_children(module)} - {"ce_nas", "ce_nas.data"}
    offenders = {
        f"{importer} -> {room}"
        for room in rooms
        for importer in graph.find_modules_that_directly_import(room)
        if importer != "ce_nas"
    }
    assert not offenders, sorted(offenders)


def test_only_the_clock_reads_the_time():
    readers, askers = set(), set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        if any(
            isinstance(node, ast.Import) and any(alias.name == "time" for alias in node.names)
            for node in ast.walk(ast.parse(text))
        ):
            readers.add(path.name)
        if "datetime.now(" in text:
            askers.add(path.name)
    assert readers == {"clock.py"}
    assert askers == {"clock.py"}
