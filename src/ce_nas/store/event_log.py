"""What the world outside did to a live run, in order: with it, a live run can be run again as a simulated one can.

An engine is a function of what its clock hands out and what its meters say. Both are written down before the engine
acts on them, so that running again against the recording brings a killed run back to where it was, entry by entry of
its journal, and then it goes on with the world itself.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import ReplayError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Recorded", "Recording"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One thing that came from outside."""

    kind: str
    #: when, seconds since the run began
    at_s: float
    #: plain values
    content: Any


class Recording:
    """An append-only file of JSON lines; a last line that was cut off by a power cut never happened.

    :param path: the file; what it holds is handed out again before anything new is put in. None to keep nothing.
    :raises StoreError: if the file cannot be read or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._left = _read(path) if path is not None else []
        self._left.reverse()

    @property
    def peek(self) -> Recorded | None:
        """What is handed out next; None once all of the record has been."""
        return self._left[-1] if self._left else None

    def take(self, kind: str) -> Recorded | None:
        """The next of the record, or None once there is none.

        :raises ReplayError: if the next one is of another kind: the run no longer does what it did.
        """
        if not self._left:
            return None
        if self._left[-1].kind != kind:
            message = (
                f"Expected {kind!r} next in the recording of the run, got {self._left[-1].kind!r} at "
                f"{self._left[-1].at_s:g} s: this version of the package no longer does what the run did."
            )
            raise ReplayError(message)
        return self._left.pop()

    def put(self, kind: str, at_s: float, content: object) -> None:
        """Write down, durably, what has just come; only once all of the record was handed out."""
        assert not self._left  # noqa: S101 - the past is not added to
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([kind, at_s, content]) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            message = f"Expected to write the recording of the run to {self._path}, but {error.strerror or error}."
            raise StoreError(message) from error


def _read(path: Path) -> list[Recorded]:
    """The whole lines of the file; a file that is not there holds none. A cut last line is taken off the file."""
    try:
        raw = path.read_bytes() if path.exists() else b""
        whole, _, cut = raw.rpartition(b"\n")
        if cut:
            os.truncate(path, len(raw) - len(cut))
        return [Recorded(*json.loads(line)) for line in whole.splitlines()]
    except (OSError, ValueError, TypeError) as error:
        message = f"Expected the recording of a run in {path}, but {error}; the run cannot be continued without it."
        raise StoreError(message) from error
