"""``ce-nas``: the commands, and how an error ends."""

from __future__ import annotations

import signal
import sys

import typer

from ce_nas.apps.cli import bench, compare, data, doctor, explain, forecast, grid, pilot, policy, search, serve, watch
from ce_nas.core.errors import CeNasError

__all__ = ["app", "main"]

app = typer.Typer(
    name="ce-nas",
    help="Carbon-efficient neural architecture search: dear work in clean hours, cheap work in dirty ones.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("search")(search.search)
app.command("resume")(search.resume)
app.command("report")(search.report)
app.command("explain")(explain.explain)
app.command("watch")(watch.watch)
app.command("compare")(compare.compare)
app.command("pilot")(pilot.pilot)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
app.add_typer(bench.app, name="bench")
app.add_typer(forecast.app, name="forecast")
app.add_typer(grid.app, name="grid")
app.add_typer(policy.app, name="policy")
app.add_typer(data.app, name="data")


#: the status of a command that was interrupted, by a key or SIGTERM
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; what is wrong with the input is said in a sentence, with status 2."""
    signal.signal(signal.SIGTERM, _interrupted)  # a batch system's way to say that the time is up
    try:
        app()
    except CeNasError as error:
        sys.stderr.write(f"ce-nas: {error}\n")
        sys.exit(2)
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # what typer makes of an interruption, without a word
            sys.stderr.write("ce-nas: interrupted; a run goes on with: ce-nas resume RUN, a bench with its command\n")
        raise


def _interrupted(*_: object) -> None:
    """End as a key pressed would: workers leave their tasks with checkpoints, and the run can be resumed."""
    raise KeyboardInterrupt
