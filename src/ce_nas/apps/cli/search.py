"""``ce-nas search``, ``resume``, ``report`` and ``choose``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.shared_options import (
    JsonOption,
    LangOption,
    NoProgressOption,
    QuietOption,
    RecipeOption,
    RunArgument,
    read_base_settings,
    shows_text,
    with_setting_flags,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.analysis.savings import Savings
    from ce_nas.api import Result
    from ce_nas.config.schema import Settings
    from ce_nas.engine.engine import Observer
    from ce_nas.store.journal import JournalEntry

__all__ = ["choose", "report", "resume", "search"]

ConfigArgument = Annotated[
    Path | None, typer.Argument(help="Settings in TOML; flags override them.", show_default=False)
]
AcceptChangesOption = Annotated[
    bool,
    typer.Option(
        "--accept-changes",
        help="Continue with files that have changed since the run began, such as a trace that has grown; the journal "
        "records which.",
    ),
]
CheckOption = Annotated[
    bool,
    typer.Option(
        "--check", help="Only call each function of --evaluate once: costs, score, a training that is paused."
    ),
]
EstimateOption = Annotated[
    Path | None,
    typer.Option("--estimate", help="The JSON of ce-nas estimate: the report sets it against what the search took."),
]
OutOption = Annotated[Path | None, typer.Option(help="New run folder; by default runs/0001, runs/0002, ...")]


@with_setting_flags()
def search(  # noqa: PLR0913 - one parameter per option
    config: ConfigArgument = None,
    *,
    recipe: RecipeOption = None,
    out: OutOption = None,
    estimate: EstimateOption = None,
    check: CheckOption = False,
    json: JsonOption = None,
    quiet: QuietOption = False,
    no_progress: NoProgressOption = False,
    **flags: Any,  # noqa: ANN401 - the settings
) -> None:
    """Search architectures, and account for the carbon of the search."""
    from ce_nas.analysis.estimate_outcome import read_estimate
    from ce_nas.api import Search
    from ce_nas.config.schema import settings_from_flags
    from ce_nas.store.run_dir import next_run_path

    settings = settings_from_flags(read_base_settings(config, recipe), **flags)
    expected = read_estimate(estimate) if estimate else None
    if check:
        _check_functions(settings)
        return
    folder = out or next_run_path(Path("runs"))
    with _show_progress(settings, quiet=quiet or no_progress) as observe:
        one = Search.from_settings(settings)
        one.estimated = expected
        result = one.run(folder, observe)
    _print_result(result, json, quiet=quiet)


def _show_progress(settings: Settings, *, quiet: bool) -> AbstractContextManager[Observer | None]:
    from ce_nas.apps.cli.display import show_progress

    scale = settings.live.time_scale if settings.live.enabled else 1.0
    return show_progress(settings.budget.time_s, quiet=quiet, time_scale=scale)


def _check_functions(settings: Settings) -> None:
    from ce_nas.benchmarks.user_check import check_user_file
    from ce_nas.core.errors import SettingsError

    if settings.live.evaluate is None or not settings.live.enabled:
        message = (
            "Expected --live and --evaluate FILE with --check, got no file of your own; add them or remove --check."
        )
        raise SettingsError(message)
    check_user_file(settings.live.evaluate, typer.echo)


def resume(
    run: RunArgument,
    *,
    accept_changes: AcceptChangesOption = False,
    json: JsonOption = None,
    quiet: QuietOption = False,
    no_progress: NoProgressOption = False,
) -> None:
    """Continue an interrupted run; the result is that of an uninterrupted one."""
    from ce_nas.api import read_run_settings
    from ce_nas.api import resume as resume_run

    with _show_progress(read_run_settings(run), quiet=quiet or no_progress) as observe:
        result = resume_run(run, observe, accept_changes=accept_changes)
    _print_result(result, json, quiet=quiet)


def _compute_counterfactual(entries: Sequence[JournalEntry]) -> Counterfactual | str:
    """What the run's work would have cost at other hours, or why that is unknown."""
    from ce_nas.analysis.counterfactual import counterfactual_from_journal
    from ce_nas.analysis.summary import run_header
    from ce_nas.core.errors import CeNasError

    if not run_header(entries)["objectives"]:
        return "The work of a loop of the caller's is not known well enough to replay it."
    try:
        return counterfactual_from_journal(entries)
    except CeNasError as error:
        return str(error)


def report(run: RunArgument, *, lang: LangOption = None, json: JsonOption = None, quiet: QuietOption = False) -> None:
    """Show what a run saved and found, also while it is in progress.

    Writes report.html and report.md into its folder, and each figure as SVG into figures/, with the same work under
    other policies; with the extra plots also report.png, and each figure as PNG.
    """
    from ce_nas.api import Result
    from ce_nas.report.files import write_figures, write_report
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.plotting.plots_extra import has_plots

    translate, result = Translator(lang), Result.read(run)
    entries, saved = result.entries, result.savings
    replayed = _compute_counterfactual(entries)
    legible = write_figures(run, entries, translate, replayed, saved)
    write_report(run, entries, translate.language, replayed, saved)
    _print_result(result, json, quiet=quiet, lang=lang, saved=saved)
    if not quiet and not has_plots():
        typer.echo(translate("no_png"), err=True)
    elif not (quiet or legible):
        typer.echo(translate("figures_in_english"), err=True)


RuleOption = Annotated[
    str,
    typer.Option(help="knee; bounds such as accuracy>=91 or latency<=12ms; or weights such as accuracy=2,latency=1."),
]


def choose(
    run: RunArgument,
    *,
    rule: RuleOption = "knee",
    lang: LangOption = None,
    json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Choose one architecture of a run's front by a rule, and say why."""
    from dataclasses import asdict

    from ce_nas.analysis.front_choice import choose as choose_architecture
    from ce_nas.api import Result
    from ce_nas.apps.cli.tables import print_text
    from ce_nas.report.front import explain_choice, format_objectives
    from ce_nas.report.i18n.translator import Translator

    result, translate = Result.read(run), Translator(lang)
    choice = choose_architecture(result.summary, rule)
    write_json(json, asdict(result.choose(rule)))
    if shows_text(json, quiet=quiet):
        values = format_objectives(choice.member.objectives, result.summary.objectives, translate)
        typer.echo(choice.member.architecture)
        typer.echo(values)
        print_text(explain_choice(choice, result.summary, translate))


def _print_result(
    result: Result, json: Path | None, *, quiet: bool, lang: str | None = None, saved: Savings | None = None
) -> None:
    from ce_nas.apps.cli.tables import print_summary
    from ce_nas.report.files import estimate_outcomes, render_summary_json
    from ce_nas.report.i18n.translator import Translator

    if json is None and quiet:
        return
    saved = saved or result.savings
    write_json(json, render_summary_json(result.summary, saved))
    if shows_text(json, quiet=quiet):
        outcomes = estimate_outcomes(result.path, result.entries) if result.path else ()
        print_summary(result.summary, saved, result.path, Translator(lang), outcomes)
        _print_network(result)


def _print_network(result: Result) -> None:
    """The trained network, with the grams of each stage on a line of its own."""
    card = result.network
    if card is None or result.path is None:
        return
    from ce_nas.report.model_card import stage_lines

    typer.echo("")
    accuracy = f"{card.test_accuracy_pct:.2f} % of {card.test_images} test images"
    typer.echo(f"network: {accuracy}, {card.parameters:,} parameters")
    for line in stage_lines(card):
        typer.echo(f"  {line}")
    typer.echo(f"  in {result.path / 'network'}: {', '.join([*card.files, 'card.md'])}")
