"""``ce-nas serve``."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ce_nas.apps.dashboard.server import Address

__all__ = ["serve"]

Roots = Annotated[
    list[Path] | None,
    typer.Argument(help="Run folders, or folders that hold them; runs by default.", show_default=False),
]
Host = Annotated[str, typer.Option(help="Address to listen at; elsewhere than on the loopback a token is needed.")]
Port = Annotated[int, typer.Option(help="Port to listen at; 0: any that is free.", min=0, max=65535)]
Names = Annotated[
    list[str] | None,
    typer.Option("--host-name", help="A name by which browsers may call the server; may be repeated."),
]
Language = Annotated[
    str | None, typer.Option("--lang", help="Language: en or ja; that of each browser by default.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the address.")]
Traces = Annotated[
    list[Path] | None, typer.Option(help="CSV or Parquet file of a zone's carbon intensity; may be repeated.")
]


def serve(  # noqa: PLR0913 - what is shown, where, and how
    runs: Roots = None,
    *,
    host: Host = "127.0.0.1",
    port: Port = 8765,
    host_name: Names = None,
    trace: Traces = None,
    lang: Language = None,
    quiet: Quiet = False,
) -> None:
    """Show runs in the browser, also while they go on: figures, comparisons, reasons, zones, and a pilot's form.

    It only reads: it cannot hold up, stop or change a run.

    Elsewhere than on the loopback a token is needed: CE_NAS_DASHBOARD_TOKEN, else one is made up and shown.

    Needs the extra 'dashboard'.
    """
    from ce_nas.apps.dashboard.server import TOKEN, Shown, address_of
    from ce_nas.apps.dashboard.server import serve as show
    from ce_nas.report.i18n.words import language_of

    roots = runs or [Path("runs")]
    address = address_of(host, port, host_name or [], os.environ.get(TOKEN))
    shown = Shown(roots, trace or (), language_of(lang) if lang else None)

    def announce(found: Address, count: int) -> None:
        if not quiet:
            _announce(found, count, roots)

    with suppress(KeyboardInterrupt):  # the way to end it
        show(shown, address, announce)


def _announce(address: Address, count: int, roots: list[Path]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    places = ", ".join(map(str, roots))
    console.print(f"[bold]CE-NAS dashboard[/]  {count:,} {'run' if count == 1 else 'runs'} in {escape(places)}")
    console.print(f"  [bold green]{escape(address.url)}[/]")
    kept = "Whoever has this address sees the runs; over a network it travels unencrypted."
    console.print(f"  {kept if address.token else 'Only users of this machine can open it.'}", style="dim")
    console.print("  It only reads. Ctrl+C ends it, and no run with it.", style="dim")
