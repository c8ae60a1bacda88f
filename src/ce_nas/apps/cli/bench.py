"""``ce-nas bench``: the experiments, one command each."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.shared_options import JsonOption, LangOption, QuietOption, with_setting_flags, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.experiments.base import Experiment, ExperimentConfig, ExperimentReport

__all__ = ["app", "split_names"]

app = typer.Typer(
    help="Run the experiments. Finished runs are stored: the same command resumes an interrupted experiment.",
    no_args_is_help=True,
)

OutOption = Annotated[Path, typer.Option(help="Folder for finished runs, results and figures.")]
SeedsOption = Annotated[int, typer.Option(help="Number of seeds.", min=1)]
FirstSeedOption = Annotated[int, typer.Option(help="First seed; the others follow it.", min=0)]
ProcessesOption = Annotated[
    int | None, typer.Option(help="Parallel processes; one per core by default.", min=1, show_default=False)
]


def experiment_command(name: str, seeds: int, *excluded_settings: str) -> Callable[[Callable[..., Experiment]], None]:
    """Register a function that builds an experiment from a config and its own options as a command.

    :param seeds: the default number of seeds.
    :param excluded_settings: settings that the experiment sets itself.
    """

    def decorate(build: Callable[..., Experiment]) -> None:
        placeholders = {"ExperimentConfig": object, "Experiment": object}  # the classes would import numpy
        own = list(inspect.signature(build, eval_str=True, locals=placeholders).parameters.values())[1:]

        def command(  # noqa: PLR0913 - one parameter per option
            *,
            out: OutOption,
            seeds: SeedsOption = seeds,
            first_seed: FirstSeedOption = 0,
            processes: ProcessesOption = None,
            lang: LangOption = None,
            json: JsonOption = None,
            quiet: QuietOption = False,
            **flags: Any,  # noqa: ANN401 - settings, and the experiment's own options
        ) -> None:
            from ce_nas.report.i18n.translator import resolve_language

            resolve_language(lang)  # raises its error before the experiment
            options = {option.name: flags.pop(option.name) for option in own}
            config = _build_config(flags, seeds, first_seed)
            _run_and_print(build(config, **options), out, processes, lang, json, quiet=quiet)

        with_options = with_setting_flags("seed", *excluded_settings, live=False, own=own)(command)
        app.command(name, help=build.__doc__)(with_options)

    return decorate


@experiment_command("hypervolume-over-time", 10)
def _hypervolume_over_time(config: ExperimentConfig) -> Experiment:
    """Hypervolume over time and over carbon, of CE-NAS and the baselines."""
    from ce_nas.experiments.studies.hypervolume_over_time import HypervolumeOverTimeExperiment

    return HypervolumeOverTimeExperiment(config)


@experiment_command("caps", 10, "carbon_budget")
def _carbon_caps(
    config: ExperimentConfig,
    *,
    caps: Annotated[
        str | None, typer.Option(help="Carbon budgets: 5kg,10kg; those of the paper by default.", show_default=False)
    ] = None,
) -> Experiment:
    """Hypervolume under caps on the carbon of the run."""
    from ce_nas.experiments.studies.carbon_caps import CarbonCapExperiment, parse_caps_kg

    return CarbonCapExperiment(config, parse_caps_kg(caps, config.flags.get("problem")))


@experiment_command("equal-quality", 10)
def _equal_quality(config: ExperimentConfig) -> Experiment:
    """Carbon of each strategy to the same hypervolume, and the decomposition of the ratio."""
    from ce_nas.experiments.studies.equal_quality import EqualQualityExperiment

    return EqualQualityExperiment(config)


@experiment_command("noise", 10, "objectives")
def _noise(config: ExperimentConfig) -> Experiment:
    """Noisy trainings: each returns one seed's accuracy; fronts are evaluated by the seeds' mean and on test images."""
    from ce_nas.experiments.studies.noise import NoiseExperiment

    return NoiseExperiment(config)


@experiment_command("ablations", 5)
def _ablations(
    config: ExperimentConfig,
    *,
    supernets: Annotated[
        Path | None, typer.Option(help="npz of supernet accuracies to use as proxy scores.", show_default=False)
    ] = None,
    supernet_count: Annotated[int, typer.Option(help="Number of supernets, from the worst to the best.", min=1)] = 3,
) -> Experiment:
    """CE-NAS without each of its parts, and with proxy scores from the worst to the best."""
    from ce_nas.experiments.studies.ablations import AblationExperiment, rank_supernets

    ranked = rank_supernets(supernets, config.flags, supernet_count) if supernets else []
    return AblationExperiment(config, {f"supernet, tau {tau:.2f}": f"{supernets}:{name}" for name, tau in ranked})


@experiment_command("suite", 8, "zone", "start", "dataset", "objectives", "policy", "searcher", "target", "stop")
def _suite(  # noqa: PLR0913 - one parameter per option
    config: ExperimentConfig,
    *,
    half: Annotated[str, typer.Option(help="Half of the protocol: tuning, or test, which is for reporting only.")] = (
        "tuning"
    ),
    costs: Annotated[
        str, typer.Option(help="Costs, each a problem as functions and as cells; all by default.", show_default=False)
    ] = "",
    strategies: Annotated[str, typer.Option(help="Strategies; all by default.", show_default=False)] = "",
    training_time_factor: Annotated[float, typer.Option(help="Length of a training in recorded ones.")] = 1.0,
    leave_out: Annotated[
        int, typer.Option(help="Also search without each of this many most valuable members of the front.", min=0)
    ] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="One cost, two seeds and 24 hours.")] = False,
) -> Experiment:
    """Carbon to fixed shares of the largest hypervolume, over problems, zones and random hours (docs/protocol.md)."""
    from ce_nas.experiments.base import ExperimentConfig
    from ce_nas.experiments.protocol import get_half
    from ce_nas.experiments.studies.suite import SuiteExperiment, SuiteOptions

    chosen = get_half(half)
    flags, seeds = dict(config.flags), tuple(chosen.first_seed + seed for seed in config.seeds)
    names = split_names(costs)
    if quick:
        seeds, names, flags = seeds[:2], names or ["params"], {"hours": 24, **flags}
    options = SuiteOptions(chosen, tuple(names), tuple(split_names(strategies)), training_time_factor, leave_out)
    return SuiteExperiment(ExperimentConfig(flags, seeds), options)


def split_names(names: str) -> list[str]:
    """Split names with commas between."""
    return [name.strip() for name in names.split(",") if name.strip()]


def _build_config(flags: dict[str, Any], seeds: int, first_seed: int) -> ExperimentConfig:
    from ce_nas.experiments.base import ExperimentConfig

    given = {name: value for name, value in flags.items() if value is not None}
    return ExperimentConfig(given, tuple(range(first_seed, first_seed + seeds)))


def _run_and_print(  # noqa: PLR0913 - the options of every experiment
    experiment: Experiment, out: Path, processes: int | None, lang: str | None, json: Path | None, *, quiet: bool
) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ce_nas.experiments.base import to_plain_containers
    from ce_nas.experiments.runner import run_experiment
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.plotting.plots_extra import has_plots

    if not (quiet or has_plots()):
        typer.echo(Translator(lang)("exp.no_figures"), err=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=quiet, transient=True) as progress:
        bar = progress.add_task(f"{experiment.name}: runs")
        report = run_experiment(
            experiment,
            out,
            processes=processes or os.cpu_count() or 1,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            language=lang,
        )
    write_json(json, to_plain_containers(report.content))
    if not quiet:
        _print_report(report, out / f"{experiment.name}.html")


def _print_report(report: ExperimentReport, path: Path) -> None:
    from ce_nas.apps.cli.tables import print_table

    for table in report.tables:
        print_table(table.caption, table.header, table.rows)
    typer.echo(f"Report: {path}")
