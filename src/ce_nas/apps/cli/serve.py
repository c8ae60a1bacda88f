"""``ce-nas serve``."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ce_nas.apps.dashboard.server import ServerAddress

__all__ = ["serve"]

RootsArgument = Annotated[
    list[Path] | None,
    typer.Argument(help="Run folders, or folders that contain them; runs by default.", show_default=False),
]
HostOption = Annotated[
    str, typer.Option(help="Address to listen on; any other than the loopback interface needs a token.")
]
PortOption = Annotated[int, typer.Option(help="Port to listen on; 0: any free one.", min=0, max=65535)]
HostNamesOption = Annotated[
    list[str] | None, typer.Option("--host-name", help="A further host name of the server; repeatable.")
]
LanguageOption = Annotated[
    str | None, typer.Option("--lang", help="Language: en or ja; that of each browser by default.", show_default=False)
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the address.")]
TracesOption = Annotated[
    list[Path] | None, typer.Option(help="CSV or Parquet file of a zone's carbon intensity; repeatable.")
]
UnitOption = Annotated[
    str | None, typer.Option(help="Unit of the intensities where a --trace states none, such as lb/MWh.")
]
TimezoneOption = Annotated[
    str | None, typer.Option(help="Zone of times without an offset in a --trace, such as Europe/Berlin.")
]
TimeColumnOption = Annotated[str | None, typer.Option(help="Column of the times in a --trace.")]
IntensityColumnOption = Annotated[str | None, typer.Option(help="Column of the intensities in a --trace.")]


def serve(  # noqa: PLR0913 - one parameter per option
    runs: RootsArgument = None,
    *,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8765,
    host_name: HostNamesOption = None,
    trace: TracesOption = None,
    unit: UnitOption = None,
    timezone: TimezoneOption = None,
    time_column: TimeColumnOption = None,
    intensity_column: IntensityColumnOption = None,
    lang: LanguageOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show runs in the browser, also while they are running: reports, comparisons, explanations, zones, a pilot's form.

    The dashboard only reads: it cannot delay, stop or change a run.

    On any address other than the loopback interface, viewers need a token: CE_NAS_DASHBOARD_TOKEN, or a random one
    that is printed.

    Needs the extra 'dashboard'.
    """
    from ce_nas.apps.dashboard import server
    from ce_nas.core.errors import SettingsError
    from ce_nas.report.i18n.translator import resolve_language

    roots = runs or [Path("runs")]
    address = server.build_address(host, port, host_name or [], os.environ.get(server.TOKEN_VARIABLE))
    layout = {"unit": unit, "timezone": timezone, "time_column": time_column, "intensity_column": intensity_column}
    stated = {name: text for name, text in layout.items() if text is not None}
    if stated and not trace:
        option = f"--{next(iter(stated)).replace('_', '-')}"
        message = f"Expected a file to read with {option}, got no --trace; name one, or leave {option} out."
        raise SettingsError(message)
    config = server.DashboardConfig(roots, trace or (), resolve_language(lang) if lang else None, stated)

    def on_ready(bound: ServerAddress, run_count: int) -> None:
        if not quiet:
            _print_address(bound, run_count, roots)

    with suppress(KeyboardInterrupt):  # ends the server
        server.serve(config, address, on_ready)


def _print_address(address: ServerAddress, run_count: int, roots: list[Path]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    folders = escape(", ".join(map(str, roots)))
    console.print(f"[bold]CE-NAS dashboard[/]  {run_count:,} {'run' if run_count == 1 else 'runs'} in {folders}")
    console.print(f"  [bold green]{escape(address.url)}[/]")
    note = "Only users of this machine can open it."
    if address.token:
        note = "Everyone with this address can see the runs; over a network it is sent unencrypted."
    console.print(f"  {note}", style="dim")
    console.print("  It only reads. Ctrl+C ends it; runs continue.", style="dim")
