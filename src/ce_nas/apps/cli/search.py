"""``ce-nas search``, ``resume`` and ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.flags import Json, Lang, Quiet, takes_settings, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.api import Result
    from ce_nas.store.journal import Entry

__all__ = ["report", "resume", "search"]

Config = Annotated[Path | None, typer.Argument(help="Settings in TOML; flags go over them.", show_default=False)]
Out = Annotated[Path | None, typer.Option(help="New folder for the run.  [default: runs/0001, runs/0002, ...]")]
Run = Annotated[Path, typer.Argument(help="The folder of a run.")]


@takes_settings()
def search(config: Config = None, *, out: Out = None, json: Json = None, quiet: Quiet = False, **flags: Any) -> None:  # noqa: ANN401 - settings
    """Search architectures, and account for every gram that it takes."""
    from ce_nas.api import Study
    from ce_nas.apps.cli.display import show_progress
    from ce_nas.config.schema import load_settings, settings_from_flags
    from ce_nas.store.run_dir import next_folder

    settings = settings_from_flags(load_settings(config) if config else None, **flags)
    folder = out or next_folder(Path("runs"))
    with show_progress(settings.budget.time, quiet=quiet) as observe:
        result = Study(settings).run(folder, observe)
    _show(result, json, quiet=quiet)


def resume(run: Run, *, json: Json = None, quiet: Quiet = False) -> None:
    """Continue an interrupted run; it ends as if it had never been interrupted."""
    from ce_nas.api import resume as continued
    from ce_nas.api import settings_of
    from ce_nas.apps.cli.display import show_progress

    with show_progress(settings_of(run).budget.time, quiet=quiet) as observe:
        result = continued(run, observe)
    _show(result, json, quiet=quiet)


def _looked_back(entries: Sequence[Entry]) -> Counterfactual | str:
    """What the run's work would have cost at other hours, or why that cannot be told."""
    from ce_nas.analysis.replay_inputs import counterfactual_of
    from ce_nas.core.errors import CeNasError

    try:
        return counterfactual_of(entries)
    except CeNasError as error:
        return str(error)


def report(run: Run, *, lang: Lang = None, json: Json = None, quiet: Quiet = False) -> None:
    """Show what a run cost and found, also while it goes on.

    Writes report.html, report.md and report.png into its folder, and each figure as SVG and PNG into figures/; says
    what was saved against which other hours for the same work.
    """
    from ce_nas.analysis.summary import summarise
    from ce_nas.api import Result
    from ce_nas.report.files import write_figures, write_report
    from ce_nas.report.i18n.words import Words
    from ce_nas.store.run_dir import read_run

    words = Words(lang)
    entries = read_run(run)
    saved = _looked_back(entries)
    legible = write_figures(run, entries, words, saved)
    write_report(run, entries, words.language, saved)
    _show(Result(summarise(entries), entries, run), json, quiet=quiet)
    if not (quiet or legible):
        typer.echo(words("figures_in_english"))


def _show(result: Result, json: Path | None, *, quiet: bool) -> None:
    from ce_nas.apps.cli.tables import print_summary

    write_json(json, result.summary.to_json())
    if not quiet:
        print_summary(result.summary, result.path)
