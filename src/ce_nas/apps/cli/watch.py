"""``ce-nas watch``."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from ce_nas.apps.cli.flags import Lang  # noqa: TC001 - typer reads the annotations

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ce_nas.report.i18n.words import Words
    from ce_nas.store.tail import Follower

__all__ = ["watch"]

Run = Annotated[Path, typer.Argument(help="The folder of a run.")]
Once = Annotated[bool, typer.Option("--once", help="Show it as it is now, and end; so it is without a terminal.")]
Every = Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)]


def watch(run: Run, *, once: Once = False, every: Every = 1.0, lang: Lang = None) -> None:
    """Show a run in the terminal while it goes on: hours, grams, GPUs, grid and what was found.

    It only reads, and can neither hold up nor stop the run. What has ended is shown once. Ctrl-C ends the watching, not
    the run.
    """
    from rich.console import Console
    from rich.live import Live

    from ce_nas.report.i18n.words import Words
    from ce_nas.store.run_dir import JOURNAL
    from ce_nas.store.tail import Follower

    words, console, follower = Words(lang), Console(highlight=False), Follower(run / JOURNAL)
    try:
        follower.look()
        if once or not console.is_terminal or _ended(follower):
            console.print(_shown(follower, run, words, console.width))
            return
        pause = Event()
        with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
            while True:
                live.update(_shown(follower, run, words, console.width), refresh=True)
                if _ended(follower):
                    return
                pause.wait(every)
                follower.look()
    except KeyboardInterrupt:
        raise typer.Exit from None  # the run goes on
    finally:
        follower.close()


def _ended(follower: Follower) -> bool:
    return bool(follower.entries) and follower.entries[-1].kind == "ended"


def _shown(follower: Follower, run: Path, words: Words, width: int) -> RenderableType:
    from ce_nas.apps.cli.watch_view import run_view
    from ce_nas.store.run_dir import is_held

    return run_view(follower.entries, words, run=run, width=width, held=is_held(run))
