"""``ce-nas search``, ``resume`` and ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.flags import JsonOption, LangOption, QuietOption, RunArgument, with_setting_flags, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.api import Result
    from ce_nas.store.journal import JournalEntry

__all__ = ["report", "resume", "search"]

ConfigArgument = Annotated[
    Path | None, typer.Argument(help="Settings in TOML; flags override them.", show_default=False)
]
OutOption = Annotated[Path | None, typer.Option(help="New run folder; by default runs/0001, runs/0002, ...")]


@with_setting_flags()
def search(
    config: ConfigArgument = None,
    *,
    out: OutOption = None,
    json: JsonOption = None,
    quiet: QuietOption = False,
    **flags: Any,  # noqa: ANN401 - the settings
) -> None:
    """Search architectures, and account for the carbon of the search."""
    from ce_nas.api import Search
    from ce_nas.apps.cli.display import show_progress
    from ce_nas.config.schema import read_settings_file, settings_from_flags
    from ce_nas.store.run_dir import next_run_path

    settings = settings_from_flags(read_settings_file(config) if config else None, **flags)
    folder = out or next_run_path(Path("runs"))
    with show_progress(settings.budget.time_s, quiet=quiet) as observe:
        result = Search.from_settings(settings).run(folder, observe)
    _print_result(result, json, quiet=quiet)


def resume(run: RunArgument, *, json: JsonOption = None, quiet: QuietOption = False) -> None:
    """Continue an interrupted run; the result is that of an uninterrupted one."""
    from ce_nas.api import read_run_settings
    from ce_nas.api import resume as resume_run
    from ce_nas.apps.cli.display import show_progress

    with show_progress(read_run_settings(run).budget.time_s, quiet=quiet) as observe:
        result = resume_run(run, observe)
    _print_result(result, json, quiet=quiet)


def _compute_counterfactual(entries: Sequence[JournalEntry]) -> Counterfactual | str:
    """What the run's work would have cost at other hours, or why that is unknown."""
    from ce_nas.analysis.counterfactual import counterfactual_from_journal
    from ce_nas.core.errors import CeNasError

    try:
        return counterfactual_from_journal(entries)
    except CeNasError as error:
        return str(error)


def report(run: RunArgument, *, lang: LangOption = None, json: JsonOption = None, quiet: QuietOption = False) -> None:
    """Show the cost and the result of a run, also while it is in progress.

    Writes report.html, report.md and report.png into its folder, and each figure as SVG and PNG into figures/, with the
    savings compared with the same work at other hours.
    """
    from ce_nas.analysis.summary import summarise
    from ce_nas.api import Result
    from ce_nas.report.files import write_figures, write_report
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.store.run_dir import read_run_entries

    translate = Translator(lang)
    entries = read_run_entries(run)
    saved = _compute_counterfactual(entries)
    legible = write_figures(run, entries, translate, saved)
    write_report(run, entries, translate.language, saved)
    _print_result(Result(summarise(entries), entries, run), json, quiet=quiet)
    if not (quiet or legible):
        typer.echo(translate("figures_in_english"))


def _print_result(result: Result, json: Path | None, *, quiet: bool) -> None:
    from ce_nas.apps.cli.tables import print_summary

    write_json(json, result.summary.to_json())
    if not quiet:
        print_summary(result.summary, result.path)
