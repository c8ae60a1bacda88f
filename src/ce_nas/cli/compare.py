"""``ce-nas compare``."""

from __future__ import annotations

from typing import Annotated

import typer

from ce_nas.cli import flags as flag  # noqa: TC001 - typer reads the annotations at run time

__all__ = ["compare"]

Policies = Annotated[str, typer.Option(help="Policies with commas between; ratios refer to the first.")]
Searchers = Annotated[str, typer.Option(help="Searchers with commas between.")]
Zones = Annotated[str | None, typer.Option(help="Zones with commas between.  [default: solar, or the trace's]")]
Seeds = Annotated[int, typer.Option(help="How many seeds: 0, 1, 2, ...", min=1)]
Processes = Annotated[int | None, typer.Option(help="Processes at once.  [default: one a core]", min=1)]


def compare(  # noqa: PLR0913, PLR0917 - a flag a setting that people change often
    policies: Policies = "all-evaluation,all-sampling,heuristic",
    searchers: Searchers = "uniform,lamoo",
    zones: Zones = None,
    seeds: Seeds = 5,
    benchmark: flag.Benchmark = None,
    dataset: flag.Dataset = None,
    objectives: flag.Objectives = None,
    table: flag.Table = None,
    cheap_scores: flag.CheapScores = None,
    trace: flag.Trace = None,
    start: flag.Start = None,
    factors: flag.Factors = None,
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
    processes: Processes = None,
    json: flag.Json = None,
    quiet: flag.Quiet = False,  # noqa: FBT002 - typer makes a flag of it
) -> None:
    """Run policies x searchers x zones x seeds side by side, and show medians with bootstrap 95 % intervals."""
    own = {"policies", "searchers", "zones", "seeds", "processes", "json", "quiet"}
    given = locals()
    shared = {name: given[name] for name in given.keys() - own - {"own"}}
    import os  # noqa: PLC0415 - --help must not pay for what it does not show

    from rich.progress import Progress  # noqa: PLC0415

    from ce_nas.cli.flags import write_json  # noqa: PLC0415
    from ce_nas.cli.tables import print_comparison  # noqa: PLC0415
    from ce_nas.experiment.compare import Strategy  # noqa: PLC0415
    from ce_nas.experiment.compare import compare as run_all  # noqa: PLC0415

    strategies = [Strategy(policy, searcher) for searcher in _split(searchers) for policy in _split(policies)]
    places: list[str | None] = [*_split(zones)] if zones else [None]
    with Progress(disable=quiet, transient=True) as progress:
        bar = progress.add_task("runs", total=len(strategies) * len(places) * seeds)
        comparison = run_all(
            strategies,
            places,
            range(seeds),
            shared,
            processes=processes or os.cpu_count() or 1,
            observe=lambda _: progress.advance(bar),
        )
    write_json(json, comparison.to_dict())
    if not quiet:
        print_comparison(comparison)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
