"""Mutation score of the modules that count: energy, carbon, cost, budgets, journal and trace integrals.

    python scripts/mutants.py [MODULE ...] [--sample N] [--seed N] [--json FILE] [--only LINE] [--list]

A mutant is a module with one operator, constant, condition, call or returned value changed. It is killed if the
module's own tests (``tests/x/test_y.py`` for ``src/ce_nas/x/y.py``, without those marked long) then fail, or do not end
within the time limit; the score is the killed share. ``--sample`` takes so many mutants of each module at random, by
``--seed``; without it all are run. Code is mutated in memory, in a process of its own: an interrupted
run leaves no changed file.

Not mutated: texts of errors, annotations, docstrings, ``__repr__`` and imports.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.machinery
import json
import multiprocessing
import os
import random
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parent.parent
MODULES = (
    "energy/ledger",
    "energy/live_ledger",
    "engine/budgets",
    "engine/admission_control",
    "grid/trace",
    "store/checkpoint_gc",
    "store/event_log",
    "store/journal",
    "store/run_dir",
    "store/tail",
)
#: time limit of the tests of a mutant: a number of times that of the module itself, and s
TIME_LIMIT_FACTOR, MIN_TIME_LIMIT_S = 15.0, 120.0
#: hypothesis examples a test: enough for a wrong sum, and the same for every mutant
EXAMPLES = 30

ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}
#: variables that hold the text of an error
TEXTS = {"message", "way_out", "_note", "note"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a module."""

    line: int
    #: what the code was, and what it is now
    before: str
    after: str
    code: CodeType


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests of the module say of a mutant."""

    module: str
    line: int
    before: str
    after: str
    #: killed, timed out, or survived
    verdict: str
    took_s: float


def mutants_of(source: str, filename: str) -> Iterator[Mutant]:
    """Yield all mutants of a module."""
    tree = ast.parse(source)
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        if _is_left_out(node, parents):
            continue
        for changed in _changes(node):
            yield _apply(tree, node, changed, filename)


def _apply(tree: ast.Module, node: ast.AST, changed: ast.AST, filename: str) -> Mutant:
    """Compile the module with ``changed`` in the place of ``node``."""
    number = next(number for number, other in enumerate(ast.walk(tree)) if other is node)
    mutated = copy.deepcopy(tree)
    target = next(other for at, other in enumerate(ast.walk(mutated)) if at == number)
    ast.copy_location(changed, target)

    class Replace(ast.NodeTransformer):
        def visit(self, other: ast.AST) -> Any:  # noqa: ANN401 - any node
            return changed if other is target else self.generic_visit(other)

    code = compile(ast.fix_missing_locations(Replace().visit(mutated)), filename, "exec")
    return Mutant(getattr(node, "lineno", 0), ast.unparse(node), ast.unparse(changed), code)


def _is_left_out(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether a node is, or is within, what is not mutated."""
    if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        return True
    child = node
    while (parent := parents.get(child)) is not None:
        if _leaves_out(parent, child):
            return True
        child = parent
    return False


def _leaves_out(parent: ast.AST, child: ast.AST) -> bool:  # noqa: PLR0911 - one line a rule
    if isinstance(parent, ast.JoinedStr | ast.Raise):
        return True
    if isinstance(parent, ast.Call) and getattr(parent.func, "id", "").endswith("Error"):
        return True
    if isinstance(parent, ast.Assign):
        return any(
            getattr(target, "id", getattr(target, "attr", "")) in TEXTS | {"__all__"} for target in parent.targets
        )
    if isinstance(parent, ast.AnnAssign | ast.arg):
        return child is parent.annotation
    if isinstance(parent, ast.FunctionDef):
        return parent.name == "__repr__" or child is parent.returns or child in parent.decorator_list
    if isinstance(parent, ast.If):
        return getattr(parent.test, "id", "") == "TYPE_CHECKING"
    if isinstance(parent, ast.Expr):
        return isinstance(child, ast.Constant)  # a docstring
    return isinstance(parent, ast.ClassDef) and child in parent.decorator_list


def _changes(node: ast.AST) -> list[ast.AST]:
    """Return what a node is replaced with, one after another."""
    for kinds, change in CHANGES:
        if isinstance(node, kinds):
            return change(node)
    return []


def _arithmetic(node: ast.BinOp) -> list[ast.AST]:
    """Another operator, and the left operand alone."""
    if isinstance(node.right, ast.Constant) and node.right.value is None:
        return []  # the name of a type, ``X | None``
    other = ARITHMETIC.get(type(node.op))
    return [ast.BinOp(node.left, other(), node.right), node.left] if other else []


def _augmented(node: ast.AugAssign) -> list[ast.AST]:
    other = ARITHMETIC.get(type(node.op))
    return [ast.AugAssign(node.target, other(), node.value), ast.Pass()] if other else []


def _comparison(node: ast.Compare) -> list[ast.AST]:
    """Another boundary and the opposite, of each comparison in a chain."""
    return [
        ast.Compare(node.left, [*node.ops[:at], other(), *node.ops[at + 1 :]], node.comparators)
        for at, operator in enumerate(node.ops)
        for other in COMPARISONS[type(operator)]
    ]


def _boolean(node: ast.BoolOp) -> list[ast.AST]:
    return [ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)]


def _unary(node: ast.UnaryOp) -> list[ast.AST]:
    return [node.operand] if isinstance(node.op, ast.Not | ast.USub) else []


def _constant(node: ast.Constant) -> list[ast.AST]:
    if isinstance(node.value, bool):
        return [ast.Constant(not node.value)]
    if isinstance(node.value, int | float):
        return [ast.Constant(node.value + 1)]
    if isinstance(node.value, str):
        return [ast.Constant(f"{node.value}X")]
    return [ast.Constant(node.value + b"X")] if isinstance(node.value, bytes) else []


def _condition(node: ast.If | ast.While | ast.IfExp) -> list[ast.AST]:
    changed = copy.copy(node)
    changed.test = ast.UnaryOp(ast.Not(), node.test)
    return [changed]


def _return(node: ast.Return) -> list[ast.AST]:
    is_none = node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    return [] if is_none else [ast.Return(ast.Constant(None))]


def _statement(node: ast.Expr) -> list[ast.AST]:
    """A call whose value is not used is left out."""
    return [ast.Pass()] if isinstance(node.value, ast.Call) else []


def _call(node: ast.Call) -> list[ast.AST]:
    """A call of the opposite function."""
    function = copy.copy(node.func)
    name = "id" if isinstance(function, ast.Name) else "attr"
    other = CALLS.get(getattr(function, name, ""))
    if other is None:
        return []
    setattr(function, name, other)
    return [ast.Call(function, node.args, node.keywords)]


CHANGES: tuple[tuple[Any, Callable[[Any], list[ast.AST]]], ...] = (
    (ast.BinOp, _arithmetic),
    (ast.AugAssign, _augmented),
    (ast.Compare, _comparison),
    (ast.BoolOp, _boolean),
    (ast.UnaryOp, _unary),
    (ast.Constant, _constant),
    (ast.If | ast.While | ast.IfExp, _condition),
    (ast.Return, _return),
    (ast.Expr, _statement),
    (ast.Call, _call),
)


class MutantFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from other code."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self._name, self._path, self._code = name, path, code

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """See :class:`importlib.abc.MetaPathFinder`."""
        if fullname != self._name:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=str(self._path))
        spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """See :class:`importlib.abc.Loader`."""
        exec(self._code, module.__dict__)  # noqa: S102 - the mutant


def run_tests(module: str, code: CodeType | None, answer: Connection) -> None:
    """Run a module's tests in this process, on a mutant or on the module itself; sends status and loaded modules."""
    import pytest
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutants", max_examples=EXAMPLES, derandomize=True, database=None, deadline=None,
        phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    room, name = module.split("/")
    if code is not None:
        sys.meta_path.insert(0, MutantFinder(f"ce_nas.{room}.{name}", ROOT / f"src/ce_nas/{module}.py", code))
    options = ["-x", "-q", "--hypothesis-profile=mutants", "-p", "no:cacheprovider", "-m", "not long"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    status = pytest.main([*options, f"tests/{room}/test_{name}.py"])
    answer.send((int(status), sorted(name for name in sys.modules if not name.startswith(("ce_nas", "test")))))
    os._exit(0)


def judge(module: str, code: CodeType | None, limit_s: float) -> tuple[str, list[str]]:
    """Return what the tests say, and the modules they imported."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run_tests, args=(module, code, sender))
    process.start()
    sender.close()
    status, loaded = None, []
    if receiver.poll(limit_s):
        with suppress(EOFError):  # the mutant ended its own process
            status, loaded = receiver.recv()
    else:
        process.kill()
        process.join()
        return "timed out", []
    process.join()
    return "survived" if status == 0 else "killed", loaded


def test_module(module: str, arguments: argparse.Namespace) -> Iterator[Verdict]:
    """Judge the mutants of a module."""
    path = ROOT / f"src/ce_nas/{module}.py"
    mutants = [
        mutant
        for mutant in mutants_of(path.read_text(), str(path))
        if arguments.only is None or mutant.line in arguments.only
    ]
    if arguments.sample is not None and arguments.sample < len(mutants):
        mutants = random.Random(f"{arguments.seed} {module}").sample(mutants, arguments.sample)  # noqa: S311 - a sample
    mutants.sort(key=lambda mutant: mutant.line)
    if arguments.list:
        print("\n".join(f"{module}:{mutant.line}: {mutant.before} -> {mutant.after}" for mutant in mutants))
        return
    started_s = time.perf_counter()
    verdict, loaded = judge(module, None, 3600.0)
    if verdict != "survived":
        message = f"Expected the tests of {module} to pass without a mutant, but they fail; fix them first."
        raise SystemExit(message)
    limit_s = max(MIN_TIME_LIMIT_S, TIME_LIMIT_FACTOR * (time.perf_counter() - started_s))
    for name in loaded:  # imported once, for all mutants
        with suppress(Exception):
            importlib.import_module(name)
    for mutant in mutants:
        started_s = time.perf_counter()
        verdict, _ = judge(module, mutant.code, limit_s)
        yield Verdict(module, mutant.line, mutant.before, mutant.after, verdict, time.perf_counter() - started_s)


def summarise(verdicts: Sequence[Verdict]) -> list[str]:
    """Return one line a module, and one for all."""
    lines = []
    for module in [*dict.fromkeys(verdict.module for verdict in verdicts), "all"]:
        own = [verdict for verdict in verdicts if module in {verdict.module, "all"}]
        killed = sum(verdict.verdict != "survived" for verdict in own)
        lines.append(f"{module:24} {killed:4} of {len(own):4} mutants killed ({killed / len(own):.1%})")
    return lines


def main() -> None:
    """Judge, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as energy/ledger; all by default")
    parser.add_argument("--sample", type=int, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*", metavar="LINE", help="the mutants of these lines")
    parser.add_argument("--list", action="store_true", help="print the mutants and run none")
    parser.add_argument("--json", type=Path, help="write the verdicts here as well")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT / "src"))
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # threads do not survive a fork
        os.environ[variable] = "1"
    verdicts: list[Verdict] = []
    for module in arguments.modules or MODULES:
        for verdict in test_module(module, arguments):
            verdicts.append(verdict)
            if verdict.verdict == "survived":
                print(f"{module}:{verdict.line}: {verdict.before} -> {verdict.after}", flush=True)
    if verdicts:
        print("\n".join(summarise(verdicts)))
    if arguments.json:
        fields = Verdict.__slots__
        rows = [{name: getattr(verdict, name) for name in fields} for verdict in verdicts]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
