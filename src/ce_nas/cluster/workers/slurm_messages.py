"""What a search and the job of a device say to each other: lines of two files in a shared folder.

Each file has one writer, which appends whole lines, and is opened at each look: a shared file system shows a reader
what was written before its last close. Lines stay, so that a job that is started once more finds its task.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ce_nas.cluster.workers.base import WorkerMessage
    from ce_nas.core.records import Task
    from ce_nas.energy.reported_meter import MeterReport

__all__ = ["CommandFile", "LineFile", "Orders", "ReplyFile"]


class LineFile:
    """Mappings in a file, one a line; a line that was cut off by the end of its writer is left out.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "lines"
        >>> writer, reader = LineFile(path), LineFile(path)
        >>> writer.append({"stop": 1})
        >>> reader.read_new(), reader.read_new()
        ([{'stop': 1}], [])
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def append(self, content: Mapping[str, Any]) -> None:
        """Append a line durably."""
        line = json.dumps(content).encode() + b"\n"
        with self.path.open("a+b") as file:
            if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
                line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def read_new(self) -> list[dict[str, Any]]:
        """The lines since the last call; none while there is no file."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                complete, newline, _ = file.read().rpartition(b"\n")
        except OSError:
            return []
        self._offset += len(complete) + len(newline)
        return [content for line in complete.split(b"\n") if (content := _decoded_line(line)) is not None]


@dataclass(slots=True)
class Orders:
    """What the search wants of a job by now."""

    #: number of the last attempt at a task, and the task; 0 and None before the first
    attempt: int = 0
    task: Task | None = None
    #: last attempt that is to be suspended
    preempted: int = 0
    #: last job that was submitted for the device, and last that is to end once it has nothing to do
    submitted: int = 0
    stopped: int = 0


@dataclass(slots=True)
class CommandFile:
    """The search's lines for the jobs of a device."""

    lines: LineFile
    orders: Orders = field(default_factory=Orders)

    def start(self, attempt: int, task: Task) -> None:
        """Ask for an attempt at a task."""
        self.lines.append({"start": attempt, "task": _encode(task)})

    def preempt(self, attempt: int) -> None:
        """Ask to suspend an attempt."""
        self.lines.append({"preempt": attempt})

    def submit(self, job: int) -> None:
        """Say that a job is being submitted: an earlier one of the device is to end."""
        self.lines.append({"submit": job})

    def stop(self, job: int) -> None:
        """Ask a job to end once it has nothing to do."""
        self.lines.append({"stop": job})

    def read(self) -> Orders:
        """What is wanted by now."""
        orders = self.orders
        for line in self.lines.read_new():
            if "start" in line:
                orders.attempt, orders.task = line["start"], _decode(line["task"])
            orders.preempted = line.get("preempt", orders.preempted)
            orders.submitted = line.get("submit", orders.submitted)
            orders.stopped = line.get("stop", orders.stopped)
        return orders


@dataclass(slots=True)
class ReplyFile:
    """The lines of a device's jobs for the search."""

    lines: LineFile

    def up(self, job: int) -> None:
        """Say that a job has started."""
        self.lines.append({"up": job})

    def started(self, attempt: int, place: Mapping[str, str]) -> None:
        """Say that an attempt has started, or continues after a requeue, and where."""
        self.lines.append({"started": attempt, "place": dict(place)})

    def suspended(self, attempt: int) -> None:
        """Say that an attempt has its checkpoint, since Slurm ends the job; it continues after a requeue."""
        self.lines.append({"suspended": attempt})

    def ended(self, attempt: int, message: WorkerMessage) -> None:
        """Say how an attempt ended."""
        self.lines.append({"ended": attempt, "message": _encode(message)})

    def gone(self, job: int, report: MeterReport | None = None) -> None:
        """Say that a job ends with nothing left to do, and the last reading of its meter."""
        self.lines.append({"gone": job, "report": _encode(report)})

    def last_ended(self) -> int:
        """The number of the last attempt that has ended; 0 without one."""
        return max((line.get("ended", 0) for line in LineFile(self.lines.path).read_new()), default=0)

    def read(self) -> list[dict[str, Any]]:
        """The new lines, with their messages and reports."""
        return [
            {key: _decode(value) if key in {"message", "report"} else value for key, value in line.items()}
            for line in self.lines.read_new()
        ]


def _decoded_line(line: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _encode(record: object) -> str:
    return base64.b64encode(pickle.dumps(record)).decode()


def _decode(text: str) -> Any:  # noqa: ANN401 - a task or a message
    return pickle.loads(base64.b64decode(text))  # noqa: S301 - written by this run, as submitit's own files
