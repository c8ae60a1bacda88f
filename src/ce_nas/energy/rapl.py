"""CPUs and their memory: the kernel's powercap counters, and the share of them that is one process's.

Sources
    [powercap] Linux kernel documentation, Power Capping Framework: energy_uj counts up to max_energy_range_uj and
        then begins anew at 0.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import EnergyError
from ce_nas.core.records import Source
from ce_nas.energy.base import Mark, Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["POWERCAP", "RaplMeter", "has_rapl"]

POWERCAP = Path("/sys/class/powercap")


class RaplMeter(Meter):
    """The energy counters of every CPU package and of the memory beside it, added up.

    A counter that began anew is noticed if it is read at least once a turn (hours on most machines), so a thread reads
    it every ``every_s`` seconds.

    :param root: where the kernel shows its counters.
    :raises EnergyError: if there are none that may be read.
    """

    source = Source.COUNTER

    def __init__(self, root: Path = POWERCAP, every_s: float = 60.0, now_s: Callable[[], float] = monotonic_s) -> None:
        zones = _zones(root)
        if not zones:
            message = f"Expected energy counters of CPU packages that may be read in {root}, got none."
            raise EnergyError(message)
        self.origin = "RAPL counters " + ", ".join(zone.name for zone in zones)
        self._zones = [_Zone(path) for path in zones]
        self._now_s = now_s
        self._zero_s = now_s()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._every_s = every_s
        self._thread = threading.Thread(target=self._watch, name="ce-nas rapl", daemon=True)
        self._thread.start()

    def mark(self) -> Mark:
        """See :meth:`Meter.mark`."""
        with self._lock:
            energy_j = sum(zone.energy_j() for zone in self._zones)
        at_s = self._now_s()
        return Mark(at_s, energy_j, at_s - self._zero_s)

    def close(self) -> None:
        """See :meth:`Meter.close`."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._every_s):
            self.mark()


class _Zone:
    """One counter, made to count on where it began anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._range_uj = _number(path / "max_energy_range_uj")
        self._last_uj = _number(path / "energy_uj")
        self._total_uj = 0

    def energy_j(self) -> float:
        """Joules since it was first read."""
        now_uj = _number(self._path / "energy_uj")
        passed_uj = now_uj - self._last_uj
        self._total_uj += passed_uj if passed_uj >= 0 else passed_uj + self._range_uj
        self._last_uj = now_uj
        return self._total_uj / 1e6


def has_rapl(root: Path = POWERCAP) -> bool:
    """Whether there are counters that may be read (many kernels let only root)."""
    return bool(_zones(root))


def _zones(root: Path) -> Sequence[Path]:
    """Packages, and the memory zones within them; a package's cores are part of the package already."""
    found = []
    for path in sorted(root.glob("intel-rapl:*")):
        try:
            name = (path / "name").read_text().strip()
            _number(path / "energy_uj")
        except (OSError, EnergyError):
            continue
        if name.startswith("package") or name == "dram":
            found.append(path)
    return found


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError) as error:
        message = f"Expected a count of microjoules in {path}, but {error}."
        raise EnergyError(message) from error
