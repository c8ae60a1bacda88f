"""Finished trials on file: appended one by one and never changed, so that an interrupted experiment can resume."""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, Self

from ce_nas.core.errors import StoreError
from ce_nas.experiments.trials import TrialResult

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    from ce_nas.experiments.trials import ExperimentTrial

__all__ = ["ResultsStore"]

RESULTS_FILE = "trials.jsonl"


class ResultsStore:
    """The finished trials in a folder, of one or several experiments, locked by one process at a time.

    The first line has the package's version and the SHA-256 of the input files; each further line is a finished trial.
    An incomplete last line is dropped.
    """

    def __init__(self, file: BinaryIO, results: dict[str, TrialResult]) -> None:
        self._file = file
        self._results = results

    @classmethod
    def open(cls, folder: Path, header: Mapping[str, Any]) -> Self:
        """Open the store in a folder, or create it.

        :param header: version and input files of the trials.
        :raises StoreError: if the folder is not writable, is locked, or was started with another header.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / RESULTS_FILE).open("a+b")
        except OSError as error:
            message = f"Expected a writable folder at {str(folder)!r}, but {error.strerror}."
            raise StoreError(message) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lines = _read_complete_lines(file)
            store = cls(file, _parse_results(lines[1:], folder))
            if lines:
                _check_header(json.loads(lines[0]), header, folder)
            else:
                store._append(header)
        except BlockingIOError as error:
            file.close()
            message = (
                f"Expected a folder that no other process uses, but the experiment in {str(folder)!r} is running; wait "
                "for it, or stop it."
            )
            raise StoreError(message) from error
        except BaseException:
            file.close()
            raise
        return store

    def get(self, trial: ExperimentTrial) -> TrialResult | None:
        """Return the result of a trial with its present labels; None if it is not finished."""
        result = self._results.get(trial.key)
        return result and result.with_labels(**trial.labels)

    def put(self, trial: ExperimentTrial, result: TrialResult) -> None:
        """Store the result of a trial durably."""
        self._append({"key": trial.key, "result": result.to_dict()})
        self._results[trial.key] = result

    def close(self) -> None:
        """Release the folder."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, content: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(content).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _read_complete_lines(file: BinaryIO) -> list[bytes]:
    """Read the lines of the file; an incomplete last line is removed."""
    file.seek(0)
    content = file.read()
    complete = content[: content.rfind(b"\n") + 1]
    if len(complete) < len(content):
        file.truncate(len(complete))
    return complete.splitlines()


def _parse_results(lines: list[bytes], folder: Path) -> dict[str, TrialResult]:
    try:
        contents = [json.loads(line) for line in lines]
        return {content["key"]: TrialResult.from_dict(content["result"]) for content in contents}
    except (ValueError, KeyError, TypeError) as error:
        path = str(folder / RESULTS_FILE)
        message = f"Expected a finished trial in each line of {path!r}, got {error!r}; choose another --out."
        raise StoreError(message) from error


def _check_header(stored: Mapping[str, Any], header: Mapping[str, Any], folder: Path) -> None:
    for name, value in header.items():
        if stored.get(name) != value:
            message = (
                f"Expected the {name} that the experiment in {str(folder)!r} was started with, "
                f"{stored.get(name)!r}, got {value!r}; choose another --out, or restore the former {name}."
            )
            raise StoreError(message)
