"""Options that several commands share; those of settings are made from the settings themselves."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ce_nas.config.flags import Flag

__all__ = [
    "HtmlOption",
    "JsonOption",
    "LangOption",
    "NoProgressOption",
    "QuietOption",
    "RecipeOption",
    "RunArgument",
    "SettingsCommand",
    "add_flags",
    "check_file",
    "make_folders",
    "read_base_settings",
    "shows_text",
    "with_grid_flags",
    "with_setting_flags",
    "write_json",
]

Command = TypeVar("Command", bound="Callable[..., None]")

RunArgument = Annotated[Path, typer.Argument(help="Run folder.")]


def check_file(option: typer.CallbackParam, path: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before the command begins; missing folders are made when it is written."""
    from ce_nas.core.errors import StoreError

    if path is None or str(path) == "-":
        return path
    folder = next(parent for parent in [*path.absolute().parents] if parent.exists())
    wanted = f"Expected a file that can be written for {option.opts[0]}"
    try:
        fits = all(len(os.fsencode(part)) <= 255 for part in path.parts)
        writable = fits and os.access(path if path.exists() else folder, os.W_OK) and folder.is_dir()
        if not writable or path.is_dir():
            reason = "it is a folder" if fits and path.is_dir() else "it cannot be written"
            message = f"{wanted}, got {str(path)!r}: {reason}; name another."
            raise StoreError(message)
    except OSError as error:
        message = f"{wanted}, but {error.strerror}; name another."
        raise StoreError(message) from error
    return path


JsonOption = Annotated[
    Path | None,
    typer.Option("--json", help="Also write the result as JSON; - for standard output.", callback=check_file),
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", help="Also write an HTML page.", show_default=False, callback=check_file)
]
LangOption = Annotated[str | None, typer.Option("--lang", help="Language: en or ja; that of the locale by default.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no table.")]
NoProgressOption = Annotated[bool, typer.Option("--no-progress", help="Show no progress, only the result.")]
RecipeOption = Annotated[
    str | None,
    typer.Option(
        help="Shipped recipe from search to a trained network: digits, fashion, cifar10, cifar10-fast, imagenet; flags "
        "override it.",
        show_default=False,
    ),
]

#: title of the panel in which --help shows the flags of a section; other sections are called by their names
_PANELS = {"policy": "Method", "searcher": "Method", "forecaster": "Method", "live": "Real devices", "": "Run"}
_NUMBERS = (int, float)
#: grid settings that only a search has a use for
_SEARCH_GRID_FLAGS = {"provider", "start"}


class SettingsCommand:
    """A command whose ``**flags`` are settings: its options are made when its signature is first inspected.

    Importing a command thereby costs no import of the settings.

    :param select: whether a setting is an option of the command.
    :param own: further options, before the others.
    """

    def __init__(
        self, command: Callable[..., None], select: Callable[[Flag], bool], own: Sequence[inspect.Parameter] = ()
    ) -> None:
        functools.update_wrapper(self, command)
        self._command = command
        self._select = select
        self._own = own

    def __call__(self, *args: Any, **flags: Any) -> None:  # noqa: ANN401, D102 - the command itself
        self._command(*args, **{name: self._read(name, value) for name, value in flags.items()})

    def _read(self, name: str, value: Any) -> Any:  # noqa: ANN401 - of any type
        """The value of an option: of a setting that is a number, the number for its text."""
        from ce_nas.config.schema import setting_flags

        flag = setting_flags().get(name) if isinstance(value, str) else None
        return _as_number(value) if flag and self._select(flag) and flag.plain_type in _NUMBERS else value

    @functools.cached_property
    def __signature__(self) -> inspect.Signature:
        """The command's own options, and those of the settings."""
        from ce_nas.config.schema import setting_flags

        flags = {name: _build_option(flag) for name, flag in setting_flags().items() if self._select(flag)}
        signature = _with_flags(self._command, flags)
        return signature.replace(parameters=[*self._own, *signature.parameters.values()])


def with_setting_flags(
    *excluded: str, live: bool = True, own: Sequence[inspect.Parameter] = ()
) -> Callable[[Callable[..., None]], SettingsCommand]:
    """Make a command's ``**flags`` the settings, without those that are ``excluded``.

    :param live: whether those of a search on real devices are among them.
    :param own: further options, before the others.
    """
    return lambda command: SettingsCommand(
        command, lambda flag: flag.name not in excluded and (live or not _is_live(flag)), own
    )


def read_base_settings(config: Path | None, recipe: str | None) -> Mapping[str, Any] | None:
    """The settings that flags override: those of a file, of a shipped recipe, or none.

    :raises SettingsError: if both are given, or cannot be read.
    """
    from ce_nas.config.recipe_files import read_recipe_file
    from ce_nas.config.schema import read_settings_file
    from ce_nas.core.errors import SettingsError

    if config and recipe:
        message = f"Expected a file or --recipe, got both {config} and {recipe}; leave one out."
        raise SettingsError(message)
    return read_recipe_file(recipe) if recipe else read_settings_file(config) if config else None


def with_grid_flags(command: Callable[..., None]) -> SettingsCommand:
    """Make a command's ``**flags`` the settings of the grid's data."""
    return SettingsCommand(command, lambda flag: flag.section == "grid" and flag.name not in _SEARCH_GRID_FLAGS)


def add_flags(command: Command, flags: dict[str, Any]) -> Command:
    """The command with the options ``flags``, name to annotation, in place of its ``**flags``."""
    command.__signature__ = _with_flags(command, flags)  # type: ignore[attr-defined]
    return command


def _with_flags(command: Callable[..., None], flags: dict[str, Any]) -> inspect.Signature:
    signature = inspect.signature(command, eval_str=True)
    own = [
        parameter for parameter in signature.parameters.values() if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in flags.items()
    ]
    return signature.replace(parameters=[*own, *added])


def _is_live(flag: Flag) -> bool:
    return flag.section == "live" or flag.name == "provider"


def _build_option(flag: Flag) -> Any:  # noqa: ANN401 - an annotation, for typer
    """The option of a setting; None, where it is not given, leaves the setting as the file says."""
    help_text, default = flag.description, flag.default
    if default and not flag.choice:
        help_text += f" Default: {default:g}." if isinstance(default, float) else f" Default: {default}."
    names = [f"--{flag.name.replace('_', '-')}"] if flag.plain_type is bool else []
    panel = _PANELS.get(flag.section, flag.section.capitalize())
    kind, form = flag.plain_type, None
    if kind in _NUMBERS:  # a text that is no number reaches the settings, which say what they expect
        kind, form = str, f"<{kind.__name__}>"
    option = typer.Option(*names, help=help_text, show_default=False, rich_help_panel=panel, metavar=form)
    return Annotated[kind | None, option]


def _as_number(text: str) -> int | float | str:
    """The number that a text is; another text as it is."""
    for read in _NUMBERS:
        with contextlib.suppress(ValueError):
            return read(text)
    return text


def shows_text(json: Path | None, *, quiet: bool) -> bool:
    """Whether a command prints for people: not if it is quiet, nor if standard output is for its JSON alone."""
    return not (quiet or str(json) == "-")


def write_json(path: Path | None, content: str | object) -> None:
    """Write ``content``, text or plain containers, to the file of ``--json``, if it is given."""
    if path is None:
        return
    text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        with make_folders(path):
            path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def make_folders(path: Path) -> Iterator[None]:
    """Make the missing folders of a file that is written in this context.

    :raises StoreError: if the system refuses.
    """
    from ce_nas.core.errors import StoreError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        message = f"Expected to write {str(path)!r}, but {error.strerror}; name another file."
        raise StoreError(message) from error
