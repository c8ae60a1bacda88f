"""Flags that several commands share, declared once."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LIVE", "Json", "Lang", "Quiet", "takes_settings", "with_flags", "write_json"]

Command = TypeVar("Command", bound="Callable[..., None]")

Json = Annotated[Path | None, typer.Option("--json", help="Also write the result as JSON; - for standard output.")]
Lang = Annotated[str | None, typer.Option("--lang", help="Language: en or ja; that of the locale by default.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no table.")]


def _flag(kind: Any, text: str) -> Any:  # noqa: ANN401 - an annotation of any kind, for typer
    return Annotated[kind | None, typer.Option(help=text, show_default=False)]


#: the settings that people change often, in the order of --help; each is a keyword of ``settings_from_flags``
SETTINGS = {
    "benchmark": _flag(str, "What is searched: nb201 (embedded), hwnasbench, nasbench301, or table (one of your own)."),
    "dataset": _flag(str, "Image set: cifar10, cifar100 or imagenet16-120."),
    "objectives": _flag(str, "Metrics with commas between: NAME, NAME:max or NAME:min:REFERENCE."),
    "constraints": _flag(str, "Bounds to keep, with commas between: latency<=0.015,accuracy>=90."),
    "table": _flag(Path, "CSV or Parquet table of a benchmark, or the surrogate of nasbench301 (onnx)."),
    "cheap_scores": _flag(
        str,
        "FILE[:NAME] of supernet accuracies (npz or Parquet); of nasbench301 a supernet to err like; none: no scores.",
    ),
    "trace": _flag(Path, "CSV or Parquet file of carbon intensity."),
    "grid": _flag(
        str, "With --live: the grid as it is now, by electricity-maps, watttime, uk (no key), eia or entsoe."
    ),
    "zone": _flag(str, "Zone of the trace, or an imported or a built-in zone such as solar or coal."),
    "weather": _flag(Path, "CSV or Parquet file of a weather forecast for the zone, for forecasters that use it."),
    "weather_zone": _flag(str, "What the weather file calls the zone, if otherwise."),
    "weather_later": _flag(str, "How much later than its stamp a value of the weather file speaks of: 24h."),
    "start": _flag(str, "When the run begins, UTC: 2021-07-02T06:00."),
    "factors": _flag(str, "Which emissions to read: lifecycle or direct."),
    "policy": _flag(
        str,
        "Who divides the GPUs: look-ahead (default), heuristic, learned, marginal (CarbonScaler), threshold, "
        "suspend-resume, fixed, all-evaluation (vanilla), all-sampling (one-shot).",
    ),
    "searcher": _flag(
        str, "Who proposes architectures: lamoo (default), surrogate, nsga2, cma, ehvi, qlognehvi (extra bo), uniform."
    ),
    "forecaster": _flag(
        str,
        "adaptive, damped-profile, mstl, seasonal-naive, persistence, a fitted model's FILE.json, or auto (default): "
        "the model fitted for the zone where there is one, else damped-profile.",
    ),
    "gpus": _flag(int, "GPUs held by the run; 8 by default."),
    "pue": _flag(float, "Power usage effectiveness; 1.56 by default."),
    "hours": _flag(str, "Time budget: hours, or 3d, 90min; 80 by default."),
    "carbon_budget": _flag(str, "Carbon budget: 5kg, 800g, 11lb."),
    "energy_budget": _flag(str, "Energy budget: 120kWh, 3MJ."),
    "cost_budget": _flag(str, "Money, in the currency of your prices."),
    "evaluations": _flag(int, "Number of full trainings to stop at."),
    "gpu_hours": _flag(float, "Budget of GPU-hours held; what is released counts for nothing."),
    "target": _flag(float, "Hypervolume that is enough: the run ends there."),
    "electricity_price": _flag(str, "Price of a kWh, or a file of prices over time."),
    "gpu_hour_price": _flag(float, "Price of holding one GPU for one hour."),
    "seed": _flag(int, "Seed of all random numbers; 0 by default."),
    "live": Annotated[bool | None, typer.Option("--live", help="Train for real, on this machine's GPUs or its CPU.")],
    "data": _flag(str, "With --live: images to train on, by name (digits) or path."),
    "space": _flag(str, "With --live: whose networks: nb201 (default), darts or fbnet."),
    "evaluate": _flag(Path, "With --live: a Python file with SPACE, OBJECTIVES and a function evaluate."),
    "crew": _flag(str, "With --live: who does the work: local (default), ray or slurm."),
    "time_scale": _flag(float, "With --live: seconds of the grid in a real one; 60: an hour a minute."),
}

#: those that only a search on real devices has a use for
LIVE = ("live", "grid", "data", "space", "evaluate", "crew", "time_scale")
#: the settings that say which grid, and what is on record of it
RECORD = ("trace", "zone", "factors", "weather", "weather_zone", "weather_later")


def takes_record(command: Command) -> Command:
    """Let a command's ``**record`` be the settings of the grid."""
    return with_flags(command, {name: SETTINGS[name] for name in RECORD})


def takes_settings(*without: str) -> Callable[[Command], Command]:
    """Let a command's ``**flags`` be the shared settings, less those in ``without``."""
    shared = {name: annotation for name, annotation in SETTINGS.items() if name not in without}
    return lambda command: with_flags(command, shared)


def with_flags(command: Command, shared: dict[str, Any]) -> Command:
    """The command with the flags ``shared``, name to annotation, in the place of its ``**flags``."""
    signature = inspect.signature(command, eval_str=True)
    own = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in shared.items()
    ]
    command.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    return command


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
