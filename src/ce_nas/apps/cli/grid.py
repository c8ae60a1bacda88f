"""``ce-nas grid``: what electricity weighs now, and which zones are built in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ce_nas.apps.cli.flags import Json, Quiet, write_json

__all__ = ["app"]

app = typer.Typer(help="The carbon intensity of a grid: live sources and built-in zones.", no_args_is_help=True)

Source = Annotated[str, typer.Option(help="electricity-maps, watttime (marginal), uk (no key), eia, entsoe or file.")]
Zone = Annotated[str, typer.Option(help="The zone, as the source calls it.")]
Factors = Annotated[str | None, typer.Option(help="lifecycle or direct.", show_default=False)]
File = Annotated[Path | None, typer.Option(help="The file of the source 'file'.", show_default=False)]
Cache = Annotated[Path | None, typer.Option(help="Folder to keep answers in.", show_default=False)]
Like = Annotated[str | None, typer.Option(help="Built-in zone whose typical day may stand in.", show_default=False)]
Strict = Annotated[bool, typer.Option("--strict", help="Let nothing stand in for the source: as --worst fresh.")]
Worst = Annotated[str, typer.Option(help="The worst that will do: fresh, forecast or typical.")]


@app.command("now")
def now(  # noqa: PLR0913 - a source, a zone, and what may stand in for an answer
    *,
    source: Source,
    zone: Zone,
    factors: Factors = None,
    file: File = None,
    cache: Cache = None,
    like: Like = None,
    worst: Worst = "forecast",
    strict: Strict = False,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Show the carbon intensity of a zone now, with its source, its age, and what stood in for it if anything did.

    Keys are read from the environment: ELECTRICITYMAPS_TOKEN, WATTTIME_USERNAME and WATTTIME_PASSWORD, EIA_API_KEY,
    ENTSOE_TOKEN.
    """
    from ce_nas.core.clock import utc_now
    from ce_nas.core.errors import SettingsError, one_of
    from ce_nas.grid.providers.fallback_levels import Step
    from ce_nas.grid.providers.registry import current, live_feed
    from ce_nas.grid.trace import Factors as Kinds

    for what, given, known in (("step", worst, Step), ("kind of factors", factors, Kinds)):
        if given is not None and given not in list(known):
            raise SettingsError(one_of(what, given, list(known)))
    feed = live_feed(
        source,
        now=utc_now,
        cache=cache,
        factors=Kinds(factors) if factors else None,
        file=file,
        like=like,
        worst=Step.FRESH if strict else Step(worst),
    )
    found = current(feed, zone)
    write_json(json, found.content())
    if not quiet:
        typer.echo(found.describe())


@app.command("zones")
def zones(*, json: Json = None, quiet: Quiet = False) -> None:
    """List the built-in zones: synthetic typical years, made after the statistics of real grids."""
    from rich.console import Console
    from rich.table import Table

    from ce_nas.grid.synthetic import zones as built_in

    write_json(json, [asdict(zone) for zone in built_in()])
    if quiet:
        return
    table = Table(title="Built-in zones (synthetic typical years)", title_justify="left")
    for head in ("zone", "what drives it", "mean g CO2eq/kWh", "statistics of"):
        table.add_column(head, justify="right" if head.startswith("mean") else "left")
    for zone in built_in():
        table.add_row(zone.name, zone.description, f"{zone.mean_g_per_kwh:.0f}", zone.source)
    Console(highlight=False).print(table)
