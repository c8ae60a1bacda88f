"""``ce-nas pilot``."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.flags import Json, Lang, Quiet, with_flags, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ce_nas.apps.pilot.inputs import PilotFigures
    from ce_nas.apps.pilot.result import PilotResult
    from ce_nas.report.page import Page

__all__ = ["pilot"]

File = Annotated[
    Path | None,
    typer.Argument(metavar="[FIGURES.toml]", help="Your figures; options go over them.", show_default=False),
]
Out = Annotated[Path, typer.Option(help="Folder for decision.html and decision.md.")]
Quick = Annotated[bool, typer.Option("--quick", help="Two seeds and days, some ten seconds.")]
Thorough = Annotated[bool, typer.Option("--thorough", help="24 seeds and eight days, some minutes.")]
Runs = Annotated[
    list[Path] | None,
    typer.Option("--run", help="Instead of a simulation: a finished run of CE-NAS; once for each.", show_default=False),
]
TodayRuns = Annotated[
    list[Path] | None,
    typer.Option("--today-run", help="With --run: a run of today's way to put beside it.", show_default=False),
]


#: columns that a terminal has room for: the way, and its kWh, kg, money and hours
SHOWN = 5


def _figure(kind: Any, text: str) -> Any:  # noqa: ANN401 - an annotation of any kind, for typer
    return Annotated[kind | None, typer.Option(help=text, show_default=False)]


FIGURES = {
    "gpus": _figure(int, "GPUs that one search uses; 8 by default."),
    "gpu_power_w": _figure(float, "What one draws in training with its share of the host, W; 287 by default."),
    "idle_power_w": _figure(float, "The same, held but idle, W; a fifth by default."),
    "pue": _figure(float, "Energy from the grid per energy at the plugs; 1.56 by default."),
    "zone": _figure(str, "Zone of the trace, or an imported or a built-in zone; solar by default."),
    "trace": _figure(Path, "CSV or Parquet file of carbon intensity."),
    "gpu_hours": _figure(float, "GPU-hours of a search as you do it today; 400 by default."),
    "trainings": _figure(int, "Full trainings of a search as you do it today; 200 by default."),
    "deadline": _figure(str, "When a search has to be done: 80h, 7d; twice today's time by default."),
    "searches_per_year": _figure(float, "12 by default."),
    "electricity_price": _figure(float, "Money for a kWh."),
    "gpu_hour_price": _figure(float, "Money for holding a GPU for an hour."),
    "carbon_price": _figure(float, "Money for a tonne of CO2eq."),
    "currency": _figure(str, "Of all prices; EUR by default."),
    "adoption_hours": _figure(float, "An engineer's hours to change over; 40 by default."),
    "engineer_price": _figure(float, "Money for one of these hours."),
}


def pilot(  # noqa: PLR0913 - the team's figures, how much to run, and where the result goes
    file: File = None,
    *,
    run: Runs = None,
    today_run: TodayRuns = None,
    quick: Quick = False,
    thorough: Thorough = False,
    out: Out = Path("pilot"),
    lang: Lang = None,
    json: Json = None,
    quiet: Quiet = False,
    **figures: Any,  # noqa: ANN401 - whatever the figures are
) -> None:
    """Today's way beside CE-NAS on your own figures: a decision paper of two pages, to be printed on A4.

    Simulated on a benchmark that stands in for your own search, or, with --run, from runs that you measured.
    """
    from ce_nas.apps.pilot.first_page import decision_html, decision_page
    from ce_nas.apps.pilot.inputs import PilotFigures, read_figures
    from ce_nas.report.i18n.words import Words
    from ce_nas.report.markdown import markdown
    from ce_nas.store.run_dir import write_whole

    words = Words(lang)
    stated = {
        **(read_figures(file) if file else {}),
        **{key: value for key, value in figures.items() if value is not None},
    }
    result = _result(PilotFigures.of(stated), run or [], today_run or [], _effort(quick, thorough), quiet=quiet)
    page = decision_page(result, words)
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "decision.html", decision_html(result, words))
    write_whole(out / "decision.md", markdown(page))
    write_json(json, dict(result.to_dict()))
    if not quiet:
        _show(page, out / "decision.html")


pilot = with_flags(pilot, FIGURES)


def _effort(quick: bool, thorough: bool) -> str:  # noqa: FBT001 - two flags of one command
    if quick and thorough:
        message = "--quick and --thorough exclude one another"
        raise typer.BadParameter(message)
    return "quick" if quick else "thorough" if thorough else "usual"


def _result(figures: PilotFigures, runs: list[Path], today: list[Path], effort: Any, *, quiet: bool) -> PilotResult:  # noqa: ANN401
    from ce_nas.apps.pilot.from_runs import measured_pilot
    from ce_nas.apps.pilot.simulate import run_pilot
    from ce_nas.core.errors import SettingsError

    if runs:
        return measured_pilot(figures, runs, today)
    if today:
        message = "Expected runs of CE-NAS beside those of today's way, got none; name them with --run."
        raise SettingsError(message)
    with _progress(quiet=quiet) as observe:
        return run_pilot(figures, effort, observe)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar in the terminal while searches are simulated."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=quiet, transient=True) as progress:
        bar = progress.add_task("simulated searches", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def _show(page: Page, path: Path) -> None:
    """The decision and the table of one search, for a terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    decision, search = page.sections[:2]
    for text in (page.lead, *decision.paragraphs):
        console.print(_plain(text), markup=False)
    (found,) = search.tables
    table = Table(title=decision.title, title_justify="left")
    for place, name in enumerate(found.head[:SHOWN]):
        table.add_column(name, justify="left" if place < found.words else "right")
    for row in found.rows:
        table.add_row(*map(_plain, row[:SHOWN]))
    console.print(table)
    console.print(str(path), markup=False, soft_wrap=True)


def _plain(text: str) -> str:
    """Text without the marks of what is bold or code in it."""
    return re.sub(r"\*\*|`", "", text)
