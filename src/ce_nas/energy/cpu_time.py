"""The energy of a process, modelled from its CPU time.

For machines without energy counters; independent of other processes on the machine.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["BASELINE_W", "BUSY_CORE_W", "CpuTimeMeter", "process_tree", "tree_cpu_time_s"]

#: power of a busy core of a server, memory and losses included: 115 W of the CPU during a training [EC-NAS], 8 cores
BUSY_CORE_W = 115.0 / 8
#: power of a held, idle device: an estimate of the share of one core in an idle host
BASELINE_W = 5.0

PROC_DIR = Path("/proc")


class CpuTimeMeter(EnergyMeter):
    """CPU time times the power of a core, over the successive processes of one device.

    A thread reads the CPU time every ``interval_s`` seconds, which bounds what is missed when a process is killed.

    :param current_pid: returns the id of the current process of the device; None if there is none.
    :param busy_core_w: power of a busy core, W.
    :param baseline_w: power of an idle device, W.
    :param also: ids of further processes that serve the device, such as the others of a distributed training.
    """

    source = ReadingSource.MODELLED

    def __init__(  # noqa: PLR0913 - two powers, processes and three dependencies for tests
        self,
        current_pid: Callable[[], int | None],
        busy_core_w: float = BUSY_CORE_W,
        baseline_w: float = BASELINE_W,
        *,
        also: Sequence[int] = (),
        interval_s: float = 1.0,
        now_s: Callable[[], float] = monotonic_s,
        proc_dir: Path = PROC_DIR,
    ) -> None:
        self.origin = (
            f"{busy_core_w:.3g} W per busy core of the process, and {baseline_w:g} W per held device (estimates)"
        )
        if also:
            self.origin = self.origin.replace("of the process", f"of {1 + len(also)} processes")
        self._current_pid = current_pid
        self._also = tuple(also)
        self._busy_core_w = busy_core_w
        self._baseline_w = baseline_w
        self._now_s = now_s
        self._proc_dir = proc_dir
        self._start_s = now_s()
        self._cpu_time_s = 0.0
        self._last_reading: tuple[int | None, float] = (None, 0.0)
        self._lock = threading.Lock()
        self._stop_event = threading.Event()
        self._interval_s = interval_s
        self._thread = threading.Thread(target=self._poll, name="ce-nas cpu time", daemon=True)
        self._thread.start()

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`."""
        with self._lock:
            self._update()
            at_s = self._now_s() - self._start_s
            return MeterSnapshot(at_s, self._busy_core_w * self._cpu_time_s + self._baseline_w * at_s, at_s)

    def close(self) -> None:
        """See :meth:`EnergyMeter.close`."""
        self._stop_event.set()
        self._thread.join()

    def _update(self) -> None:
        """Add the CPU time since the last update; that of a new process counts from 0."""
        pid = self._current_pid()
        cpu_time_s = None if pid is None else tree_cpu_time_s(pid, self._proc_dir, self._also)
        if cpu_time_s is None:
            return
        last_pid, last_s = self._last_reading
        self._cpu_time_s += max(cpu_time_s - last_s, 0.0) if pid == last_pid else cpu_time_s
        self._last_reading = (pid, cpu_time_s)

    def _poll(self) -> None:
        while not self._stop_event.wait(self._interval_s):
            self.snapshot()


def tree_cpu_time_s(pid: int, proc_dir: Path = PROC_DIR, also: Sequence[int] = ()) -> float | None:
    """Read the CPU time of a process, its running descendants and those it has reaped, s; None if it has ended.

    A descendant's time moves to its parent's account when it is reaped, so the sum over the tree keeps it.

    :param also: further processes whose time counts with theirs, each once, though they may descend from the first.
    """
    if _read_ticks(proc_dir, pid) is None:
        return None
    trees = frozenset[int]().union(*(process_tree(root, proc_dir) for root in (pid, *also)))
    ticks = sum(_read_ticks(proc_dir, process) or 0 for process in trees)
    return ticks / os.sysconf("SC_CLK_TCK")


def process_tree(pid: int, proc_dir: Path = PROC_DIR) -> frozenset[int]:
    """List the ids of a process and its running descendants."""
    tree, todo = set(), [pid]
    while todo:
        process = todo.pop()
        if process not in tree:
            tree.add(process)
            todo += _read_children(proc_dir, process)
    return frozenset(tree)


def _read_ticks(proc_dir: Path, pid: int) -> int | None:
    """Read the clock ticks of a process and of its reaped children; None if it has ended."""
    try:
        text = (proc_dir / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the process name may have spaces and parentheses
    return sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime


def _read_children(proc_dir: Path, pid: int) -> list[int]:
    """Read the ids of a process's children, of all its threads."""
    children: list[int] = []
    for task in (proc_dir / str(pid) / "task").glob("*"):
        try:
            children += map(int, (task / "children").read_text().split())
        except (OSError, ValueError):
            continue
    return children
