"""Finished cells on file: appended one by one, never changed, so that an experiment that was killed goes on."""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, Self

from ce_nas.core.errors import StoreError
from ce_nas.experiments.trials import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    from ce_nas.experiments.trials import Cell

__all__ = ["Shelf"]

FILE = "cells.jsonl"


class Shelf:
    """The finished cells in a folder, of one experiment or several, held by one process at a time.

    The first line says which files, by their SHA-256, and which version of the package they rest on; each further one
    is a finished cell. A last line that a kill cut short is dropped.
    """

    def __init__(self, file: BinaryIO, found: dict[str, Finding]) -> None:
        self._file = file
        self._found = found

    @classmethod
    def open(cls, folder: Path, head: Mapping[str, Any]) -> Self:
        """The shelf in a folder, made if there is none.

        :param head: what the cells rest on.
        :raises StoreError: if the folder cannot be written, another process holds it, or it was begun otherwise.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / FILE).open("a+b")
        except OSError as error:
            message = f"Expected a folder that can be written at {str(folder)!r}, but {error.strerror}."
            raise StoreError(message) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lines = _whole_lines(file)
            shelf = cls(file, _findings(lines[1:], folder))
            if lines:
                _check(json.loads(lines[0]), head, folder)
            else:
                shelf._append(head)
        except BlockingIOError as error:
            file.close()
            message = f"The experiment in {str(folder)!r} is going on in another process; wait for it, or end it."
            raise StoreError(message) from error
        except BaseException:
            file.close()
            raise
        return shelf

    def get(self, cell: Cell) -> Finding | None:
        """What a cell found, if it is finished, by the labels that it has now."""
        found = self._found.get(cell.key)
        return found and found.labelled(**cell.labels)

    def put(self, cell: Cell, finding: Finding) -> None:
        """Write a finished cell down, durably."""
        self._append({"key": cell.key, "finding": finding.to_dict()})
        self._found[cell.key] = finding

    def close(self) -> None:
        """Let go of the folder."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, content: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(content).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _whole_lines(file: BinaryIO) -> list[bytes]:
    """The lines of the file; what a kill left of a last one is cut off."""
    file.seek(0)
    content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        file.truncate(len(whole))
    return whole.splitlines()


def _findings(lines: list[bytes], folder: Path) -> dict[str, Finding]:
    try:
        contents = [json.loads(line) for line in lines]
        return {content["key"]: Finding.from_dict(content["finding"]) for content in contents}
    except (ValueError, KeyError, TypeError) as error:
        message = f"Expected a finished cell in each line of {str(folder / FILE)!r}, but {error}; choose another --out."
        raise StoreError(message) from error


def _check(begun: Mapping[str, Any], head: Mapping[str, Any], folder: Path) -> None:
    for name, value in head.items():
        if begun.get(name) != value:
            message = (
                f"The experiment in {str(folder)!r} was begun with {name} {begun.get(name)!r}, and now it is "
                f"{value!r}; choose another --out, or go back to what it was begun with."
            )
            raise StoreError(message)
