"""The floors of the house: an import goes down or stays on its own floor, never up."""

import ast
from pathlib import Path

import pytest

import ce_nas

SOURCE = Path(ce_nas.__file__).parent
FLOORS = {
    "core": 1, "pareto": 1, "data": 1,
    "grid": 2, "space": 2, "allocate": 2, "store": 2,
    "forecast": 3, "search": 3, "evaluate": 3, "energy": 3, "training": 3, "report": 3,
    "cluster": 4, "library": 4,
    "engine": 5,
    "learn": 6, "experiment": 6, "pilot": 6, "dashboard": 6, "integrations": 6,
    "cli": 7,
}  # fmt: skip
MODULES = sorted(SOURCE.rglob("*.py"))


def room_of(path):
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            head, _, rest = name.partition(".")
            if head == "ce_nas" and rest:
                yield rest.split(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down(path):
    room = room_of(path)
    if not room:  # the package's face may look anywhere, lazily
        return
    above = {other for other in imported_rooms(path) if FLOORS[other] > FLOORS[room]}
    assert not above, f"{room} (floor {FLOORS[room]}) imports from above: {above}"


def test_every_room_has_a_floor():
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= set(FLOORS)


def test_only_the_clock_reads_the_time():
    readers = {
        path.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import) and any(alias.name == "time" for alias in node.names)
    }
    assert readers == {"clock.py"}
    askers = {path.name for path in MODULES if "datetime.now(" in path.read_text()}
    assert askers == {"clock.py"}
