"""What the trainings of a worker have started and left running: found, and ended with the worker.

The worker stays in the process group of its run, so that Ctrl-Z and signals to the group reach it and its processes.
Its descendants end with it. Left alone are a child with a session of its own, which was separated on purpose, with what
it has started, and an orphan, such as a daemon, which is no descendant any more.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from ce_nas.core.clock import monotonic_s
from ce_nas.energy.cpu_time import PROC_DIR, process_tree

__all__ = ["GRACE_S", "end_started_processes"]

#: time for a process to end when it is asked to, before it is killed, s
GRACE_S = 3.0
#: the same for one with processes of its own, which it may end first: torchrun gives them 30 s
PARENT_GRACE_S = 40.0
_POLL_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class _Process:
    """A process; equal to itself alone, though another one may get its number later, or it another parent."""

    id: int
    start: str
    session: int
    parent: int = field(compare=False)


def end_started_processes(parent_grace_s: float = PARENT_GRACE_S, grace_s: float = GRACE_S) -> None:
    """End the descendants of this process, by SIGTERM and after ``grace_s`` by SIGKILL; nothing without ``/proc``.

    A process with children is given until ``parent_grace_s`` to end them, and those of its children that have a session
    of their own, such as the ranks of torchrun, are asked only once it has ended.
    """
    left = _running(set())
    if not left:
        return
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler takes the end of a loader for a failure
    session, pause, asked_s = os.getsid(0), threading.Event(), dict[_Process, float]()
    kill_s = monotonic_s() + max(parent_grace_s, grace_s)
    while left and (now_s := monotonic_s()) < kill_s + GRACE_S:
        ids, parents = {process.id for process in left}, {process.parent for process in left}
        for process in left:
            if process.id in parents and process in asked_s:
                asked_s[process] = now_s  # it has its own grace once its children have ended
            if now_s >= kill_s or now_s >= asked_s.get(process, now_s) + grace_s:
                _send(signal.SIGKILL, process)
            elif process not in asked_s and (process.session == session or process.parent not in ids):
                _send(signal.SIGTERM, process)
                asked_s[process] = now_s
        pause.wait(_POLL_INTERVAL_S)
        left = _running(left)


def _running(known: set[_Process]) -> set[_Process]:
    """The running ones of the known processes, which may be orphans by now, and of their and this one's descendants.

    Without resource trackers of multiprocessing and joblib, which ignore SIGTERM and end by themselves at last.
    """
    own, session = os.getpid(), os.getsid(0)
    known = {process for old in known if (process := _read_process(old.id)) == old and process is not None}
    tree = process_tree(own).union(*(process_tree(process.id) for process in known)) - {own}
    found = known | {process for number in tree if (process := _read_process(number)) is not None}
    separate = {process for process in found - known if process.parent == own and process.session != session}
    left_alone = frozenset[int]().union(*(process_tree(process.id) for process in separate))
    return {process for process in found if process in known or process.id not in left_alone}


def _read_process(number: int) -> _Process | None:
    """Read a process; None if it has ended or is a resource tracker."""
    try:
        state, parent, _, session, *rest = (PROC_DIR / str(number) / "stat").read_text().rpartition(")")[2].split()
        is_tracker = b"resource_tracker" in (PROC_DIR / str(number) / "cmdline").read_bytes()
    except (OSError, ValueError):
        return None  # it has just ended
    return None if is_tracker or state in {"Z", "X"} else _Process(number, rest[15], int(session), int(parent))


def _send(number: signal.Signals, process: _Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process.id, number)
