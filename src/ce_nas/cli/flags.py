"""Flags that several commands share, declared once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["write_json"]

Benchmark = Annotated[
    str | None, typer.Option(help="What is searched: nb201 (embedded), hwnasbench, or table (one of your own).")
]
Dataset = Annotated[str | None, typer.Option(help="Image set: cifar10, cifar100 or imagenet16-120.")]
Objectives = Annotated[
    str | None,
    typer.Option(help="Metrics with commas between: NAME, NAME:max or NAME:min:REFERENCE; e.g. accuracy,latency."),
]
Table = Annotated[Path | None, typer.Option(help="CSV or Parquet table of a benchmark.", show_default=False)]
CheapScores = Annotated[
    str | None, typer.Option(help="FILE[:NAME] of supernet accuracies (npz or Parquet); none: no cheap scores.")
]
Trace = Annotated[Path | None, typer.Option(help="CSV or Parquet file of carbon intensity.", show_default=False)]
Zone = Annotated[str | None, typer.Option(help="Zone of the trace, or a built-in zone such as solar, wind or coal.")]
Start = Annotated[str | None, typer.Option(help="When the run begins, UTC: 2021-07-02T06:00.")]
Factors = Annotated[str | None, typer.Option(help="Which emissions to read: lifecycle or direct.")]
Gpus = Annotated[int | None, typer.Option(help="GPUs held by the run.  [default: 8]")]
Hours = Annotated[str | None, typer.Option(help="Time budget: hours, or 3d, 90min.  [default: 80]")]
CarbonBudget = Annotated[str | None, typer.Option(help="Carbon budget: 5kg, 800g, 11lb.")]
EnergyBudget = Annotated[str | None, typer.Option(help="Energy budget: 120kWh, 3MJ.")]
CostBudget = Annotated[str | None, typer.Option(help="Money, in the currency of your prices.")]
Evaluations = Annotated[int | None, typer.Option(help="Number of full trainings to stop at.")]
ElectricityPrice = Annotated[str | None, typer.Option(help="Price of a kWh, or a file of prices over time.")]
GpuHourPrice = Annotated[float | None, typer.Option(help="Price of holding one GPU for one hour.")]
Pue = Annotated[float | None, typer.Option(help="Power usage effectiveness.  [default: 1.56]")]
Forecaster = Annotated[
    str | None, typer.Option(help="damped-profile, seasonal-naive or persistence.  [default: damped-profile]")
]
Json = Annotated[Path | None, typer.Option("--json", help="Also write the result as JSON; - for standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no table.")]


def write_json(path: Path | None, content: str | object) -> None:
    """Write ``content``, text or plain containers, where ``--json`` says, if anywhere."""
    if path is None:
        return
    text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
