"""Failures of a live search's trainings are shown as they happen, and a search in which all fail is ended."""

from __future__ import annotations

import logging
import re
import shlex
from typing import TYPE_CHECKING

from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.cluster.workers.process import task_log_path
from ce_nas.core.errors import TrainingsFailedError
from ce_nas.core.records import TaskKind

if TYPE_CHECKING:
    from pathlib import Path

    from ce_nas.core.records import Task

__all__ = ["FailureWatch"]

_log = logging.getLogger(__name__)

#: architectures that must all have failed, before any was trained, to end the search
MAX_FAILED_FIRST = 3
#: the most lines of a traceback that are shown
_MAX_TRACEBACK_LINES = 40


class FailureWatch:
    """Prints the first failure of each kind with its traceback, and ends a search whose first trainings all fail.

    :param folder: the folder of checkpoints and logs.
    :param continue_by: how the search is continued once the code is right, in words.
    """

    def __init__(self, folder: Path, continue_by: str) -> None:
        self._folder = folder
        self._continue_by = continue_by
        self._shown: set[str] = set()
        self._failed_tasks: set[int] = set()
        self._has_trained = False

    def note(self, message: WorkerMessage, task: Task) -> None:
        """Take note of the end of a task.

        :raises TrainingsFailedError: if it is the third architecture, and none was trained since this process began.
        """
        if message.event is WorkerEvent.FINISHED:
            self._has_trained |= task.kind is TaskKind.EVALUATION
        if message.event is not WorkerEvent.FAILED:
            return
        kind = f"{message.failure}: {re.sub(r'[0-9]+', '#', message.detail)}"
        if kind not in self._shown:
            self._shown.add(kind)
            self._show(message, task)
        if task.kind is TaskKind.EVALUATION:
            self._failed_tasks.add(task.id)
        if not self._has_trained and len(self._failed_tasks) >= MAX_FAILED_FIRST:
            text = (
                f"Expected a training to succeed, but the first {MAX_FAILED_FIRST} architectures all failed, the last "
                f"one with: {message.failure}: {message.detail.rstrip('.')}. Fix the code and {self._continue_by}"
            )
            raise TrainingsFailedError(text)

    def _show(self, message: WorkerMessage, task: Task) -> None:
        path = task_log_path(self._folder, task.id)
        lines = [f"Task {task.id} failed: {message.failure}: {message.detail}", *_last_traceback(path)]
        if path.exists():
            lines.append(f"Its log: ce-nas logs {shlex.quote(str(self._folder.parent))} {task.id}")
        _log.error("%s", "\n".join(lines))


def _last_traceback(path: Path) -> list[str]:
    """The last traceback in a log; empty without one."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    start = text.rfind("Traceback (most recent call last)")
    return text[start:].rstrip().splitlines()[-_MAX_TRACEBACK_LINES:] if start >= 0 else []
