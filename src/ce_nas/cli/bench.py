"""``ce-nas bench``: the method's experiments, a command each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.cli.flags import Json, Quiet, takes_settings, write_json

if TYPE_CHECKING:
    from ce_nas.experiment.protocol import Experiment, Report, Scenario

__all__ = ["app"]

app = typer.Typer(
    help="The method's experiments; a run that was killed goes on where it was when the command is given again.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option(help="Folder for finished runs, results and figures; given again, it goes on.")]
Seeds = Annotated[int, typer.Option(help="How many seeds.", min=1)]
FirstSeed = Annotated[int, typer.Option(help="The first of the seeds; the others follow it.", min=0)]
Processes = Annotated[int | None, typer.Option(help="Processes at once.  [default: one a core]", min=1)]


@app.command("equal-quality")
@takes_settings("seed")
def equal_quality(  # noqa: PLR0913 - seeds, how to run, and where the result goes
    *,
    out: Out,
    seeds: Seeds = 10,
    first_seed: FirstSeed = 0,
    processes: Processes = None,
    json: Json = None,
    quiet: Quiet = False,
    **flags: Any,  # noqa: ANN401 - whatever the shared settings are
) -> None:
    """Grams that each strategy needs to the same hypervolume, and what the ratio is made of."""
    from ce_nas.experiment.equal_quality import EqualQuality

    _run(EqualQuality(_scenario(flags, seeds, first_seed)), out, processes, json, quiet=quiet)


def _scenario(flags: dict[str, Any], seeds: int, first_seed: int) -> Scenario:
    from ce_nas.experiment.protocol import Scenario

    stated = {name: value for name, value in flags.items() if value is not None}
    return Scenario(stated, tuple(range(first_seed, first_seed + seeds)))


def _run(experiment: Experiment, out: Path, processes: int | None, json: Path | None, *, quiet: bool) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ce_nas.experiment.bench import bench
    from ce_nas.experiment.protocol import plain

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=quiet, transient=True) as progress:
        bar = progress.add_task(f"{experiment.name}: runs")
        report = bench(
            experiment,
            out,
            processes=processes or os.cpu_count() or 1,
            observe=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    write_json(json, plain(report.content))
    if not quiet:
        _show(report, out / f"{experiment.name}.md")


def _show(report: Report, path: Path) -> None:
    from ce_nas.cli.tables import print_table

    for table in report.tables:
        print_table(table.title, table.head, table.rows)
    typer.echo(f"Report: {path}")
