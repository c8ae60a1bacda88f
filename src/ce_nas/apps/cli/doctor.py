"""``ce-nas doctor``: check the packages, the extras, the machine and its devices."""

from __future__ import annotations

import os
import platform
import re
import shutil
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ce_nas import __version__
from ce_nas.apps.cli.doctor_checks import DoctorCheck, check_devices
from ce_nas.apps.cli.doctor_run import check_run
from ce_nas.apps.cli.shared_options import JsonOption, QuietOption, write_json
from ce_nas.core.errors import CeNasError, MissingExtraError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["DoctorCheck", "Requirement", "doctor", "read_requirements"]

DISTRIBUTION = "ce-nas"
#: extras for the development of the package, which are not checked
DEVELOPMENT_EXTRAS = frozenset({"benchmarks", "docs", "test"})
#: smallest free disk space, GB
MIN_FREE_GB = 0.1
_REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:\[([^\]]*)\])?\s*([^;]*)(?:;(.*))?")


class Requirement(NamedTuple):
    """A package, and its oldest accepted version."""

    package: str
    #: empty if every version is accepted
    min_version: str

    def describe_problem(self) -> str:
        """The missing or outdated package; empty if an accepted version is installed."""
        version = self.installed_version
        if version is None:
            return f"{self.package} is not installed"
        if _version_key(version) < _version_key(self.min_version):
            return f"{self.package} {version} is older than {self.min_version}"
        return ""

    @property
    def installed_version(self) -> str | None:
        """The installed version; None if the package is not installed."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return None


RunOption = Annotated[
    Path | None, typer.Argument(help="Run folder to check in place of this machine; nothing in it is changed.")
]
GpuOption = Annotated[
    Path | None,
    typer.Option("--gpu", help="Folder for what only a GPU can show, measured in at most eight minutes; needs torch."),
]


def doctor(
    run: RunOption = None, *, gpu: GpuOption = None, json: JsonOption = None, quiet: QuietOption = False
) -> None:
    """Check the packages, this machine and its devices, with the way to fix each; status 1 if a search cannot run.

    With a run folder: its journal, its books and its checkpoints; status 1 if one of them is damaged.
    """
    if run and gpu:
        message = "Expected a run folder or --gpu, got both; leave one out."
        raise SettingsError(message)
    checks = check_run(run) if run else _check_machine()
    write_json(json, [asdict(check) for check in checks])
    if not quiet:
        _print_checks(checks)
    if not all(check.ok for check in checks if check.required) or (gpu and _check_gpu(gpu)):
        raise typer.Exit(1)


def _check_gpu(out: Path) -> int:
    """Run the check of the GPU; returns its status.

    :raises MissingExtraError: without torch.
    """
    try:
        from ce_nas.gpu_check import main
    except ImportError as error:
        package = "torch"
        raise MissingExtraError(package, "torch", "The check of the GPU") from error
    return main(["--out", str(out)])


def _check_machine() -> list[DoctorCheck]:
    return [
        DoctorCheck("required packages", DISTRIBUTION, ok=True, required=True, details=__version__),
        *_check_requirements(),
        DoctorCheck("machine", "python", ok=True, required=True, details=_describe_python()),
        _check_capability("embedded benchmark", _describe_benchmark),
        _check_capability("built-in proxy scores", _describe_proxy_scores),
        _check_capability("built-in zones", _describe_zones),
        _check_disk(),
        *check_devices(),
    ]


def read_requirements(requirements: Iterable[str]) -> dict[str, list[Requirement]]:
    """Group requirements by extra; those without an extra are under the empty name.

    Example:
        >>> by_extra = read_requirements(["numpy>=2.0", "torch>=2.6; extra == 'torch'", "ce-nas[torch]; extra == 'rl'"])
        >>> by_extra[""], by_extra["rl"]
        ([Requirement(package='numpy', min_version='2.0')], [Requirement(package='torch', min_version='2.6')])

    :param requirements: as in the metadata of the distribution; extras may include other extras.
    """
    packages: dict[str, list[Requirement]] = {"": []}
    included: dict[str, list[str]] = {}
    for text in requirements:
        if not (match := _REQUIREMENT.match(text)):
            continue
        name, extras, version, marker = match.groups(default="")
        extra = _search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        packages.setdefault(extra, [])
        if name.lower().replace("_", "-") == DISTRIBUTION:
            included.setdefault(extra, []).extend(part.strip() for part in extras.split(","))
        else:
            packages[extra].append(Requirement(name, _search(r">=\s*([\w.]+)", version)))
    return {extra: sorted(set(_expand_extra(extra, packages, included))) for extra in sorted(packages)}


def _search(pattern: str, text: str) -> str:
    """The first group of a pattern in a text; empty if it does not occur."""
    match = re.search(pattern, text)
    return match[1] if match else ""


def _expand_extra(
    extra: str, packages: Mapping[str, list[Requirement]], included: Mapping[str, list[str]]
) -> Iterator[Requirement]:
    yield from packages.get(extra, ())
    for other in included.get(extra, ()):
        yield from _expand_extra(other, packages, included)


def _version_key(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, comparable; suffixes such as ``rc1`` are ignored."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, release[0].split("."))) if release else ()


def _check_requirements() -> Iterator[DoctorCheck]:
    try:
        requirements = read_requirements(metadata.requires(DISTRIBUTION) or ())
    except metadata.PackageNotFoundError:
        details = "the distribution is not installed, so its requirements are unknown"
        yield DoctorCheck("required packages", "metadata", ok=False, required=False, details=details,
                          fix=f"pip install {DISTRIBUTION}")  # fmt: skip
        return
    for requirement in requirements.pop("", []):
        yield _check_packages("required packages", requirement.package, [requirement], DISTRIBUTION)
    for extra, packages in requirements.items():
        if extra not in DEVELOPMENT_EXTRAS:
            yield _check_packages("extras", extra, packages, f"'{DISTRIBUTION}[{extra}]'")


def _check_packages(group: str, name: str, requirements: list[Requirement], target: str) -> DoctorCheck:
    problems = [problem for requirement in requirements if (problem := requirement.describe_problem())]
    versions = [f"{requirement.package} {requirement.installed_version}" for requirement in requirements]
    if name == requirements[0].package:
        versions = [str(requirements[0].installed_version)]
    return DoctorCheck(
        group=group,
        name=name,
        ok=not problems,
        required=group != "extras",
        details=", ".join(problems or versions),
        fix=f"pip install --upgrade {target}" if problems else "",
    )


def _describe_python() -> str:
    return f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"


def _check_capability(name: str, probe: Callable[[], str]) -> DoctorCheck:
    try:
        return DoctorCheck("machine", name, ok=True, required=True, details=probe())
    except (CeNasError, ImportError) as error:
        return DoctorCheck("machine", name, ok=False, required=True, details=str(error))


def _describe_benchmark() -> str:
    from ce_nas.benchmarks.nasbench201 import DATASETS, load_embedded_table

    table = load_embedded_table()
    return f"{table.name}: {table.space.size:,} architectures; image sets: {', '.join(DATASETS)}"


def _describe_proxy_scores() -> str:
    from ce_nas.benchmarks.proxy_scores import load_builtin_scores
    from ce_nas.space.nasbench201_cell import NasBench201Space

    scores = load_builtin_scores(NasBench201Space())
    return ", ".join(scores.names) if scores else "none"


def _describe_zones() -> str:
    from ce_nas.grid.synthetic import builtin_zones

    return ", ".join(zone.name for zone in builtin_zones())


def _check_disk() -> DoctorCheck:
    folder = Path.cwd()
    free_gb = shutil.disk_usage(folder).free / 1e9
    ok = os.access(folder, os.W_OK) and free_gb > MIN_FREE_GB
    fix = "" if ok else f"change to a folder of your own on a disk with more than {MIN_FREE_GB:g} GB free"
    details = f"{free_gb:,.1f} GB free in this folder"
    return DoctorCheck("machine", "disk", ok=ok, required=True, details=details, fix=fix)


def _print_checks(checks: list[DoctorCheck]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None)
    for heading in ("", "check", "result"):
        table.add_column(heading, overflow="fold")
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            table.add_row("", f"[bold]{group}[/]", "")
        state = "[green]ok[/]" if check.ok else "[red]missing[/]" if check.required else "[yellow]optional[/]"
        fix = f"; to fix it: {check.fix}" if check.fix else ""
        table.add_row(state, check.name, escape(f"{check.details}{fix}"))
    Console(highlight=False).print(table)
