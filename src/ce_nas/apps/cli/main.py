"""``ce-nas``: the commands, and the handling of errors."""

from __future__ import annotations

import inspect
import re
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from ce_nas._version import __version__
from ce_nas.core.errors import CeNasError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["app", "main"]

#: the commands, each by its module and by the function, or the group of commands, in it
COMMANDS = {
    "init": ("init", "init"),
    "estimate": ("estimate", "estimate"),
    "search": ("search", "search"),
    "resume": ("search", "resume"),
    "report": ("search", "report"),
    "choose": ("search", "choose"),
    "export": ("export", "export"),
    "explain": ("explain", "explain"),
    "logs": ("logs", "logs"),
    "watch": ("watch", "watch"),
    "compare": ("compare", "compare"),
    "pilot": ("pilot", "pilot"),
    "serve": ("serve", "serve"),
    "doctor": ("doctor", "doctor"),
    "bench": ("bench", "app"),
    "forecast": ("forecast", "app"),
    "grid": ("grid", "app"),
    "policy": ("policy", "app"),
    "data": ("data", "app"),
    "config": ("config", "app"),
}


#: examples at the end of a command's --help
EXAMPLES = {
    "init": ("ce-nas init own", "ce-nas init cluster --out cluster/ce-nas.toml"),
    "search": (
        "ce-nas search --zone wind --hours 40 --carbon-budget 5kg --out my-run",
        "ce-nas search my.toml --seed 3",
        "ce-nas search --live --evaluate training.py --provider uk --zone GB",
    ),
    "estimate": ("ce-nas estimate my.toml", "ce-nas estimate --zone coal --hours 40 --zones hydro,solar,wind"),
    "resume": ("ce-nas resume my-run",),
    "report": ("ce-nas report my-run --lang ja", "ce-nas report my-run --json -"),
    "choose": (
        "ce-nas choose my-run",
        "ce-nas choose my-run --rule 'accuracy>=91'",
        "ce-nas choose my-run --rule 'latency<=12ms,accuracy>=88'",
        "ce-nas choose my-run --rule accuracy=2,latency=1",
    ),
    "export": (
        "ce-nas export my-run --to model-card --out README.md",
        "ce-nas export my-run --to sci --embodied 12.5",
    ),
    "explain": ("ce-nas explain my-run --hour 5", "ce-nas explain my-run +-"),
    "logs": ("ce-nas logs my-run", "ce-nas logs my-run 3"),
    "watch": ("ce-nas watch my-run",),
    "compare": ("ce-nas compare --policies vanilla,look-ahead --searchers lamoo,surrogate --zones solar,wind",),
    "pilot": ("ce-nas pilot --quick --out my-pilot",),
    "serve": ("ce-nas serve runs",),
}


class CommandGroup(TyperGroup):
    """Builds a command with its options when it is called; the list of commands needs their first sentences alone."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer's own context
        """The names, in the order of --help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - typer's own context and command
        """The command without its options."""
        if cmd_name not in COMMANDS:
            return None
        found = _load(cmd_name)
        text = found.info.help if isinstance(found, typer.Typer) else inspect.getdoc(found)
        return TyperCommand(cmd_name, help=text)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - typer's own context and command
        """The command to call, with its options."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, _build(name) if name in COMMANDS else command, rest


def _load(name: str) -> Callable[..., None] | typer.Typer:
    module, attribute = COMMANDS[name]
    found: Callable[..., None] | typer.Typer = getattr(import_module(f"ce_nas.apps.cli.{module}"), attribute)
    return found


def _build(name: str) -> Any:  # noqa: ANN401 - typer's own command
    found = _load(name)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        examples = [f"Example: {line}" for line in EXAMPLES.get(name, ())]
        single.command(name, epilog="\n\n".join(examples))(found)
        found = single
    command = get_command(found)
    command.name = name
    return command


app = typer.Typer(
    name="ce-nas",
    cls=CommandGroup,
    help="Carbon-efficient neural architecture search: trainings in low-carbon hours, cheap sampling in high-carbon "
    "hours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(is_requested: bool) -> None:  # noqa: FBT001 - the value of a flag, from typer
    if is_requested:
        typer.echo(f"ce-nas {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
]


@app.callback()
def _root(*, version: VersionOption = False) -> None:
    pass


#: exit status of a command that was interrupted, by a key or SIGTERM
_INTERRUPTED_STATUS = 130
#: what an interrupted command can be continued with; by command, where it is not a run
_RESUME_ADVICE = "continue a run with: ce-nas resume RUN, a bench with the same command"
_INTERRUPTED_ADVICE = {"forecast": "nothing was written; start it again with the same command"}


def main() -> None:
    """Run the command line; an error ends it with one sentence and exit status 2, or 1 if all trainings failed."""
    signal.signal(signal.SIGTERM, _raise_interrupt)  # sent by a batch system at the time limit
    signal.signal(signal.SIGALRM, _raise_interrupt)
    hook, sys.unraisablehook = sys.unraisablehook, _repeat_interrupt
    try:
        app()
    except (OSError, MemoryError, RecursionError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        sys.stderr.write(f"ce-nas: {_describe_system_error(error)}\n")
        sys.exit(2)
    except CeNasError as error:
        sys.stderr.write(f"ce-nas: {add_way_out(str(error), sys.argv[1:])}\n")
        sys.exit(error.exit_status)
    except SystemExit as end:
        if end.code == _INTERRUPTED_STATUS:  # typer turns an interruption into this status, without a message
            command = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
            sys.stderr.write(f"ce-nas: interrupted; {_INTERRUPTED_ADVICE.get(command, _RESUME_ADVICE)}\n")
        raise
    finally:
        sys.unraisablehook = hook


def list_options(arguments: Sequence[str]) -> frozenset[str]:
    """The options of the command that the arguments call."""
    names = [argument for argument in arguments if not argument.startswith("-")]
    command = _build(names[0]) if names and names[0] in COMMANDS else None
    if command is not None and (inner := getattr(command, "commands", {})):
        command = inner.get(next((name for name in names[1:] if name in inner), ""))
    return frozenset(option for parameter in getattr(command, "params", ()) for option in parameter.opts)


def add_way_out(message: str, arguments: Sequence[str]) -> str:
    """The message; where the command that was called lacks an option that it names, with the command that has it.

    A command such as pilot takes a file of carbon intensity without the options of its layout: what is imported needs
    none of them.
    """
    named = re.findall(r"--[a-z][a-z-]*[a-z]", message)
    present, of_import = list_options(arguments), list_options(["data", "import"])
    lacking = sorted({option for option in named if option not in present and option in of_import})
    if not lacking or arguments[:2] == ["data", "import"]:
        return message
    return (
        f"{message} This command has no {', '.join(lacking)}: import the file with ce-nas data import "
        "electricity-maps, which has, and name its zone."
    )


def _describe_system_error(error: OSError | MemoryError | RecursionError) -> str:
    if isinstance(error, OSError):
        name = f" with {str(error.filename)[:200]!r}" if error.filename is not None else ""
        return f"Expected files that can be read and written, but the system refuses{name}: {error.strerror or error}."
    kind = "memory" if isinstance(error, MemoryError) else "nesting"
    return f"Expected input that this machine can hold, but its {kind} does not suffice; give a smaller file."


def _repeat_interrupt(lost: Any) -> None:  # noqa: ANN401 - sys.UnraisableHookArgs
    """Interrupt once more: an interruption in a callback or a destructor is lost there."""
    if lost.exc_type is not None and issubclass(lost.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    else:
        sys.__unraisablehook__(lost)


def _raise_interrupt(*_: object) -> None:
    """End like a pressed key: workers leave their tasks with checkpoints, and the run can be resumed."""
    raise KeyboardInterrupt
