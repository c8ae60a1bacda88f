"""``ce-nas bench``: the method's experiments, a command each."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.flags import LIVE, Json, Lang, Quiet, takes_settings, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.experiments.base import Experiment, Report, Scenario

__all__ = ["app"]

app = typer.Typer(
    help="The method's experiments. Finished runs are kept: given again, a command goes on where it was killed.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option(help="Folder for finished runs, results and figures; given again, it goes on.")]
Seeds = Annotated[int, typer.Option(help="How many seeds.", min=1)]
FirstSeed = Annotated[int, typer.Option(help="The first of the seeds; the others follow it.", min=0)]
Processes = Annotated[
    int | None, typer.Option(help="Processes at once; one a core by default.", min=1, show_default=False)
]


def experiment(name: str, seeds: int, *without: str) -> Callable[[Callable[..., Experiment]], None]:
    """Make a command of what puts an experiment together from a scenario and options of its own.

    :param seeds: how many, where the user does not say.
    :param without: settings that the experiment sets itself.
    """

    def decorate(make: Callable[..., Experiment]) -> None:
        unloaded = {"Scenario": object, "Experiment": object}  # numpy comes with them: the command line starts without
        own = list(inspect.signature(make, eval_str=True, locals=unloaded).parameters.values())[1:]

        def command(  # noqa: PLR0913 - seeds, how to run, and where the result goes
            *,
            out: Out,
            seeds: Seeds = seeds,
            first_seed: FirstSeed = 0,
            processes: Processes = None,
            lang: Lang = None,
            json: Json = None,
            quiet: Quiet = False,
            **flags: Any,  # noqa: ANN401 - the experiment's own options, and whatever the shared settings are
        ) -> None:
            from ce_nas.report.i18n.words import language_of

            language_of(lang)  # a slip is said before anything is run
            options = {option.name: flags.pop(option.name) for option in own}
            scenario = _scenario(flags, seeds, first_seed)
            _run(make(scenario, **options), out, processes, lang, json, quiet=quiet)

        shared = takes_settings("seed", *LIVE, *without)(command)
        signature = inspect.signature(shared)
        command.__signature__ = signature.replace(parameters=[*own, *signature.parameters.values()])  # type: ignore[attr-defined]
        app.command(name, help=make.__doc__)(command)

    return decorate


@experiment("hypervolume-over-time", 10)
def _over_time(scenario: Scenario) -> Experiment:
    """Hypervolume, hour by hour and gram by gram, of CE-NAS and the baselines."""
    from ce_nas.experiments.studies.hypervolume_over_time import HypervolumeOverTime

    return HypervolumeOverTime(scenario)


@experiment("caps", 10, "carbon_budget")
def _caps(
    scenario: Scenario,
    *,
    caps: Annotated[
        str | None, typer.Option(help="Carbon budgets: 5kg,10kg; those of the paper by default.", show_default=False)
    ] = None,
) -> Experiment:
    """Hypervolume under caps on the carbon of the run."""
    from ce_nas.experiments.studies.carbon_caps import Caps, caps_of

    return Caps(scenario, caps_of(caps, scenario.flags.get("benchmark")))


@experiment("equal-quality", 10)
def _equal_quality(scenario: Scenario) -> Experiment:
    """Grams that each strategy needs to the same hypervolume, and what the ratio is made of."""
    from ce_nas.experiments.studies.equal_quality import EqualQuality

    return EqualQuality(scenario)


@experiment("devices", 3, "dataset", "objectives")
def _devices(
    scenario: Scenario,
    *,
    datasets: Annotated[str, typer.Option(help="Image sets.")] = "cifar10,cifar100,imagenet16-120",
    costs: Annotated[str, typer.Option(help="Metrics; every latency and energy by default.", show_default=False)] = "",
) -> Experiment:
    """Every device and image set: CE-NAS against vanilla LaMOO for each latency and energy that there is."""
    from ce_nas.experiments.studies.devices import Devices

    return Devices(scenario, _split(datasets), _split(costs))


@experiment("zones", 10, "zone", "start")
def _zones(
    scenario: Scenario,
    *,
    zones: Annotated[
        str, typer.Option(help="Zones; all of the trace's, or ten built-in ones, by default.", show_default=False)
    ] = "",
    starts: Annotated[
        str,
        typer.Option(
            help="When runs begin; in mid January, April, July and October of the last year by default.",
            show_default=False,
        ),
    ] = "",
) -> Experiment:
    """Zones and seasons: CE-NAS against vanilla LaMOO in each zone and from each start."""
    from ce_nas.core.units import parse_time
    from ce_nas.experiments.studies.zones import Zones, four_seasons, zones_known

    flags = dict(scenario.flags)
    chosen = _split(zones) or zones_known(flags)
    return Zones(scenario, chosen, [parse_time(text) for text in _split(starts)] or four_seasons(flags, chosen[0]))


@experiment("noise", 10, "objectives")
def _noise(scenario: Scenario) -> Experiment:
    """Noisy trainings: each finds one seed's accuracy; answers are judged by the mean of seeds and on test images."""
    from ce_nas.experiments.studies.noise import Noise

    return Noise(scenario)


@experiment("ablations", 5)
def _ablations(
    scenario: Scenario,
    *,
    supernets: Annotated[
        Path | None, typer.Option(help="An npz of supernet accuracies to try as cheap scores.", show_default=False)
    ] = None,
    supernet_count: Annotated[int, typer.Option(help="How many of them, from the worst to the best.", min=1)] = 3,
) -> Experiment:
    """Ablations: CE-NAS without each of its parts, and with cheap scores from the worst to the best."""
    from ce_nas.experiments.studies.ablations import Ablations, supernets_by_rank

    ranked = supernets_by_rank(supernets, scenario.flags, supernet_count) if supernets else []
    return Ablations(scenario, {f"supernet, tau {tau:.2f}": f"{supernets}:{name}" for name, tau in ranked})


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _scenario(flags: dict[str, Any], seeds: int, first_seed: int) -> Scenario:
    from ce_nas.experiments.base import Scenario

    stated = {name: value for name, value in flags.items() if value is not None}
    return Scenario(stated, tuple(range(first_seed, first_seed + seeds)))


def _run(  # noqa: PLR0913 - what to run, how, and where the result goes
    experiment: Experiment, out: Path, processes: int | None, lang: str | None, json: Path | None, *, quiet: bool
) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ce_nas.experiments.base import plain
    from ce_nas.experiments.runner import bench

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=quiet, transient=True) as progress:
        bar = progress.add_task(f"{experiment.name}: runs")
        report = bench(
            experiment,
            out,
            processes=processes or os.cpu_count() or 1,
            observe=lambda done, total: progress.update(bar, completed=done, total=total),
            language=lang,
        )
    write_json(json, plain(report.content))
    if not quiet:
        _show(report, out / f"{experiment.name}.html")


def _show(report: Report, path: Path) -> None:
    from ce_nas.apps.cli.tables import print_table

    for table in report.tables:
        print_table(table.title, table.head, table.rows)
    typer.echo(f"Report: {path}")
