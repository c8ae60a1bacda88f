"""``ce-nas pilot``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.shared_options import JsonOption, LangOption, QuietOption, add_flags, shows_text, write_json

if TYPE_CHECKING:
    from ce_nas.apps.pilot.questionnaire import PilotInputs
    from ce_nas.apps.pilot.result import PilotResult
    from ce_nas.apps.pilot.simulate import Effort
    from ce_nas.report.page import ReportPage

__all__ = ["pilot"]

InputsArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[INPUTS.toml]", help="Your inputs in TOML; options override them.", show_default=False),
]
OutOption = Annotated[Path, typer.Option(help="Folder for decision.html and decision.md.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Two seeds and days: about ten seconds.")]
ThoroughOption = Annotated[bool, typer.Option("--thorough", help="24 seeds and eight days: several minutes.")]
RunsOption = Annotated[
    list[Path] | None,
    typer.Option("--run", help="Instead of a simulation: a finished run of CE-NAS; repeatable.", show_default=False),
]
BaselineRunsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--baseline-run",
        help="With --run: a baseline run (your current method) to compare with; one for each --run.",
        show_default=False,
    ),
]


#: columns in a terminal: the method, and its kWh, kg, cost and hours
MAX_TERMINAL_COLUMNS = 5


def _build_option(annotation: Any, help_text: str) -> Any:  # noqa: ANN401 - annotations
    return Annotated[annotation | None, typer.Option(help=help_text, show_default=False)]


INPUT_FLAGS = {
    "gpus": _build_option(int, "GPUs of one search; 8 by default."),
    "gpu_power_w": _build_option(float, "Power of a GPU in training with its share of the host, W; 287 by default."),
    "idle_power_w": _build_option(float, "Power of an idle GPU, W; about a fifth by default."),
    "pue": _build_option(float, "Power usage effectiveness; 1.56 by default."),
    "zone": _build_option(str, "Zone of the trace, or an imported or a built-in zone; solar by default."),
    "trace": _build_option(Path, "CSV or Parquet file of carbon intensity."),
    "gpu_hours": _build_option(float, "GPU-hours of a search with your current method; 400 by default."),
    "trainings": _build_option(int, "Full trainings of a search with your current method; 200 by default."),
    "deadline": _build_option(str, "Deadline of a search: 80h, 7d; twice the current duration by default."),
    "searches_per_year": _build_option(float, "Searches per year; 12 by default."),
    "electricity_price": _build_option(float, "Price of a kWh."),
    "gpu_hour_price": _build_option(float, "Price of holding a GPU for one hour."),
    "carbon_price": _build_option(float, "Price of a tonne of CO2eq."),
    "currency": _build_option(str, "Currency of all prices; EUR by default."),
    "adoption_hours": _build_option(float, "Engineer-hours of the adoption; 40 by default."),
    "engineer_price": _build_option(float, "Price of an engineer-hour."),
}


def pilot(  # noqa: PLR0913 - one parameter per option
    file: InputsArgument = None,
    *,
    run: RunsOption = None,
    baseline_run: BaselineRunsOption = None,
    quick: QuickOption = False,
    thorough: ThoroughOption = False,
    out: OutOption = Path("pilot"),
    lang: LangOption = None,
    json: JsonOption = None,
    quiet: QuietOption = False,
    **inputs: Any,  # noqa: ANN401 - inputs of a pilot
) -> None:
    """Compare your current method with CE-NAS on your own inputs: a decision paper of two A4 pages.

    Simulated on a benchmark that serves as a proxy for your search, or, with --run, from runs that you measured.
    """
    from ce_nas.apps.pilot.paper import decision_html, decision_page
    from ce_nas.apps.pilot.questionnaire import PilotInputs, read_inputs
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.markdown import render_markdown
    from ce_nas.store.run_dir import write_atomic

    translate = Translator(lang)
    options = {name: value for name, value in inputs.items() if value is not None}
    given = PilotInputs.from_mapping({**(read_inputs(file) if file else {}), **options})
    effort = _choose_effort(quick, thorough)
    result = _compute_result(given, run or [], baseline_run or [], effort, quiet=quiet)
    page = decision_page(result, translate)
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / "decision.html", decision_html(result, translate))
    write_atomic(out / "decision.md", render_markdown(page))
    write_json(json, dict(result.to_dict()))
    if shows_text(json, quiet=quiet):
        _print_page(page, out / "decision.html")


pilot = add_flags(pilot, INPUT_FLAGS)


def _choose_effort(quick: bool, thorough: bool) -> Effort:  # noqa: FBT001 - the two flags of the command
    if quick and thorough:
        message = "Expected --quick or --thorough, got both; leave one out."
        raise typer.BadParameter(message)
    return "quick" if quick else "thorough" if thorough else "usual"


def _compute_result(
    inputs: PilotInputs, runs: list[Path], baseline_runs: list[Path], effort: Effort, *, quiet: bool
) -> PilotResult:
    from ce_nas.apps.cli.display import show_count
    from ce_nas.apps.pilot.from_runs import pilot_from_runs
    from ce_nas.apps.pilot.simulate import run_pilot
    from ce_nas.core.errors import SettingsError

    if runs:
        return pilot_from_runs(inputs, runs, baseline_runs)
    if baseline_runs:
        message = "Expected runs of CE-NAS to compare the baseline runs with, got none; name them with --run."
        raise SettingsError(message)
    with show_count("simulated searches", quiet=quiet) as on_progress:
        return run_pilot(inputs, effort, on_progress)


def _print_page(page: ReportPage, path: Path) -> None:
    """Print the recommendation and the table of one search."""
    from ce_nas.apps.cli.tables import print_table, print_text

    decision, search = page.sections[:2]
    for text in (page.lead, *decision.paragraphs):
        print_text(text)
    (table,) = search.tables
    rows = [[_strip_markup(cell) for cell in row[:MAX_TERMINAL_COLUMNS]] for row in table.rows]
    print_table(search.title, table.header[:MAX_TERMINAL_COLUMNS], rows)
    typer.echo(str(path))


def _strip_markup(text: str) -> str:
    """Text without the markup of bold and code."""
    return re.sub(r"\*\*|`", "", text)
