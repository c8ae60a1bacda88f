"""How an unfinished run is continued: by a command, by its Python program, or with the objects it was given."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["CALLER_DEVICE", "FORECASTER_GIVEN", "GIVEN_OBJECTS", "Resumption", "describe_resumption", "find_resumption"]

#: a device of the caller's own training loop, in the devices of a live search
CALLER_DEVICE = "caller"
#: why a run has its forecaster, where it is an object of the caller's
FORECASTER_GIVEN = "given by the caller"
#: the key of a run's first entry that lists the components which were objects of the caller's; absent where none was
GIVEN_OBJECTS = "given_objects"
#: how each kind of resumption is said, before what is to be entered
_WORDS = {
    "command": "with: {call}",
    "program": "by running its Python program again with {call}",
    "objects": "in Python, with the objects it was given: {call}",
}


@dataclass(frozen=True, slots=True)
class Resumption:
    """The way to continue one run."""

    #: ``command``: of the shell; ``program``: the Python program whose loop it was, run again with an argument;
    #: ``objects``: a call in Python with the components that the search was given
    kind: Literal["command", "program", "objects"]
    #: the command, the argument or the call
    call: str

    def __str__(self) -> str:
        return _WORDS[self.kind].format(call=self.call)


def find_resumption(path: Path, header: Mapping[str, Any], *, accept_changes: bool = False) -> Resumption:
    """How the run in a folder is continued.

    Example:
        >>> from pathlib import Path
        >>> find_resumption(Path("my run"), {"settings": {"live": {"devices": []}}}).call
        "ce-nas resume 'my run'"

    :param path: the run's folder.
    :param header: the content of its first entry.
    :param accept_changes: whether it is to go on with inputs that have changed.
    """
    settings = header.get("settings", {})
    if "budget" in header or CALLER_DEVICE in settings.get("live", {}).get("devices", ()):
        accepting = " and accept_changes=True" if accept_changes else ""
        return Resumption("program", f"out={str(path)!r}{accepting}")
    if given := [part for part in ("policy", "searcher", "forecaster", "workers") if _is_given(part, header)]:
        arguments = [repr(str(path)), *(f"{part}=..." for part in given), *(["accept_changes=True"] * accept_changes)]
        return Resumption("objects", f"ce_nas.resume({', '.join(arguments)})")
    return Resumption("command", f"ce-nas resume {shlex.quote(str(path))}{' --accept-changes' * accept_changes}")


def describe_resumption(path: Path, header: Mapping[str, Any], *, accept_changes: bool = False) -> str:
    """How the run in a folder is continued, as the end of a sentence such as ``resume it ...``; see there.

    Example:
        >>> from pathlib import Path
        >>> describe_resumption(Path("run"), {"settings": {"live": {"devices": ["caller"]}}})
        "by running its Python program again with out='run'"
    """
    return str(find_resumption(path, header, accept_changes=accept_changes))


def _is_given(part: str, header: Mapping[str, Any]) -> bool:
    """Whether a component was an object of the caller's.

    Where the journal does not list it, as none did at first, it has another name than that of the settings.
    """
    if part in header.get(GIVEN_OBJECTS, ()):
        return True
    if part == "forecaster":
        return header.get("forecaster_reason") == FORECASTER_GIVEN
    named = header.get("settings", {}).get(part, {}).get("name")
    return named is not None and header.get(part) != named
