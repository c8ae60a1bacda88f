"""``ce-nas search``, ``resume`` and ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ce_nas.cli import flags as flag  # noqa: TC001 - typer reads the annotations at run time

if TYPE_CHECKING:
    from ce_nas.engine.study import Result

__all__ = ["report", "resume", "search"]

Config = Annotated[Path | None, typer.Argument(help="Settings in TOML; flags go over them.", show_default=False)]
Policy = Annotated[
    str | None,
    typer.Option(
        help="Who divides the GPUs: heuristic, threshold, suspend-resume, fixed, all-evaluation (vanilla), "
        "all-sampling (one-shot).  [default: heuristic]"
    ),
]
Searcher = Annotated[str | None, typer.Option(help="Who proposes: lamoo, nsga2, uniform.  [default: lamoo]")]
Seed = Annotated[int | None, typer.Option(help="Seed of all random numbers.  [default: 0]")]
Out = Annotated[Path | None, typer.Option(help="New folder for the run.  [default: runs/0001, runs/0002, ...]")]
Run = Annotated[Path, typer.Argument(help="The folder of a run.")]


def search(  # noqa: PLR0913, PLR0917 - a flag a setting that people change often
    config: Config = None,
    benchmark: flag.Benchmark = None,
    dataset: flag.Dataset = None,
    objectives: flag.Objectives = None,
    table: flag.Table = None,
    cheap_scores: flag.CheapScores = None,
    trace: flag.Trace = None,
    zone: flag.Zone = None,
    start: flag.Start = None,
    factors: flag.Factors = None,
    policy: Policy = None,
    searcher: Searcher = None,
    forecaster: flag.Forecaster = None,
    gpus: flag.Gpus = None,
    pue: flag.Pue = None,
    hours: flag.Hours = None,
    carbon_budget: flag.CarbonBudget = None,
    energy_budget: flag.EnergyBudget = None,
    cost_budget: flag.CostBudget = None,
    evaluations: flag.Evaluations = None,
    electricity_price: flag.ElectricityPrice = None,
    gpu_hour_price: flag.GpuHourPrice = None,
    seed: Seed = None,
    out: Out = None,
    json: flag.Json = None,
    quiet: flag.Quiet = False,  # noqa: FBT002 - typer makes a flag of it
) -> None:
    """Search architectures, and account for every gram that it takes."""
    given = {name: value for name, value in locals().items() if name not in {"config", "out", "json", "quiet"}}
    from ce_nas.cli.progress import show_progress  # noqa: PLC0415 - --help must not pay for what it does not show
    from ce_nas.engine.settings import load_settings, settings_from_flags  # noqa: PLC0415
    from ce_nas.engine.study import Study  # noqa: PLC0415
    from ce_nas.store.folder import next_folder  # noqa: PLC0415

    settings = settings_from_flags(load_settings(config) if config else None, **given)
    folder = out or next_folder(Path("runs"))
    with show_progress(settings.budget.time, quiet=quiet) as observe:
        result = Study(settings).run(folder, observe)
    _show(result, json, quiet=quiet)


def resume(run: Run, json: flag.Json = None, quiet: flag.Quiet = False) -> None:  # noqa: FBT002
    """Continue an interrupted run; it ends as if it had never been interrupted."""
    from ce_nas.cli.progress import show_progress  # noqa: PLC0415
    from ce_nas.engine.study import resume as continued  # noqa: PLC0415
    from ce_nas.engine.study import settings_of  # noqa: PLC0415

    with show_progress(settings_of(run).budget.time, quiet=quiet) as observe:
        result = continued(run, observe)
    _show(result, json, quiet=quiet)


def report(run: Run, json: flag.Json = None, quiet: flag.Quiet = False) -> None:  # noqa: FBT002
    """Show what a run cost and found, also while it goes on; writes report.md and report.png into its folder."""
    from ce_nas.engine.study import Result  # noqa: PLC0415
    from ce_nas.report.files import write_report  # noqa: PLC0415
    from ce_nas.report.summary import summarise  # noqa: PLC0415
    from ce_nas.store.folder import read_run  # noqa: PLC0415

    entries = read_run(run)
    write_report(run, entries)
    _show(Result(summarise(entries), entries, run), json, quiet=quiet)


def _show(result: Result, json: Path | None, *, quiet: bool) -> None:
    from ce_nas.cli.flags import write_json  # noqa: PLC0415
    from ce_nas.cli.tables import print_summary  # noqa: PLC0415

    write_json(json, result.summary.to_json())
    if not quiet:
        print_summary(result.summary, result.path)
