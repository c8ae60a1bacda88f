"""``ce-nas grid``: the current carbon intensity of a zone, and the built-in zones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ce_nas.apps.cli.flags import JsonOption, QuietOption, write_json

__all__ = ["app"]

app = typer.Typer(help="The carbon intensity of a grid: live providers and built-in zones.", no_args_is_help=True)

ProviderOption = Annotated[
    str, typer.Option(help="Provider: electricity-maps, watttime (marginal), uk (no key), eia, entsoe or file.")
]
ZoneOption = Annotated[str, typer.Option(help="Zone by the provider's name.")]
FactorsOption = Annotated[str | None, typer.Option(help="lifecycle or direct.", show_default=False)]
FileOption = Annotated[Path | None, typer.Option(help="The file of the provider 'file'.", show_default=False)]
CacheOption = Annotated[Path | None, typer.Option(help="Folder of the responses' cache.", show_default=False)]
ReferenceZoneOption = Annotated[
    str | None, typer.Option(help="Built-in zone whose climatology is the last fallback.", show_default=False)
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Allow no fallback: same as --max-fallback fresh.")]
MaxFallbackOption = Annotated[str, typer.Option(help="Worst fallback level accepted: fresh, forecast or typical.")]


@app.command("now")
def now(  # noqa: PLR0913 - one parameter per option
    *,
    provider: ProviderOption,
    zone: ZoneOption,
    factors: FactorsOption = None,
    file: FileOption = None,
    cache: CacheOption = None,
    reference_zone: ReferenceZoneOption = None,
    max_fallback: MaxFallbackOption = "forecast",
    strict: StrictOption = False,
    json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show the current carbon intensity of a zone with its provider, its age, and the fallback used, if any.

    Credentials are read from the environment: ELECTRICITYMAPS_TOKEN, WATTTIME_USERNAME and WATTTIME_PASSWORD,
    EIA_API_KEY, ENTSOE_TOKEN.
    """
    from ce_nas.core.clock import utc_now
    from ce_nas.core.errors import SettingsError, unknown_choice_message
    from ce_nas.grid.providers.fallback_levels import FallbackLevel
    from ce_nas.grid.providers.registry import build_fallback_provider, read_current_intensity
    from ce_nas.grid.trace import EmissionFactorType

    for kind, value, choices in (
        ("fallback level", max_fallback, list(FallbackLevel)),
        ("type of emission factors", factors, list(EmissionFactorType)),
    ):
        if value is not None and value not in choices:
            raise SettingsError(unknown_choice_message(kind, value, choices))
    fallback_provider = build_fallback_provider(
        provider,
        now=utc_now,
        cache=cache,
        factors=EmissionFactorType(factors) if factors else None,
        file=file,
        reference_zone=reference_zone,
        max_fallback=FallbackLevel.FRESH if strict else FallbackLevel(max_fallback),
    )
    intensity = read_current_intensity(fallback_provider, zone)
    write_json(json, intensity.to_dict())
    if not quiet:
        typer.echo(intensity.describe())


@app.command("zones")
def zones(*, json: JsonOption = None, quiet: QuietOption = False) -> None:
    """List the built-in zones: synthetic typical years with the statistics of real grids."""
    from rich.console import Console
    from rich.table import Table

    from ce_nas.grid.synthetic import builtin_zones

    write_json(json, [asdict(zone) for zone in builtin_zones()])
    if quiet:
        return
    table = Table(title="Built-in zones (synthetic typical years)", title_justify="left")
    for heading in ("zone", "generation mix", "mean g CO2eq/kWh", "statistics of"):
        table.add_column(heading, justify="right" if heading.startswith("mean") else "left")
    for zone in builtin_zones():
        table.add_row(zone.name, zone.description, f"{zone.mean_g_per_kwh:.0f}", zone.source)
    Console(highlight=False).print(table)
