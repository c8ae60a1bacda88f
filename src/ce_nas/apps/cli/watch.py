"""``ce-nas watch``."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from ce_nas.apps.cli.shared_options import LangOption, RunArgument  # noqa: TC001 - typer reads the annotations

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from ce_nas.report.i18n.translator import Translator
    from ce_nas.store.tail import JournalTail

__all__ = ["watch"]

OnceOption = Annotated[bool, typer.Option("--once", help="Show the current state and exit, as without a terminal.")]
IntervalOption = Annotated[float, typer.Option(help="Seconds between two updates.", min=0.1)]


def watch(
    run: RunArgument, *, once: OnceOption = False, interval: IntervalOption = 1.0, lang: LangOption = None
) -> None:
    """Show a run in the terminal while it is running: time, carbon, GPUs, grid and results.

    The command only reads: it can neither delay nor stop the run. A run that has ended is shown once. Ctrl-C ends the
    command, not the run.
    """
    from rich.console import Console
    from rich.live import Live

    from ce_nas.report.i18n.translator import Translator
    from ce_nas.store.journal import has_ended
    from ce_nas.store.run_dir import JOURNAL_FILENAME
    from ce_nas.store.tail import JournalTail

    translate, console, tail = Translator(lang), Console(highlight=False), JournalTail(run / JOURNAL_FILENAME)
    try:
        tail.poll()
        if once or not console.is_terminal or has_ended(tail.entries):
            console.print(_render(tail, run, translate, console.width))
            return
        pause = Event()
        with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
            while True:
                live.update(_render(tail, run, translate, console.width), refresh=True)
                if has_ended(tail.entries):
                    return
                pause.wait(interval)
                tail.poll()
    except KeyboardInterrupt:
        raise typer.Exit from None  # the run continues
    finally:
        tail.close()


def _render(tail: JournalTail, run: Path, translate: Translator, width: int) -> RenderableType:
    from ce_nas.apps.cli.watch_view import render_run
    from ce_nas.store.run_dir import is_locked

    return render_run(tail.entries, translate, run=run, width=width, is_locked=is_locked(run))
