"""``ce-nas init``."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Case", "init"]


class Case(StrEnum):
    """What a first configuration is for."""

    SIMULATED = "simulated"
    OWN = "own"
    CIFAR10 = "cifar10"
    CLUSTER = "cluster"


#: a case to its files besides the configuration
_FURTHER_FILES = {Case.OWN: ("training.py",), Case.CLUSTER: ("training.py",)}
#: a case to what must be done before its search can start
_BEFORE = {Case.CIFAR10: "curl -O https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"}

CaseArgument = Annotated[
    Case,
    typer.Argument(
        help="simulated: a benchmark, in seconds; own: your training function; cifar10: networks on real images; "
        "cluster: a shared cluster with its rules."
    ),
]
OutOption = Annotated[Path, typer.Option(help="The configuration; further files are written next to it.")]


def init(case: CaseArgument = Case.SIMULATED, *, out: OutOption = Path("ce-nas.toml")) -> None:
    """Write a commented configuration that runs as it is."""
    from importlib.resources import files

    from ce_nas.core.errors import StoreError

    templates = files("ce_nas.apps.cli").joinpath("templates")
    written = {out: templates.joinpath(f"{case}.toml").read_text(encoding="utf-8").replace("FILE", str(out))}
    for name in _FURTHER_FILES.get(case, ()):
        written[out.parent / name] = templates.joinpath(f"{name}.txt").read_text(encoding="utf-8")
    for path in written:
        if path.exists():
            message = f"Expected a new file, but {path} exists; name another one with --out FOLDER/{out.name}."
            raise StoreError(message)
    out.parent.mkdir(parents=True, exist_ok=True)
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {path}")
    typer.echo("next:")
    for command in (*([_BEFORE[case]] if case in _BEFORE else []), f"ce-nas search {shlex.quote(str(out))}"):
        typer.echo(f"  {command}")
