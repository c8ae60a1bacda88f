"""A process's own energy, modelled from the processor time that the kernel charges to it.

For machines without counters: an estimate of this process alone, whatever else runs beside it.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s
from ce_nas.core.records import Source
from ce_nas.energy.base import Mark, Meter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CORE_W", "HELD_W", "ProcessMeter"]

#: a busy core of a server, with its share of memory and losses: 115 W of the CPU beside a training [EC-NAS], 8 cores
CORE_W = 115.0 / 8
#: what a device that is held draws though nothing runs on it: an estimate of a core's share of an idle host
HELD_W = 5.0

PROC = Path("/proc")


class ProcessMeter(Meter):
    """Processor time times a wattage, of one process after another.

    A thread looks every ``every_s`` seconds, so that a process that is killed takes no more than that with it.

    :param process_id: the process that serves the device now; None while there is none.
    :param core_w: power of a busy core, W.
    :param held_w: power of the device though nothing runs, W.
    """

    source = Source.MODELLED

    def __init__(  # noqa: PLR0913 - whose time, at what power, looked at how
        self,
        process_id: Callable[[], int | None],
        core_w: float = CORE_W,
        held_w: float = HELD_W,
        *,
        every_s: float = 1.0,
        now_s: Callable[[], float] = monotonic_s,
        proc: Path = PROC,
    ) -> None:
        self.origin = f"{core_w:.3g} W a core in use by the process, and {held_w:g} W for being held (estimates)"
        self._process_id = process_id
        self._core_w = core_w
        self._held_w = held_w
        self._now_s = now_s
        self._proc = proc
        self._zero_s = now_s()
        self._busy_s = 0.0
        self._last: tuple[int | None, float] = (None, 0.0)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._every_s = every_s
        self._thread = threading.Thread(target=self._watch, name="ce-nas process", daemon=True)
        self._thread.start()

    def mark(self) -> Mark:
        """See :meth:`Meter.mark`."""
        with self._lock:
            self._look()
            at_s = self._now_s() - self._zero_s
            return Mark(at_s, self._core_w * self._busy_s + self._held_w * at_s, at_s)

    def close(self) -> None:
        """See :meth:`Meter.close`."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        """Add the processor time used since the last look; a new process begins at nothing."""
        process_id = self._process_id()
        used_s = None if process_id is None else _used_s(self._proc, process_id)
        if used_s is None:
            return
        before_id, before_s = self._last
        self._busy_s += used_s - before_s if process_id == before_id else used_s
        self._last = (process_id, used_s)

    def _watch(self) -> None:
        while not self._over.wait(self._every_s):
            self.mark()


def _used_s(proc: Path, process_id: int) -> float | None:
    """Processor time of a process and of the children it has waited for, s; None if it is gone."""
    try:
        text = (proc / str(process_id) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # its name may hold blanks and brackets
    ticks = sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return ticks / os.sysconf("SC_CLK_TCK")
