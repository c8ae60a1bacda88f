"""``ce-nas estimate``."""

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
    read_base_settings,
    shows_text,
    with_setting_flags,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.analysis.estimate import Estimate, EstimateRow
    from ce_nas.analysis.statistics import Interval
    from ce_nas.report.i18n.translator import Translator

__all__ = ["estimate"]

#: columns of the table, in the order of `_format_row`; a narrow terminal has the others as lines of the first row
_NAMES = ("carbon", "energy", "money", "hours", "trainings")
#: columns of a terminal from which all fit
WIDE = 120

ConfigArgument = Annotated[
    Path | None, typer.Argument(help="Settings in TOML; flags override them.", show_default=False)
]
ZonesOption = Annotated[
    str | None, typer.Option("--zones", help="Other zones to compare with, with commas between.", show_default=False)
]
SearchesOption = Annotated[int, typer.Option("--searches", help="Simulated searches behind an interval.", min=3)]


@with_setting_flags()
def estimate(  # noqa: PLR0913 - one parameter per option
    config: ConfigArgument = None,
    *,
    recipe: RecipeOption = None,
    zones: ZonesOption = None,
    searches: SearchesOption = 6,
    lang: LangOption = None,
    json: JsonOption = None,
    quiet: QuietOption = False,
    no_progress: NoProgressOption = False,
    **flags: Any,  # noqa: ANN401 - the settings
) -> None:
    """Estimate what a search will take before it runs: kg, kWh, money, hours and trainings, with 80 % intervals.

    Starting now, at the best time within the deadline, in other zones, and at each of several sites. A search on a
    table is simulated over past weeks; a live one trains and scores on its device for about a minute.
    """
    from ce_nas.api import Search
    from ce_nas.apps.cli.bench import split_names
    from ce_nas.apps.cli.display import show_count
    from ce_nas.config.schema import settings_from_flags
    from ce_nas.report.i18n.translator import Translator

    settings = settings_from_flags(read_base_settings(config, recipe), **flags)
    named = split_names(zones) if zones else []
    with show_count("simulated searches", quiet=quiet or no_progress) as on_progress:
        found = Search.from_settings(settings).estimate(searches=searches, zones=named, on_progress=on_progress)
    write_json(json, found.to_dict())
    if shows_text(json, quiet=quiet):
        _print_estimate(found, Translator(lang))


def _print_estimate(found: Estimate, translate: Translator) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    now = found.now
    carbon, energy, *_ = _format_row(now, translate)
    basis = translate(f"estimate.basis.{found.basis}", count=found.count)
    headline = translate("estimate.headline", carbon=carbon, energy=energy, basis=basis)
    console.print(headline.replace("**", ""), style="bold")
    console.print()
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(translate("estimate.start"))
    names = [
        "carbon",
        "energy",
        *(["money"] if any(row.cost.median for row in found.rows) else []),
        "hours",
        "trainings",
    ]
    shown = names if console.width >= WIDE else names[:2]
    for name in shown:
        table.add_column(translate(f"estimate.{name}"), justify="right", no_wrap=True)
    moves = any(row.when == "site" for row in found.rows)
    for row in found.rows:
        cells = dict(zip(_NAMES, _format_row(row, translate), strict=True))
        when = "moving" if moves and row is now else row.when
        label = translate(f"estimate.{when}", zone=row.zone, hours=f"{row.start_h:.0f}")
        table.add_row(label, *(cells[name] for name in shown))
    console.print(table)
    cells = dict(zip(_NAMES, _format_row(now, translate), strict=True))
    for name in names[len(shown) :]:
        console.print(f"{translate(f'estimate.{name}')}: {cells[name]}")
    for note in found.notes:
        console.print(note, style="dim", markup=False)


def _format_row(row: EstimateRow, translate: Translator) -> tuple[str, str, str, str, str]:
    from ce_nas.core.formatting import ENERGY_UNITS, format_energy
    from ce_nas.report.savings_section import format_carbon_interval

    def plain(interval: Interval, form: Callable[[float], str]) -> str:
        bounds = translate("range", low=form(interval.low), high=form(interval.high))
        return f"{form(interval.median)} [{bounds}]"

    name = format_energy(row.energy_j.median).rsplit(" ", 1)[1]
    energy = plain(row.energy_j.scaled(1.0 / ENERGY_UNITS[name]), lambda value: f"{value:,.3g}")
    return (
        format_carbon_interval(row.carbon_g, translate),
        f"{energy} {name}",
        plain(row.cost, lambda value: f"{value:,.2f}"),
        plain(row.hours, lambda value: f"{value:,.3g}"),
        plain(row.trainings, lambda value: f"{value:,.0f}"),
    )
