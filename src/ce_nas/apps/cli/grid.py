"""``ce-nas grid``: the current carbon intensity of a zone, and the built-in zones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ce_nas.apps.cli.shared_options import JsonOption, QuietOption, shows_text, write_json

if TYPE_CHECKING:
    from datetime import datetime

    from ce_nas.grid.weather_issues import WeatherIssue

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

OPEN_METEO_URL = "https://api.open-meteo.com"
WeatherZoneArgument = Annotated[str, typer.Argument(help="Name of the zone, which names the table.")]
WeatherFileOption = Annotated[Path | None, typer.Option(help="A file of Open-Meteo's.", show_default=False)]
IssuedOption = Annotated[str | None, typer.Option(help="When the file's forecast was issued, UTC.", show_default=False)]
LatitudeOption = Annotated[float | None, typer.Option(help="Of the place, degrees north.", show_default=False)]
LongitudeOption = Annotated[float | None, typer.Option(help="Of the place, degrees east.", show_default=False)]
WeatherUrlOption = Annotated[str, typer.Option("--url", help="Address of the API.")]
WeatherOutOption = Annotated[
    Path | None,
    typer.Option(help="CSV table of the forecasts.  [default: in the user's data folder]", show_default=False),
]


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
    from ce_nas.grid.providers.provider_choice import build_fallback_provider, read_current_intensity
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
    if shows_text(json, quiet=quiet):
        typer.echo(intensity.describe())


@app.command("weather")
def weather(  # noqa: PLR0913 - one parameter per option
    zone: WeatherZoneArgument,
    *,
    file: WeatherFileOption = None,
    issued: IssuedOption = None,
    latitude: LatitudeOption = None,
    longitude: LongitudeOption = None,
    url: WeatherUrlOption = OPEN_METEO_URL,
    out: WeatherOutOption = None,
    json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Add a weather forecast to a zone's table of forecasts, each kept with its time of issue.

    From a file of Open-Meteo's (--file with --issued, or one of its previous runs), or from its API for a place
    (--latitude, --longitude), which is free and needs no key. Hours before the issue are left out, so that no forecast
    is made from weather that was known later. Give the table to a search by --weather.
    """
    from ce_nas.core.clock import utc_now
    from ce_nas.core.errors import SettingsError
    from ce_nas.core.units import parse_time
    from ce_nas.datasets.store import DataStore
    from ce_nas.grid.weather_issues import WeatherIssues, read_open_meteo
    from ce_nas.store.run_dir import write_atomic

    place = (latitude, longitude)
    if (file is None) == (None in place) or (file is None and issued):
        message = "Expected a --file (with --issued), or --latitude and --longitude, got both, neither or a part."
        raise SettingsError(message)
    if file is not None:
        moment = parse_time(issued) if issued else None
        if moment and moment > utc_now():
            message = f"Expected a time of issue in the past, got {issued}. Correct --issued."
            raise SettingsError(message)
        found = read_open_meteo(file, moment)
    else:
        found = [_fetch_weather(url, place, utc_now())]
    path = out or DataStore().root / "weather" / f"{zone}.csv"
    table = WeatherIssues.read(path).extended(found) if path.exists() else WeatherIssues(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, table.to_csv().encode())
    content = {"table": str(path), "issues": len(table.issues), "added": len(found), "columns": list(table.names)}
    write_json(json, content)
    if shows_text(json, quiet=quiet):
        typer.echo(f"{len(found)} added, {len(table.issues)} in all ({', '.join(table.names)}): --weather {path}")


def _fetch_weather(url: str, place: tuple[float | None, float | None], now: datetime) -> WeatherIssue:
    """The current forecast of a place.

    :raises ProviderError: if the request fails, or the answer is no forecast.
    """
    from ce_nas.core.errors import TraceError
    from ce_nas.core.http import Fault
    from ce_nas.grid.providers.network_provider import ProviderClient, ProviderContext
    from ce_nas.grid.weather_issues import OPEN_METEO_PARAMETERS, parse_open_meteo

    client = ProviderClient("open-meteo", url, ProviderContext(lambda: now, {}))

    def decode(text: str) -> WeatherIssue:
        try:
            return parse_open_meteo(text, now)
        except TraceError as error:
            raise client.error(Fault.MALFORMED, f"expected hourly weather in CSV: {error}") from None

    where = {"latitude": str(place[0]), "longitude": str(place[1])}
    return client.get("/v1/forecast", where | OPEN_METEO_PARAMETERS, decode)


@app.command("zones")
def zones(*, json: JsonOption = None, quiet: QuietOption = False) -> None:
    """List the built-in zones: synthetic typical years with the statistics of real grids."""
    from rich.console import Console
    from rich.table import Table

    from ce_nas.grid.synthetic import builtin_zones

    write_json(json, [asdict(zone) for zone in builtin_zones()])
    if not shows_text(json, quiet=quiet):
        return
    table = Table(title="Built-in zones (synthetic typical years)", title_justify="left")
    for heading in ("zone", "generation mix", "mean g CO2eq/kWh", "statistics of"):
        table.add_column(heading, justify="right" if heading.startswith("mean") else "left")
    for zone in builtin_zones():
        table.add_row(zone.name, zone.description, f"{zone.mean_g_per_kwh:.0f}", zone.source)
    Console(highlight=False).print(table)
