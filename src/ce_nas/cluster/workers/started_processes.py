"""What the trainings of a worker have started and left running: found, and ended with the worker.

The worker stays in the process group of its run, so that Ctrl-Z and signals to the group reach it and its processes. On
Linux it adopts orphans among its descendants instead, so that none is lost from its tree. A process with a session of
its own, such as a daemon, is meant to go on, and is left alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from contextlib import suppress

from ce_nas.core.clock import monotonic_s
from ce_nas.energy.cpu_time import PROC_DIR, process_tree

__all__ = ["adopt_orphans", "end_started_processes"]

#: time for a process to end when it is asked to, before it is killed, s
GRACE_S = 3.0
_POLL_INTERVAL_S = 0.05
#: Linux's number of the option that makes a process the parent of its orphaned descendants
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent has ended; nothing on systems other than Linux."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_started_processes(grace_s: float = GRACE_S) -> None:
    """End the descendants of this process, by SIGTERM and after ``grace_s`` by SIGKILL, but for other sessions'."""
    if not _running():
        return
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler takes the end of a loader for a failure
    asked: set[int] = set()
    deadline_s, pause = monotonic_s() + grace_s, threading.Event()
    while (left := _running()) and monotonic_s() < deadline_s:
        _send(signal.SIGTERM, left - asked)
        asked |= left
        pause.wait(_POLL_INTERVAL_S)
    deadline_s = monotonic_s() + grace_s
    while left and monotonic_s() < deadline_s:  # more than once: a killed process may just have started another
        _send(signal.SIGKILL, left)
        pause.wait(_POLL_INTERVAL_S)
        left = _running()


def _running() -> set[int]:
    """The running descendants of this process in its own session."""
    own, session = os.getpid(), os.getsid(0)
    return {process for process in process_tree(own) - {own} if _is_running_in(session, process)}


def _is_running_in(session: int, process: int) -> bool:
    try:
        state = (PROC_DIR / str(process) / "stat").read_text().rpartition(")")[2].split()[0]
        return state not in {"Z", "X"} and os.getsid(process) == session
    except OSError:
        return False  # it has just ended


def _send(number: signal.Signals, processes: set[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)
