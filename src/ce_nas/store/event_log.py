"""The event log of a live run: its external events in order, so that the run can be replayed.

An engine is a function of the events of its clock, the readings of its meters and the responses of its provider. Each
is logged before the engine acts on it, so that a replay of the log brings an interrupted run back to its last state,
with the same journal; then the run continues with live events.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import ReplayError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EventLog", "LoggedEvent"]


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One external event."""

    kind: str
    #: time of the event, seconds since the start of the run
    at_s: float
    #: JSON values
    content: Any


class EventLog:
    """An append-only file of JSON lines; an incomplete last line is removed.

    :param path: the file; its events are replayed before new ones are appended. None keeps nothing.
    :raises StoreError: if the file cannot be read or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._unreplayed = _read_events(path) if path is not None else []
        self._unreplayed.reverse()

    @property
    def peek(self) -> LoggedEvent | None:
        """The next event to replay; None once all have been replayed."""
        return self._unreplayed[-1] if self._unreplayed else None

    def pop(self, kind: str) -> LoggedEvent | None:
        """Return the next event to replay, or None if there is none.

        :raises ReplayError: if the next event is of another kind: the replay differs from the run.
        """
        if not self._unreplayed:
            return None
        if self._unreplayed[-1].kind != kind:
            message = (
                f"Expected {kind!r} next in the event log of the run, got {self._unreplayed[-1].kind!r} at "
                f"{self._unreplayed[-1].at_s:g} s: the replay differs from the run; resume with the version of ce-nas "
                "that started it."
            )
            raise ReplayError(message)
        return self._unreplayed.pop()

    def append(self, kind: str, at_s: float, content: object) -> None:
        """Append an event durably; all logged events must have been replayed."""
        assert not self._unreplayed  # noqa: S101 - new events follow a complete replay
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([kind, at_s, content]) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            message = (
                f"Expected to write the event log of the run to {self._path}, but {error.strerror or error}; make room "
                "and resume."
            )
            raise StoreError(message) from error


def _read_events(path: Path) -> list[LoggedEvent]:
    """Read the complete lines of the file, none if it does not exist; removes an incomplete last line from it."""
    try:
        raw = path.read_bytes() if path.exists() else b""
        complete, _, incomplete = raw.rpartition(b"\n")
        if incomplete:
            os.truncate(path, len(raw) - len(incomplete))
        return [LoggedEvent(*json.loads(line)) for line in complete.splitlines()]
    except (OSError, ValueError, TypeError) as error:
        message = f"Expected the event log of a run in {path}, but {error}; the run cannot be resumed without it."
        raise StoreError(message) from error
